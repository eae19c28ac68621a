package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// addClaim makes a claim of the tenant's own.
func (i *instance) addClaim(t testing.TB, name, kind, path string, header ...string) {
	t.Helper()
	i.admin(t, http.StatusCreated, "POST", "/claims", fields{"name": name, "display_name": "Your " + name, "type": kind, "meta_path": path}, header...)
}

// TestPeopleAreAskedForWhatIsMissing: a sign-in to a client stops at a form for
// what nobody has said yet, goes on once it is said, and the client is told.
func TestPeopleAreAskedForWhatIsMissing(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		i.addClaim(t, "size", "number", "")
		i.addClaim(t, "born", "date", "")
		i.addClaim(t, "member", "boolean", "")
		i.addClaim(t, "shelf", "text", "library.shelf")
		i.admin(t, http.StatusCreated, "POST", "/identity-scopes", fields{"name": "library", "claims": []string{"size", "born", "member", "shelf"}})
		c := i.addPeopleClient(t, fields{
			"identity_scopes": []string{"openid", "library"}, "required_claims": []string{"size", "born", "member", "shelf"},
		})
		cookie := i.signIn(t, link(lumen.token(person("anna").with(fields{"meta": fields{"library": fields{"shelf": "B 12"}}}))))
		p := newProof()
		asked := p.authorizeURL(c, "openid library", nil)

		// The client is not told while something is missing.
		a := i.get(t, asked, holding(cookie))
		details := a.header.Get("Location")
		if a.status != http.StatusSeeOther || !strings.HasPrefix(details, "/connect/details?") {
			t.Fatalf("got %v to %q, want the page that asks", a, details)
		}
		if got := i.get(t, p.authorizeURL(c, "openid", map[string]string{"prompt": "none"}), holding(cookie)).header.Get("Location"); !strings.Contains(got, "error=interaction_required") {
			t.Errorf("prompt=none: got %q", got)
		}
		page := i.get(t, details, holding(cookie), wantsPage)
		for _, want := range []string{
			"Lumen Library", "Your size", "Your born", "Your member", `name="claim.size"`, `type="number"`, `type="date"`, `<select id="claim.member"`,
		} {
			if !strings.Contains(page.body, want) {
				t.Errorf("the page: got no %s", want)
			}
		}
		if strings.Contains(page.body, "shelf") || strings.Contains(page.body, "B 12") {
			t.Error("the page shows what is known already")
		}
		if page.header.Get("Cache-Control") != "no-store" {
			t.Errorf("the page: got Cache-Control %q", page.header.Get("Cache-Control"))
		}
		values, err := url.ParseQuery(strings.TrimPrefix(details, "/connect/details?"))
		if err != nil {
			t.Fatal(err)
		}
		say := func(more map[string]string, header ...string) answer {
			t.Helper()
			form := url.Values{"client_id": {values.Get("client_id")}, "next": {values.Get("next")}, "person": {i.userID(t, "anna@lumen.example")}}
			for name, value := range more {
				form.Set(name, value)
			}
			return i.send(t, "POST", "/connect/details", form.Encode(), append(header, isForm, wantsPage)...)
		}
		all := map[string]string{"claim.size": "42.50", "claim.born": "1990-02-28", "claim.member": "false", "claim.shelf": "C 1"}

		// What somebody else typed in this browser, before this person signed in, is
		// not kept about them.
		berta := i.signIn(t, link(lumen.token(person("berta"))))
		if other := say(all, holding(berta)); other.status != http.StatusConflict || strings.Contains(other.body, "42.50") || !strings.Contains(other.body, i.userID(t, "berta@lumen.example")) {
			t.Errorf("another person's form: got %v, want 409 and an empty form", other)
		}

		// A form with a fault is shown again with what was typed, and nothing is kept.
		wrong := say(map[string]string{"claim.size": "tall <b>", "claim.born": "1990-02-28", "claim.member": "false"}, holding(cookie))
		if wrong.status != http.StatusUnprocessableEntity || !strings.Contains(wrong.body, "tall &lt;b&gt;") ||
			!strings.Contains(wrong.body, `value="1990-02-28"`) || !strings.Contains(wrong.body, "a number, such as 12 or 3.5") {
			t.Errorf("a wrong number: got %v\n%.2000s", wrong, wrong.body)
		}
		if got := i.get(t, asked, holding(cookie)).header.Get("Location"); got != details {
			t.Errorf("after a form with a fault: got %q, want the page that asks", got)
		}
		if got := say(all, holding(cookie), "Sec-Fetch-Site: cross-site", "Origin: https://lumen.example"); got.status != http.StatusForbidden {
			t.Errorf("from another site: got %v", got)
		}
		if got := say(all); got.status != http.StatusUnauthorized {
			t.Errorf("without a session: got %v", got)
		}
		if got := i.get(t, details, wantsPage); got.status != http.StatusUnauthorized {
			t.Errorf("the page without a session: got %v", got)
		}

		kept := say(all, holding(cookie))
		if kept.status != http.StatusOK || kept.header.Get("Refresh") != "0; url="+values.Get("next") || kept.header.Get("Location") != "" {
			t.Fatalf("got %v with %v, want a page that leads on", kept, kept.header)
		}
		if got := i.get(t, details, holding(cookie)); got.status != http.StatusSeeOther || got.header.Get("Location") != values.Get("next") {
			t.Errorf("with nothing missing: got %v to %q", got, got.header.Get("Location"))
		}
		tokens := i.tokensFor(t, c, cookie, "openid library")
		claims := claimsIn(t, tokens.IdentityToken)
		got := map[string]any{}
		for _, name := range []string{"size", "born", "member", "shelf"} {
			got[name] = claims[name]
		}
		want := map[string]any{"size": 42.5, "born": "1990-02-28", "member": false, "shelf": "B 12"}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("the identity token:\n%s", diff)
		}
		if info := i.userInfo(t, tokens.AccessToken); !strings.Contains(info.body, `"size":42.50`) {
			t.Errorf("userinfo: got %s, want the digits as they were given", info.body)
		}
	})
}

// TestDetailsLeadNowhereElse: the page leads to our own authorization endpoints
// alone, for clients that there are.
func TestDetailsLeadNowhereElse(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		c := i.addPeopleClient(t, nil)
		off := i.addPeopleClient(t, fields{"disabled": true})
		cookie := holding(i.signIn(t, link(lumen.token(person("anna")))))
		const good = "/connect/authorize?client_id=x"
		for _, test := range []struct {
			clientID, next string
			want           int
		}{
			{c.ClientID, good, 303},
			{c.ClientID, "/v1/oauth/authorize?scope=a;b", 303},
			{c.ClientID, "", 400},
			{c.ClientID, "/", 400},
			{c.ClientID, "/connect/authorize", 400},
			{c.ClientID, "/connect/authorize/../consent?", 400},
			{c.ClientID, "//evil.example/connect/authorize?", 400},
			{c.ClientID, "https://evil.example/connect/authorize?", 400},
			{c.ClientID, `\connect/authorize?`, 400},
			{c.ClientID, "/connect/authorize?a b", 400},
			{c.ClientID, "/connect/authorize?a\r\nSet-Cookie: b=c", 400},
			{c.ClientID, "/connect/authorize?ä", 400},
			{"", good, 400},
			{"nobody", good, 400},
			{off.ClientID, good, 400},
		} {
			target := "/connect/details?" + url.Values{"client_id": {test.clientID}, "next": {test.next}}.Encode()
			a := i.get(t, target, cookie, wantsPage)
			if a.status != test.want || test.want == 303 && a.header.Get("Location") != test.next || test.want == 400 && a.header.Get("Location") != "" {
				t.Errorf("client %q, next %.60q: got %v to %q, want %d", test.clientID, test.next, a, a.header.Get("Location"), test.want)
			}
			form := strings.TrimPrefix(target, "/connect/details?")
			want := test.want
			if want == 303 {
				want = 200 // a page, which leads on
			}
			if a := i.send(t, "POST", "/connect/details", form, cookie, isForm, wantsPage); a.status != want {
				t.Errorf("POST, client %q, next %.60q: got %v, want %d", test.clientID, test.next, a, want)
			}
		}
		if a := i.get(t, "/connect/details?client_id="+c.ClientID+"&next="+url.QueryEscape(good)+"&next=%2F", cookie, wantsPage); a.status != 400 {
			t.Errorf("next twice: got %v", a)
		}
		if a := i.send(t, "POST", "/connect/details", "{}", cookie, "Content-Type: application/json", wantsPage); a.status != 400 {
			t.Errorf("JSON: got %v", a)
		}
	})
}
