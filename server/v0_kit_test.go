package main

import (
	"net/http"
	"strings"
	"testing"
)

// clientPage is the origin of the pages of the suite's clients.
const clientPage = "Origin: https://lumen.example"

// addPageClient makes a client whose own pages get tokens without its secret.
func (i *instance) addPageClient(t testing.TB, wish fields, header ...string) clientUnderTest {
	t.Helper()
	return i.addPeopleClient(t, fields{"browser_tokens": true}.with(wish), header...)
}

// keys are the header lines with which a client's server shows its secret in the
// second wire form.
func (c clientUnderTest) keys() []string {
	return []string{"API_KEY_ID: " + c.ClientID, "API_SECRET_KEY: " + c.ClientSecret}
}

// v0Tokens is an answer of the second wire form.
type v0Tokens struct {
	AccessToken  string `json:"access_token"`
	IDToken      string `json:"id_token"`
	TokenType    string `json:"token_type"`
	RefreshToken string `json:"refresh_token"`
	ExpiresIn    int64  `json:"expires_in"`
	AuthMethod   string `json:"auth_method"`
}

// v0 asks for tokens in the second wire form.
func (i *instance) v0(t testing.TB, c clientUnderTest, body fields, header ...string) answer {
	t.Helper()
	return i.send(t, "POST", "/api/v0/token/"+c.ClientID, jsonText(body), append(header, "API_KEY_ID: "+c.ClientID)...)
}

// v0Refresh asks for them with a refresh token.
func (i *instance) v0Refresh(t testing.TB, c clientUnderTest, refresh string, header ...string) answer {
	t.Helper()
	return i.v0(t, c, fields{"grant_type": "refresh_token", "refresh_token": refresh}, header...)
}

// given reads such an answer. The test fails unless there are tokens.
func (a answer) given(t testing.TB) v0Tokens {
	t.Helper()
	tokens := decode[v0Tokens](t, a)
	if a.status != http.StatusOK || tokens.AccessToken == "" || tokens.IDToken == "" || tokens.TokenType != "Bearer" || tokens.ExpiresIn < 1 ||
		tokens.AuthMethod != "EXTERNAL" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Pragma") != "no-cache" {
		t.Fatalf("got %v with %v, want tokens that nobody keeps", a, a.header)
	}
	return tokens
}

// customized is an answer of /api/v0/token/custom.
type customized struct {
	Token         string `json:"token"`
	RefreshToken  string `json:"refresh_token"`
	RefreshTokenn string `json:"refresh_tokenn"`
}

// customize puts attributes into a token; refresh "" = none.
func (i *instance) customize(t testing.TB, c clientUnderTest, token, refresh string, attributes fields, header ...string) answer {
	t.Helper()
	body := fields{"token": token, "custom_attributes": attributes}
	if refresh != "" {
		body["refresh_token"] = refresh
	}
	return i.send(t, "POST", "/api/v0/token/custom", jsonText(body), append(header, c.keys()...)...)
}

// made reads such an answer.
func (a answer) made(t testing.TB) customized {
	t.Helper()
	custom := decode[customized](t, a)
	if a.status != http.StatusOK || custom.Token == "" || custom.RefreshToken != custom.RefreshTokenn || a.header.Get("Cache-Control") != "no-store" {
		t.Fatalf("got %v with %v, want a token that nobody keeps", a, a.header)
	}
	return custom
}

// wantMessage checks a refusal in the second wire form.
func (i *instance) wantMessage(t testing.TB, what string, a answer, status int, reason, part string) {
	t.Helper()
	told := decode[struct{ Msg, Reason, Reference string }](t, a)
	if a.status != status || told.Reason != reason || !strings.Contains(told.Msg, part) || told.Reference == "" || a.cookieLine() != "" {
		t.Errorf("%s: got %v, want %d, %s and %q", what, a, status, reason, part)
	}
	if (status == http.StatusServiceUnavailable) != (a.header.Get("Retry-After") != "") {
		t.Errorf("%s: got Retry-After %q", what, a.header.Get("Retry-After"))
	}
	if !strings.Contains(i.log.String(), told.Reference) {
		t.Errorf("%s: got no line with the reference %s in the log", what, told.Reference)
	}
}

// cookieLine is the one Set-Cookie line of an answer, "" = none.
func (a answer) cookieLine() string { return strings.Join(a.header["Set-Cookie"], "\n") }
