package main

import (
	"maps"
	"net/http"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// timeless takes the times and ids out of claims that differ between two runs.
func timeless(claims map[string]any) map[string]any {
	rest := maps.Clone(claims)
	for _, name := range []string{"nbf", "exp", "iat", "auth_time", "jti", "sid"} {
		delete(rest, name)
	}
	return rest
}

// TestV0Refresh: tokens for a refresh token in the second wire form, whose claims
// are those that its clients read.
func TestV0Refresh(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		library := i.addConnection(t, "library", nil)
		shop := i.addPageClient(t, fields{"api_scopes": []string{"library"}})
		first := i.tokensFor(t, shop, cookie, "openid email offline_access library")
		given := i.v0Refresh(t, shop, first.RefreshToken).given(t)

		access, identity := claimsIn(t, given.AccessToken), claimsIn(t, given.IDToken)
		user := claimsIn(t, first.IdentityToken)["sub"]
		if diff := cmp.Diff(map[string]any{
			"iss": i.origin, "aud": shop.ClientID, "sub": user, "client_user_id": user, "identifier": "anna@lumen.example",
			"authentication_method": "EXTERNAL", "type": "client_access_token", "scope": "access", "client_id": shop.ClientID,
		}, timeless(access)); diff != "" {
			t.Errorf("got another access token (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff(map[string]any{
			"iss": i.origin, "aud": shop.ClientID, "sub": user, "client_user_id": user, "identifier": "anna@lumen.example",
			"email": "anna@lumen.example", "type": "client_id_token", "amr": []any{"external"},
		}, without(timeless(identity), "email_verified")); diff != "" {
			t.Errorf("got another identity token (-want +got):\n%s", diff)
		}
		for name, claims := range map[string]map[string]any{"access": access, "identity": identity} {
			for _, claim := range []string{"nbf", "exp", "iat", "auth_time", "jti", "sid"} {
				if claims[claim] == nil {
					t.Errorf("got no %s in the %s token", claim, name)
				}
			}
		}
		if given.ExpiresIn != 3000 || access["exp"].(float64)-access["iat"].(float64) != 3000 {
			t.Errorf("got a life of %d, with %v", given.ExpiresIn, access)
		}
		// It is worth its grant's scopes.
		if found := decode[introspected](t, i.introspect(t, library, given.AccessToken)); !found.Active || found.Scope != "library" {
			t.Errorf("got %+v, want it live with the scope library", found)
		}
		if a := i.userInfo(t, given.AccessToken); a.status != 200 || !strings.Contains(a.body, "anna@lumen.example") {
			t.Errorf("got %v, want the person", a)
		}
		// The same refresh token again, at once, gives the same successor; that one
		// is good at the other wire form.
		if again := i.v0Refresh(t, shop, first.RefreshToken).given(t); again.RefreshToken != given.RefreshToken {
			t.Error("got another successor within the grace")
		}
		at := i.refresh(t, shop, given.RefreshToken).issued(t)
		last := i.v0Refresh(t, shop, at.RefreshToken).given(t)

		// Without the scope the address is nobody's business.
		bare := i.tokensFor(t, shop, cookie, "openid offline_access")
		if got := claimsIn(t, i.v0Refresh(t, shop, bare.RefreshToken).given(t).AccessToken); got["identifier"] != user {
			t.Errorf("got identifier %v, want the user's id", got["identifier"])
		}

		server := i.addPeopleClient(t, nil)
		other := i.addPageClient(t, nil)
		kept := i.tokensFor(t, server, cookie, "openid offline_access").RefreshToken
		for name, test := range map[string]struct {
			client clientUnderTest
			body   fields
			header []string
			status int
			reason string
			part   string
		}{
			"unknown":              {shop, fields{"grant_type": "refresh_token", "refresh_token": strings.Repeat("A", 43)}, nil, 401, "refresh_token_invalid", "not valid"},
			"malformed":            {shop, fields{"grant_type": "refresh_token", "refresh_token": "undefined"}, nil, 401, "refresh_token_invalid", "not valid"},
			"none":                 {shop, fields{"grant_type": "refresh_token"}, nil, 401, "refresh_token_invalid", "not valid"},
			"null":                 {shop, fields{"grant_type": "refresh_token", "refresh_token": nil}, nil, 401, "refresh_token_invalid", "not valid"},
			"another's":            {other, fields{"grant_type": "refresh_token", "refresh_token": last.RefreshToken}, nil, 401, "refresh_token_invalid", "not valid"},
			"of another type":      {shop, fields{"grant_type": "refresh_token", "refresh_token": 1}, nil, 400, "bad_request", "refresh_token"},
			"no grant":             {shop, fields{"refresh_token": last.RefreshToken}, nil, 400, "bad_request", "grant_type"},
			"another grant":        {shop, fields{"grant_type": "password"}, nil, 400, "unsupported_grant_type", "refresh_token"},
			"a client with secret": {server, fields{"grant_type": "refresh_token", "refresh_token": kept}, nil, 401, "invalid_client", ""},
			"a wrong secret":       {server, fields{"grant_type": "refresh_token", "refresh_token": kept}, []string{"API_SECRET_KEY: wrong"}, 401, "invalid_client", ""},
			"a secret twice":       {server, fields{"grant_type": "refresh_token", "refresh_token": kept}, []string{"API_SECRET_KEY: x", "API_SECRET_KEY: y"}, 401, "invalid_client", "once"},
			"another key id":       {shop, fields{"grant_type": "refresh_token"}, []string{"API_KEY_ID: x"}, 400, "bad_request", "API_KEY_ID"},
			"nobody":               {clientUnderTest{ClientID: "nobody"}, fields{"grant_type": "refresh_token"}, nil, 401, "invalid_client", ""},
			"at another tenant":    {shop, fields{"grant_type": "refresh_token", "refresh_token": last.RefreshToken}, []string{"Host: a.localhost"}, 401, "invalid_client", ""},
		} {
			if name == "at another tenant" {
				i.addTenant(t, "acme", "a.localhost")
			}
			i.wantMessage(t, name, i.v0(t, test.client, test.body, test.header...), test.status, test.reason, test.part)
		}
		for name, body := range map[string]string{"no JSON": "grant_type=refresh_token", "a list": "[]", "twice": `{"grant_type":"refresh_token","grant_type":"x"}`, "empty": ""} {
			i.wantMessage(t, name, i.send(t, "POST", "/api/v0/token/"+shop.ClientID, body), 400, "bad_request", "JSON")
		}
		i.v0Refresh(t, server, kept, "API_SECRET_KEY: "+server.ClientSecret).given(t)
		// An administrator takes the leave away, and gives it again.
		for _, may := range []bool{false, true} {
			i.admin(t, http.StatusOK, "PATCH", "/clients/"+shop.ID, fields{"browser_tokens": may})
			a := i.v0Refresh(t, shop, last.RefreshToken)
			if !may {
				i.wantMessage(t, "without leave", a, 401, "invalid_client", "")
				continue
			}
			last = a.given(t)
		}

		// Whoever may not any more, at once.
		i.admin(t, http.StatusOK, "PATCH", "/users/"+user.(string), fields{"disabled": true})
		i.wantMessage(t, "a disabled person", i.v0Refresh(t, shop, last.RefreshToken), 401, "refresh_token_invalid", "not valid")
		i.admin(t, http.StatusOK, "PATCH", "/clients/"+shop.ID, fields{"disabled": true})
		i.wantMessage(t, "a disabled client", i.v0Refresh(t, shop, last.RefreshToken), 401, "invalid_client", "")
		for _, secret := range []string{last.RefreshToken, last.AccessToken, given.IDToken, server.ClientSecret} {
			if strings.Contains(i.log.String(), secret) {
				t.Error("got a token or a secret in the log")
			}
		}
	})
}

func without(claims map[string]any, name string) map[string]any {
	delete(claims, name)
	return claims
}

// TestV0Code: a sign-in can begin here, with a code and its verifier.
func TestV0Code(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		shop := i.addPageClient(t, nil)
		for name, redirect := range map[string]string{"redirect_uri": "redirect_uri", "redirect_url": "redirect_url"} {
			p := newProof()
			wish := fields{"grant_type": "authorization_code", "code": i.code(t, shop, cookie, "openid email offline_access", p), redirect: clientBack, "code_verifier": p.verifier}
			given := i.v0(t, shop, wish).given(t)
			if given.RefreshToken == "" || claimsIn(t, given.IDToken)["nonce"] != p.nonce {
				t.Errorf("%s: got %v, want a refresh token and the nonce", name, claimsIn(t, given.IDToken))
			}
			i.wantMessage(t, name+" again", i.v0(t, shop, wish), 400, "invalid_grant", "")
			i.wantMessage(t, name+" refreshed", i.v0Refresh(t, shop, given.RefreshToken), 401, "refresh_token_invalid", "not valid")
		}
		p := newProof()
		code := i.code(t, shop, cookie, "openid", p)
		i.wantMessage(t, "no verifier", i.v0(t, shop, fields{"grant_type": "authorization_code", "code": code, "redirect_uri": clientBack}), 400, "bad_request", "code_verifier")
		i.wantMessage(t, "two addresses", i.v0(t, shop, fields{
			"grant_type": "authorization_code", "code": code, "redirect_uri": clientBack, "redirect_url": "https://evil.example", "code_verifier": p.verifier,
		}), 400, "bad_request", "redirect_url")
		i.wantMessage(t, "another verifier", i.v0(t, shop, fields{
			"grant_type": "authorization_code", "code": code, "redirect_uri": clientBack, "code_verifier": newProof().verifier,
		}), 400, "invalid_grant", "")
		given := i.v0(t, shop, fields{"grant_type": "authorization_code", "code": code, "redirect_uri": clientBack, "code_verifier": p.verifier}).given(t)
		if given.RefreshToken != "" {
			t.Error("got a refresh token without the scope offline_access")
		}
	})
}

// TestV0Cookie: pages of the client, and no other site's, use the refresh token in
// the cookie, and may read the answers.
func TestV0Cookie(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		shop, server := i.addPageClient(t, nil), i.addPeopleClient(t, nil)
		path := "/api/v0/token/" + shop.ClientID
		refresh := i.tokensFor(t, shop, cookie, "openid offline_access").RefreshToken

		readable := func(what string, a answer, want bool) {
			t.Helper()
			origin := ""
			if want {
				origin = "https://lumen.example"
			}
			h := a.header
			if h.Get("Access-Control-Allow-Origin") != origin || (h.Get("Access-Control-Allow-Credentials") == "true") != want || !strings.Contains(h.Get("Vary"), "Origin") {
				t.Errorf("%s: got %v, want it readable: %v", what, h, want)
			}
		}
		a := i.v0Refresh(t, shop, refresh, clientPage)
		given := a.given(t)
		readable("a refresh", a, true)
		name := "__Host-usher-refresh-" + shop.ClientID
		if got := a.cookieLine(); !strings.HasPrefix(got, name+"="+given.RefreshToken+"; Path=/; Max-Age=129") ||
			!strings.HasSuffix(got, "; HttpOnly; Secure; SameSite=None; Partitioned") {
			t.Errorf("got cookie %q", got)
		}
		held := "Cookie: " + name + "="
		byCookie := fields{"grant_type": "refresh_token"}
		next := i.v0(t, shop, byCookie, clientPage, held+given.RefreshToken).given(t)
		for what, headers := range map[string][]string{
			"no origin":       {held + next.RefreshToken},
			"another origin":  {held + next.RefreshToken, "Origin: https://evil.example"},
			"a neighbour":     {held + next.RefreshToken, "Origin: https://lumen.example.evil.example"},
			"not https":       {held + next.RefreshToken, "Origin: http://lumen.example"},
			"another port":    {held + next.RefreshToken, "Origin: https://lumen.example:8443"},
			"null":            {held + next.RefreshToken, "Origin: null"},
			"two origins":     {held + next.RefreshToken, clientPage, "Origin: https://evil.example"},
			"our own session": {held + next.RefreshToken, "Cookie: __Host-usher=" + cookie},
		} {
			a := i.v0(t, shop, byCookie, headers...)
			i.wantMessage(t, what, a, 403, "cross_origin", "pages of the client")
			readable(what, a, false)
			a = i.send(t, "DELETE", path, "", headers...)
			i.wantMessage(t, what+", deleting", a, 403, "cross_origin", "pages of the client")
		}
		a = i.v0(t, shop, byCookie, clientPage, held+next.RefreshToken, held+"x")
		i.wantMessage(t, "two cookies", a, 401, "refresh_token_invalid", "not valid")
		readable("a refusal", a, true)
		// What the page sends counts before the cookie.
		next = i.v0Refresh(t, shop, next.RefreshToken, clientPage, held+"x").given(t)
		if a := i.v0Refresh(t, shop, next.RefreshToken); a.cookieLine() != "" {
			t.Errorf("got cookie %q for somebody who is no page", a.cookieLine())
		}

		// A page asks its browser first.
		preflight := []string{"Access-Control-Request-Method: POST", "Access-Control-Request-Headers: api_key_id,content-type"}
		a = i.send(t, "OPTIONS", path, "", append(preflight, clientPage)...)
		readable("a preflight", a, true)
		if a.status != 204 || a.header.Get("Access-Control-Allow-Methods") != "POST, DELETE" || a.header.Get("Access-Control-Allow-Headers") != "API_KEY_ID, Content-Type" {
			t.Errorf("got %v with %v, want leave", a, a.header)
		}
		for what, test := range map[string]struct{ path, origin string }{
			"another origin": {path, "Origin: https://evil.example"}, "a client with a secret": {"/api/v0/token/" + server.ClientID, clientPage},
			"nobody": {"/api/v0/token/nobody", clientPage}, "custom": {"/api/v0/token/custom", clientPage},
		} {
			a := i.send(t, "OPTIONS", test.path, "", append(preflight, test.origin)...)
			readable(what, a, false)
			if a.status != 204 || a.header.Get("Access-Control-Allow-Methods") != "" {
				t.Errorf("%s: got %v with %v, want no leave", what, a, a.header)
			}
		}
		if a := i.send(t, "OPTIONS", path, "", clientPage); a.status != 405 || a.header.Get("Allow") != "POST, DELETE" {
			t.Errorf("got %v with %v, want 405 without a question", a, a.header)
		}

		// Signing out ends everything that came from it, and takes the cookie away.
		last := i.v0Refresh(t, shop, next.RefreshToken, clientPage).given(t)
		a = i.send(t, "DELETE", path, "", clientPage, held+last.RefreshToken, "Content-Type: application/json", "API_KEY_ID: "+shop.ClientID)
		readable("signing out", a, true)
		if a.status != 200 || a.cookieLine() != name+"=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=None; Partitioned" {
			t.Errorf("got %v with cookie %q", a, a.cookieLine())
		}
		i.wantMessage(t, "after signing out", i.v0Refresh(t, shop, last.RefreshToken), 401, "refresh_token_invalid", "not valid")
		for what, token := range map[string]string{"the last": last.AccessToken, "an older": given.AccessToken} {
			if a := i.userInfo(t, token); a.status != 401 {
				t.Errorf("got %v for %s access token, want it dead", a, what)
			}
		}
		if a := i.send(t, "DELETE", path, "", clientPage); a.status != 200 || !strings.Contains(a.cookieLine(), "Max-Age=0") {
			t.Errorf("got %v with cookie %q, want it done without a cookie", a, a.cookieLine())
		}
		i.wantMessage(t, "nobody's", i.send(t, "DELETE", "/api/v0/token/nobody", "", clientPage), 401, "invalid_client", "")
	})
}
