package tokens_test

import (
	"bytes"
	"crypto/sha256"
	"errors"
	"io"
	"log/slog"
	"strings"
	"time"

	"usher/sessions/tokens"
	"usher/sql/store"
)

// testSealer stands in for encryption under the master key that it names: it
// binds to the place, and turns every byte over.
type testSealer string

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

var errWrongMasterKey = errors.New("sealed under another master key")

func (s testSealer) head(place []string) []byte {
	sum := sha256.Sum256([]byte(string(s) + "\n" + strings.Join(place, "\n")))
	return sum[:]
}

func (s testSealer) Seal(plain []byte, place ...string) []byte {
	return append(s.head(place), turned(plain)...)
}

func (s testSealer) Open(sealed []byte, place ...string) ([]byte, error) {
	body, ours := bytes.CutPrefix(sealed, s.head(place))
	if !ours {
		return nil, errWrongMasterKey
	}
	return turned(body), nil
}

func turned(text []byte) []byte {
	out := make([]byte, len(text))
	for i, b := range text {
		out[i] = ^b
	}
	return out
}

// open makes Tokens over a store, as an instance of the program does.
func open(s *store.Store, now func() time.Time) *tokens.Tokens {
	return tokens.New(s, testSealer("one"), now, quiet)
}

// asking is an API connection that asks.
func asking(n tokens.Connection) tokens.Caller { return tokens.Caller{Connection: n} }
