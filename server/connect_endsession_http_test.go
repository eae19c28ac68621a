package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// TestConnectEndSession: an application signs its person out, and nobody else's
// site does so without asking.
func TestConnectEndSession(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		n := i.install(t, nil)
		acme := i.addTenant(t, "acme", "a.localhost")
		lumen := i.addPeopleClient(t, fields{"post_logout_redirect_uris": []string{clientGoodbye, clientGoodbye + "?a=b"}})
		other := i.addPeopleClient(t, nil)
		off := i.addPeopleClient(t, nil)
		i.admin(t, 200, "PATCH", "/clients/"+off.ID, fields{"disabled": true})
		signIn := func(name string) string { return i.signIn(t, link(n.token(person(name)))) }
		berta := i.tokensFor(t, lumen, signIn("berta"), "openid offline_access")
		theirs := i.tokensFor(t, i.addPeopleClient(t, nil, acme.host), acme.cookie, "openid", acme.host)
		const path = "/connect/endsession"
		ask := func(values map[string]string) string {
			query := url.Values{}
			for name, value := range values {
				query.Set(name, value)
			}
			return query.Encode()
		}
		const mine = "hers" // stands for the identity token of the person who is signed in
		for name, test := range map[string]struct {
			values   map[string]string
			method   string
			header   []string
			location string // "" = a page with the text
			text     string
			ends     bool // the session; and with a hint of hers the client's tokens
			status   int  // 0 = 200 or 303
		}{
			"hint": {map[string]string{"id_token_hint": mine}, "GET", nil, "", "You are signed out", true, 0},
			"hint and back": {
				map[string]string{"id_token_hint": mine, "post_logout_redirect_uri": clientGoodbye, "state": "a b&c=d"},
				"GET", nil, clientGoodbye + "?state=a+b%26c%3Dd", "", true, 0,
			},
			"a query of its own": {
				map[string]string{"id_token_hint": mine, "client_id": lumen.ClientID, "post_logout_redirect_uri": clientGoodbye + "?a=b", "state": "x"},
				"GET", nil, clientGoodbye + "?a=b&state=x", "", true, 0,
			},
			"our own form": {map[string]string{"id_token_hint": mine}, "POST", []string{"Sec-Fetch-Site: same-origin"}, "", "You are signed out", true, 0},
			"the answer to the question": {
				map[string]string{"client_id": lumen.ClientID, "post_logout_redirect_uri": clientGoodbye},
				"POST",
				[]string{"Sec-Fetch-Site: same-origin"},
				clientGoodbye, "", true, 0,
			},
			"another site's form": {
				map[string]string{"client_id": lumen.ClientID},
				"POST",
				[]string{"Sec-Fetch-Site: cross-site"},
				path + "?client_id=" + lumen.ClientID, "", false, 0,
			},
			"a prefetch": {map[string]string{"id_token_hint": mine}, "GET", []string{"Sec-Purpose: prefetch"}, "", "", false, 503},
			"nothing":    {nil, "GET", nil, "", "Sign out here too?", false, 0},
			"no hint": {
				map[string]string{"client_id": lumen.ClientID, "post_logout_redirect_uri": clientGoodbye},
				"GET", nil, "", "Lumen Library has signed you out", false, 0,
			},
			"another person's hint": {map[string]string{"id_token_hint": berta.IdentityToken}, "GET", nil, "", "Sign out here too?", false, 0},
			"another tenant's hint": {map[string]string{"id_token_hint": theirs.IdentityToken}, "GET", nil, "", "Sign out here too?", false, 0},
			"an access token":       {map[string]string{"id_token_hint": berta.AccessToken}, "GET", nil, "", "Sign out here too?", false, 0},
			"a hint that is none":   {map[string]string{"id_token_hint": "a.b.c"}, "GET", nil, "", "Sign out here too?", false, 0},
			"back without a client": {map[string]string{"post_logout_redirect_uri": clientGoodbye}, "GET", nil, "", "Sign out here too?", false, 0},
			"back elsewhere":        {map[string]string{"id_token_hint": mine, "post_logout_redirect_uri": "https://evil.example"}, "GET", nil, "", "not registered", false, 400},
			"back a little further": {map[string]string{"id_token_hint": mine, "post_logout_redirect_uri": clientGoodbye + "/"}, "GET", nil, "", "not registered", false, 400},
			"a redirect URI":        {map[string]string{"id_token_hint": mine, "post_logout_redirect_uri": clientBack}, "GET", nil, "", "not registered", false, 400},
			"another client":        {map[string]string{"id_token_hint": mine, "client_id": other.ClientID}, "GET", nil, "", "client_id is another", false, 400},
			"a client that is off":  {map[string]string{"client_id": off.ClientID, "post_logout_redirect_uri": clientGoodbye}, "GET", nil, "", "Sign out here too?", false, 0},
			"no such client":        {map[string]string{"client_id": "x y", "post_logout_redirect_uri": clientGoodbye}, "GET", nil, "", "Sign out here too?", false, 0},
			"back with a hint that is none": {
				map[string]string{"id_token_hint": "a.b.c", "post_logout_redirect_uri": clientGoodbye, "state": "x"},
				"GET", nil, "", "Sign out here too?", false, 0,
			},
			"the answer to that": {nil, "POST", []string{"Sec-Fetch-Site: same-origin"}, "", "You are signed out", true, 0},
			"a client, and a hint that is none": {
				map[string]string{"id_token_hint": "a.b.c", "client_id": lumen.ClientID, "post_logout_redirect_uri": clientGoodbye},
				"GET", nil, "", "Lumen Library has signed you out", false, 0,
			},
			"too long": {map[string]string{"state": strings.Repeat("x", 17<<10)}, "POST", []string{"Sec-Fetch-Site: same-origin"}, "", "too long", false, 400},
			"the form of the question, elsewhere": {
				map[string]string{"client_id": lumen.ClientID, "post_logout_redirect_uri": "https://evil.example"},
				"POST",
				[]string{"Sec-Fetch-Site: same-origin"},
				"", "not registered", false, 400,
			},
		} {
			cookie := signIn("anna")
			tokens := i.tokensFor(t, lumen, cookie, "openid offline_access")
			if test.values["id_token_hint"] == mine {
				test.values["id_token_hint"] = tokens.IdentityToken
			}
			var a answer
			if header := append(test.header, holding(cookie), wantsPage); test.method == "POST" {
				a = i.send(t, "POST", path, ask(test.values), append(header, isForm)...)
			} else {
				a = i.get(t, path+"?"+ask(test.values), header...)
			}
			status := test.status
			if status == 0 && test.location != "" {
				status = http.StatusSeeOther
			} else if status == 0 {
				status = http.StatusOK
			}
			if a.status != status || a.header.Get("Location") != test.location || !strings.Contains(a.body, test.text) || a.header.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: got %v to %q, want %d to %q", name, a, a.header.Get("Location"), status, test.location)
			}
			if alive := i.alive(t, cookie); alive == test.ends {
				t.Errorf("%s: got a session that is alive: %t", name, alive)
			}
			if cleared := len(a.header["Set-Cookie"]) > 0; cleared != test.ends {
				t.Errorf("%s: got cookies %q", name, a.header["Set-Cookie"])
			}
			dead := i.refresh(t, lumen, tokens.RefreshToken).status != http.StatusOK
			if want := test.ends && test.values["id_token_hint"] != ""; dead != want {
				t.Errorf("%s: got the client's tokens dead: %t, want %t", name, dead, want)
			}
		}
		// A hint of hers to a client that was switched off shows nothing any more.
		anna := signIn("anna")
		gone := i.addPeopleClient(t, fields{"post_logout_redirect_uris": []string{clientGoodbye}})
		hint := i.tokensFor(t, gone, anna, "openid").IdentityToken
		i.admin(t, 200, "PATCH", "/clients/"+gone.ID, fields{"disabled": true})
		for _, query := range []map[string]string{
			{"id_token_hint": hint, "post_logout_redirect_uri": clientGoodbye},
			{"id_token_hint": hint, "client_id": gone.ClientID},
		} {
			a := i.get(t, path+"?"+ask(query), holding(anna), wantsPage)
			if a.status != 200 || !strings.Contains(a.body, "Sign out here too?") || strings.Contains(a.body, clientGoodbye) || !i.alive(t, anna) {
				t.Errorf("a client that is off, %v: got %v, want the question, without an address", query, a)
			}
		}
		if a := i.refresh(t, lumen, berta.RefreshToken); a.status != http.StatusOK {
			t.Errorf("got %v, want Berta's tokens alive", a)
		}

		// Somebody who is not signed in goes on all the same.
		back := ask(map[string]string{"client_id": lumen.ClientID, "post_logout_redirect_uri": clientGoodbye, "state": "x"})
		if a := i.get(t, path+"?"+back); a.status != 303 || a.header.Get("Location") != clientGoodbye+"?state=x" {
			t.Errorf("signed out: got %v to %q", a, a.header.Get("Location"))
		}
		if a := i.get(t, path+"?id_token_hint="+berta.IdentityToken); a.status != 200 || i.userInfo(t, berta.AccessToken).status != 200 {
			t.Errorf("signed out: got %v, want a page, and the tokens of the hint alive", a)
		}
		if a := i.get(t, path+"?state=a&state=b"); a.status != 400 {
			t.Errorf("twice: got %v, want 400", a)
		}
		// The page's form may lead to the client, and its fields are what came.
		cookie := signIn("anna")
		page := i.get(t, path+"?"+ask(map[string]string{"client_id": lumen.ClientID, "post_logout_redirect_uri": clientGoodbye, "state": `"><script>`}), holding(cookie))
		if policy := page.header.Get("Content-Security-Policy"); !strings.Contains(policy, "form-action 'self' https://lumen.example;") || strings.Contains(page.body, "<script>") {
			t.Errorf("got policy %q and %v", policy, page)
		}
		for _, secret := range []string{berta.IdentityToken} {
			if strings.Contains(i.log.String(), secret) {
				t.Error("got an identity token in the log")
			}
		}
	})
}
