package main

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestPeopleTokensEnd: what ends a person's tokens ends all of them for the next
// request at the other instance: access tokens of every form at introspection and
// at userinfo, and the refresh token.
func TestPeopleTokensEnd(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		const public, at = "USHER_PUBLIC_URL=http://sso.localhost", "Host: sso.localhost"
		i, second := launch(t, w, public), launch(t, w, public)
		library := i.addConnection(t, "library", nil, at)
		rounds := 0
		for what, end := range map[string]func(t *testing.T, n installed, user string, lumen clientUnderTest, tokens personTokens){
			"the client revokes the refresh token": func(t *testing.T, _ installed, _ string, lumen clientUnderTest, tokens personTokens) {
				t.Helper()
				body, header := lumen.asking(url.Values{"token": {tokens.RefreshToken}, "token_type_hint": {"refresh_token"}}, []string{at})
				if a := i.send(t, "POST", "/connect/revocation", body, header...); a.status != 200 || a.body != "" {
					t.Errorf("got %v, want an empty 200", a)
				}
			},
			"the user is disabled": func(t *testing.T, _ installed, user string, _ clientUnderTest, _ personTokens) {
				t.Helper()
				i.admin(t, 200, "PATCH", "/users/"+user, fields{"disabled": true}, at)
			},
			"the user is signed out everywhere": func(t *testing.T, _ installed, user string, _ clientUnderTest, _ personTokens) {
				t.Helper()
				i.admin(t, 204, "POST", "/users/"+user+"/sign-out", nil, at)
			},
			"the integration signs everybody out": func(t *testing.T, n installed, _ string, _ clientUnderTest, _ personTokens) {
				t.Helper()
				i.admin(t, 204, "POST", "/integrations/"+n.ID+"/sign-out", nil, at)
			},
			"the integration is removed": func(t *testing.T, n installed, _ string, _ clientUnderTest, _ personTokens) {
				t.Helper()
				i.admin(t, 204, "DELETE", "/integrations/"+n.ID, nil, at)
			},
			"the client is disabled": func(t *testing.T, _ installed, _ string, lumen clientUnderTest, _ personTokens) {
				t.Helper()
				i.admin(t, 200, "PATCH", "/clients/"+lumen.ID, fields{"disabled": true}, at)
			},
			"the client is deleted": func(t *testing.T, _ installed, _ string, lumen clientUnderTest, _ personTokens) {
				t.Helper()
				i.admin(t, 204, "DELETE", "/clients/"+lumen.ID, nil, at)
			},
			"the person signs out by the client": func(t *testing.T, n installed, _ string, _ clientUnderTest, tokens personTokens) {
				t.Helper()
				cookie := i.signIn(t, link(n.token(person(fmt.Sprintf("anna%d", rounds)))), at)
				if a := i.get(t, "/connect/endsession?"+url.Values{"id_token_hint": {tokens.IdentityToken}}.Encode(), at, holding(cookie)); a.status != 200 {
					t.Errorf("got %v, want a page", a)
				}
			},
		} {
			for _, format := range accessFormats {
				n := i.install(t, fields{"name": what}, at)
				rounds++
				anna := fmt.Sprintf("anna%d", rounds)
				cookie := i.signIn(t, link(n.token(person(anna))), at)
				user := i.userID(t, anna+"@lumen.example", at)
				lumen := i.addPeopleClient(t, fields{"access_token_format": format, "api_scopes": []string{"library"}}, at)
				tokens := i.tokensFor(t, lumen, cookie, "openid library offline_access", at)
				if !decode[introspected](t, second.introspect(t, library, tokens.AccessToken, at)).Active {
					t.Errorf("%s, %s: got a dead token before it, want it live", what, format)
				}
				if a := second.userInfo(t, tokens.AccessToken, at); a.status != http.StatusOK {
					t.Errorf("%s, %s: got %v before it, want 200", what, format, a)
				}
				end(t, n, user, lumen, tokens)
				for name, here := range map[string]*instance{"there": second, "here": i} {
					here.introspect(t, library, tokens.AccessToken, at).wantInactive(t, what+", "+format+" "+name)
					if a := here.userInfo(t, tokens.AccessToken, at); a.status != http.StatusUnauthorized {
						t.Errorf("%s, %s, %s: got %v of userinfo, want 401", what, format, name, a)
					}
					if a := here.refresh(t, lumen, tokens.RefreshToken, at); a.status != 400 && a.status != 401 || a.oauthReason(t) != "invalid_grant" && a.oauthReason(t) != "invalid_client" {
						t.Errorf("%s, %s, %s: got %v of a refresh, want it refused", what, format, name, a)
					}
				}
			}
		}
	})
}

// TestIntrospectionOfPeople: what is no live access token with a scope of the
// caller is inactive, and nobody is told why.
func TestIntrospectionOfPeople(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		library := i.addConnection(t, "library", nil)
		archive := i.addConnection(t, "archive", nil)
		acme := i.addTenant(t, "acme", "a.localhost")
		theirs := i.addPeopleClient(t, nil, acme.host)
		n := i.install(t, nil)
		cookie := i.signIn(t, link(n.token(person("anna"))))
		for _, format := range accessFormats {
			lumen := i.addPeopleClient(t, fields{"access_token_format": format, "api_scopes": []string{"archive", "library"}})
			tokens := i.tokensFor(t, lumen, cookie, "openid library offline_access")
			token := tokens.AccessToken
			for what, text := range map[string]string{
				"unknown": strings.Repeat("0", 64), "cut": token[:len(token)-1], "extended": token + "0", "in another case": swapCase(token),
				"an identity token": tokens.IdentityToken, "a refresh token": tokens.RefreshToken, "a partner's token": n.token(person("anna")),
				"another tenant's": i.tokensFor(t, theirs, acme.cookie, "openid", acme.host).AccessToken, "a session": cookie,
				"without an API scope": i.tokensFor(t, lumen, cookie, "openid").AccessToken,
			} {
				i.introspect(t, library, text).wantInactive(t, format+" "+what)
			}
			i.introspect(t, archive, token).wantInactive(t, format+" without a scope of the caller")
			if a := i.introspect(t, library, token); !decode[introspected](t, a).Active {
				t.Errorf("%s: got %v, want it active", format, a)
			}
			// Another client cannot take it back; hers can, and alone.
			other := i.addPeopleClient(t, nil)
			for _, text := range []string{token, tokens.RefreshToken} {
				if a := i.revoke(t, other, text); a.status != 200 {
					t.Errorf("%s: got %v, want an empty 200", format, a)
				}
			}
			if a := i.introspect(t, library, token); !decode[introspected](t, a).Active {
				t.Errorf("%s: got %v after another client's revocation, want it active", format, a)
			}
			i.revoke(t, lumen, token)
			i.introspect(t, library, token).wantInactive(t, format+" that was revoked")
			if a := i.refresh(t, lumen, tokens.RefreshToken); a.status != 200 {
				t.Errorf("%s: got %v, want the refresh token alive", format, a)
			}
		}
	})
}
