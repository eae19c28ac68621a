package provisioning

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/url"
	"os"
	"strings"
	"time"

	"usher/sql/store"
)

// Doer makes calls to addresses that others have named. It is expected to
// refuse those that are not on the public Internet, and to follow no redirect.
type Doer interface {
	Do(r *http.Request) (*http.Response, error)
}

// keySetTime bounds a read of a key set, from the name's resolution to the last
// byte. Whoever asks for one has three seconds, in which the outcome is to be
// written and told as well.
const keySetTime = 2 * time.Second

// How a read of a key set ended, for the metrics.
const (
	FetchDone        = "done"
	FetchUnreachable = "unreachable" // no connection, or no answer in time
	FetchRefused     = "refused"     // an answer other than 200
	FetchInvalid     = "invalid"     // no JWK set
	FetchEmpty       = "empty"       // a JWK set without a key that can be used
)

// fetchFault says why a key set could not be read, in a sentence for
// administrators that goes on after "it".
type fetchFault struct {
	result string
	told   string
}

func (f *fetchFault) Error() string { return f.told }

// fetchKeySet reads the set at a URL. The error is a *fetchFault.
func fetchKeySet(ctx context.Context, by Doer, address string) ([]store.SetKey, []store.LeftOutKey, error) {
	ctx, cancel := context.WithTimeout(ctx, keySetTime)
	defer cancel()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		return nil, nil, &fetchFault{FetchUnreachable, "cannot be asked for: the URL is not a good one"}
	}
	r.Header.Set("Accept", "application/jwk-set+json, application/json")
	answer, err := by.Do(r)
	if err != nil {
		return nil, nil, &fetchFault{FetchUnreachable, reachProblem(err)}
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode >= 300 && answer.StatusCode < 400 {
		return nil, nil, &fetchFault{FetchRefused, fmt.Sprintf("answers %d, a redirect, and those are not followed: give the URL that it leads to", answer.StatusCode)}
	}
	if answer.StatusCode != http.StatusOK {
		return nil, nil, &fetchFault{FetchRefused, fmt.Sprintf("answers %d instead of 200", answer.StatusCode)}
	}
	text, err := io.ReadAll(io.LimitReader(answer.Body, maxJWKSBytes+1))
	if err != nil {
		return nil, nil, &fetchFault{FetchUnreachable, "broke off: " + reachProblem(err)}
	}
	keys, leftOut, err := ParseJWKS(string(text))
	if err != nil {
		return nil, nil, &fetchFault{FetchInvalid, "cannot be used: " + err.Error()}
	}
	return keys, leftOut, nil
}

// reachProblem is an error of a call without the URL in it, which may carry what
// only the partner shall know.
func reachProblem(err error) string {
	var wrapped *url.Error
	if errors.As(err, &wrapped) {
		err = wrapped.Err
	}
	var noHost *net.DNSError
	switch {
	case errors.Is(err, context.DeadlineExceeded), errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("does not answer within %s", keySetTime)
	case errors.As(err, &noHost):
		return "cannot be found: its host name does not resolve"
	}
	text := strings.ToValidUTF8(strings.Map(func(r rune) rune {
		if isControl(r) {
			return ' '
		}
		return r
	}, err.Error()), "")
	const most = 300
	if len(text) > most {
		text = strings.ToValidUTF8(text[:most], "") + "…"
	}
	return "cannot be reached: " + text
}

// checkJWKSURL accepts an absolute https URL without user name and fragment
// (http for loopback hosts, which only a server in development calls).
func checkJWKSURL(text string) (string, error) {
	if text == "" {
		return "", nil
	}
	u, err := url.Parse(text)
	if err != nil || len(text) > maxGoBytes || u.User != nil || u.Fragment != "" || u.Opaque != "" || checkGoBytes(text) != nil {
		return "", errors.New("a URL like https://partner.example/.well-known/jwks.json, without user name and fragment")
	}
	if _, err := ParseOrigin(u.Scheme + "://" + u.Host); err != nil {
		return "", err
	}
	return u.String(), nil
}
