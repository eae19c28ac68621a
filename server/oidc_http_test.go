package main

import (
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
)

// openIDProvider is a company's provider: metadata, keys, and an endpoint that
// trades codes for tokens once, given the verifier that fits the challenge.
type openIDProvider struct {
	*httptest.Server
	key *ecdsa.PrivateKey

	mu        sync.Mutex
	codes     map[string]url.Values // what was asked for with it
	claims    fields                // of the next token, over the usual ones
	signer    *ecdsa.PrivateKey     // of the next token
	down      bool
	exchanges int
}

const (
	providerClient = "usher-admin"
	providerSecret = "a secret of the provider's, with / and %"
)

func startProvider(t *testing.T) *openIDProvider {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	p := &openIDProvider{key: key, signer: key, codes: map[string]url.Values{}}
	answer := func(w http.ResponseWriter, status int, v any) {
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_ = json.NewEncoder(w).Encode(v)
	}
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", func(w http.ResponseWriter, _ *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.down {
			answer(w, http.StatusBadGateway, fields{})
			return
		}
		answer(w, http.StatusOK, fields{
			"issuer": p.URL, "authorization_endpoint": p.URL + "/authorize", "token_endpoint": p.URL + "/token",
			"jwks_uri": p.URL + "/keys", "response_types_supported": []string{"code"},
			"subject_types_supported": []string{"public"}, "id_token_signing_alg_values_supported": []string{"ES256"},
		})
	})
	mux.HandleFunc("GET /keys", func(w http.ResponseWriter, _ *http.Request) {
		answer(w, http.StatusOK, jose.JSONWebKeySet{Keys: []jose.JSONWebKey{{Key: key.Public(), KeyID: "k1", Algorithm: "ES256", Use: "sig"}}})
	})
	mux.HandleFunc("POST /token", func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		defer p.mu.Unlock()
		p.exchanges++
		id, secret, _ := r.BasicAuth()
		id, _ = url.QueryUnescape(id)
		secret, _ = url.QueryUnescape(secret)
		asked, known := p.codes[r.PostFormValue("code")]
		delete(p.codes, r.PostFormValue("code"))
		challenge := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
		switch {
		case id != providerClient || secret != providerSecret:
			answer(w, http.StatusUnauthorized, fields{"error": "invalid_client"})
		case !known || asked.Get("redirect_uri") != r.PostFormValue("redirect_uri") ||
			asked.Get("code_challenge_method") != "S256" ||
			asked.Get("code_challenge") != base64.RawURLEncoding.EncodeToString(challenge[:]):
			answer(w, http.StatusBadRequest, fields{"error": "invalid_grant"})
		default:
			answer(w, http.StatusOK, fields{
				"access_token": "a", "token_type": "Bearer", "expires_in": 60, "id_token": p.token(asked.Get("nonce")),
			})
		}
	})
	p.Server = httptest.NewServer(mux)
	t.Cleanup(p.Close)
	return p
}

// token is the ID token that the test wants to be answered. Its header names
// the one key that is published, whoever has signed.
func (p *openIDProvider) token(nonce string) string {
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: p.signer}, (&jose.SignerOptions{}).WithHeader("kid", "k1"))
	if err != nil {
		panic(err)
	}
	now := time.Now().Unix()
	claims := fields{
		"iss": p.URL, "aud": providerClient, "sub": "17", "iat": now, "exp": now + 60, "nonce": nonce,
		"email": ownerEmail, "email_verified": true, "name": "Olga at the provider",
	}.with(p.claims)
	signed, err := signer.Sign([]byte(jsonText(claims)))
	if err != nil {
		panic(err)
	}
	compact, err := signed.CompactSerialize()
	if err != nil {
		panic(err)
	}
	return compact
}

func (p *openIDProvider) environ(more ...string) []string {
	return append([]string{
		"USHER_ADMIN_OIDC_ISSUER=" + p.URL, "USHER_ADMIN_OIDC_CLIENT_ID=" + providerClient,
		"USHER_ADMIN_OIDC_CLIENT_SECRET=" + providerSecret,
	}, more...)
}

// journey goes to the provider as a browser does. It returns the cookie that
// the browser keeps, and where the provider sends it back to.
func (p *openIDProvider) journey(t *testing.T, i *instance, next string, header ...string) (cookie, back string) {
	t.Helper()
	a := i.get(t, "/admin/sign-in/oidc?next="+url.QueryEscape(next), header...)
	location, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusSeeOther || !strings.HasPrefix(location.String(), p.URL+"/authorize?") {
		t.Fatalf("got %v to %q (%v), want the provider", a, location, err)
	}
	asked := location.Query()
	for name, want := range map[string]string{
		"client_id": providerClient, "response_type": "code", "code_challenge_method": "S256", "scope": "openid email profile",
	} {
		if got := asked.Get(name); got != want {
			t.Errorf("got %s=%q, want %q", name, got, want)
		}
	}
	line := a.header.Get("Set-Cookie")
	if !strings.HasPrefix(line, "__Host-usher-admin-oidc=") || !strings.HasSuffix(line, "; Path=/; Max-Age=600; HttpOnly; Secure; SameSite=Lax") {
		t.Errorf("got cookie %q", line)
	}
	value, _, _ := strings.Cut(line, ";")
	p.mu.Lock()
	defer p.mu.Unlock()
	code := "code-" + asked.Get("state")
	p.codes[code] = asked
	callback, err := url.Parse(asked.Get("redirect_uri"))
	if err != nil {
		t.Fatal(err)
	}
	return "Cookie: " + value, callback.Path + "?" + url.Values{"state": {asked.Get("state")}, "code": {code}}.Encode()
}

func TestProvider(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		p := startProvider(t)
		i := launch(t, w, p.environ()...)
		i.owner(t)
		i.admin(t, 201, "POST", "/administrators", fields{"email": "vera@usher.example", "role": "viewer"})
		if a := i.get(t, "/admin/sign-in"); !strings.Contains(a.body, "Sign in with 127.0.0.1") {
			t.Errorf("got a page that does not offer the provider: %v", a)
		}
		set := func(claims fields, signer *ecdsa.PrivateKey) {
			p.mu.Lock()
			defer p.mu.Unlock()
			p.claims, p.signer = claims, signer
		}
		refused := func(name string, a answer) {
			t.Helper()
			if a.status != 422 || a.adminCookie() != "" || !strings.Contains(a.body, "lets nobody in") {
				t.Errorf("%s: got %v, want 422 and no session", name, a)
			}
		}

		cookie, back := p.journey(t, i, "/admin/integrations")
		a := i.get(t, back, cookie)
		if a.status != http.StatusSeeOther || a.header.Get("Location") != "/admin/integrations" || a.adminCookie() == "" {
			t.Fatalf("got %v to %q, want a session and where the person was going", a, a.header.Get("Location"))
		}
		if page := i.get(t, "/admin/account", "Cookie: __Host-usher-admin="+a.adminCookie()); !strings.Contains(page.body, "oidc") {
			t.Errorf("got %v, want the account and how it was opened", page)
		}
		refused("the same code again", i.get(t, back, cookie))

		// Invited, and in by the provider: no password is needed.
		set(fields{"email": "Vera@Usher.example"}, p.key)
		cookie, back = p.journey(t, i, "/admin")
		if a := i.get(t, back, cookie); a.adminCookie() == "" {
			t.Errorf("invited: got %v, want a session", a)
		}

		stranger, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
		if err != nil {
			t.Fatal(err)
		}
		for name, tt := range map[string]struct {
			claims fields
			signer *ecdsa.PrivateKey
		}{
			"nobody's address":      {fields{"email": "nobody@usher.example"}, p.key},
			"an unverified address": {fields{"email_verified": false}, p.key},
			"verified as a text":    {fields{"email_verified": "true"}, p.key},
			"no word of verified":   {fields{"email_verified": nil}, p.key},
			"no address":            {fields{"email": nil}, p.key},
			"another nonce":         {fields{"nonce": "another"}, p.key},
			"no nonce":              {fields{"nonce": nil}, p.key},
			"another client":        {fields{"aud": "another"}, p.key},
			"another issuer":        {fields{"iss": "https://another.example"}, p.key},
			"ended":                 {fields{"exp": time.Now().Unix() - 1}, p.key},
			"another key":           {nil, stranger},
		} {
			set(tt.claims, tt.signer)
			cookie, back := p.journey(t, i, "/admin")
			refused(name, i.get(t, back, cookie))
		}
		set(nil, p.key)

		// Another browser's journey, or none.
		before := p.exchanges
		mine, back := p.journey(t, i, "/admin")
		theirs, _ := p.journey(t, i, "/admin")
		refused("another browser", i.get(t, back, theirs))
		refused("no cookie", i.get(t, back))
		refused("two cookies", i.get(t, back, mine+"; "+strings.TrimPrefix(theirs, "Cookie: ")))
		refused("another state", i.get(t, strings.Replace(back, "state=", "state=x", 1), mine))
		refused("two codes", i.get(t, back+"&code=x", mine))
		refused("an error", i.get(t, back+"&error=access_denied", mine))
		refused("another issuer (RFC 9207)", i.get(t, back+"&iss=https%3A%2F%2Fanother.example", mine))
		if p.exchanges != before {
			t.Errorf("got %d codes spent by what did not fit, want none", p.exchanges-before)
		}
		// A journey leads to our own pages alone.
		cookie, back = p.journey(t, i, "https://evil.example/admin")
		if a := i.get(t, back, cookie); a.header.Get("Location") != "/admin" || a.adminCookie() == "" {
			t.Errorf("got %v to %q, want /admin", a, a.header.Get("Location"))
		}
		for _, secret := range []string{providerSecret, "code-", strings.TrimPrefix(cookie, "Cookie: __Host-usher-admin-oidc=")} {
			if strings.Contains(i.log.String(), secret) {
				t.Errorf("got %q in the log", secret)
			}
		}
	})
}

// TestProviderMakesAccounts: with a default role, people of the company get an
// account at the default tenant, and at no other.
func TestProviderMakesAccounts(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		p := startProvider(t)
		i := launch(t, w, p.environ("USHER_ADMIN_OIDC_DEFAULT_ROLE=viewer")...)
		i.owner(t)
		i.admin(t, 201, "POST", "/tenants", fields{"name": "Other", "hosts": []string{"other.example"}})
		p.claims = fields{"email": "new@usher.example", "name": "New Person"}
		cookie, back := p.journey(t, i, "/admin", "Host: other.example")
		if a := i.get(t, back, cookie, "Host: other.example"); a.adminCookie() != "" {
			t.Errorf("got %v at another tenant, want no session", a)
		}
		cookie, back = p.journey(t, i, "/admin")
		a := i.get(t, back, cookie)
		if a.adminCookie() == "" {
			t.Fatalf("got %v, want a session", a)
		}
		if page := i.get(t, "/admin", "Cookie: __Host-usher-admin="+a.adminCookie()); !strings.Contains(page.body, "New Person") || !strings.Contains(page.body, "viewer") {
			t.Errorf("got %v, want a viewer's page", page)
		}
		cookie, back = p.journey(t, i, "/admin")
		if a := i.get(t, back, cookie); a.adminCookie() == "" {
			t.Errorf("the second time: got %v, want a session", a)
		}
		if got := strings.Count(i.admin(t, 200, "GET", "/administrators", nil).body, "new@usher.example"); got != 1 {
			t.Errorf("got %d accounts, want one", got)
		}
	})
}

func TestProviderDown(t *testing.T) {
	t.Parallel()
	p := startProvider(t)
	p.down = true
	i := launch(t, embeddedWorld(t), p.environ()...)
	i.owner(t)
	if a := i.get(t, "/admin/sign-in/oidc"); a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "does not answer right now") {
		t.Errorf("got %v, want 503 and the sign-in page", a)
	}
	p.mu.Lock()
	p.down = false
	p.mu.Unlock()
	cookie, back := p.journey(t, i, "/admin")
	if a := i.get(t, back, cookie); a.adminCookie() == "" {
		t.Errorf("up again: got %v, want a session", a)
	}
	without := launch(t, embeddedWorld(t))
	if a := without.get(t, "/admin/sign-in/oidc", wantsJSON); a.status != http.StatusNotFound {
		t.Errorf("without a provider: got %v, want 404", a)
	}
}
