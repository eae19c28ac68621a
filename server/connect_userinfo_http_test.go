package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestUserInfo: the claims of the scopes that were granted, as they are now.
func TestUserInfo(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.addConnection(t, "library", nil)
		n := i.install(t, nil)
		claims := person("anna").with(fields{"name": "Anna Moss", "phone": "+31201234567"})
		cookie := i.signIn(t, link(n.token(claims)))
		user := i.userID(t, "anna@lumen.example")
		scopes := []string{"openid", "profile", "email", "phone", "name", "groups"}
		for _, format := range accessFormats {
			lumen := i.addPeopleClient(t, fields{"access_token_format": format, "identity_scopes": scopes, "api_scopes": []string{"library"}})
			for scope, want := range map[string]map[string]any{
				"openid":                      {"sub": user},
				"openid library":              {"sub": user},
				"openid name":                 {"sub": user, "name": "Anna Moss"},
				"openid profile":              {"sub": user, "name": "Anna Moss", "email": "anna@lumen.example", "phone": "+31201234567"},
				"openid phone offline_access": {"sub": user, "phone": "+31201234567"},
			} {
				token := i.tokensFor(t, lumen, cookie, scope).AccessToken
				for way, a := range map[string]answer{
					"GET":           i.userInfo(t, token),
					"POST":          i.send(t, "POST", "/connect/userinfo", "", "Authorization: bearer "+token),
					"with a form":   i.send(t, "POST", "/connect/userinfo", "x=y", isForm, "Authorization: Bearer "+token),
					"POST of forms": i.send(t, "POST", "/connect/userinfo", url.Values{"access_token": {token}}.Encode(), isForm),
				} {
					if a.status != 200 || a.header.Get("Cache-Control") != "no-store" || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
						t.Errorf("%s, %s, %s: got %v with %v", format, scope, way, a, a.header)
					} else if diff := cmp.Diff(want, decode[map[string]any](t, a)); diff != "" {
						t.Errorf("%s, %s, %s (-want +got):\n%s", format, scope, way, diff)
					}
				}
			}
			// As it is now, and with what the client may have now.
			token := i.tokensFor(t, lumen, cookie, "openid name phone").AccessToken
			i.signIn(t, link(n.token(claims.with(fields{"name": "Anna Sand"}))))
			if got := decode[map[string]any](t, i.userInfo(t, token)); got["name"] != "Anna Sand" {
				t.Errorf("%s: got %v, want the new name", format, got)
			}
			i.admin(t, 200, "PATCH", "/clients/"+lumen.ID, fields{"identity_scopes": []string{"openid", "name"}})
			if got := decode[map[string]any](t, i.userInfo(t, token)); got["phone"] != nil || got["name"] == nil {
				t.Errorf("%s: got %v, want no phone any more", format, got)
			}
			i.signIn(t, link(n.token(claims.with(fields{"name": "Anna Moss"}))))
		}
	})
}

func TestUserInfoRefused(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.addConnection(t, "library", nil)
		n := i.install(t, nil)
		cookie := i.signIn(t, link(n.token(person("anna"))))
		lumen := i.addPeopleClient(t, fields{"api_scopes": []string{"library"}})
		machine := i.addClient(t, "reference", []string{"library"})
		tokens := i.tokensFor(t, lumen, cookie, "openid offline_access")
		token := tokens.AccessToken
		without := i.tokensFor(t, lumen, cookie, "library").AccessToken
		i.addTenant(t, "acme", "a.localhost")
		const invalid, missing, scope = `Bearer realm="usher", error="invalid_token"`, `Bearer realm="usher"`, `Bearer realm="usher", error="insufficient_scope"`
		as := func(token string) []string { return []string{"Authorization: Bearer " + token} }
		for name, test := range map[string]struct {
			method, path, body string
			header             []string
			status             int
			challenge          string
		}{
			"nothing":              {"GET", "", "", nil, 401, missing},
			"a session":            {"GET", "", "", []string{holding(cookie)}, 401, missing},
			"another scheme":       {"GET", "", "", []string{"Authorization: JWT " + token}, 401, missing},
			"no token":             {"GET", "", "", []string{"Authorization: Bearer "}, 401, missing},
			"an empty form":        {"POST", "", "x=y", []string{isForm}, 401, missing},
			"a form of a GET":      {"GET", "", "access_token=" + token, []string{isForm}, 401, missing},
			"unknown":              {"GET", "", "", as(strings.Repeat("0", 64)), 401, invalid},
			"garbage":              {"GET", "", "", as("%00.\\"), 401, invalid},
			"cut":                  {"GET", "", "", as(token[:len(token)-1]), 401, invalid},
			"extended":             {"GET", "", "", as(token + "A"), 401, invalid},
			"an identity token":    {"GET", "", "", as(tokens.IdentityToken), 401, invalid},
			"a refresh token":      {"GET", "", "", as(tokens.RefreshToken), 401, invalid},
			"a partner's token":    {"GET", "", "", as(n.token(person("anna"))), 401, invalid},
			"an API key":           {"GET", "", "", as(apiKey), 401, invalid},
			"of a client":          {"GET", "", "", as(i.accessToken(t, machine)), 403, scope},
			"without openid":       {"GET", "", "", as(without), 403, scope},
			"at another tenant":    {"GET", "", "", append(as(token), "Host: a.localhost"), 401, invalid},
			"in the query":         {"GET", "?access_token=" + token, "", nil, 400, ""},
			"in the query as well": {"GET", "?access_token=" + token, "", as(token), 400, ""},
			"in the query of POST": {"POST", "?access_token=" + token, "x=y", []string{isForm}, 400, ""},
			"twice in the form":    {"POST", "", "access_token=a&access_token=b", []string{isForm}, 400, ""},
			"in both":              {"POST", "", "access_token=" + token, append(as(token), isForm), 400, ""},
			"two headers":          {"GET", "", "", append(as(token), as(token)...), 400, ""},
		} {
			a := i.send(t, test.method, "/connect/userinfo"+test.path, test.body, test.header...)
			if a.status != test.status || a.header.Get("WWW-Authenticate") != test.challenge || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: got %v with %v, want %d and the challenge %q", name, a, a.header, test.status, test.challenge)
			}
			if strings.Contains(a.body, "lumen.example") || a.cookie() != "" {
				t.Errorf("%s: got %v, want nothing about the person", name, a)
			}
		}
		if a := i.userInfo(t, token); a.status != http.StatusOK {
			t.Errorf("got %v, want the token good all the same", a)
		}
		if strings.Contains(i.log.String(), token) {
			t.Error("got a token in the log")
		}
	})
}
