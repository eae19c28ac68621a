package tokens_test

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

func encoded(text string) string { return base64.RawURLEncoding.EncodeToString([]byte(text)) }

// forged are tokens that nobody may take for the tenant's, by what is wrong with
// them. token is a good one.
func forged(t testing.TB, token, kid, publicX string) map[string]string {
	t.Helper()
	parts := strings.Split(token, ".")
	header := func(text string) string { return encoded(text) + "." + parts[1] + "." + parts[2] }
	mac := hmac.New(sha256.New, []byte(publicX))
	input := encoded(`{"alg":"HS256","kid":"`+kid+`"}`) + "." + parts[1]
	mac.Write([]byte(input))
	stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	own := encoded(`{"alg":"ES256","kid":"`+kid+`"}`) + "." + parts[1]
	sum := sha256.Sum256([]byte(own))
	der, err := stranger.Sign(rand.Reader, sum[:], crypto.SHA256)
	if err != nil {
		t.Fatal(err)
	}
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	last := parts[2][len(parts[2])-1]
	respelt := parts[2][:len(parts[2])-1] + string("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"[strings.IndexByte(
		"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_", last)^1])
	return map[string]string{
		"nothing":                 "",
		"two dots":                "..",
		"not base64":              "a.b.c",
		"without signature":       parts[0] + "." + parts[1] + ".",
		"cut":                     token[:len(token)-1],
		"extended":                token + "A",
		"four parts":              token + ".A",
		"in another case":         parts[0] + "." + parts[1] + "." + strings.ToLower(parts[2]),
		"spelt in another way":    parts[0] + "." + parts[1] + "." + respelt,
		"with a line end":         token + "\n",
		"other claims":            parts[0] + "." + encoded(`{"sub":"eve"}`) + "." + parts[2],
		"alg none":                encoded(`{"alg":"none","kid":"`+kid+`"}`) + "." + parts[1] + ".",
		"another algorithm":       header(`{"alg":"ES384","kid":"` + kid + `"}`),
		"no kid":                  header(`{"alg":"ES256"}`),
		"a kid of nobody":         header(`{"alg":"ES256","kid":"../../etc/passwd"}`),
		"the kid twice":           header(`{"alg":"ES256","kid":"` + kid + `","kid":"x"}`),
		"crit":                    header(`{"alg":"ES256","kid":"` + kid + `","crit":["x"],"x":1}`),
		"a public key as secret":  input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil)),
		"a stranger's signature":  own + "." + base64.RawURLEncoding.EncodeToString(der),
		"zeros as signature":      own + "." + base64.RawURLEncoding.EncodeToString(make([]byte, 64)),
		"a longer signature":      parts[0] + "." + parts[1] + "." + base64.RawURLEncoding.EncodeToString(append(signature, 0)),
		"JSON serialisation":      `{"protected":"` + parts[0] + `","payload":"` + parts[1] + `","signature":"` + parts[2] + `"}`,
		"a very long header":      encoded(`{"alg":"ES256","kid":"`+strings.Repeat("k", 2000)+`"}`) + "." + parts[1] + "." + parts[2],
		"longer than any is read": parts[0] + "." + strings.Repeat("A", 70000) + "." + parts[2],
	}
}

func TestVerifyOwnRefuses(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		service, tenant := open(s, time.Now), addTenant(t, s)
		token, kid := sign(t, service, tenant, "")
		text, err := service.JWKS(t.Context(), tenant)
		if err != nil {
			t.Fatal(err)
		}
		var set struct{ Keys []struct{ X string } }
		if err := json.Unmarshal(text, &set); err != nil {
			t.Fatal(err)
		}
		for name, bad := range forged(t, token, kid, set.Keys[0].X) {
			if payload, header, err := service.VerifyOwn(t.Context(), tenant, bad); !errors.Is(err, tokens.ErrInvalid) {
				t.Errorf("%s: got %q, %+v, error %v, want %v", name, payload, header, err, tokens.ErrInvalid)
			}
		}
		for _, algorithm := range tokens.Algorithms() {
			token, err := service.Sign(t.Context(), tenant, algorithm, "at+jwt", map[string]any{"sub": "anna", "n": 1})
			if err != nil {
				t.Fatal(err)
			}
			payload, header, err := service.VerifyOwn(t.Context(), tenant, token)
			if err != nil || string(payload) != `{"n":1,"sub":"anna"}` || header.Algorithm != algorithm || header.Type != "at+jwt" {
				t.Errorf("%s: got %s, %+v, error %v", algorithm, payload, header, err)
			}
		}
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		cold := open(s, time.Now)
		if _, _, err := cold.VerifyOwn(t.Context(), tenant, token); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("without the database: got error %v, want %v", err, store.ErrUnavailable)
		}
	})
}

// TestUnknownKidsCostLittle: a kid of nobody makes the keys be read again, and many
// of them no more often than a few times a second.
func TestUnknownKidsCostLittle(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		at := epoch
		now := func() time.Time { return at }
		s := db.Open(t, now)
		service, second, tenant := open(s, now), open(db.Open(t, now), now), addTenant(t, s)
		token, kid := sign(t, service, tenant, "")
		unknown := forged(t, token, kid, "x")["a kid of nobody"]
		try := func(n int) {
			t.Helper()
			for range n {
				if _, _, err := second.VerifyOwn(t.Context(), tenant, unknown); !errors.Is(err, tokens.ErrInvalid) {
					t.Fatalf("got error %v, want %v", err, tokens.ErrInvalid)
				}
			}
		}
		// A key that signs at once is found as long as readings are left, ...
		try(3)
		rotated, err := service.RotateNow(t.Context(), tenant, "", byTest)
		if err != nil {
			t.Fatal(err)
		}
		token, _ = sign(t, service, tenant, "")
		if _, header, err := second.VerifyOwn(t.Context(), tenant, token); err != nil || header.KeyID != rotated.ID {
			t.Errorf("after a few: got %+v, error %v", header, err)
		}
		// ... which many kids use up, for a second.
		try(20)
		if _, err := service.RotateNow(t.Context(), tenant, "", byTest); err != nil {
			t.Fatal(err)
		}
		token, _ = sign(t, service, tenant, "")
		if _, _, err := second.VerifyOwn(t.Context(), tenant, token); !errors.Is(err, tokens.ErrInvalid) {
			t.Errorf("after many: got error %v, want %v", err, tokens.ErrInvalid)
		}
		at = at.Add(time.Second)
		if _, _, err := second.VerifyOwn(t.Context(), tenant, token); err != nil {
			t.Errorf("a second later: %v", err)
		}
	})
}

// FuzzVerifyOwn: only what was signed here is accepted, in the spelling in which
// it was signed.
func FuzzVerifyOwn(f *testing.F) {
	s := storetest.Open(f, testenv.SQLite, time.Now)
	service, tenant := open(s, time.Now), addTenant(f, s)
	good, err := service.Sign(context.Background(), tenant, "", "JWT", map[string]string{"sub": "anna"})
	if err != nil {
		f.Fatal(err)
	}
	_, header, err := service.VerifyOwn(context.Background(), tenant, good)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(good)
	for _, bad := range forged(f, good, header.KeyID, "x") {
		f.Add(bad)
	}
	f.Fuzz(func(t *testing.T, token string) {
		payload, _, err := service.VerifyOwn(t.Context(), tenant, token)
		switch {
		case err != nil && !errors.Is(err, tokens.ErrInvalid):
			t.Errorf("got error %v, want %v", err, tokens.ErrInvalid)
		case err == nil && token != good:
			t.Errorf("got %q accepted, which says %s", token, payload)
		}
	})
}
