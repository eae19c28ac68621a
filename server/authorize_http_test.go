package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"golang.org/x/net/html"
)

// cameBack reads where an answer sends the browser: the address, and what an
// answer to a client says there, by the query or the fragment.
func cameBack(t testing.TB, a answer) (to string, said url.Values) {
	t.Helper()
	location := a.header.Get("Location")
	if a.status != http.StatusSeeOther || location == "" || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Referrer-Policy") != "no-referrer" {
		t.Fatalf("got %v to %q with %v, want 303 that nobody keeps", a, location, a.header)
	}
	u, err := url.Parse(location)
	if err != nil {
		t.Fatal(err)
	}
	said = u.Query()
	if fragment, err := url.ParseQuery(u.EscapedFragment()); err != nil {
		t.Fatal(err)
	} else if len(fragment) > 0 {
		said = fragment
	}
	u.RawQuery, u.Fragment, u.RawFragment = "", "", ""
	return u.String(), said
}

// wantError wants the client told of an error, with its state and who says it.
func (i *instance) wantError(t testing.TB, what string, a answer, code, state string) {
	t.Helper()
	to, said := cameBack(t, a)
	if to != clientBack || said.Get("error") != code || said.Get("state") != state || said.Get("iss") != i.origin ||
		said.Get("error_description") == "" || said.Has("code") || said.Has("id_token") {
		t.Errorf("%s: got %s with %v, want %s and the state %q", what, to, said, code, state)
	}
}

// TestAuthorize: a person who is signed in goes back to the client with a code, in
// every mode.
func TestAuthorize(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, nil)
		cookie := i.signIn(t, link(n.token(person("anna"))))
		lumen := i.addPeopleClient(t, nil)
		p := newProof()
		for what, more := range map[string]map[string]string{
			"query":                        nil,
			"query by name":                {"response_mode": "query"},
			"fragment":                     {"response_mode": "fragment"},
			"silently":                     {"prompt": "none"},
			"without PKCE":                 {"code_challenge": "", "code_challenge_method": ""},
			"hybrid":                       {"response_type": "code id_token"},
			"hybrid, the other way round":  {"response_type": "id_token code"},
			"what we do not know":          {"login_hint": "anna", "ui_locales": "de", "acr_values": "x", "claims": "{}", "display": "popup"},
			"a recent enough sign-in":      {"max_age": "600"},
			"what is empty is not there":   {"request": "", "response_mode": "", "prompt": " "},
			"only what OAuth 2.0 asks for": {"nonce": "", "code_challenge": "", "code_challenge_method": "", "scope": ""},
		} {
			a := i.get(t, p.authorizeURL(lumen, "openid profile", more), holding(cookie))
			to, said := cameBack(t, a)
			hybrid := strings.Contains(more["response_type"], "id_token")
			if to != clientBack || said.Get("state") != p.state || said.Get("iss") != i.origin || said.Get("code") == "" || said.Has("id_token") != hybrid {
				t.Errorf("%s: got %s with %v", what, to, said)
				continue
			}
			if a.cookie() != "" {
				t.Errorf("%s: got a cookie", what)
			}
			if location := a.header.Get("Location"); strings.Count(location, "#") != 1 {
				t.Errorf("%s: got %q, want a fragment of its own", what, location)
			}
			verifier := p.verifier
			if _, left := more["code_challenge"]; left {
				verifier = ""
			}
			if hybrid {
				claims := claimsIn(t, said.Get("id_token"))
				if claims["nonce"] != p.nonce || claims["c_hash"] == nil || claims["aud"] != lumen.ClientID || claims["iss"] != i.origin {
					t.Errorf("%s: got an identity token of %v", what, claims)
				}
			}
			i.redeem(t, lumen, said.Get("code"), verifier).issued(t)
			if strings.Contains(i.log.String(), said.Get("code")) {
				t.Errorf("%s: got the code in the log", what)
			}
		}

		// By a form: the page carries the answer, and can send it to the client alone.
		a := i.get(t, p.authorizeURL(lumen, "openid", map[string]string{"response_type": "code id_token", "response_mode": "form_post"}), holding(cookie))
		if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Location") != "" {
			t.Fatalf("got %v with %v, want a page that nobody keeps", a, a.header)
		}
		if policy := a.header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action https://lumen.example;") ||
			!strings.Contains(policy, "script-src 'self';") || !strings.Contains(policy, "frame-ancestors 'none'") {
			t.Errorf("got the policy %q", policy)
		}
		said := sentForm(t, a.body, clientBack)
		if said.Get("state") != p.state || said.Get("iss") != i.origin || claimsIn(t, said.Get("id_token"))["nonce"] != p.nonce {
			t.Errorf("got the form %v", said)
		}
		i.redeem(t, lumen, said.Get("code"), p.verifier).issued(t)
	})
}

// sentForm are the fields of the form on a page that posts to an address.
func sentForm(t testing.TB, page, action string) url.Values {
	t.Helper()
	document, err := html.Parse(strings.NewReader(page))
	if err != nil {
		t.Fatal(err)
	}
	for n := range document.Descendants() {
		if to, _ := attribute(n, "action"); n.Data != "form" || to != action {
			continue
		}
		values := url.Values{}
		for field := range n.Descendants() {
			if kind, _ := attribute(field, "type"); kind == "hidden" {
				name, _ := attribute(field, "name")
				value, _ := attribute(field, "value")
				values.Add(name, value)
			}
		}
		return values
	}
	t.Fatalf("got no form to %s in %.500s", action, page)
	return nil
}

// TestAuthorizeRefusals: nobody is sent to an address that is not the client's;
// whatever else is wrong is told there.
func TestAuthorizeRefusals(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, nil)
		cookie := i.signIn(t, link(n.token(person("anna"))))
		lumen := i.addPeopleClient(t, nil)
		public := i.addPeopleClient(t, fields{"public": true})
		off := i.addPeopleClient(t, nil)
		i.admin(t, 200, "PATCH", "/clients/"+off.ID, fields{"disabled": true})
		machine := i.addClient(t, "jwt", nil)
		p := newProof()
		onPage := func(what string, a answer) {
			t.Helper()
			if a.status != http.StatusBadRequest || a.header.Get("Location") != "" || !strings.Contains(a.body, "authorization_invalid") {
				t.Errorf("%s: got %v to %q, want a page that says what is wrong", what, a, a.header.Get("Location"))
			}
		}
		for what, more := range map[string]map[string]string{
			"no client":             {"client_id": ""},
			"unknown client":        {"client_id": "nobody"},
			"a client's row":        {"client_id": lumen.ID},
			"disabled client":       {"client_id": off.ClientID},
			"client without any":    {"client_id": machine.ClientID},
			"no redirect URI":       {"redirect_uri": ""},
			"another host":          {"redirect_uri": "https://evil.example/back"},
			"a host behind a user":  {"redirect_uri": "https://lumen.example@evil.example/back"},
			"longer":                {"redirect_uri": clientBack + "/more"},
			"with a query":          {"redirect_uri": clientBack + "?x=1"},
			"with a fragment":       {"redirect_uri": clientBack + "#x"},
			"steps up":              {"redirect_uri": clientBack + "/../back"},
			"in another case":       {"redirect_uri": "https://Lumen.example/back"},
			"plain http":            {"redirect_uri": "http://lumen.example/back"},
			"a script":              {"redirect_uri": "javascript:alert(1)"},
			"wrong and silent":      {"redirect_uri": "https://evil.example/back", "prompt": "none"},
			"wrong and a bad scope": {"redirect_uri": "https://evil.example/back", "scope": "nonsense"},
		} {
			onPage(what, i.get(t, p.authorizeURL(lumen, "openid", more), holding(cookie)))
		}
		good := p.authorizeURL(lumen, "openid", nil)
		onPage("two clients", i.get(t, good+"&client_id="+lumen.ClientID, holding(cookie)))
		onPage("two redirect URIs", i.get(t, good+"&redirect_uri="+url.QueryEscape(clientBack), holding(cookie)))
		onPage("not to be read", i.get(t, good+"&%zz", holding(cookie)))
		onPage("JSON", i.send(t, "POST", "/connect/authorize", "{}", "Content-Type: application/json", holding(cookie)))
		if a := i.get(t, p.authorizeURL(lumen, "openid", map[string]string{"client_id": "nobody"}), wantsJSON); a.status != 400 || a.reason() != "authorization_invalid" {
			t.Errorf("for a script: got %v, want a problem", a)
		}

		for what, test := range map[string]struct {
			more map[string]string
			code string
		}{
			"no response type":     {map[string]string{"response_type": ""}, "invalid_request"},
			"token":                {map[string]string{"response_type": "token"}, "unsupported_response_type"},
			"hybrid by query":      {map[string]string{"response_type": "code id_token", "response_mode": "query"}, "invalid_request"},
			"hybrid without nonce": {map[string]string{"response_type": "code id_token", "nonce": ""}, "invalid_request"},
			"plain":                {map[string]string{"code_challenge_method": "plain"}, "invalid_request"},
			"unknown scope":        {map[string]string{"scope": "openid nonsense"}, "invalid_scope"},
			"a scope not its own":  {map[string]string{"scope": "openid phone"}, "invalid_scope"},
			"hybrid, no identity":  {map[string]string{"response_type": "code id_token", "scope": "profile"}, "invalid_scope"},
			"request object":       {map[string]string{"request": "e.y.J"}, "request_not_supported"},
			"no hint of ours":      {map[string]string{"prompt": "none", "id_token_hint": "e.y.J"}, "invalid_request"},
			"too long":             {map[string]string{"state": p.state, "acr_values": strings.Repeat("x", 5000)}, "invalid_request"},
		} {
			i.wantError(t, what, i.get(t, p.authorizeURL(lumen, "openid", test.more), holding(cookie)), test.code, p.state)
		}
		i.wantError(t, "a parameter twice", i.get(t, good+"&scope=openid", holding(cookie)), "invalid_request", p.state)
		i.wantError(t, "two states", i.get(t, good+"&state=x", holding(cookie)), "invalid_request", "")
		i.wantError(t, "public without PKCE", i.get(t, p.authorizeURL(public, "openid", map[string]string{"code_challenge": "", "code_challenge_method": ""}),
			holding(cookie)), "invalid_request", p.state)
		alone := i.addPeopleClient(t, fields{"grants": []string{"client_credentials"}})
		i.wantError(t, "not its grant", i.get(t, p.authorizeURL(alone, "openid", nil), holding(cookie)), "unauthorized_client", p.state)

		// A form is led to the same address; one that is too long is told so.
		_, query, _ := strings.Cut(good, "?")
		if a := i.send(t, "POST", "/connect/authorize", query, isForm, "Origin: https://lumen.example", "Sec-Fetch-Site: cross-site"); a.status != http.StatusSeeOther ||
			!sameQuery(t, a.header.Get("Location"), good) {
			t.Errorf("a form: got %v to %q, want %q", a, a.header.Get("Location"), good)
		}
		i.wantError(t, "a long form", i.send(t, "POST", "/connect/authorize", query+"&x="+strings.Repeat("x", 5000), isForm), "invalid_request", p.state)

		// Another tenant knows neither the client nor the session.
		i.addTenant(t, "acme", "a.localhost")
		onPage("another tenant's client", i.get(t, good, "Host: a.localhost", holding(cookie)))
		if a := i.get(t, good, holding(cookie), "Sec-Purpose: prefetch"); a.status != http.StatusServiceUnavailable || a.header.Get("Location") != "" {
			t.Errorf("a guess of the browser: got %v", a)
		}
		for _, secret := range []string{p.challenge, p.state, p.nonce} {
			if strings.Contains(i.log.String(), secret) {
				t.Errorf("got %q of a request in the log", secret)
			}
		}
	})
}

// sameQuery reports whether two addresses have the same path and parameters.
func sameQuery(t testing.TB, a, b string) bool {
	t.Helper()
	one, err := url.Parse(a)
	if err != nil {
		t.Fatal(err)
	}
	two, err := url.Parse(b)
	if err != nil {
		t.Fatal(err)
	}
	return one.Path == two.Path && one.Query().Encode() == two.Query().Encode() && one.Host == two.Host
}
