package main

import (
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// everyScope is what the clients of these tests ask for.
const everyScope = "openid profile email library offline_access"

// TestPeopleTokens: a person signs in to a client, in every form of its tokens.
func TestPeopleTokens(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		library := i.addConnection(t, "library", []string{"library:read"})
		n := i.install(t, nil)
		cookie := i.signIn(t, link(n.token(person("anna").with(fields{"name": "Anna Moss", "phone": "+31201234567"}))))
		user := i.userID(t, "anna@lumen.example")
		for _, format := range accessFormats {
			lumen := i.addPeopleClient(t, fields{"access_token_format": format, "api_scopes": []string{"library"}})
			p := newProof()
			before := time.Now().Unix()
			a := i.redeem(t, lumen, i.code(t, lumen, cookie, everyScope, p), p.verifier)
			tokens := a.issued(t)
			if tokens.Scope != "email library offline_access openid profile" || tokens.RefreshToken == "" || tokens.IdentityToken == "" ||
				tokens.ExpiresIn != 3000 || a.cookie() != "" {
				t.Errorf("%s: got %+v", format, tokens)
			}
			identity := claimsIn(t, tokens.IdentityToken)
			for _, name := range []string{"iat", "nbf", "exp", "auth_time"} {
				if at, _ := identity[name].(float64); int64(at) < before-60 || int64(at) > before+400 {
					t.Errorf("%s: got %s %v at %d", format, name, identity[name], before)
				}
			}
			want := map[string]any{
				"iss": i.origin, "aud": lumen.ClientID, "sub": user, "nonce": p.nonce, "amr": []any{"external"}, "sid": identity["sid"],
				"name": "Anna Moss", "email": "anna@lumen.example", "phone": "+31201234567",
			}
			said := maps.Clone(identity)
			maps.DeleteFunc(said, func(name string, _ any) bool {
				return slices.Contains([]string{"iat", "nbf", "exp", "auth_time", "at_hash", "email_verified"}, name)
			})
			if diff := cmp.Diff(want, said); diff != "" {
				t.Errorf("%s: got another identity token (-want +got):\n%s", format, diff)
			}
			if format != "reference" {
				access := claimsIn(t, tokens.AccessToken)
				for name, value := range map[string]any{
					"iss": i.origin, "sub": user, "client_id": lumen.ClientID, "amr": []any{"external"}, "sid": identity["sid"],
					"auth_time": identity["auth_time"],
				} {
					if diff := cmp.Diff(value, access[name]); diff != "" {
						t.Errorf("%s: got another %s in the access token (-want +got):\n%s", format, name, diff)
					}
				}
				if access["email"] != nil || access["name"] != nil {
					t.Errorf("%s: got %v, want nothing about the person in an access token", format, access)
				}
			}
			// Who asks learns of its own scopes alone, and how the person signed in.
			found := decode[introspected](t, i.introspect(t, library, tokens.AccessToken))
			wantFound := introspected{
				Active: true, NotBefore: found.IssuedAt, IssuedAt: found.IssuedAt, Expires: found.IssuedAt + 3000, Issuer: i.origin,
				Audience: []string{i.origin, "library"}, ClientID: lumen.ClientID, Subject: user, Scope: "library", TokenType: "Bearer",
				ID: found.ID, AuthTime: int64(identity["auth_time"].(float64)), Methods: "external",
			}
			if diff := cmp.Diff(wantFound, found); diff != "" {
				t.Errorf("%s: got another answer (-want +got):\n%s", format, diff)
			}
			// The next tokens say the same, with what has changed since.
			again := i.refresh(t, lumen, tokens.RefreshToken).issued(t)
			if again.Scope != tokens.Scope || again.RefreshToken == tokens.RefreshToken || again.AccessToken == tokens.AccessToken {
				t.Errorf("%s: got %+v", format, again)
			}
			if next := claimsIn(t, again.IdentityToken); next["sid"] != identity["sid"] || next["auth_time"] != identity["auth_time"] || next["nonce"] != nil {
				t.Errorf("%s: got identity token %v, want the same sign-in", format, next)
			}
			narrow := i.tokenFor(t, lumen, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {again.RefreshToken}, "scope": {"library"}}).issued(t)
			if narrow.Scope != "library" || narrow.IdentityToken != "" {
				t.Errorf("%s: got %+v, want the scope library alone", format, narrow)
			}
			for _, secret := range []string{tokens.AccessToken, tokens.RefreshToken, tokens.IdentityToken, p.verifier, narrow.RefreshToken} {
				if strings.Contains(i.log.String(), secret) {
					t.Errorf("%s: got a token in the log", format)
				}
			}
		}
	})
}

// TestPeopleTokensRefused: what is wrong gives nothing, and says no more than it
// has to.
func TestPeopleTokensRefused(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		cookie := i.signIn(t, link(i.install(t, nil).token(person("anna"))))
		lumen := i.addPeopleClient(t, nil)
		page := i.addPeopleClient(t, fields{"public": true})
		other := i.addPeopleClient(t, nil)
		machine := i.addClient(t, "jwt", nil)
		i.addTenant(t, "acme", "a.localhost")
		for name, test := range map[string]struct {
			by     clientUnderTest
			change map[string]string // of the form; "" takes a parameter out
			host   string
			status int
			reason string
		}{
			"no code":              {lumen, map[string]string{"code": ""}, "", 400, "invalid_request"},
			"another code":         {lumen, map[string]string{"code": strings.Repeat("A", 43)}, "", 400, "invalid_grant"},
			"not a code":           {lumen, map[string]string{"code": "\x00%"}, "", 400, "invalid_grant"},
			"no redirect_uri":      {lumen, map[string]string{"redirect_uri": ""}, "", 400, "invalid_grant"},
			"another redirect_uri": {lumen, map[string]string{"redirect_uri": clientBack + "/"}, "", 400, "invalid_grant"},
			"no verifier":          {lumen, map[string]string{"code_verifier": ""}, "", 400, "invalid_grant"},
			"another verifier":     {lumen, map[string]string{"code_verifier": newProof().verifier}, "", 400, "invalid_grant"},
			"short verifier":       {lumen, map[string]string{"code_verifier": "x"}, "", 400, "invalid_grant"},
			"another client":       {other, nil, "", 400, "invalid_grant"},
			"a public client":      {page, nil, "", 400, "invalid_grant"},
			"a machine":            {machine, nil, "", 400, "unauthorized_client"},
			"another tenant":       {lumen, nil, "Host: a.localhost", 401, "invalid_client"},
			"no secret":            {clientUnderTest{ClientID: lumen.ClientID}, nil, "", 401, "invalid_client"},
			"wrong secret":         {clientUnderTest{ClientID: lumen.ClientID, ClientSecret: "x"}, nil, "", 401, "invalid_client"},
			"a key of nobody":      {clientUnderTest{ClientID: lumen.ClientID}, map[string]string{"client_assertion": "a.b.c", "client_assertion_type": "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"}, "", 401, "invalid_client"},
			"two proofs":           {lumen, map[string]string{"client_assertion": "a.b.c"}, "", 400, "invalid_request"},
			"an assertion of no type": {
				clientUnderTest{ClientID: lumen.ClientID},
				map[string]string{"client_assertion": "a.b.c", "client_assertion_type": "saml"},
				"", 401, "invalid_client",
			},
		} {
			p := newProof()
			code := i.code(t, lumen, cookie, "openid offline_access", p)
			form := url.Values{"grant_type": {"authorization_code"}, "code": {code}, "redirect_uri": {clientBack}, "code_verifier": {p.verifier}}
			for parameter, value := range test.change {
				if form.Set(parameter, value); value == "" {
					form.Del(parameter)
				}
			}
			var header []string
			if test.host != "" {
				header = append(header, test.host)
			}
			a := i.tokenFor(t, test.by, form, header...)
			if a.status != test.status || a.oauthReason(t) != test.reason || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: got %v, want %d and %s", name, a, test.status, test.reason)
			}
			// A try that fails is none: the client whose code it is can go on.
			if a := i.redeem(t, lumen, code, p.verifier); a.status != http.StatusOK {
				t.Errorf("%s: got %v afterwards, want the code good", name, a)
			}
		}

		// The second time somebody else has it: nothing of the first stays.
		p := newProof()
		code := i.code(t, lumen, cookie, "openid offline_access", p)
		tokens := i.redeem(t, lumen, code, p.verifier).issued(t)
		if a := i.redeem(t, lumen, code, p.verifier); a.oauthReason(t) != "invalid_grant" {
			t.Errorf("a code twice: got %v, want invalid_grant", a)
		}
		if a := i.refresh(t, lumen, tokens.RefreshToken); a.oauthReason(t) != "invalid_grant" {
			t.Errorf("after a code twice: got %v, want the refresh token dead", a)
		}
		if a := i.userInfo(t, tokens.AccessToken); a.status != http.StatusUnauthorized {
			t.Errorf("after a code twice: got %v, want the access token dead", a)
		}

		tokens = i.tokensFor(t, lumen, cookie, "openid offline_access")
		for name, test := range map[string]struct {
			by     clientUnderTest
			form   url.Values
			reason string
		}{
			"no refresh token":      {lumen, url.Values{}, "invalid_request"},
			"another":               {lumen, url.Values{"refresh_token": {strings.Repeat("A", 43)}}, "invalid_grant"},
			"another client":        {other, url.Values{"refresh_token": {tokens.RefreshToken}}, "invalid_grant"},
			"a public client":       {page, url.Values{"refresh_token": {tokens.RefreshToken}}, "invalid_grant"},
			"cut":                   {lumen, url.Values{"refresh_token": {tokens.RefreshToken[1:]}}, "invalid_grant"},
			"in another case":       {lumen, url.Values{"refresh_token": {swapCase(tokens.RefreshToken)}}, "invalid_grant"},
			"the access token":      {lumen, url.Values{"refresh_token": {tokens.AccessToken}}, "invalid_grant"},
			"more scope":            {lumen, url.Values{"refresh_token": {tokens.RefreshToken}, "scope": {"openid profile"}}, "invalid_scope"},
			"a client's own grants": {machine, url.Values{"refresh_token": {tokens.RefreshToken}}, "unauthorized_client"},
		} {
			test.form.Set("grant_type", "refresh_token")
			if a := i.tokenFor(t, test.by, test.form); a.status != 400 || a.oauthReason(t) != test.reason {
				t.Errorf("%s: got %v, want %s", name, a, test.reason)
			}
		}
		if a := i.refresh(t, lumen, tokens.RefreshToken); a.status != http.StatusOK {
			t.Errorf("got %v, want the family alive after what others have tried", a)
		}
	})
}

// TestPublicClient: a program without a secret proves itself by PKCE, and its
// scripts may call.
func TestPublicClient(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		cookie := i.signIn(t, link(i.install(t, nil).token(person("anna"))))
		page := i.addPeopleClient(t, fields{"public": true, "redirect_uris": []string{clientBack, "https://app.lumen.example/x?y"}})
		i.addPeopleClient(t, fields{"redirect_uris": []string{"https://secret.example/back"}})
		if page.ClientSecret != "" {
			t.Fatal("got a secret, want none")
		}
		const from = "Origin: https://lumen.example"
		p := newProof()
		a := i.redeem(t, page, i.code(t, page, cookie, "openid offline_access", p), p.verifier, from)
		tokens := a.issued(t)
		shared := func(what string, a answer, want string) {
			t.Helper()
			if got := a.header.Get("Access-Control-Allow-Origin"); got != want || a.header.Get("Access-Control-Allow-Credentials") != "" ||
				!slices.Contains(a.header.Values("Vary"), "Origin") {
				t.Errorf("%s: got %v with %v, want it shared with %q and without cookies", what, a, a.header, want)
			}
		}
		shared("tokens", a, "https://lumen.example")
		shared("refresh", i.refresh(t, page, tokens.RefreshToken, from), "https://lumen.example")
		shared("userinfo", i.userInfo(t, tokens.AccessToken, from), "https://lumen.example")
		shared("refusal", i.userInfo(t, "x", from), "https://lumen.example")
		shared("another page of hers", i.userInfo(t, tokens.AccessToken, "Origin: https://app.lumen.example"), "https://app.lumen.example")
		for _, origin := range []string{
			"https://evil.example", "null", "http://lumen.example", "https://lumen.example:444", "https://lumen.example.evil.example",
			"https://secret.example", i.origin,
		} {
			shared(origin, i.userInfo(t, tokens.AccessToken, "Origin: "+origin), "")
		}
		for _, path := range []string{"/connect/token", "/connect/userinfo", "/connect/revocation"} {
			a := i.send(t, "OPTIONS", path, "", from, "Access-Control-Request-Method: POST", "Access-Control-Request-Headers: authorization")
			shared(path, a, "https://lumen.example")
			if a.status != http.StatusNoContent || !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "POST") ||
				!strings.Contains(a.header.Get("Access-Control-Allow-Headers"), "Authorization") {
				t.Errorf("%s: got %v with %v, want leave to send Authorization", path, a, a.header)
			}
			shared(path, i.send(t, "OPTIONS", path, "", "Origin: https://evil.example", "Access-Control-Request-Method: POST"), "")
			if a := i.send(t, "OPTIONS", path, ""); a.status != http.StatusMethodNotAllowed {
				t.Errorf("%s: got %v, want 405 for what no browser asks", path, a)
			}
		}
		body, header := page.asking(url.Values{"token": {tokens.RefreshToken}}, []string{from})
		shared("revocation", i.send(t, "POST", "/connect/revocation", body, header...), "https://lumen.example")

		// What has been registered counts now, and no longer than it is registered.
		i.admin(t, 200, "PATCH", "/clients/"+page.ID, fields{"disabled": true})
		shared("disabled", i.userInfo(t, tokens.AccessToken, from), "")
		for _, form := range []url.Values{
			{"grant_type": {"client_credentials"}}, {"grant_type": {"refresh_token"}, "refresh_token": {tokens.RefreshToken}},
		} {
			if a := i.tokenFor(t, page, form); a.status != 401 || a.oauthReason(t) != "invalid_client" {
				t.Errorf("disabled: got %v, want 401", a)
			}
		}
	})
}
