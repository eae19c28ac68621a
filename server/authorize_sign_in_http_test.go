package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// toPartner reads where an answer sends a person to sign in, and returns where
// they want to end, as the partner's page is told.
func (i *instance) toPartner(t testing.TB, what string, a answer, page string) (back string, query url.Values) {
	t.Helper()
	to, said := cameBack(t, a)
	if to != page || said.Get("return_to") != i.origin+"/auth/callback/jwt-auth" || !strings.HasPrefix(said.Get("go"), "/connect/authorize?") {
		t.Fatalf("%s: got %s with %v, want %s", what, to, said, page)
	}
	return said.Get("go"), said
}

// TestAuthorizeSignsIn: somebody without a session is sent to sign in and comes
// back to the client, with what it asked for.
func TestAuthorizeSignsIn(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		const page, otherPage = "https://lumen.example/in", "https://atrium.example/in"
		n := i.install(t, fields{"sign_in_url": page})
		lumen := i.addPeopleClient(t, nil)
		p := newProof()
		asks := func(more map[string]string) string { return p.authorizeURL(lumen, "openid profile", more) }
		enter := func(back string) (cookie, location string) {
			t.Helper()
			a := i.get(t, link(n.token(person("anna").with(fields{"jti": newProof().state})), "go", back))
			if a.status != http.StatusSeeOther || a.cookie() == "" {
				t.Fatalf("got %v, want a session", a)
			}
			return a.cookie(), a.header.Get("Location")
		}
		back, _ := i.toPartner(t, "nobody", i.get(t, asks(nil)), page)
		cookie, location := enter(back)
		if location != back {
			t.Fatalf("got back to %q, want %q", location, back)
		}
		_, said := cameBack(t, i.get(t, location, holding(cookie)))
		if said.Get("state") != p.state {
			t.Fatalf("got %v, want the state", said)
		}
		if claims := claimsIn(t, i.redeem(t, lumen, said.Get("code"), p.verifier).issued(t).IdentityToken); claims["nonce"] != p.nonce {
			t.Errorf("got %v, want the nonce", claims)
		}
		i.wantError(t, "nobody, silently", i.get(t, asks(map[string]string{"prompt": "none"})), "login_required", p.state)

		// A session that is there is not enough, the next one is.
		for what, more := range map[string]map[string]string{
			"login":          {"prompt": "login"},
			"another person": {"prompt": "select_account"},
			"age":            {"max_age": "0"},
			"both":           {"prompt": "login", "max_age": "60"},
		} {
			back, _ := i.toPartner(t, what, i.get(t, asks(more), holding(cookie)), page)
			i.toPartner(t, what+", and the session has not changed", i.get(t, back, holding(cookie)), page)
			i.wantError(t, what+", silently", i.get(t, back+"&prompt=none", holding(cookie)), "login_required", p.state)
			fresh, location := enter(back)
			if _, said := cameBack(t, i.get(t, location, holding(fresh))); said.Get("code") == "" {
				t.Errorf("%s: got %v after a sign-in, want a code", what, said)
			}
			cookie = fresh
		}
		i.wantError(t, "age, silently", i.get(t, asks(map[string]string{"prompt": "none", "max_age": "0"}), holding(cookie)), "login_required", p.state)

		// Somebody else than the client expects.
		hint := i.tokensFor(t, lumen, cookie, "openid").IdentityToken
		ben := i.signIn(t, link(n.token(person("ben"))))
		silent := asks(map[string]string{"prompt": "none", "id_token_hint": hint})
		if _, said := cameBack(t, i.get(t, silent, holding(cookie))); said.Get("code") == "" {
			t.Errorf("the expected person: got %v, want a code", said)
		}
		i.wantError(t, "another person", i.get(t, silent, holding(ben)), "login_required", p.state)
		expected := asks(map[string]string{"id_token_hint": hint})
		if _, said := cameBack(t, i.get(t, expected, holding(cookie))); said.Get("code") == "" {
			t.Errorf("the expected person, with pages: got %v, want a code", said)
		}
		i.wantError(t, "another person, with pages", i.get(t, expected, holding(ben)), "login_required", p.state)
		unreadable := asks(map[string]string{"id_token_hint": "e.y.J"})
		if _, said := cameBack(t, i.get(t, unreadable, holding(ben))); said.Get("code") == "" {
			t.Errorf("a hint that cannot be read, with pages: got %v, want a code", said)
		}

		// Several integrations: the client says which one.
		atrium := i.install(t, fields{"name": "Atrium", "sign_in_url": otherPage, "require_nonce": true})
		if a := i.get(t, asks(nil)); a.status != http.StatusUnauthorized || !strings.Contains(a.body, "does not know where you sign in") || a.header.Get("Location") != "" {
			t.Errorf("one of two integrations: got %v, want a page", a)
		}
		i.admin(t, 200, "PATCH", "/clients/"+lumen.ID, fields{"integration": atrium.ID})
		a := i.get(t, asks(nil))
		line, nonce := nonceCookieOf(a)
		back, query := i.toPartner(t, "the client's integration", a, otherPage)
		if line == "" || query.Get("nonce") == "" {
			t.Errorf("got %v, want a nonce and its cookie", query)
		}
		a = i.get(t, link(atrium.token(person("cleo").with(fields{"nonce": query.Get("nonce")})), "go", back), nonce)
		if a.status != http.StatusSeeOther || a.header.Get("Location") != back {
			t.Errorf("with the nonce: got %v to %q", a, a.header.Get("Location"))
		}
		i.admin(t, http.StatusNoContent, "DELETE", "/integrations/"+atrium.ID, nil)
		i.toPartner(t, "a removed integration", i.get(t, asks(nil)), page)
		i.admin(t, 200, "PATCH", "/clients/"+lumen.ID, fields{"integration": n.ID})
		i.wantError(t, "too long to be carried", i.get(t, asks(map[string]string{"state": strings.Repeat("s", 1900)})), "invalid_request", strings.Repeat("s", 1900))
		if _, said := cameBack(t, i.get(t, asks(map[string]string{"state": strings.Repeat("s", 1900)}), holding(cookie))); said.Get("code") == "" {
			t.Error("as long, with a session: got no code")
		}

		// Who may not come in any more is asked to sign in, and does not get there.
		i.admin(t, 200, "PATCH", "/users/"+i.userID(t, "ben@lumen.example"), fields{"disabled": true})
		i.toPartner(t, "somebody disabled", i.get(t, asks(nil), holding(ben)), page)
		i.wantError(t, "somebody disabled, silently", i.get(t, asks(map[string]string{"prompt": "none"}), holding(ben)), "login_required", p.state)
	})
}

// TestAuthorizeAsksForClaims: what a client requires of a person is asked for
// before anything else.
func TestAuthorizeAsksForClaims(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, nil)
		cookie := i.signIn(t, link(n.token(person("anna"))))
		i.admin(t, http.StatusCreated, "POST", "/claims", fields{"name": "shoe_size", "display_name": "Shoe size", "type": "number"})
		lumen := i.addPeopleClient(t, fields{"required_claims": []string{"shoe_size"}, "ask_consent": true})
		p := newProof()
		asks := p.authorizeURL(lumen, "openid", nil)
		to, said := cameBack(t, i.get(t, asks, holding(cookie)))
		if to != "/connect/details" || said.Get("client_id") != lumen.ClientID || !sameQuery(t, said.Get("next"), asks) {
			t.Errorf("got %s with %v, want the form for what is missing", to, said)
		}
		i.wantError(t, "silently", i.get(t, p.authorizeURL(lumen, "openid", map[string]string{"prompt": "none"}), holding(cookie)), "interaction_required", p.state)
		i.admin(t, http.StatusOK, "PUT", "/users/"+i.userID(t, "anna@lumen.example")+"/claims/shoe_size", fields{"value": 41})
		if a := i.get(t, asks, holding(cookie)); a.status != http.StatusOK || !strings.Contains(a.body, "Allow Lumen Library?") {
			t.Errorf("got %v, want the question", a)
		}
	})
}

// TestAuthorizeWhileTheDatabaseIsAway: a fault is neither a yes nor a no; the
// browser can ask again.
func TestAuthorizeWhileTheDatabaseIsAway(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return // the embedded one is never away
	}
	base := serversWorld(t)
	g := newGate(t, base.database)
	i := launch(t, worldAt(g.url, base.redis), "USHER_DRAIN_TIMEOUT=5s")
	n := i.install(t, nil)
	cookie := i.signIn(t, link(n.token(person("anna"))))
	lumen := i.addPeopleClient(t, fields{"ask_consent": true})
	p := newProof()
	asks := p.authorizeURL(lumen, "openid", nil)
	question := i.get(t, asks, holding(cookie))
	form := sentForm(t, question.body, "/connect/consent")
	form.Set("decision", "allow")
	g.shut()
	away := func(what string, a answer) {
		t.Helper()
		if a.status != http.StatusServiceUnavailable || a.header.Get("Retry-After") == "" || a.header.Get("Location") != "" || a.cookie() != "" {
			t.Errorf("%s: got %v with %v, want 503 and Retry-After", what, a, a.header)
		}
	}
	away("the request", i.get(t, asks, holding(cookie)))
	away("silently", i.get(t, p.authorizeURL(lumen, "openid", map[string]string{"prompt": "none"}), holding(cookie)))
	away("the answer", i.post(t, "/connect/consent", form.Encode(), holding(cookie)))
	g.open(t)
	i.signIn(t, link(n.token(person("ben")))) // others go on as well
	_, said := cameBack(t, i.post(t, "/connect/consent", form.Encode(), holding(cookie)))
	i.redeem(t, lumen, said.Get("code"), p.verifier).issued(t)
}
