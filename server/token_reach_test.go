package main

import (
	"html"
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestEndingsReachTokens: what ends a person's access, at one instance, makes every
// token of theirs dead at the next call at another: access tokens of each format at
// introspection and userinfo, refresh tokens, and what comes of them. Nothing
// brings them back.
func TestEndingsReachTokens(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		// Both are reached by one address, as behind a balancer.
		const public, at = "USHER_PUBLIC_URL=http://sso.localhost", "Host: sso.localhost"
		i, second := launch(t, w, public), launch(t, w, public)
		library := i.addConnection(t, "library", nil, at)
		clients := map[string]clientUnderTest{}
		for _, format := range accessFormats {
			clients[format] = i.addPeopleClient(t, fields{"access_token_format": format, "api_scopes": []string{"library"}}, at)
		}
		for _, end := range []struct {
			name string
			do   func(t *testing.T, lumen installed, user, client string)
			back func(t *testing.T, lumen installed, user, client string) // nil = there is no way back
			once bool                                                     // of one client alone
		}{
			{
				name: "disabling the person",
				do: func(t *testing.T, _ installed, user, _ string) {
					i.admin(t, 200, "PATCH", "/users/"+user, fields{"disabled": true}, at)
				},
				back: func(t *testing.T, _ installed, user, _ string) {
					i.admin(t, 200, "PATCH", "/users/"+user, fields{"disabled": false}, at)
				},
			},
			{name: "signing out everywhere", do: func(t *testing.T, _ installed, user, _ string) {
				i.admin(t, 204, "POST", "/users/"+user+"/sign-out", nil, at)
			}},
			{name: "erasing the person", do: func(t *testing.T, _ installed, user, _ string) {
				i.admin(t, 204, "DELETE", "/users/"+user, nil, at)
			}},
			{name: "removing the integration", do: func(t *testing.T, lumen installed, _, _ string) {
				i.admin(t, 204, "DELETE", "/integrations/"+lumen.ID, nil, at)
			}},
			{name: "signing everybody of the integration out", do: func(t *testing.T, lumen installed, _, _ string) {
				i.admin(t, 204, "POST", "/integrations/"+lumen.ID+"/sign-out", nil, at)
			}},
			{name: "taking the application away", once: true, do: func(t *testing.T, _ installed, user, client string) {
				i.admin(t, 204, "DELETE", "/users/"+user+"/applications/"+client, nil, at)
			}},
			{
				name: "disabling the client", once: true,
				do: func(t *testing.T, _ installed, _, client string) {
					i.admin(t, 200, "PATCH", "/clients/"+client, fields{"disabled": true}, at)
				},
			},
		} {
			lumen := i.install(t, fields{"name": end.name}, at)
			user := i.signIn(t, link(lumen.token(person("anna").with(fields{"email": lumen.ID + "@lumen.example"}))), at)
			id := i.userID(t, lumen.ID+"@lumen.example", at)
			issued := map[string]personTokens{}
			for format, c := range clients {
				issued[format] = i.tokensFor(t, c, user, "openid profile library offline_access", at)
				if a := second.introspect(t, library, issued[format].AccessToken, at); !decode[introspected](t, a).Active {
					t.Errorf("%s, %s: got %v before, want it active", end.name, format, a)
				}
			}
			for format, c := range clients {
				end.do(t, lumen, id, c.ID)
				for round := range 2 {
					for other, tokens := range issued {
						if end.once && other != format {
							continue
						}
						what := end.name + ", " + other
						second.introspect(t, library, tokens.AccessToken, at).wantInactive(t, what)
						if a := second.userInfo(t, tokens.AccessToken, at); a.status != http.StatusUnauthorized {
							t.Errorf("%s: userinfo says %v, want 401", what, a)
						}
						// A client that is disabled is no client.
						if a := second.refresh(t, clients[other], tokens.RefreshToken, at); a.status != 400 && a.status != 401 {
							t.Errorf("%s: a refresh gives %v, want a refusal", what, a)
						}
					}
					if end.back == nil || round > 0 {
						break
					}
					end.back(t, lumen, id, c.ID)
				}
				if !end.once {
					break
				}
				if end.name == "disabling the client" {
					i.admin(t, 200, "PATCH", "/clients/"+c.ID, fields{"disabled": false}, at)
				}
			}
		}
	})
}

// TestUserApplications: an administrator sees what applications may do for a
// person, and takes it away.
func TestUserApplications(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, fields{"name": "Lumen Learning"})
		shop, bank := i.addPeopleClient(t, fields{"name": "Shop <b>"}), i.addPeopleClient(t, fields{"name": "Bank"})
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		i.signIn(t, link(lumen.token(person("berta"))))
		anna, berta := i.userID(t, "anna@lumen.example"), i.userID(t, "berta@lumen.example")
		of := i.tokensFor(t, shop, cookie, "openid email offline_access")
		i.tokensFor(t, shop, cookie, "openid")
		i.tokensFor(t, bank, cookie, "openid offline_access")

		type grants struct {
			Grants []grantShown
			Next   *string
		}
		got := decode[grants](t, i.admin(t, 200, "GET", "/users/"+anna+"/grants", nil))
		if len(got.Grants) != 3 || got.Next != nil {
			t.Fatalf("got %+v, want three grants", got)
		}
		if g := got.Grants[2]; g.ClientID != shop.ClientID || g.Client != shop.ID || g.Name != "Shop <b>" || g.Integration != lumen.ID || len(g.Scopes) != 3 {
			t.Errorf("got %+v, want the first of the shop", g)
		}
		if none := decode[grants](t, i.admin(t, 200, "GET", "/users/"+berta+"/grants", nil)); len(none.Grants) != 0 {
			t.Errorf("got %+v of another person, want nothing", none)
		}
		path := "/admin/users/" + anna
		wantSeen(t, i.page(t, path), "Shop <b>", "Bank", "by Lumen Learning", "not asked")
		wantSeen(t, i.page(t, "/admin/users/"+berta), "No application may do anything for this user.")

		wantWent(t, i.submit(t, path+"/applications/"+shop.ID+"/end"), path+"?done=application_ended")
		if a := i.refresh(t, shop, of.RefreshToken); a.oauthReason(t) != "invalid_grant" {
			t.Errorf("got %v, want the refresh token dead", a)
		}
		if left := decode[grants](t, i.admin(t, 200, "GET", "/users/"+anna+"/grants", nil)); len(left.Grants) != 1 || left.Grants[0].Client != bank.ID {
			t.Errorf("got %+v, want that of the bank alone", left)
		}
		i.admin(t, 404, "DELETE", "/users/"+anna+"/applications/"+shop.ID, nil)
		i.admin(t, 404, "DELETE", "/users/"+berta+"/applications/"+bank.ID, nil)
		i.admin(t, 204, "DELETE", "/users/"+anna+"/applications/"+bank.ID, nil)
		wantSeen(t, i.page(t, path), "No application may do anything for this user.")

		// What was allowed when asked.
		asks := i.addPeopleClient(t, fields{"name": "Asks", "ask_consent": true})
		consent := func() []consentShown {
			return decode[struct{ Consents []consentShown }](t, i.admin(t, 200, "GET", "/users/"+anna+"/consents", nil)).Consents
		}
		if len(consent()) != 0 {
			t.Errorf("got %+v before, want no consent", consent())
		}
		i.allow(t, asks, cookie, "openid email")
		if list := consent(); len(list) != 1 || list[0].Client != asks.ID || len(list[0].Scopes) != 2 {
			t.Errorf("got %+v, want what was allowed", list)
		}
		wantSeen(t, i.page(t, path), "Asks")
		i.admin(t, 204, "DELETE", "/users/"+anna+"/applications/"+asks.ID, nil)
		if len(consent()) != 0 {
			t.Errorf("got %+v afterwards, want no consent", consent())
		}
	})
}

type grantShown struct {
	ID, Client, Name, Integration string
	ClientID                      string `json:"client_id"`
	Scopes                        []string
}

type consentShown struct {
	Client, Name string
	Scopes       []string
}

// TestSecretPagesShowTheCall: with a new secret comes the call that gets a token, at
// the address where that kind of client gets all of its own.
func TestSecretPagesShowTheCall(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		i.signIn(t, link(lumen.token(person("anna"))))
		application := i.addClient(t, "jwt", nil)
		program := decode[clientUnderTest](t, i.admin(t, 201, "POST", "/clients", fields{
			"name": "Anna’s program", "kind": "person", "user_id": i.userID(t, "anna@lumen.example"),
		}))
		acme := i.addOrganization(t, "", "acme", nil)
		for path, address := range map[string]string{
			"/admin/tokens/clients/" + application.ID: "/connect/token",
			"/admin/tokens/clients/" + program.ID:     "/v1/oauth/access_token",
			"/admin/tokens/organizations/" + acme.ID:  "/v1/oauth/access_token",
		} {
			a := i.submit(t, path+"/secrets")
			if !strings.Contains(a.body, "-d grant_type=client_credentials "+i.origin+address+"<") {
				t.Errorf("%s: got %v, want the call of %s", path, a, address)
			}
		}
		// Nobody is shown a call that would be refused.
		path := "/admin/tokens/clients/" + i.addPeopleClient(t, nil).ID
		if a := i.submit(t, path+"/secrets"); !strings.Contains(a.body, "uss_") || strings.Contains(a.body, "client_credentials") || strings.Contains(a.body, "Try it") {
			t.Errorf("%s: got %v, want the secret and no call", path, a)
		}
	})
}

// allow sends a person to a client that asks, and allows it what it asks for.
func (i *instance) allow(t *testing.T, c clientUnderTest, cookie, scope string) {
	t.Helper()
	target := newProof().authorizeURL(c, scope, nil)
	question := i.get(t, target, holding(cookie), wantsPage)
	_, rest, found := strings.Cut(question.body, `name="seen" value="`)
	seen, _, _ := strings.Cut(rest, `"`)
	asked, err := url.Parse(target)
	if !found || err != nil {
		t.Fatalf("got %v, want the question", question)
	}
	answer := asked.Query()
	answer.Set("seen", html.UnescapeString(seen))
	answer.Set("decision", "allow")
	if a := i.send(t, "POST", "/connect/consent", answer.Encode(), holding(cookie), isForm); !strings.HasPrefix(a.header.Get("Location"), clientBack+"?code=") {
		t.Fatalf("got %v to %q, want the person back with a code", a, a.header.Get("Location"))
	}
}

// TestProgramsOfPeopleAskForUsers: who may not look at users cannot make what
// speaks for one, nor another secret for it.
func TestProgramsOfPeopleAskForUsers(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		i.signIn(t, link(lumen.token(person("anna"))))
		anna := i.userID(t, "anna@lumen.example")
		key := func(scopes ...string) string {
			made := i.admin(t, 201, "POST", "/api-keys", fields{"name": "tokens", "scopes": scopes})
			return "Authorization: Bearer " + decode[struct{ Key string }](t, made).Key
		}
		alone, both := key("tokens:read", "tokens:write"), key("tokens:read", "tokens:write", "users:read")
		wish := jsonText(fields{"name": "Anna’s program", "kind": "person", "user_id": anna})
		if a := i.send(t, "POST", "/admin/api/v1/clients", wish, alone); a.status != 403 || a.reason() != "not_allowed" {
			t.Errorf("making it without users:read: got %v, want 403", a)
		}
		a := i.send(t, "POST", "/admin/api/v1/clients", wish, both)
		if a.status != 201 {
			t.Fatalf("making it with users:read: got %v, want 201", a)
		}
		secrets := "/admin/api/v1/clients/" + decode[clientUnderTest](t, a).ID + "/secrets"
		if a := i.send(t, "POST", secrets, "{}", alone); a.status != 403 {
			t.Errorf("another secret without users:read: got %v, want 403", a)
		}
		if a := i.send(t, "POST", secrets, "{}", both); a.status != 201 {
			t.Errorf("another secret with users:read: got %v, want 201", a)
		}
	})
}
