package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestV1Organization: the calls of the public Go and Python clients, made for an
// organization.
func TestV1Organization(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		library := i.addConnection(t, "library", nil)
		i.addOrganization(t, "", "acme", nil)
		dev := i.addOrganization(t, "acme", "dev", fields{"api_scopes": []string{"library"}})
		token := i.loggedIn(t, dev, nil)
		want := v1Token{
			AccessToken: token.AccessToken, TokenType: "bearer", ExpiresIn: 3000, Scope: "library,memberof:acme,memberof:acme.dev",
			Info: map[string]string{"globalid": "acme.dev"},
		}
		if diff := cmp.Diff(want, token); diff != "" {
			t.Errorf("access token (-want +got):\n%s", diff)
		}
		signed, claims := i.jwt(t, i.makeJWT(t, token.AccessToken, []string{"memberof:acme", "library"}, []string{"portal"}))
		if claims["globalid"] != "acme.dev" || claims["azp"] != "acme.dev" || claims["iss"] != i.origin || claims["sub"] != nil {
			t.Errorf("got claims %v", claims)
		}
		if diff := cmp.Diff([]any{"memberof:acme", "library"}, claims["scope"]); diff != "" {
			t.Errorf("scopes (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]any{"acme.dev", "portal"}, claims["aud"]); diff != "" {
			t.Errorf("audience (-want +got):\n%s", diff)
		}
		found := decode[introspected](t, i.introspect(t, library, signed))
		if !found.Active || found.Scope != "library" || found.ClientID != "acme.dev" || found.Subject != "acme.dev" {
			t.Errorf("introspection: got %+v", found)
		}
		_, bare := i.jwt(t, i.makeJWT(t, token.AccessToken, nil, nil))
		if diff := cmp.Diff([]any{}, bare["scope"]); diff != "" {
			t.Errorf("without scopes (-want +got):\n%s", diff)
		}

		// As the Python client has it, and as a form or with HTTP Basic.
		direct := url.Values{"response_type": {"id_token"}, "validity": {"60"}, "scope": {"memberof:acme.dev"}, "aud": {"portal,backup"}}
		_, claims = i.jwt(t, i.login(t, dev, direct))
		if diff := cmp.Diff([]any{"acme.dev", "portal", "backup"}, claims["aud"]); diff != "" || claims["exp"].(float64)-claims["iat"].(float64) != 60 {
			t.Errorf("at once: got %v (-want +got):\n%s", claims, diff)
		}
		asJSON := i.login(t, dev, direct, "Accept: application/json")
		if got := decode[map[string]any](t, asJSON); len(got) != 1 || strings.Count(got["access_token"].(string), ".") != 2 {
			t.Errorf("at once, as JSON: got %v", asJSON)
		}
		form := url.Values{"grant_type": {"client_credentials"}, "client_id": {dev.ClientID}, "client_secret": {dev.ClientSecret}}
		for name, a := range map[string]answer{
			"form":             i.send(t, "POST", "/v1/oauth/access_token", form.Encode(), isForm),
			"in capitals":      i.send(t, "POST", "/v1/oauth/access_token?client_id=ACME.Dev&client_secret="+dev.ClientSecret+"&grant_type=client_credentials", ""),
			"basic":            i.send(t, "POST", "/v1/oauth/access_token", wantsClientToken, isForm, dev.asks()),
			"basic and query":  i.send(t, "POST", "/v1/oauth/access_token?"+wantsClientToken, "", dev.asks()),
			"scope by commas":  i.login(t, dev, url.Values{"scope": {"library,memberof:acme,memberof:acme.dev,offline_access"}}),
			"scope by spaces":  i.login(t, dev, url.Values{"scope": {"library memberof:acme memberof:acme.dev"}}),
			"with a wrong one": i.login(t, dev, url.Values{"scope": {"library,memberof:acme,memberof:acme.dev,memberof:elsewhere"}}),
		} {
			if got := decode[v1Token](t, a); a.status != 200 || got.Scope != want.Scope {
				t.Errorf("%s: got %v", name, a)
			}
		}

		// What is not right.
		for name, test := range map[string]struct {
			a      answer
			status int
			reason string
		}{
			"wrong secret":     {i.login(t, clientUnderTest{ClientID: dev.ClientID, ClientSecret: "x"}, nil), 401, "invalid_client"},
			"no secret":        {i.login(t, clientUnderTest{ClientID: dev.ClientID}, nil), 401, "invalid_client"},
			"unknown scope":    {i.login(t, dev, url.Values{"scope": {"archive"}}), 400, "invalid_scope"},
			"another grant":    {i.login(t, dev, url.Values{"grant_type": {"password"}}), 400, "unsupported_grant_type"},
			"no grant":         {i.login(t, dev, url.Values{"grant_type": {""}}), 400, "invalid_request"},
			"twice":            {i.login(t, dev, url.Values{"scope": {"library", "library"}}), 400, "invalid_request"},
			"JSON":             {i.send(t, "POST", "/v1/oauth/access_token", `{}`, "Content-Type: application/json"), 400, "invalid_request"},
			"bad validity":     {i.login(t, dev, url.Values{"validity": {"soon"}}), 400, "invalid_request"},
			"a wrong code":     {i.login(t, dev, url.Values{"grant_type": {""}, "code": {"x"}, "redirect_uri": {clientBack}}), 400, "invalid_grant"},
			"no redirect_uri":  {i.login(t, dev, url.Values{"grant_type": {""}, "code": {"x"}}), 400, "invalid_request"},
			"a wrong refresh":  {i.login(t, dev, url.Values{"grant_type": {"refresh_token"}, "refresh_token": {"x"}}), 400, "invalid_grant"},
			"no refresh token": {i.login(t, dev, url.Values{"grant_type": {"refresh_token"}}), 400, "invalid_request"},
			"lacking scope":    {i.makeJWT(t, token.AccessToken, []string{"archive"}, nil), 401, "invalid_token"},
			"no member there":  {i.makeJWT(t, token.AccessToken, []string{"memberof:acme.dev.x"}, nil), 401, "invalid_token"},
			"no token":         {i.get(t, "/v1/oauth/jwt"), 401, "invalid_token"},
			"a wrong token":    {i.makeJWT(t, strings.Repeat("0", 64), nil, nil), 401, "invalid_token"},
			"of no scheme":     {i.get(t, "/v1/oauth/jwt", "Authorization: "+token.AccessToken), 401, "invalid_token"},
			"bad aud":          {i.makeJWT(t, token.AccessToken, nil, []string{"a\nb"}), 400, "invalid_request"},
			"not refreshable":  {i.get(t, "/v1/oauth/jwt/refresh", "Authorization: bearer "+signed), 401, "invalid_token"},
			"no client":        {i.get(t, "/v1/oauth/jwt/refresh?refresh_token=x"), 401, "invalid_client"},
			"no refresh":       {i.get(t, "/v1/oauth/jwt/refresh?refresh_token=x", dev.asks()), 401, "invalid_token"},
		} {
			test.a.v1Refused(t, name, test.status, test.reason)
		}
		i.addTenant(t, "other", "b.localhost")
		i.login(t, dev, nil, "Host: b.localhost").v1Refused(t, "at another tenant", 401, "invalid_client")
		i.makeJWT(t, token.AccessToken, nil, nil, "Host: b.localhost").v1Refused(t, "a token at another tenant", 401, "invalid_token")
		i.get(t, "/v1/oauth/jwt", "Host: b.localhost", "Authorization: bearer "+signed).v1Refused(t, "a JWT at another tenant", 401, "invalid_token")

		// Disabled: at once.
		i.admin(t, 200, "PATCH", "/organizations/"+dev.ID, fields{"disabled": true})
		i.makeJWT(t, token.AccessToken, nil, nil).v1Refused(t, "disabled", 401, "invalid_token")
		i.introspect(t, library, signed).wantInactive(t, "a JWT of a disabled organization")
		for _, secret := range []string{dev.ClientSecret, token.AccessToken, signed} {
			if strings.Contains(i.log.String(), secret) {
				t.Error("got a secret or a token in the log")
			}
		}
	})
}

// TestV1Person: as a plugin of a web server does it, from the address to which it
// sends a browser to the membership that it looks for.
func TestV1Person(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		// Both are reached by one address, as behind a balancer.
		second, at := launch(t, w, "USHER_PUBLIC_URL="+i.origin), "Host: "+strings.TrimPrefix(i.origin, "http://")
		n := i.install(t, nil)
		acme := i.addOrganization(t, "", "acme", nil)
		dev := i.addOrganization(t, "acme", "dev", nil)
		anna, ben := i.signIn(t, link(n.token(person("anna").with(fields{"name": "Anna Ito"})))), i.signIn(t, link(n.token(person("ben"))))
		annaID := i.userID(t, "anna@lumen.example")
		i.addMember(t, dev, annaID)

		const scope = "user:name,user:memberof:acme,offline_access"
		asks := "/v1/oauth/authorize?" + url.Values{
			"response_type": {"code"}, "client_id": {"acme"}, "redirect_uri": {clientBack}, "scope": {scope}, "state": {"/wiki"},
		}.Encode()
		tokenOf := func(cookie string) v1Token {
			t.Helper()
			a := i.get(t, asks, holding(cookie), wantsPage)
			if a.status == http.StatusOK { // the question, which is asked once
				form := sentForm(t, a.body, "/v1/oauth/consent")
				form.Set("decision", "allow")
				a = i.post(t, "/v1/oauth/consent", form.Encode(), holding(cookie))
			}
			to, said := cameBack(t, a)
			if to != clientBack || said.Get("state") != "/wiki" || said.Get("code") == "" {
				t.Fatalf("got back to %s with %v", to, said)
			}
			query := url.Values{
				"client_id": {acme.ClientID}, "client_secret": {acme.ClientSecret}, "code": {said.Get("code")},
				"redirect_uri": {clientBack}, "state": {"/wiki"},
			}
			return decode[v1Token](t, i.send(t, "POST", "/v1/oauth/access_token?"+query.Encode(), ""))
		}
		if a := i.get(t, asks, holding(anna), wantsPage); a.status != 200 || !strings.Contains(a.body, "acme") {
			t.Fatalf("got %v, want the question", a)
		}
		token := tokenOf(anna)
		if token.Scope != "offline_access,user:memberof:acme,user:name" || token.Info["username"] != annaID || token.RefreshToken == "" {
			t.Errorf("got %+v", token)
		}
		if a := i.get(t, asks, holding(anna)); a.status != http.StatusSeeOther {
			t.Errorf("asked again: got %v, want no question", a)
		}
		signed, claims := i.jwt(t, i.get(t, "/v1/oauth/jwt?scope=user%3Amemberof%3Aacme&store_info=true", "Authorization: token "+token.AccessToken))
		if diff := cmp.Diff([]any{"user:memberof:acme"}, claims["scope"]); diff != "" || claims["username"] != annaID || claims["user:name"] != nil {
			t.Errorf("got %v (-want +got):\n%s", claims, diff)
		}
		_, claims = i.jwt(t, i.send(t, "POST", "/v1/oauth/jwt", "scope=user:name&store_info=true&validity=30", isForm, "Authorization: token "+token.AccessToken))
		if claims["user:name"] != "Anna Ito" || claims["exp"].(float64)-claims["iat"].(float64) != 30 {
			t.Errorf("by a form: got %v", claims)
		}

		// Who is no member lacks the scope.
		bens := tokenOf(ben)
		if bens.Scope != "offline_access,user:name" {
			t.Errorf("of no member: got scopes %q", bens.Scope)
		}
		i.makeJWT(t, bens.AccessToken, []string{"user:memberof:acme"}, nil).v1Refused(t, "of no member", 401, "invalid_token")

		// One that can be refreshed, on another instance; then the person is signed out.
		lasting, _ := i.jwt(t, i.makeJWT(t, token.AccessToken, []string{"offline_access", "user:memberof:acme"}, nil))
		again, claims := i.jwt(t, second.get(t, "/v1/oauth/jwt/refresh?validity=60", at, "Authorization: bearer "+lasting))
		if diff := cmp.Diff([]any{"offline_access", "user:memberof:acme"}, claims["scope"]); diff != "" || claims["refresh_token"] == nil {
			t.Errorf("refreshed: got %v (-want +got):\n%s", claims, diff)
		}
		i.admin(t, http.StatusNoContent, "DELETE", "/organizations/"+dev.ID+"/members/"+annaID, nil)
		last, claims := i.jwt(t, i.send(t, "POST", "/v1/oauth/jwt/refresh", "", "Authorization: bearer "+again))
		if diff := cmp.Diff([]any{"offline_access"}, claims["scope"]); diff != "" {
			t.Errorf("refreshed by no member any more (-want +got):\n%s", diff)
		}
		i.makeJWT(t, token.AccessToken, []string{"user:memberof:acme"}, nil).v1Refused(t, "of no member any more", 401, "invalid_token")
		client := url.Values{"client_id": {"acme"}, "client_secret": {acme.ClientSecret}, "refresh_token": {token.RefreshToken}}
		_, claims = i.jwt(t, i.get(t, "/v1/oauth/jwt/refresh?"+client.Encode()))
		if diff := cmp.Diff([]any{"offline_access", "user:name"}, claims["scope"]); diff != "" {
			t.Errorf("by the refresh token (-want +got):\n%s", diff)
		}
		i.admin(t, http.StatusNoContent, "POST", "/users/"+annaID+"/sign-out", nil)
		for _, one := range []*instance{i, second} {
			one.makeJWT(t, token.AccessToken, nil, nil, at).v1Refused(t, "signed out", 401, "invalid_token")
			one.get(t, "/v1/oauth/jwt", at, "Authorization: bearer "+signed).v1Refused(t, "a JWT of somebody signed out", 401, "invalid_token")
			one.get(t, "/v1/oauth/jwt/refresh", at, "Authorization: bearer "+last).v1Refused(t, "refreshed by somebody signed out", 401, "invalid_token")
		}
		for _, secret := range []string{acme.ClientSecret, token.AccessToken, token.RefreshToken, signed, lasting} {
			if strings.Contains(i.log.String(), secret) || strings.Contains(second.log.String(), secret) {
				t.Error("got a secret or a token in the log")
			}
		}
	})
}

// TestV1WhileTheDatabaseIsAway: that is neither a yes nor a no, and nothing is
// used up.
func TestV1WhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return // the embedded one is never away
	}
	base := serversWorld(t)
	g := newGate(t, base.database)
	i := launch(t, worldAt(g.url, base.redis), "USHER_DRAIN_TIMEOUT=5s")
	n := i.install(t, nil)
	i.signIn(t, link(n.token(person("anna"))))
	script := decode[clientUnderTest](t, i.admin(t, http.StatusCreated, "POST", "/clients", fields{
		"name": "Anna's script", "kind": "person", "user_id": i.userID(t, "anna@lumen.example"),
		"grants": []string{"client_credentials", "refresh_token"}, "identity_scopes": []string{"user:name"},
	}))
	token := i.loggedIn(t, script, url.Values{"scope": {"offline_access,user:name"}})
	signed, _ := i.jwt(t, i.makeJWT(t, token.AccessToken, []string{"offline_access"}, nil))
	g.shut()
	for what, a := range map[string]answer{
		"access token": i.login(t, script, nil),
		"JWT":          i.makeJWT(t, token.AccessToken, nil, nil),
		"JWT of a JWT": i.get(t, "/v1/oauth/jwt", "Authorization: bearer "+signed),
		"refresh":      i.get(t, "/v1/oauth/jwt/refresh", "Authorization: bearer "+signed),
	} {
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.header.Get("Cache-Control") != "no-store" {
			t.Errorf("%s: got %v with %v, want 503 and Retry-After", what, a, a.header)
		}
	}
	g.open(t)
	i.jwt(t, i.makeJWT(t, token.AccessToken, []string{"user:name"}, nil))
	if _, claims := i.jwt(t, i.get(t, "/v1/oauth/jwt/refresh", "Authorization: bearer "+signed)); claims["refresh_token"] == nil {
		t.Errorf("got %v, want it refreshed", claims)
	}
}
