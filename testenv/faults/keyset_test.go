//go:build linux

package faults

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// publisher is a partner that publishes its keys, with a proxy before it.
type publisher struct {
	*httptest.Server
	*proxy
	key     *ecdsa.PrivateKey
	answers atomic.Pointer[http.HandlerFunc]
	asked   atomic.Int64
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	p := &publisher{}
	var err error
	if p.key, err = ecdsa.GenerateKey(elliptic.P256(), rand.Reader); err != nil {
		t.Fatal(err)
	}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.asked.Add(1)
		(*p.answers.Load())(w, r)
	}))
	t.Cleanup(p.Close)
	p.proxy = newProxy(t, strings.TrimPrefix(p.Server.URL, "http://"))
	return p
}

// well has the key set answered as it should be.
func (p *publisher) well() {
	point, _ := p.key.PublicKey.Bytes() // 4, x, y
	text := base64.RawURLEncoding.EncodeToString
	p.say(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprintf(w, `{"keys":[{"kty":"EC","crv":"P-256","kid":"good","x":%q,"y":%q}]}`, text(point[1:33]), text(point[33:]))
	})
	p.set(wire{})
}

func (p *publisher) say(what http.HandlerFunc) { p.answers.Store(&what) }

// link signs a link of a person by ES256 (RFC 7518 §3.4) and names a key.
func (p *publisher) link(t *testing.T, appID, kid, name string) string {
	t.Helper()
	encode := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	now := time.Now().Unix()
	input := encode(map[string]string{"alg": "ES256", "kid": kid}) + "." + encode(map[string]any{
		"iss": appID, "sub": name, "email": name + "@faults.example", "iat": now, "exp": now + 3600, "jti": rand.Text(),
	})
	sum := sha256.Sum256([]byte(input))
	r, s, err := ecdsa.Sign(rand.Reader, p.key, sum[:])
	if err != nil {
		t.Fatal(err)
	}
	var signature [64]byte
	r.FillBytes(signature[:32])
	s.FillBytes(signature[32:])
	return input + "." + base64.RawURLEncoding.EncodeToString(signature[:])
}

var keySetFaults = []struct {
	name string
	wire wire
	says http.HandlerFunc
}{
	{name: "refuses connections", wire: wire{refuse: true}},
	{name: "never answers", wire: wire{silence: true}},
	{name: "answers after 10 s", wire: wire{delay: 10 * time.Second}},
	{name: "answers half", wire: wire{half: 1}},
	{name: "answers a byte at a time", says: func(w http.ResponseWriter, r *http.Request) {
		for r.Context().Err() == nil {
			_, _ = io.WriteString(w, " ")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-time.After(again):
			}
		}
	}},
	{name: "answers without an end", says: func(w http.ResponseWriter, _ *http.Request) {
		for piece := strings.Repeat(" ", 1<<16); ; {
			if _, err := io.WriteString(w, piece); err != nil {
				return
			}
		}
	}},
	{name: "answers with headers without an end", says: func(w http.ResponseWriter, _ *http.Request) {
		for i := range 200 {
			w.Header().Set(fmt.Sprint("X-Huge-", i), strings.Repeat("x", 1<<10))
		}
	}},
	{name: "leads elsewhere", says: func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "/elsewhere", http.StatusFound)
	}},
	{name: "answers 500", says: func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusInternalServerError) }},
	{name: "answers something else", says: func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "<html>"+strings.Repeat("[", 60_000))
	}},
}

// TestKeySetServer breaks the server where a partner publishes its keys. People
// of the other partners notice nothing, those of this one go on by the keys that
// were read before, and who names another key is told no, in bounded time.
func TestKeySetServer(t *testing.T) {
	t.Parallel()
	u := newUsher("USHER_DATA_DIR=" + t.TempDir())
	u.start(t)
	l := open(t, u, 8)
	for _, p := range l.people {
		l.present(p, p.next())
	}
	small := u.counters(t)
	for _, fault := range keySetFaults {
		t.Run(fault.name, func(t *testing.T) {
			p := newPublisher(t)
			p.well()
			var made struct {
				ID    string
				AppID string `json:"app_id"`
			}
			l.admin(t, "localhost", "/integrations", map[string]any{"name": fault.name, "jwks_url": "http://" + p.proxy.address}, &made)
			asked := p.asked.Load()
			if fault.says != nil {
				p.say(fault.says)
			}
			p.set(fault.wire)
			stop := make(chan struct{})
			others := make(chan *seen)
			go func() { others <- l.rush(l.people, 2, stop) }()
			known, unknown := &seen{}, &seen{}
			for i := range 20 {
				name := fmt.Sprint("published-", made.ID, "-", i%4)
				known.note("sign-in", u.send(http.MethodGet, "localhost", "/auth/callback/jwt-auth?token="+p.link(t, made.AppID, "good", name), ""))
				if i%5 == 0 {
					unknown.note("sign-in", u.send(http.MethodGet, "localhost", "/auth/callback/jwt-auth?token="+p.link(t, made.AppID, "other", name), ""))
				}
			}
			close(stop)
			s := <-others
			if s.total(200, 204, 303) != s.total() || s.slowest > time.Second+slack {
				t.Errorf("got %v, the slowest after %s, for people of other partners; want all answered well within a second", s, s.slowest)
			}
			if known.total(303) != 20 || known.slowest > time.Second+slack {
				t.Errorf("got %v, the slowest after %s, with the key read before; want 303 within a second", known, known.slowest)
			}
			if unknown.total(401) != 4 || unknown.slowest > 3*time.Second+slack {
				t.Errorf("got %v, the slowest after %s, with another key; want 401 within 3 s", unknown, unknown.slowest)
			}
			if got := p.asked.Load() - asked; got > 1 {
				t.Errorf("got the set read %d times within a minute, want once", got)
			}
			for _, v := range l.violations {
				t.Error(v)
			}
			reported(line{
				fault: "the server of a partner's keys " + fault.name, runs: s.total() + known.total() + unknown.total(),
				seen: fmt.Sprintf("others: %v; by the key read before: %v; by another: %v", s, known, unknown), slowest: unknown.slowest, violations: len(l.violations),
			})
			if t.Failed() {
				t.Logf("the log ends:\n%s", u.lastWords())
			}
		})
	}
	back(t, u, small)
	u.stop(t)
}
