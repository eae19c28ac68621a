package main

import (
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// Where people come back to the clients of the suite.
const (
	clientBack    = "https://lumen.example/back"
	clientGoodbye = "https://lumen.example/goodbye"
)

// addPeopleClient makes a client to which people sign in, with a secret unless
// the wish makes it public. What the wish names replaces the usual.
func (i *instance) addPeopleClient(t testing.TB, wish fields, header ...string) clientUnderTest {
	t.Helper()
	usual := fields{
		"name": "Lumen Library", "grants": []string{"authorization_code", "refresh_token"},
		"redirect_uris": []string{clientBack}, "post_logout_redirect_uris": []string{clientGoodbye},
		"identity_scopes": []string{"openid", "profile", "email"},
	}
	return decode[clientUnderTest](t, i.admin(t, http.StatusCreated, "POST", "/clients", usual.with(wish), header...))
}

// proof is what a client keeps between sending a person and getting them back.
type proof struct {
	verifier, challenge string // RFC 7636 §4
	state, nonce        string
}

func newProof() proof {
	var random [32]byte
	_, _ = rand.Read(random[:]) // never fails
	verifier := base64.RawURLEncoding.EncodeToString(random[:])
	sum := sha256.Sum256([]byte(verifier))
	return proof{verifier, base64.RawURLEncoding.EncodeToString(sum[:]), "state-" + verifier[:8], "nonce-" + verifier[8:16]}
}

// authorizeURL is where the client sends the person. What more names replaces the
// usual; "" leaves a parameter out.
func (p proof) authorizeURL(c clientUnderTest, scope string, more map[string]string) string {
	values := url.Values{
		"client_id": {c.ClientID}, "redirect_uri": {clientBack}, "response_type": {"code"}, "scope": {scope}, "state": {p.state},
		"nonce": {p.nonce}, "code_challenge": {p.challenge}, "code_challenge_method": {"S256"},
	}
	for name, value := range more {
		if values.Set(name, value); value == "" {
			values.Del(name)
		}
	}
	return "/connect/authorize?" + values.Encode()
}

// code sends a person who is signed in and returns the code with which they come
// back.
func (i *instance) code(t testing.TB, c clientUnderTest, cookie, scope string, p proof, header ...string) string {
	t.Helper()
	a := i.get(t, p.authorizeURL(c, scope, nil), append(header, holding(cookie))...)
	back, err := url.Parse(a.header.Get("Location"))
	if err != nil || a.status != http.StatusSeeOther && a.status != http.StatusFound || !strings.HasPrefix(a.header.Get("Location"), clientBack+"?") {
		t.Fatalf("got %v to %q, want the person back at the client", a, a.header.Get("Location"))
	}
	if back.Query().Get("code") == "" || back.Query().Get("state") != p.state {
		t.Fatalf("got %q, want a code and the state", back)
	}
	return back.Query().Get("code")
}

// tokenFor calls the token endpoint as a client: by its secret, or by its name when
// it has none.
func (i *instance) tokenFor(t testing.TB, c clientUnderTest, form url.Values, header ...string) answer {
	t.Helper()
	body, header := c.asking(form, header)
	return i.send(t, "POST", "/connect/token", body, header...)
}

// asking is a form, and the header lines with it, of a client.
func (c clientUnderTest) asking(form url.Values, header []string) (string, []string) {
	header = append(slices.Clone(header), isForm)
	if c.ClientSecret != "" {
		return form.Encode(), append(header, c.asks())
	}
	form.Set("client_id", c.ClientID)
	return form.Encode(), header
}

// redeem exchanges a code for tokens.
func (i *instance) redeem(t testing.TB, c clientUnderTest, code, verifier string, header ...string) answer {
	t.Helper()
	return i.tokenFor(t, c, url.Values{
		"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {clientBack}, "code_verifier": {verifier},
	}, header...)
}

// refresh exchanges a refresh token for tokens.
func (i *instance) refresh(t testing.TB, c clientUnderTest, refresh string, header ...string) answer {
	t.Helper()
	return i.tokenFor(t, c, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {refresh}}, header...)
}

// personTokens is an answer of the token endpoint for a person.
type personTokens struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type"`
	TokenType       string `json:"token_type"`
	ExpiresIn       int64  `json:"expires_in"`
	Scope           string `json:"scope"`
	RefreshToken    string `json:"refresh_token"`
	IdentityToken   string `json:"id_token"`
}

// issued reads such an answer. The test fails unless there are tokens.
func (a answer) issued(t testing.TB) personTokens {
	t.Helper()
	tokens := decode[personTokens](t, a)
	if a.status != http.StatusOK || tokens.AccessToken == "" || tokens.TokenType != "Bearer" || tokens.ExpiresIn < 1 ||
		a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" {
		t.Fatalf("got %v with %v, want tokens that nobody keeps", a, a.header)
	}
	return tokens
}

// tokensFor signs a person who has a session in to a client, all the way.
func (i *instance) tokensFor(t testing.TB, c clientUnderTest, cookie, scope string, header ...string) personTokens {
	t.Helper()
	p := newProof()
	return i.redeem(t, c, i.code(t, c, cookie, scope, p, header...), p.verifier, header...).issued(t)
}

// userInfo asks who the person of a token is.
func (i *instance) userInfo(t testing.TB, token string, header ...string) answer {
	t.Helper()
	return i.get(t, "/connect/userinfo", append(header, "Authorization: Bearer "+token)...)
}

// claimsIn are the claims of a JWT, unverified.
func claimsIn(t testing.TB, token string) map[string]any {
	t.Helper()
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		t.Fatalf("got a token of %d parts, want a JWT", len(parts))
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		t.Fatal(err)
	}
	var claims map[string]any
	if err := json.Unmarshal(text, &claims); err != nil {
		t.Fatal(err)
	}
	return claims
}
