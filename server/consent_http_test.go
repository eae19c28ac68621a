package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// asksFor sends a person and wants the question; it returns the page's form.
func (i *instance) asksFor(t testing.TB, what, target, cookie string) (page string, form url.Values) {
	t.Helper()
	a := i.get(t, target, holding(cookie))
	if a.status != http.StatusOK || a.header.Get("Cache-Control") != "no-store" || !strings.Contains(a.body, "Allow") {
		t.Fatalf("%s: got %v to %q, want the question", what, a, a.header.Get("Location"))
	}
	return a.body, sentForm(t, a.body, "/connect/consent")
}

// says answers a question.
func (i *instance) says(t testing.TB, decision string, form url.Values, header ...string) answer {
	t.Helper()
	form.Set("decision", decision)
	return i.post(t, "/connect/consent", form.Encode(), header...)
}

// wantCode wants a code for the client.
func wantCode(t testing.TB, what string, a answer, p proof) string {
	t.Helper()
	to, said := cameBack(t, a)
	if to != clientBack || said.Get("code") == "" || said.Get("state") != p.state {
		t.Errorf("%s: got %s with %v, want a code", what, to, said)
	}
	return said.Get("code")
}

func TestConsentQuestion(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		second := launch(t, w)
		i.addConnection(t, "library", []string{"library:read"})
		n := i.install(t, nil)
		anna, ben := i.signIn(t, link(n.token(person("anna").with(fields{"name": "Anna Moss"})))), i.signIn(t, link(n.token(person("ben"))))
		lumen := i.addPeopleClient(t, fields{"name": `Lumen <b>"Library"</b>`, "ask_consent": true, "api_scopes": []string{"library", "library:read"}})
		p := newProof()
		asks := p.authorizeURL(lumen, "openid profile library:read offline_access", nil)
		page, form := i.asksFor(t, "the first time", asks, anna)
		for _, part := range []string{
			"Signed in as Anna Moss", "Allow Lumen &lt;b&gt;&#34;Library&#34;&lt;/b&gt;?", "Know who you are", "Your name, e-mail address and phone number",
			"library:read", "Keep this access while you are away", "<strong>lumen.example</strong>",
		} {
			if !strings.Contains(page, part) {
				t.Errorf("got a page without %q:\n%s", part, page)
			}
		}
		if policy := i.get(t, asks, holding(anna)).header.Get("Content-Security-Policy"); !strings.Contains(policy, "frame-ancestors 'none'") ||
			!strings.Contains(policy, "form-action 'self' https://lumen.example;") {
			t.Errorf("got the policy %q, want no frames, and the form to lead to the client alone", policy)
		}
		silent := p.authorizeURL(lumen, "openid profile library:read offline_access", map[string]string{"prompt": "none"})
		i.wantError(t, "silently", i.get(t, silent, holding(anna)), "consent_required", p.state)
		i.wantError(t, "no", i.says(t, "deny", form, holding(anna)), "access_denied", p.state)
		i.asksFor(t, "after a no", asks, anna)

		// The yes counts for this person and these scopes, on every instance.
		code := wantCode(t, "yes", i.says(t, "allow", form, holding(anna)), p)
		if claims := claimsIn(t, i.redeem(t, lumen, code, p.verifier).issued(t).IdentityToken); claims["nonce"] != p.nonce {
			t.Errorf("got %v, want the nonce", claims)
		}
		wantCode(t, "the second time", i.get(t, asks, holding(anna)), p)
		wantCode(t, "silently", i.get(t, silent, holding(anna)), p)
		wantCode(t, "fewer scopes", second.get(t, p.authorizeURL(lumen, "openid", nil), holding(anna)), p)
		i.asksFor(t, "more scopes", p.authorizeURL(lumen, "openid library", nil), anna)
		i.asksFor(t, "another person", asks, ben)
		_, form = i.asksFor(t, "when asked to", p.authorizeURL(lumen, "openid", map[string]string{"prompt": "consent"}), anna)
		wantCode(t, "yes once more", i.says(t, "allow", form, holding(anna)), p)
		quiet := i.addPeopleClient(t, nil)
		wantCode(t, "a client that does not ask", i.get(t, p.authorizeURL(quiet, "openid", nil), holding(ben)), p)
		i.asksFor(t, "unless it does this once", p.authorizeURL(quiet, "openid", map[string]string{"prompt": "consent"}), ben)

		// The answer by a form keeps to its page.
		_, form = i.asksFor(t, "hybrid", p.authorizeURL(lumen, "openid library", map[string]string{
			"response_type": "code id_token", "response_mode": "form_post",
		}), anna)
		a := i.says(t, "allow", form, holding(anna))
		if said := sentForm(t, a.body, clientBack); a.status != http.StatusOK || said.Get("code") == "" || claimsIn(t, said.Get("id_token"))["nonce"] != p.nonce {
			t.Errorf("hybrid: got %v with %v", a, said)
		}
	})
}

// TestConsentIsTheirOwn: nobody answers for somebody else, and an answer counts
// for the question that was asked.
func TestConsentIsTheirOwn(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, nil)
		anna, ben := i.signIn(t, link(n.token(person("anna")))), i.signIn(t, link(n.token(person("ben"))))
		lumen := i.addPeopleClient(t, fields{"ask_consent": true})
		p := newProof()
		asks := p.authorizeURL(lumen, "openid profile", nil)
		_, form := i.asksFor(t, "anna", asks, anna)
		with := func(name, value string) url.Values {
			changed, _ := url.ParseQuery(form.Encode())
			if changed.Set(name, value); value == "" {
				changed.Del(name)
			}
			return changed
		}
		for what, header := range map[string][]string{
			"another site":    {"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"},
			"a sister site":   {"Sec-Fetch-Site: same-site"},
			"an older client": {"Origin: https://lumen.example"},
			"a sandbox":       {"Sec-Fetch-Site: cross-site", "Origin: null"},
		} {
			a := i.send(t, "POST", "/connect/consent", with("decision", "allow").Encode(), append(header, isForm, holding(anna))...)
			if a.status != http.StatusForbidden || a.header.Get("Location") != "" {
				t.Errorf("from %s: got %v, want it refused", what, a)
			}
		}
		asked := func(what string, a answer) {
			t.Helper()
			if a.status != http.StatusOK || !strings.Contains(a.body, "Allow Lumen Library?") {
				t.Errorf("%s: got %v to %q, want the question", what, a, a.header.Get("Location"))
			}
		}
		asked("somebody else signed in", i.says(t, "allow", with("", ""), holding(ben)))
		asked("more than was asked", i.says(t, "allow", with("scope", "openid profile email"), holding(anna)))
		asked("no question", i.says(t, "allow", with("seen", "x"), holding(anna)))
		for what, form := range map[string]url.Values{"no seen": with("seen", ""), "neither": with("", "")} {
			decision := "allow"
			if what == "neither" {
				decision = "perhaps"
			}
			if a := i.says(t, decision, form, holding(anna)); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
				t.Errorf("%s: got %v, want 400", what, a)
			}
		}
		if a := i.says(t, "allow", with("redirect_uri", "https://evil.example/"), holding(anna)); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
			t.Errorf("another redirect URI: got %v, want a page", a)
		}
		if a := i.says(t, "deny", with("redirect_uri", "https://evil.example/"), holding(anna)); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
			t.Errorf("a no to another redirect URI: got %v, want a page", a)
		}
		if a := i.says(t, "allow", with("", "")); a.status != http.StatusUnauthorized || a.header.Get("Location") != "" {
			t.Errorf("nobody: got %v, want 401", a)
		}
		i.asksFor(t, "nothing was given", asks, anna)

		// What was switched off meanwhile gets nothing.
		i.admin(t, 200, "PATCH", "/clients/"+lumen.ID, fields{"disabled": true})
		if a := i.says(t, "allow", with("", ""), holding(anna)); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
			t.Errorf("a disabled client: got %v, want a page", a)
		}
		i.admin(t, 200, "PATCH", "/clients/"+lumen.ID, fields{"disabled": false, "identity_scopes": []string{"openid"}})
		i.wantError(t, "a scope that was taken away", i.says(t, "allow", with("", ""), holding(anna)), "invalid_scope", p.state)
		i.addTenant(t, "acme", "a.localhost")
		if a := i.says(t, "allow", with("", ""), "Host: a.localhost", holding(anna)); a.status != http.StatusBadRequest || a.header.Get("Location") != "" {
			t.Errorf("at another tenant: got %v, want a page", a)
		}
	})
}
