package main

import (
	"net/http"
	"net/url"
	"testing"
)

// clientUnderTest is a client as the API answers when it is made.
type clientUnderTest struct {
	ID           string `json:"id"`
	ClientID     string `json:"client_id"`
	ClientSecret string `json:"client_secret"`
}

// asks is the header line with which a client shows its secret.
func (c clientUnderTest) asks() string { return basic(c.ClientID, c.ClientSecret) }

// connectionUnderTest is an API connection as the API answers when it is made.
type connectionUnderTest struct {
	ID     string `json:"id"`
	Name   string `json:"name"`
	Secret string `json:"secret"`
}

func (n connectionUnderTest) asks() string { return basic(n.Name, n.Secret) }

// addConnection makes an API connection, with scopes beside that of its name.
func (i *instance) addConnection(t testing.TB, name string, scopes []string, header ...string) connectionUnderTest {
	t.Helper()
	n := decode[connectionUnderTest](t, i.admin(t, http.StatusCreated, "POST", "/api-connections", fields{"name": name}, header...))
	for _, scope := range scopes {
		i.admin(t, http.StatusCreated, "POST", "/api-connections/"+n.ID+"/scopes", fields{"name": scope}, header...)
	}
	return n
}

// addClient makes a client that may have these API scopes.
func (i *instance) addClient(t testing.TB, format string, scopes []string, header ...string) clientUnderTest {
	t.Helper()
	wish := fields{"name": "Lumen " + format, "access_token_format": format, "api_scopes": scopes}
	return decode[clientUnderTest](t, i.admin(t, http.StatusCreated, "POST", "/clients", wish, header...))
}

// accessToken asks for a token with all scopes of a client.
func (i *instance) accessToken(t testing.TB, c clientUnderTest, header ...string) string {
	t.Helper()
	a := i.send(t, "POST", "/connect/token", wantsClientToken, append(header, isForm, c.asks())...)
	token := decode[clientToken](t, a)
	if a.status != http.StatusOK || token.AccessToken == "" || token.TokenType != "Bearer" || token.ExpiresIn != 3000 {
		t.Fatalf("got %v, want a token", a)
	}
	return token.AccessToken
}

// introspect asks what a token is worth at an API connection.
func (i *instance) introspect(t testing.TB, n connectionUnderTest, token string, header ...string) answer {
	t.Helper()
	return i.send(t, "POST", "/connect/introspect", url.Values{"token": {token}}.Encode(), append(header, isForm, n.asks())...)
}

// wantInactive wants the answer about a token that is worth nothing.
func (a answer) wantInactive(t testing.TB, what string) {
	t.Helper()
	if a.status != http.StatusOK || a.body != `{"active":false}` || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" {
		t.Errorf("%s: got %v with %v, want {\"active\":false} that nobody keeps", what, a, a.header)
	}
}

// revoke takes a token back.
func (i *instance) revoke(t testing.TB, c clientUnderTest, token string, header ...string) answer {
	t.Helper()
	return i.send(t, "POST", "/connect/revocation", url.Values{"token": {token}}.Encode(), append(header, isForm, c.asks())...)
}
