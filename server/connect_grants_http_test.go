package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const (
	jwtBearer     = "urn:ietf:params:oauth:grant-type:jwt-bearer"
	tokenExchange = "urn:ietf:params:oauth:grant-type:token-exchange"
	typeOfAccess  = "urn:ietf:params:oauth:token-type:access_token"
)

// vouches is a token of an integration that stands by itself: it names its app.
func (n installed) vouches(claims fields) string { return n.token(fields{"iss": n.AppID}.with(claims)) }

// assert asks for tokens with a partner's token.
func (i *instance) assert(t testing.TB, c clientUnderTest, token, scope string, header ...string) answer {
	t.Helper()
	form := url.Values{"grant_type": {jwtBearer}, "assertion": {token}}
	if scope != "" {
		form.Set("scope", scope)
	}
	return i.tokenFor(t, c, form, header...)
}

// TestPartnersTokenAsGrant: a partner's user token gives a client tokens for the
// person, under the rules for one beside an API call.
func TestPartnersTokenAsGrant(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		library := i.addConnection(t, "library", nil)
		n := i.install(t, nil)
		wish := fields{"grants": []string{"refresh_token", jwtBearer}, "redirect_uris": []string{}, "api_scopes": []string{"library"}}
		lumen := i.addPeopleClient(t, wish)
		made := time.Now().Unix() - 5
		token := n.vouches(person("berta").with(fields{"name": "Berta Moss", "iat": made}))
		tokens := i.assert(t, lumen, token, "openid profile library offline_access").issued(t)
		user := i.userID(t, "berta@lumen.example") // who was not known before
		if tokens.Scope != "library offline_access openid profile" || tokens.RefreshToken == "" {
			t.Errorf("got %+v", tokens)
		}
		identity := claimsIn(t, tokens.IdentityToken)
		if identity["sub"] != user || identity["auth_time"] != float64(made) || identity["name"] != "Berta Moss" || identity["aud"] != lumen.ClientID {
			t.Errorf("got identity token %v, want Berta's, who signed in at %d", identity, made)
		}
		if found := decode[introspected](t, i.introspect(t, library, tokens.AccessToken)); found.Subject != user || found.AuthTime != made {
			t.Errorf("got %+v, want Berta", found)
		}
		again := i.refresh(t, lumen, tokens.RefreshToken).issued(t)
		// A token beside a call is not spent.
		if second := i.assert(t, lumen, token, "").issued(t); second.Scope != "openid" || second.RefreshToken != "" {
			t.Errorf("got %+v, want openid alone", second)
		}

		// Libraries make assertions out to the token endpoint (RFC 7523 §3).
		i.assert(t, lumen, n.vouches(person("berta").with(fields{"aud": i.origin + "/connect/token"})), "").issued(t)
		if a := i.get(t, link(n.token(person("berta").with(fields{"aud": i.origin + "/connect/token"})))); a.status != http.StatusUnauthorized {
			t.Errorf("a link made out to the token endpoint: got %v, want 401", a)
		}

		// Nobody is there to be asked for what the client requires.
		i.admin(t, 201, "POST", "/claims", fields{"name": "shoe_size", "type": "number", "meta_path": "shoe"})
		curious := i.addPeopleClient(t, wish.with(fields{"required_claims": []string{"shoe_size"}}))
		if a := i.assert(t, curious, token, ""); a.status != 400 || a.oauthReason(t) != "invalid_grant" || !strings.Contains(a.body, "needs to know more") {
			t.Errorf("a claim is missing: got %v, want invalid_grant", a)
		}
		i.assert(t, curious, n.vouches(person("dora").with(fields{"meta": fields{"shoe": 39}})), "").issued(t)

		other := i.addPeopleClient(t, nil)
		stranger := i.addTenant(t, "acme", "a.localhost")
		before := len(i.records(t, "refused"))
		for name, test := range map[string]struct {
			by     clientUnderTest
			token  string
			scope  string
			reason string
			says   string
		}{
			"nothing":          {lumen, "", "", "invalid_request", "assertion is missing"},
			"garbage":          {lumen, "x", "", "invalid_grant", "token_malformed"},
			"another's":        {lumen, stranger.lumen.vouches(person("anna")), "", "invalid_grant", ""},
			"over":             {lumen, n.vouches(person("berta").with(fields{"exp": time.Now().Unix() - 3600})), "", "invalid_grant", "token_expired: This token has expired"},
			"old":              {lumen, n.vouches(person("berta").with(fields{"iat": time.Now().Unix() - 86400})), "", "invalid_grant", "token_too_old"},
			"made out":         {lumen, n.vouches(person("berta").with(fields{"aud": "https://other.example"})), "", "invalid_grant", "audience_mismatch"},
			"a claim amiss":    {lumen, n.vouches(person("berta").with(fields{"email": 7})), "", "invalid_grant", "claim_invalid: Something in this token is not as it should be. The claim email"},
			"another key":      {lumen, signed("HS256", "another secret that is long enough for it", fields{"kid": n.kid()}, person("berta").with(fields{"iss": n.AppID})), "", "invalid_grant", "signature_invalid"},
			"not allowed":      {other, token, "", "unauthorized_client", ""},
			"too much":         {lumen, token, "openid email admin", "invalid_scope", ""},
			"our access token": {lumen, again.AccessToken, "", "invalid_grant", ""},
		} {
			a := i.assert(t, test.by, test.token, test.scope)
			if a.status != 400 || a.oauthReason(t) != test.reason || !strings.Contains(a.body, test.says) || strings.Contains(a.body, "berta") {
				t.Errorf("%s: got %v, want %s and %q", name, a, test.reason, test.says)
			}
		}
		if after := len(i.records(t, "refused")); after == before {
			t.Error("got no line in the log of what was refused")
		}
		i.admin(t, 200, "PATCH", "/users/"+user, fields{"disabled": true})
		if a := i.assert(t, lumen, token, ""); a.oauthReason(t) != "invalid_grant" || !strings.Contains(a.body, "user_disabled") {
			t.Errorf("disabled: got %v, want invalid_grant", a)
		}
		i.admin(t, 204, "DELETE", "/integrations/"+n.ID, nil)
		if a := i.assert(t, lumen, n.vouches(person("cora")), ""); a.oauthReason(t) != "invalid_grant" || !strings.Contains(a.body, "integration_removed") {
			t.Errorf("removed: got %v, want invalid_grant", a)
		}
		for _, secret := range []string{token, tokens.AccessToken} {
			if strings.Contains(i.log.String(), secret) {
				t.Error("got a token in the log")
			}
		}
		// The administrator finds what was refused in the sign-in log.
		i.entries(t, "?reason=token_expired", 1)
	})
}

// exchange asks for a token of one's own for one that another was given.
func (i *instance) exchange(t testing.TB, c clientUnderTest, token string, more map[string]string, header ...string) answer {
	t.Helper()
	form := url.Values{"grant_type": {tokenExchange}, "subject_token": {token}, "subject_token_type": {typeOfAccess}}
	for name, value := range more {
		if form.Set(name, value); value == "" {
			form.Del(name)
		}
	}
	return i.tokenFor(t, c, form, header...)
}

func TestTokenExchange(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		library, archive := i.addConnection(t, "library", nil), i.addConnection(t, "archive", nil)
		n := i.install(t, nil)
		cookie := i.signIn(t, link(n.token(person("anna"))))
		user := i.userID(t, "anna@lumen.example")
		back := i.addPeopleClient(t, fields{
			"grants": []string{tokenExchange}, "redirect_uris": []string{}, "api_scopes": []string{"archive"}, "identity_scopes": []string{},
		})
		machine := i.addClient(t, "jwt", []string{"library"})
		for _, format := range accessFormats {
			page := i.addPeopleClient(t, fields{"access_token_format": format, "api_scopes": []string{"library"}, "access_token_life": 600})
			tokens := i.tokensFor(t, page, cookie, "openid library offline_access")
			a := i.exchange(t, back, tokens.AccessToken, map[string]string{"scope": "archive"})
			exchanged := a.issued(t)
			if exchanged.Scope != "archive" || exchanged.IssuedTokenType != typeOfAccess || exchanged.ExpiresIn > 600 || exchanged.RefreshToken != "" || exchanged.IdentityToken != "" {
				t.Errorf("%s: got %+v", format, exchanged)
			}
			found := decode[introspected](t, i.introspect(t, archive, exchanged.AccessToken))
			if found.Subject != user || found.ClientID != back.ClientID {
				t.Errorf("%s: got %+v, want Anna's token of the other client", format, found)
			}
			if diff := cmp.Diff(map[string]any{"sub": back.ClientID}, claimsIn(t, exchanged.AccessToken)["act"]); diff != "" {
				t.Errorf("%s: got another actor (-want +got):\n%s", format, diff)
			}
			i.introspect(t, library, exchanged.AccessToken).wantInactive(t, "the first client's scope")
			for name, test := range map[string]struct {
				token  string
				more   map[string]string
				reason string
			}{
				"no token":          {"", map[string]string{"subject_token": ""}, "invalid_request"},
				"no type":           {tokens.AccessToken, map[string]string{"subject_token_type": ""}, "invalid_request"},
				"another type":      {tokens.AccessToken, map[string]string{"subject_token_type": "urn:ietf:params:oauth:token-type:saml2"}, "invalid_request"},
				"another wish":      {tokens.AccessToken, map[string]string{"requested_token_type": "urn:ietf:params:oauth:token-type:refresh_token"}, "invalid_request"},
				"an actor":          {tokens.AccessToken, map[string]string{"actor_token": "x", "actor_token_type": typeOfAccess}, "invalid_request"},
				"an audience":       {tokens.AccessToken, map[string]string{"audience": "archive"}, "invalid_target"},
				"a resource":        {tokens.AccessToken, map[string]string{"resource": "https://archive.example"}, "invalid_target"},
				"garbage":           {"x", nil, "invalid_request"},
				"a refresh token":   {tokens.RefreshToken, nil, "invalid_request"},
				"an identity token": {tokens.IdentityToken, nil, "invalid_request"},
				"a client's token":  {i.accessToken(t, machine), nil, "invalid_request"},
				"another's scope":   {tokens.AccessToken, map[string]string{"scope": "library"}, "invalid_scope"},
				"a refresh":         {tokens.AccessToken, map[string]string{"scope": "archive offline_access"}, "invalid_scope"},
			} {
				if a := i.exchange(t, back, test.token, test.more); a.status != 400 || a.oauthReason(t) != test.reason {
					t.Errorf("%s, %s: got %v, want %s", format, name, a, test.reason)
				}
			}
			if a := i.exchange(t, machine, tokens.AccessToken, nil); a.oauthReason(t) != "unauthorized_client" {
				t.Errorf("%s: got %v, want unauthorized_client", format, a)
			}
			// What ends the one ends the other.
			body, header := page.asking(url.Values{"token": {tokens.RefreshToken}}, nil)
			i.send(t, "POST", "/connect/revocation", body, header...)
			i.introspect(t, archive, exchanged.AccessToken).wantInactive(t, format+" after its family's end")
			if a := i.exchange(t, back, tokens.AccessToken, nil); a.oauthReason(t) != "invalid_request" {
				t.Errorf("%s: got %v of a dead token, want invalid_request", format, a)
			}
		}
	})
}

// TestExchangeAsksNobody: a client that people are asked about gets by an exchange
// only what the person has allowed it.
func TestExchangeAsksNobody(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.addConnection(t, "library", nil)
		archive := i.addConnection(t, "archive", []string{"archive:write"})
		n := i.install(t, nil)
		anna, ben := i.signIn(t, link(n.token(person("anna")))), i.signIn(t, link(n.token(person("ben"))))
		page := i.addPeopleClient(t, fields{"api_scopes": []string{"library"}})
		back := i.addPeopleClient(t, fields{
			"grants": []string{"authorization_code", tokenExchange}, "api_scopes": []string{"archive", "archive:write"}, "ask_consent": true,
		})
		first := i.tokensFor(t, page, anna, "openid library").AccessToken
		refused := func(what, token, scope string) {
			t.Helper()
			a := i.exchange(t, back, token, map[string]string{"scope": scope})
			if a.status != 400 || a.oauthReason(t) != "invalid_grant" || !strings.Contains(a.body, "has not allowed the client") {
				t.Errorf("%s: got %v, want invalid_grant and why", what, a)
			}
		}
		refused("never asked", first, "archive")
		refused("never asked, without a wish", first, "")
		p := newProof()
		_, form := i.asksFor(t, "the client itself", p.authorizeURL(back, "openid archive", nil), anna)
		wantCode(t, "yes", i.says(t, "allow", form, holding(anna)), p)
		got := i.exchange(t, back, first, map[string]string{"scope": "archive"}).issued(t)
		if found := decode[introspected](t, i.introspect(t, archive, got.AccessToken)); found.Scope != "archive" {
			t.Errorf("got %+v, want what was allowed", found)
		}
		refused("more than was allowed", first, "archive archive:write")
		refused("somebody else", i.tokensFor(t, page, ben, "openid library").AccessToken, "archive")
		// Nor by a partner's token; and nobody can be asked for a claim that is missing.
		bearer := i.addPeopleClient(t, fields{"grants": []string{"authorization_code", jwtBearer}, "ask_consent": true})
		vouched := n.vouches(person("ben"))
		if a := i.assert(t, bearer, vouched, "openid"); a.status != 400 || a.oauthReason(t) != "invalid_grant" || !strings.Contains(a.body, "has not allowed the client") {
			t.Errorf("a partner's token: got %v, want invalid_grant and why", a)
		}
		p = newProof()
		_, form = i.asksFor(t, "the client with a partner's token", p.authorizeURL(bearer, "openid", nil), ben)
		wantCode(t, "yes", i.says(t, "allow", form, holding(ben)), p)
		i.assert(t, bearer, vouched, "openid").issued(t)
		i.admin(t, 201, "POST", "/claims", fields{"name": "shoe_size", "type": "number"})
		curious := i.addPeopleClient(t, fields{
			"grants": []string{"authorization_code", tokenExchange}, "api_scopes": []string{"archive"}, "required_claims": []string{"shoe_size"},
		})
		if a := i.exchange(t, curious, first, map[string]string{"scope": "archive"}); a.status != 400 || a.oauthReason(t) != "invalid_grant" || !strings.Contains(a.body, "needs to know more") {
			t.Errorf("a claim is missing: got %v, want invalid_grant and why", a)
		}
		i.admin(t, 204, "DELETE", "/users/"+i.userID(t, "anna@lumen.example")+"/applications/"+back.ID, nil)
		refused("taken back", i.tokensFor(t, page, anna, "openid library").AccessToken, "archive")
	})
}

// TestRefreshInParallel: twenty that refresh at once at two instances get one
// successor, and it is good.
func TestRefreshInParallel(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		const public, at = "USHER_PUBLIC_URL=http://sso.localhost", "Host: sso.localhost"
		both := []*instance{launch(t, w, public), launch(t, w, public)}
		i := both[0]
		cookie := i.signIn(t, link(i.install(t, nil, at).token(person("anna"))), at)
		lumen := i.addPeopleClient(t, nil, at)
		tokens := i.tokensFor(t, lumen, cookie, "openid offline_access", at)
		type got struct {
			a   answer
			err error
		}
		answers := make(chan got)
		body, header := lumen.asking(url.Values{"grant_type": {"refresh_token"}, "refresh_token": {tokens.RefreshToken}}, []string{at})
		for n := range 20 {
			go func() {
				a, err := both[n%2].try(t.Context(), http.MethodPost, "/connect/token", body, header...)
				answers <- got{a, err}
			}()
		}
		var successors []string
		for range 20 {
			one := <-answers
			if one.err != nil || one.a.status != http.StatusOK {
				t.Errorf("got %v, error %v, want 200", one.a, one.err)
				continue
			}
			successors = append(successors, decode[personTokens](t, one.a).RefreshToken)
		}
		if slices.Sort(successors); len(slices.Compact(successors)) != 1 {
			t.Fatalf("got %d refresh tokens, want the same one for all", len(slices.Compact(successors)))
		}
		if a := both[1].refresh(t, lumen, successors[0], at); a.status != http.StatusOK {
			t.Errorf("got %v, want the successor good", a)
		}
	})
}

// TestPeopleTokensWhileTheDatabaseIsAway: nothing is half done: what could not be
// answered can be asked again.
func TestPeopleTokensWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return // the embedded one is never away
	}
	base := serversWorld(t)
	g := newGate(t, base.database)
	i := launch(t, worldAt(g.url, base.redis), "USHER_DRAIN_TIMEOUT=5s")
	n := i.install(t, nil)
	cookie := i.signIn(t, link(n.token(person("anna"))))
	lumen := i.addPeopleClient(t, fields{"grants": []string{"authorization_code", "refresh_token", jwtBearer}})
	page := i.addPeopleClient(t, fields{"public": true})
	tokens := i.tokensFor(t, lumen, cookie, "openid offline_access")
	p := newProof()
	code := i.code(t, lumen, cookie, "openid", p)
	logout := "/connect/endsession?" + url.Values{"id_token_hint": {tokens.IdentityToken}}.Encode()
	revoke := func() answer { return i.revoke(t, lumen, tokens.RefreshToken) }
	g.shut()
	for what, a := range map[string]answer{
		"code": i.redeem(t, lumen, code, p.verifier), "refresh": i.refresh(t, lumen, tokens.RefreshToken),
		"partner's token": i.assert(t, lumen, n.vouches(person("anna")), ""), "public client": i.refresh(t, page, tokens.RefreshToken),
		"userinfo": i.userInfo(t, tokens.AccessToken), "revocation": revoke(), "logout": i.get(t, logout, holding(cookie)),
		"discovery": i.get(t, "/.well-known/openid-configuration"),
		"preflight": i.send(t, "OPTIONS", "/connect/token", "", "Origin: https://lumen.example", "Access-Control-Request-Method: POST"),
	} {
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.cookie() != "" {
			t.Errorf("%s: got %v with %v, want 503 and Retry-After", what, a, a.header)
		}
	}
	g.open(t)
	if !i.alive(t, cookie) {
		t.Error("got the session ended by a request that was refused")
	}
	if a := i.redeem(t, lumen, code, p.verifier); a.status != http.StatusOK {
		t.Errorf("code: got %v when the database is back, want tokens", a)
	}
	if a := i.refresh(t, lumen, tokens.RefreshToken); a.status != http.StatusOK {
		t.Errorf("refresh: got %v when the database is back, want tokens", a)
	}
	if a := i.userInfo(t, tokens.AccessToken); a.status != http.StatusOK {
		t.Errorf("userinfo: got %v when the database is back, want 200", a)
	}
}
