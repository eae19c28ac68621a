package main

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"
)

// v1Token is what /v1/oauth/access_token answers.
type v1Token struct {
	AccessToken  string            `json:"access_token"`
	TokenType    string            `json:"token_type"`
	ExpiresIn    int64             `json:"expires_in"`
	Scope        string            `json:"scope"`
	RefreshToken string            `json:"refresh_token"`
	Info         map[string]string `json:"info"`
}

// addOrganization makes an organization below a parent, "" = none, which may do
// everything that the wish does not say otherwise.
func (i *instance) addOrganization(t testing.TB, parent, name string, wish fields, header ...string) clientUnderTest {
	t.Helper()
	made := fields{"name": name}
	if parent != "" {
		made["parent"] = parent
	}
	o := decode[struct {
		ID           string `json:"id"`
		GlobalID     string `json:"global_id"`
		ClientSecret string `json:"client_secret"`
	}](t, i.admin(t, http.StatusCreated, "POST", "/organizations", made, header...))
	usual := fields{
		"grants":          []string{"authorization_code", "client_credentials", "refresh_token"},
		"identity_scopes": []string{"user:name", "user:email"}, "redirect_uris": []string{clientBack},
	}
	i.admin(t, http.StatusOK, "PATCH", "/clients/"+o.ID, usual.with(wish), header...)
	return clientUnderTest{ID: o.ID, ClientID: o.GlobalID, ClientSecret: o.ClientSecret}
}

// addMember puts a user into an organization.
func (i *instance) addMember(t testing.TB, o clientUnderTest, user string) {
	t.Helper()
	i.admin(t, http.StatusNoContent, "PUT", "/organizations/"+o.ID+"/members/"+user, fields{"role": "member"})
}

// login asks for an access token as the public Go client's
// LoginWithClientCredentials does: a POST without a body.
func (i *instance) login(t testing.TB, c clientUnderTest, more url.Values, header ...string) answer {
	t.Helper()
	query := url.Values{"grant_type": {"client_credentials"}, "client_id": {c.ClientID}, "client_secret": {c.ClientSecret}}
	for name, values := range more {
		query[name] = values
	}
	return i.send(t, "POST", "/v1/oauth/access_token?"+query.Encode(), "", header...)
}

// loggedIn is login that works.
func (i *instance) loggedIn(t testing.TB, c clientUnderTest, more url.Values, header ...string) v1Token {
	t.Helper()
	a := i.login(t, c, more, header...)
	token := decode[v1Token](t, a)
	if a.status != http.StatusOK || token.AccessToken == "" || token.TokenType != "bearer" || token.ExpiresIn < 1 || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %v with %v, want an access token that nobody keeps", a, a.header)
	}
	return token
}

// makeJWT asks for a JWT as that client's CreateJWTToken does.
func (i *instance) makeJWT(t testing.TB, token string, scopes, audiences []string, header ...string) answer {
	t.Helper()
	query := url.Values{}
	if len(scopes) > 0 {
		query.Set("scope", strings.Join(scopes, ","))
	}
	if len(audiences) > 0 {
		query.Set("aud", strings.Join(audiences, ","))
	}
	return i.get(t, "/v1/oauth/jwt?"+query.Encode(), append(header, "Authorization: token "+token)...)
}

// jwt reads an answer that is a JWT, and verifies it as its readers do: by the
// JWKS, and ES384 alone.
func (i *instance) jwt(t testing.TB, a answer) (signed string, claims map[string]any) {
	t.Helper()
	if a.status != http.StatusOK || a.header.Get("Content-Type") != "application/jwt" || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %v with %v, want a JWT that nobody keeps", a, a.header)
	}
	head, err := base64.RawURLEncoding.DecodeString(strings.SplitN(a.body, ".", 2)[0])
	if err != nil || !strings.Contains(string(head), `"alg":"ES384"`) || !strings.Contains(string(head), `"typ":"JWT"`) {
		t.Fatalf("got header %s, error %v, want a JWT by ES384", head, err)
	}
	ctx := context.WithValue(t.Context(), oauth2.HTTPClient, i.client)
	payload, err := oidc.NewRemoteKeySet(ctx, i.origin+"/.well-known/jwks.json").VerifySignature(ctx, a.body)
	if err != nil {
		t.Fatalf("verifying %.40s…: %v", a.body, err)
	}
	if err := json.Unmarshal(payload, &claims); err != nil {
		t.Fatal(err)
	}
	return a.body, claims
}

// v1Refused wants an OAuth error.
func (a answer) v1Refused(t testing.TB, what string, status int, reason string) {
	t.Helper()
	if a.status != status || a.oauthReason(t) != reason || a.header.Get("Cache-Control") != "no-store" {
		t.Errorf("%s: got %v, want %d %s", what, a, status, reason)
	}
}
