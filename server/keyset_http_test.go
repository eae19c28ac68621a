package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/go-cmp/cmp"
)

// publisher is a partner's web server that publishes its keys.
type publisher struct {
	*httptest.Server
	mu     sync.Mutex
	status int // 0 = never answers
	set    jose.JSONWebKeySet
}

func newPublisher(t *testing.T) *publisher {
	t.Helper()
	p := &publisher{status: http.StatusOK}
	p.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		silent := p.status == 0
		p.mu.Unlock()
		if silent {
			<-r.Context().Done()
			return
		}
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.status == http.StatusFound {
			w.Header().Set("Location", "http://169.254.169.254/")
		}
		w.WriteHeader(p.status)
		_, _ = w.Write([]byte(jsonText(p.set)))
	}))
	t.Cleanup(p.Close)
	return p
}

// publish replaces the keys of the set with one, and returns it.
func (p *publisher) publish(t *testing.T, name string) *ecdsa.PrivateKey {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.set = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: name, Algorithm: "ES256", Use: "sig"}}}
	return key
}

func (p *publisher) answers(status int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.status = status
}

// keySetInAPI is a key set as the API shows it.
type keySetInAPI struct {
	URL       string
	Keys      []struct{ Kid, Algorithm string }
	FetchedAt *string `json:"fetched_at"`
	FailedAt  *string `json:"failed_at"`
	Problem   string
}

// TestKeySetOverHTTP installs an integration by its JWKS URL alone, and lets the
// partner change its key.
func TestKeySetOverHTTP(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		p := newPublisher(t)
		first := p.publish(t, "first")
		n := i.install(t, fields{"jwks_url": p.URL})
		if len(n.Keys) != 0 {
			t.Errorf("got keys %v, want none", n.Keys)
		}
		i.signIn(t, link(signed("ES256", first, fields{"kid": "first"}, person("anna"))))
		second := p.publish(t, "second")
		i.signIn(t, link(signed("ES256", second, fields{"kid": "second"}, person("anna"))))
		if got := i.get(t, link(signed("ES256", first, fields{"kid": "first"}, person("anna"))), wantsJSON); got.status != http.StatusUnauthorized {
			t.Errorf("a withdrawn key: got %v, want 401", got)
		}

		path := "/integrations/" + n.ID + "/key-set"
		set := decode[keySetInAPI](t, i.admin(t, http.StatusOK, "GET", path, nil))
		if set.URL != p.URL || len(set.Keys) != 1 || set.Keys[0].Kid != "second" || set.FetchedAt == nil || set.FailedAt != nil {
			t.Errorf("got %+v, want the second key", set)
		}
		p.answers(http.StatusFound)
		set = decode[keySetInAPI](t, i.admin(t, http.StatusOK, "POST", path, nil))
		if len(set.Keys) != 1 || set.FailedAt == nil || !strings.Contains(set.Problem, "redirect") {
			t.Errorf("got %+v, want the key and the redirect named", set)
		}
		i.signIn(t, link(signed("ES256", second, fields{"kid": "second"}, person("anna"))))
		if out, _ := command(t, w, exitOK, "integration", "key-set", n.ID); !strings.Contains(out, "second") || !strings.Contains(out, "redirect") {
			t.Errorf("usher integration key-set: got %q, want the key and the failure", out)
		}
		p.answers(0)
		set = decode[keySetInAPI](t, i.admin(t, http.StatusOK, "POST", path, nil))
		if len(set.Keys) != 1 || set.FailedAt == nil || !strings.Contains(set.Problem, "does not answer") {
			t.Errorf("got %+v, want the key and that nothing answers", set)
		}
		p.answers(http.StatusOK)
		if out, _ := command(t, w, exitOK, "integration", "key-set", n.ID, "--read"); strings.Contains(out, "Failed") {
			t.Errorf("usher integration key-set --read: got %q, want no failure", out)
		}
		if out, _ := command(t, w, exitOK, "integration", "install", "--name", "Second", "--jwks-url", p.URL); !strings.Contains(out, p.URL) {
			t.Errorf("usher integration install: got %q, want the URL", out)
		}

		p.mu.Lock()
		p.set = jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: []byte(strings.Repeat("x", 32)), KeyID: "shared", Algorithm: "HS256"}}}
		p.mu.Unlock()
		got := i.admin(t, http.StatusOK, "POST", path, nil)
		if set = decode[keySetInAPI](t, got); len(set.Keys) != 0 || set.FailedAt != nil || !strings.Contains(set.Problem, "no key that can be used") {
			t.Errorf("got %+v, want that no key can be used", set)
		}
		if strings.Contains(got.body, "accepted are") {
			t.Errorf("got %v, want each key's own reason alone", got)
		}
		if out, _ := command(t, w, exitOK, "integration", "key-set", n.ID); !strings.Contains(out, "no key that can be used") {
			t.Errorf("usher integration key-set: got %q, want that no key can be used", out)
		}
		p.publish(t, "third")
		i.admin(t, http.StatusOK, "POST", path, nil)

		before := i.admin(t, http.StatusOK, "GET", "/integrations/"+n.ID, nil)
		for _, address := range []string{
			"http://169.254.169.254/latest/meta-data/", "https://10.0.0.1/keys", "https://[::ffff:10.0.0.1]/", "http://127.0.0.1:1/", p.URL + "#x", "file:///etc/passwd",
		} {
			got := i.admin(t, http.StatusBadRequest, "PATCH", "/integrations/"+n.ID, fields{"jwks_url": address})
			if !strings.Contains(got.body, "jwks_url") {
				t.Errorf("%s: got %v, want the field named", address, got)
			}
		}
		i.admin(t, http.StatusBadRequest, "PATCH", "/integrations/"+n.ID, fields{"jwks_url": ""})
		if diff := cmp.Diff(before.body, i.admin(t, http.StatusOK, "GET", "/integrations/"+n.ID, nil).body); diff != "" {
			t.Errorf("what was refused changed something (-before +after):\n%s", diff)
		}
		lumen := i.install(t, fields{"name": "With a secret"})
		i.admin(t, http.StatusNotFound, "GET", "/integrations/"+lumen.ID+"/key-set", nil)
		i.admin(t, http.StatusNotFound, "POST", "/integrations/"+lumen.ID+"/key-set", nil)
	})
}

// keySetChanges are those of published keys.
func (s *sweep) keySetChanges() map[string]func(t *testing.T) change {
	published := func(t *testing.T) string {
		t.Helper()
		p := newPublisher(t)
		p.publish(t, "k1")
		return s.i.install(t, fields{"name": "Made " + s.next(), "jwks_url": p.URL}, s.host).ID
	}
	return map[string]func(t *testing.T) change{
		"POST /admin/api/v1/integrations/:id/key-set": func(t *testing.T) change {
			return change{path: "/admin/api/v1/integrations/" + published(t) + "/key-set", body: fields(nil)}
		},
		"POST /admin/integrations/:id/key-set": func(t *testing.T) change {
			n := "/admin/integrations/" + published(t)
			return s.form(t, n+"/keys", n+"/key-set")
		},
	}
}
