package provisioning_test

import (
	"bytes"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/provisioning"
)

// publisher is a partner's web server with its key set.
type publisher struct {
	mu     sync.Mutex
	set    string
	status int
	fault  error
	asked  int
	hold   chan struct{} // nil = answers at once
	// reached gets a value for each call that is held.
	reached chan struct{}
}

const setURL = "https://partner.example/keys"

func (p *publisher) Do(r *http.Request) (*http.Response, error) {
	p.mu.Lock()
	p.asked++
	hold := p.hold
	p.mu.Unlock()
	if hold != nil {
		p.reached <- struct{}{}
		select {
		case <-hold:
		case <-r.Context().Done():
			return nil, r.Context().Err()
		}
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if r.URL.String() != setURL || p.fault != nil {
		return nil, errors.Join(errors.New("no such host"), p.fault)
	}
	return &http.Response{StatusCode: p.status, Body: io.NopCloser(strings.NewReader(p.set))}, nil
}

// publish puts keys of these names into the set.
func (p *publisher) publish(names ...string) {
	keys := []map[string]string{}
	for _, name := range names {
		public, _ := keyNamed(name).Public().(ed25519.PublicKey)
		keys = append(keys, map[string]string{
			"kty": "OKP", "crv": "Ed25519", "use": "sig", "kid": name, "x": base64.RawURLEncoding.EncodeToString(public),
		})
	}
	text, _ := json.Marshal(map[string]any{"keys": keys})
	p.answer(http.StatusOK, string(text))
}

func (p *publisher) answer(status int, text string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status, p.set, p.fault = status, text, nil
}

func (p *publisher) fail(err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.fault = err
}

func (p *publisher) times() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked
}

// keyNamed is always the same key for a name.
func keyNamed(name string) ed25519.PrivateKey {
	return ed25519.NewKeyFromSeed([]byte(fmt.Sprintf("%-32s", name))[:32])
}

// published is an integration whose keys are at a URL.
func (w *world) published(t *testing.T, by *publisher) *place {
	t.Helper()
	w.svc.ReachBy(by)
	p := w.place(t, provisioning.Settings{})
	name, address := "Publisher", setURL
	n, err := w.svc.Install(t.Context(), p.tenant, provisioning.Settings{Name: &name, JWKSURL: &address}, provisioning.NewKey{}, byAPI)
	if err != nil {
		t.Fatalf("Install: %v", err)
	}
	if len(n.Keys) != 0 || n.Secret != "" {
		t.Fatalf("got keys %v, want none beside those that are published", n.Keys)
	}
	p.Installed = n
	return p
}

// signed is a link signed with the key of a name. A kid of "-" is left out.
func (p *place) signed(t *testing.T, kid, name string, c claims) provisioning.Arrival {
	t.Helper()
	header := map[string]string{"alg": "EdDSA", "kid": kid}
	if kid == "-" {
		delete(header, "kid")
	}
	part := func(value any) string {
		text, err := json.Marshal(value)
		if err != nil {
			t.Fatal(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(header) + "." + part(p.anna(c))
	arrival := p.arrive(text + "." + base64.RawURLEncoding.EncodeToString(ed25519.Sign(keyNamed(name), []byte(text))))
	arrival.Link.AppID = p.AppID
	return arrival
}

func (p *place) signsIn(t *testing.T, what string, in provisioning.Arrival) {
	t.Helper()
	if signIn, err := p.svc.Redeem(t.Context(), in); err != nil || signIn.Integration.ID != p.ID {
		t.Errorf("%s: got %v, want it signed in by the publisher", what, err)
	}
}

func (p *place) turnedDown(t *testing.T, what string, in provisioning.Arrival, want provisioning.Reason) {
	t.Helper()
	_, err := p.svc.Redeem(t.Context(), in)
	var refusal *provisioning.Refusal
	if !errors.As(err, &refusal) || refusal.Reason != want {
		t.Errorf("%s: got %v, want %s", what, err, want)
	}
}

func TestKeySet(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by := &publisher{}
		by.publish("a")
		p := w.published(t, by)
		p.mirror(t)
		p.signsIn(t, "a published key", p.signed(t, "a", "a", nil))
		p.signsIn(t, "a token without kid", p.signed(t, "-", "a", nil))
		if got := by.times(); got != 1 {
			t.Errorf("got %d reads, want that of the installation alone", got)
		}
		p.turnedDown(t, "another key under the name", p.signed(t, "a", "b", nil), provisioning.SignatureInvalid)
		if got := by.times(); got != 1 {
			t.Errorf("a known kid: got %d reads, want no further one", got)
		}

		// A new key is read when the first token names it.
		by.publish("a", "b")
		p.signsIn(t, "a new key", p.signed(t, "b", "b", nil))
		p.turnedDown(t, "a key that nobody has", p.signed(t, "c", "c", nil), provisioning.SignatureInvalid)
		by.publish("a", "b", "c")
		p.turnedDown(t, "too early for another read", p.signed(t, "c", "c", nil), provisioning.SignatureInvalid)
		if got := by.times(); got != 2 {
			t.Errorf("got %d reads, want one a minute", got)
		}
		p.clock.advance(time.Minute)
		p.signsIn(t, "a minute later", p.signed(t, "c", "c", nil))

		// One that has gone is no good after the next read, on any instance.
		other := p.another(t)
		other.ReachBy(by)
		if _, err := other.Redeem(t.Context(), p.signed(t, "a", "a", nil)); err != nil {
			t.Fatalf("another instance: got %v, want it signed in", err)
		}
		by.publish("b", "c")
		p.clock.advance(2 * time.Hour)
		p.turnedDown(t, "a withdrawn key", p.signed(t, "a", "a", nil), provisioning.SignatureInvalid)
		p.signsIn(t, "a key that stays", p.signed(t, "b", "b", nil))
		if _, err := other.Redeem(t.Context(), p.signed(t, "a", "a", nil)); err == nil {
			t.Error("a withdrawn key on another instance: got a sign-in, want it refused")
		}
	})
}

// TestKeySetOutage: the keys hold for a day, and whoever starts anew has them.
func TestKeySetOutage(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by := &publisher{}
		by.publish("a")
		p := w.published(t, by)
		outages := []func(){
			func() { by.fail(errors.New("connection refused")) },
			func() { by.answer(http.StatusInternalServerError, "") },
			func() { by.answer(http.StatusFound, "") },
			func() { by.answer(http.StatusOK, "<html>down for maintenance") },
			func() { by.answer(http.StatusOK, `{"keys":[`+strings.Repeat(" ", 64<<10)+`]}`) },
			func() { by.answer(http.StatusOK, `{"keys":{}}`) },
		}
		for _, out := range outages {
			out()
			p.clock.advance(3 * time.Hour)
			p.signsIn(t, "while the URL is down", p.signed(t, "a", "a", nil))
			p.turnedDown(t, "an unknown key meanwhile", p.signed(t, "b", "b", nil), provisioning.SignatureInvalid)
		}
		set, err := p.svc.KeySet(t.Context(), p.tenant, p.Integration)
		if err != nil || set.Problem == "" || set.FailedAt == nil || len(set.Keys) != 1 {
			t.Errorf("got %+v, %v, want the key and the problem", set, err)
		}
		fresh := p.another(t)
		fresh.ReachBy(by)
		if _, err := fresh.Redeem(t.Context(), p.signed(t, "a", "a", nil)); err != nil {
			t.Errorf("an instance started meanwhile: got %v, want it signed in", err)
		}
		p.clock.advance(6 * time.Hour)
		p.turnedDown(t, "after a day", p.signed(t, "a", "a", nil), provisioning.SignatureInvalid)
		by.publish("a")
		p.clock.advance(time.Minute)
		p.signsIn(t, "when it is back", p.signed(t, "a", "a", nil))
		by.publish()
		p.clock.advance(2 * time.Hour)
		p.turnedDown(t, "an empty set", p.signed(t, "a", "a", nil), provisioning.AlgNotAllowed)
		done := false
		for _, r := range p.svc.KeySetReads() {
			done = done || r.Result == provisioning.FetchInvalid && r.N >= 3
		}
		if !done {
			t.Errorf("got reads %v, want those of no key set among them", p.svc.KeySetReads())
		}
	})
}

// TestKeySetIsReadOnce has many links arrive with a new key at once, and a
// server that takes its time.
func TestKeySetIsReadOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by := &publisher{}
		by.publish("a")
		p := w.published(t, by)
		by.publish("a", "b")
		by.hold, by.reached = make(chan struct{}), make(chan struct{}, 20)
		var all sync.WaitGroup
		errs := make(chan error, 20)
		for i := range cap(errs) {
			in := p.signed(t, "b", "b", claims{"sub": fmt.Sprint(i), "email": fmt.Sprintf("p%d@example.com", i)})
			all.Go(func() {
				_, err := p.svc.Redeem(t.Context(), in)
				errs <- err
			})
		}
		<-by.reached
		close(by.hold)
		all.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Errorf("got %v, want it signed in", err)
			}
		}
		if got := by.times(); got != 2 {
			t.Errorf("got %d reads, want one for all", got)
		}
	})
}

// TestKeySetIsReadMeanwhile has a link with a new key looked at just before the
// read ends that brings it. It is too early for another, so that one has to do.
func TestKeySetIsReadMeanwhile(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by := &publisher{}
		by.publish("a")
		p := w.published(t, by)
		by.publish("a", "b")
		link := func(sub, key string) provisioning.Arrival {
			return p.signed(t, key, key, claims{"sub": sub, "email": sub + "@example.com"})
		}
		err := p.svc.VerifyWhile(t.Context(), link("1", "b"), func() { p.signsIn(t, "the link that has it read", link("2", "b")) })
		if err != nil {
			t.Errorf("got %v, want it verified", err)
		}
		var refusal *provisioning.Refusal
		if err := p.svc.VerifyWhile(t.Context(), link("3", "c"), func() {}); !errors.As(err, &refusal) {
			t.Errorf("a key that nobody publishes: got %v, want it refused", err)
		}
		if got := by.times(); got != 2 {
			t.Errorf("got %d reads, want one for all", got)
		}
	})
}

// TestKeySetsAreTheirOwn: a name that one partner publishes takes nothing from
// another, and pasted keys go before.
func TestKeySetsAreTheirOwn(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by := &publisher{}
		by.publish("a")
		p := w.published(t, by)
		pasted := p.partner.key
		by.publish("a", pasted.ID)
		if _, err := p.svc.ReadKeySet(t.Context(), p.tenant, p.ID, byAPI); err != nil {
			t.Fatal(err)
		}
		p.turnedDown(t, "a published key named as one of ours", p.signed(t, pasted.ID, pasted.ID, nil), provisioning.AlgNotAllowed)
		nameless := p.signed(t, "a", "a", nil)
		nameless.Link.AppID = ""
		p.signsIn(t, "a kid that one partner publishes", nameless)
		name, address := "Second", setURL
		if _, err := p.svc.Install(t.Context(), p.tenant, provisioning.Settings{Name: &name, JWKSURL: &address}, provisioning.NewKey{}, byAPI); err != nil {
			t.Fatal(err)
		}
		nameless = p.signed(t, "a", "a", nil)
		nameless.Link.AppID = ""
		p.turnedDown(t, "a kid that two partners publish", nameless, provisioning.IntegrationUnknown)
		if err := p.svc.Remove(t.Context(), p.tenant, p.ID, byAPI); err != nil {
			t.Fatal(err)
		}
		p.turnedDown(t, "a removed integration", p.signed(t, "a", "a", nil), provisioning.IntegrationRemoved)
		if sets, err := p.store.KeySets(t.Context(), p.tenant.ID); err != nil || len(sets) != 1 {
			t.Errorf("got %d key sets, %v, want the second's alone", len(sets), err)
		}
	})
}

// TestKeySetOfNobodyKnown: a link that nothing but the name of a new key could
// belong to a partner by is that partner's, once its set is read again.
func TestKeySetOfNobodyKnown(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by := &publisher{}
		by.publish("a")
		p := w.published(t, by) // beside another integration
		link := func(kid string, c claims) provisioning.Arrival {
			in := p.signed(t, kid, kid, c)
			in.Link.AppID = ""
			return in
		}
		by.publish("a", "b")
		p.signsIn(t, "the first link with a new key", link("b", nil))
		by.publish("b", "c")
		p.turnedDown(t, "too early for another read", link("c", claims{"sub": "early"}), provisioning.IntegrationUnknown)
		w.clock.advance(time.Minute)
		for what, in := range map[string]provisioning.Arrival{
			"another app id": func() provisioning.Arrival { in := link("c", nil); in.Link.AppID = "other"; return in }(),
			"no kid":         link("-", nil),
		} {
			p.turnedDown(t, what, in, provisioning.IntegrationUnknown)
		}
		if got := by.times(); got != 2 {
			t.Errorf("got %d reads, want 2: none for a link that no key's name can help", got)
		}
		p.signsIn(t, "a minute later", link("c", claims{"jti": "late"}))

		w.clock.advance(time.Minute)
		p.turnedDown(t, "a key that nobody publishes", link("x", nil), provisioning.IntegrationUnknown)
		by.publish("c", "d")
		p.change(t, provisioning.Settings{Issuer: pointer("https://partner.example")})
		w.clock.advance(time.Minute)
		before := by.times()
		p.turnedDown(t, "of a partner whose tokens name it", link("d", nil), provisioning.IntegrationUnknown)
		if got := by.times(); got != before {
			t.Errorf("got %d reads, want %d: this partner's tokens are found by their issuer", got, before)
		}
		p.signsIn(t, "named by its issuer", link("d", claims{"iss": "https://partner.example"}))
	})
}

// TestKeySetsReadForOneLink: whoever names a key that nobody has makes us read a few
// sets, and each once a minute, however many partners publish.
func TestKeySetsReadForOneLink(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by := &publisher{}
		by.publish("a")
		p := w.published(t, by)
		for range 6 {
			name, address := "Another", setURL
			if _, err := w.svc.Install(t.Context(), p.tenant, provisioning.Settings{Name: &name, JWKSURL: &address}, provisioning.NewKey{}, byAPI); err != nil {
				t.Fatal(err)
			}
		}
		for _, want := range []int{5, 2, 0} {
			before := by.times()
			in := p.signed(t, "x", "x", nil)
			in.Link.AppID = ""
			p.turnedDown(t, "a key that nobody publishes", in, provisioning.IntegrationUnknown)
			if got := by.times() - before; got != want {
				t.Errorf("got %d reads for a link, want %d of seven sets", got, want)
			}
		}
	})
}

func TestKeySetSettings(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		by := &publisher{}
		by.publish("a")
		p := w.published(t, by)
		change := func(address string) error {
			_, err := p.svc.ChangeIntegration(t.Context(), p.tenant, p.ID, provisioning.Settings{JWKSURL: &address}, byAPI)
			return err
		}
		before := p.db.Dump(t, p.tenant.ID)
		for _, address := range []string{
			"partner.example", "ftp://partner.example/keys", "http://partner.example/keys", "https://u:p@partner.example/keys",
			"https://partner.example/keys#x", "https://elsewhere.example/keys", "https://" + strings.Repeat("x", 3000), "https://pa rtner.example",
		} {
			var problem *provisioning.Invalid
			if err := change(address); !errors.As(err, &problem) || problem.Field != "jwks_url" {
				t.Errorf("%.60s: got %v, want it refused", address, err)
			}
		}
		var problem *provisioning.Invalid
		if err := change(""); !errors.As(err, &problem) || problem.Field != "jwks_url" {
			t.Errorf("no key would be left: got %v, want it refused", err)
		}
		for text, want := range map[string]string{
			`{"keys":[]}`:                                  "no keys",
			`{"keys":[{"kty":"oct","k":"AAAA"}]}`:          "private or secret",
			`{"keys":[{"kty":"EC","crv":"P-384"}]}`:        "not a good public key",
			`{"keys":[` + strings.Repeat("1,", 50) + `1]}`: "51 keys",
		} {
			by.answer(http.StatusOK, text)
			name, address := "Other", setURL
			_, err := p.svc.Install(t.Context(), p.tenant, provisioning.Settings{Name: &name, JWKSURL: &address}, provisioning.NewKey{}, byAPI)
			if !errors.As(err, &problem) || !strings.Contains(problem.Problem, want) {
				t.Errorf("%s: got %v, want %q", text, err, want)
			}
		}
		if after := p.db.Dump(t, p.tenant.ID); !slices.Equal(before, after) {
			t.Error("what was refused left something")
		}
		by.publish("a")
		if _, _, err := p.svc.AddKey(t.Context(), p.tenant, p.ID, provisioning.NewKey{}, byAPI); err != nil {
			t.Fatal(err)
		}
		if err := change(""); err != nil {
			t.Fatalf("with a key of its own: %v", err)
		}
		p.turnedDown(t, "a key published where nobody reads any more", p.signed(t, "a", "a", nil), provisioning.AlgNotAllowed)
		if err := change(setURL); err != nil {
			t.Fatal(err)
		}
		p.signsIn(t, "named again", p.signed(t, "a", "a", nil))
	})
}

func FuzzParseJWKS(f *testing.F) {
	by := &publisher{}
	by.publish("a", "b")
	f.Add(by.set)
	f.Add(`{"keys":[{"kty":"RSA","n":"AQAB","e":"AQAB","kid":"x","use":"enc"},{"kty":"oct","k":"AAAA"},1,null,{"kid":7}]}`)
	f.Add(`{"keys":[{"kty":"EC","crv":"P-256","x":"AA","y":"AA","x5c":["AA"],"alg":"ES256"}]}`)
	f.Fuzz(func(t *testing.T, text string) {
		good, leftOut, err := provisioning.ParseJWKS(text)
		if err != nil && (good != nil || leftOut != nil) {
			t.Fatalf("got keys beside %v", err)
		}
		if len(good)+len(leftOut) > 50 {
			t.Fatalf("got %d keys, want at most 50", len(good)+len(leftOut))
		}
		for _, key := range good {
			if !slices.Contains([]string{"RS256", "ES256", "EdDSA"}, key.Algorithm) || len(key.PublicKey) == 0 {
				t.Fatalf("got %+v, want a key for RS256, ES256 or EdDSA", key)
			}
		}
		if bytes.ContainsRune([]byte(fmt.Sprint(leftOut)), 0) {
			t.Fatal("got NUL in what is shown")
		}
	})
}
