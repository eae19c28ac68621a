package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// TestVerify: what a proxy is told, by whatever method and path it asks.
func TestVerify(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		acme, bolt := i.addTenant(t, "acme", "acme.localhost"), i.addTenant(t, "bolt", "bolt.localhost")
		for path, status := range map[string]int{
			"/auth/verify": 204, "/auth/verify?a=b": 204, "/auth/verify/": 200, "/auth/verify/courses/1?signin=start": 200,
			"/auth/verify//x/../auth/session": 200,
		} {
			for _, method := range verifyMethods {
				a := i.send(t, method, path, "", acme.host, holding(acme.cookie))
				want := map[string]string{
					"X-Usher-User": acme.user, "X-Usher-Email": "anna@lumen.example", "X-Usher-Groups": "editors",
					"X-Usher-Integration": acme.lumen.ID, "X-Usher-Session": acme.session,
				}
				if a.status != status || a.body != "" || a.header.Get("Cache-Control") != "no-store" || len(a.header["Set-Cookie"]) != 0 {
					t.Errorf("%s %s: got %v, want %d and nothing kept", method, path, a, status)
				}
				for name, value := range want {
					if got := a.header[name]; !slices.Equal(got, []string{value}) {
						t.Errorf("%s %s: got %s %q, want %q", method, path, name, got, value)
					}
				}
				a = i.send(t, method, path, "", acme.host, wantsPage)
				if a.status != 401 && method != http.MethodHead || a.header.Get("X-Usher-User") != "" || a.header.Get("Location") != "" {
					t.Errorf("%s %s without a session: got %v, want 401", method, path, a)
				}
			}
		}
		i.wantReason(t, i.get(t, "/auth/verify", acme.host, holding(bolt.cookie), wantsJSON), 401, "no_session")

		// Whoever has signed in a moment ago is seen with what that has changed.
		groups := func(cookie string) string {
			return i.get(t, "/auth/verify", acme.host, holding(cookie)).header.Get("X-Usher-Groups")
		}
		for _, list := range [][]string{{}, {"editors"}, {}} {
			cookie := i.signIn(t, link(acme.lumen.token(person("anna").with(fields{"groups": list}))), acme.host)
			if got, want := groups(cookie), strings.Join(list, ","); got != want {
				t.Errorf("got groups %q after a sign-in with %q", got, want)
			}
		}
	})
}

// TestVerifyTenant: the host is the one that the visitor named, as far as a
// trusted proxy says so; nobody chooses a tenant by a header.
func TestVerifyTenant(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		ask := func(i *instance, one tenantUnderTest, host string, forwarded ...string) answer {
			header := []string{"Host: " + host, wantsJSON, holding(one.cookie)}
			for _, f := range forwarded {
				header = append(header, "X-Forwarded-Host: "+f)
			}
			return i.get(t, "/auth/verify", header...)
		}
		i := launch(t, w, "USHER_TRUSTED_PROXIES=127.0.0.1")
		acme, bolt := i.addTenant(t, "acme", "acme.localhost"), i.addTenant(t, "bolt", "bolt.localhost")
		for _, c := range []struct {
			name      string
			who       tenantUnderTest
			host      string
			forwarded []string
			status    int
		}{
			{"named by Host", acme, "acme.localhost", nil, 204},
			{"named by the proxy", acme, "usher.internal:8080", []string{"acme.localhost"}, 204},
			{"named by the proxy, with a port", acme, "usher.internal", []string{"ACME.localhost:443"}, 204},
			{"named by both", acme, "acme.localhost", []string{"acme.localhost"}, 204},
			{"another's session", acme, "usher.internal", []string{"bolt.localhost"}, 401},
			{"two tenants", acme, "bolt.localhost", []string{"acme.localhost"}, 421},
			{"two tenants, the other way", bolt, "acme.localhost", []string{"bolt.localhost"}, 421},
			{"two forwarded", acme, "usher.internal", []string{"acme.localhost", "acme.localhost"}, 421},
			{"a list", acme, "usher.internal", []string{"acme.localhost, bolt.localhost"}, 421},
			{"nobody's", acme, "acme.localhost", []string{"elsewhere.example"}, 421},
			{"empty", acme, "acme.localhost", []string{""}, 421},
		} {
			if a := ask(i, c.who, c.host, c.forwarded...); a.status != c.status {
				t.Errorf("%s: got %v, want %d", c.name, a, c.status)
			}
		}
		if a := i.get(t, "/auth/session", "Host: usher.internal", "X-Forwarded-Host: acme.localhost", holding(acme.cookie)); a.status != 421 {
			t.Errorf("got %v at another address, want 421", a)
		}
		if w.redis == "" {
			return // the embedded stores serve one process
		}
		untrusting := launch(t, w)
		if a := ask(untrusting, acme, "usher.internal", "acme.localhost"); a.status != 421 {
			t.Errorf("nobody trusted: got %v, want 421", a)
		}
		if a := ask(untrusting, acme, "acme.localhost", "bolt.localhost"); a.status != 204 {
			t.Errorf("nobody trusted: got %v, want the header passed over", a)
		}
	})
}

// TestVerifySignIn: who is sent to sign in, where to, and who is told 401.
func TestVerifySignIn(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w, "USHER_TRUSTED_PROXIES=127.0.0.1")
		acme := i.addTenant(t, "acme", "acme.localhost", "www.acme.localhost")
		const asked = "/auth/verify?signin=start"
		page := []string{"Host: usher.internal", "X-Forwarded-Host: acme.localhost", "X-Forwarded-Method: GET", wantsPage, "Sec-Fetch-Mode: navigate"}
		ask := func(path string, header ...string) (status int, location string) {
			t.Helper()
			a := i.get(t, path, header...)
			return a.status, a.header.Get("Location")
		}
		if status, location := ask(asked, append(page, "X-Forwarded-Uri: /x")...); status != 401 || location != "" {
			t.Errorf("without a page for signing in: got %d to %q, want 401", status, location)
		}
		i.admin(t, 200, http.MethodPatch, "/integrations/"+acme.lumen.ID, fields{"sign_in_url": "https://lumen.example/enter"}, acme.host)

		origin := "http://acme.localhost:" + i.port
		for _, c := range []struct{ name, uri, want string }{
			{"a path", "/courses", "/courses"},
			{"a query", "/courses?a=1&b=%2F", "/courses?a=1&b=%2F"},
			{"the root", "/", "/"},
			{"another site", "//evil.example/x", "/"},
			{"another site with a backslash", `/\evil.example`, "/"},
			{"an absolute address", "https://evil.example/", "/"},
			{"a script", "javascript:alert(1)", "/"},
		} {
			status, location := ask(asked, append(page, "X-Forwarded-Uri: "+c.uri)...)
			if want := origin + "/auth/start?go=" + url.QueryEscape(c.want); status != 303 || location != want {
				t.Errorf("%s: got %d to %q, want 303 to %q", c.name, status, location, want)
			}
		}
		if status, location := ask(asked, page...); status != 303 || location != origin+"/auth/start" {
			t.Errorf("no address: got %d to %q", status, location)
		}
		status, location := ask(asked+"&appId="+acme.lumen.AppID, append(page, "X-Forwarded-Uri: /x")...)
		if want := origin + "/auth/start?appId=" + acme.lumen.AppID + "&go=%2Fx"; status != 303 || location != want {
			t.Errorf("with an app id: got %d to %q, want %q", status, location, want)
		}
		if status, location := ask(asked, "Host: www.acme.localhost", wantsPage); status != 303 || !strings.HasPrefix(location, "http://www.acme.localhost:") {
			t.Errorf("at the second host: got %d to %q, want that host", status, location)
		}

		for name, header := range map[string][]string{
			"a form":                  {"X-Forwarded-Method: POST"},
			"a script":                {"Sec-Fetch-Mode: cors"},
			"a frame's own request":   {"Sec-Fetch-Mode: no-cors"},
			"a token":                 {"Authorization: JWT a.b.c"},
			"Bearer":                  {"Authorization: Bearer abc"},
			"two Authorization lines": {"Authorization: Basic abc", "Authorization: Basic abc"},
		} {
			kept := slices.DeleteFunc(slices.Clone(page), func(line string) bool {
				own, _, _ := strings.Cut(line, ":")
				return slices.ContainsFunc(header, func(h string) bool { return strings.HasPrefix(h, own+":") })
			})
			if status, location := ask(asked, append(kept, header...)...); status != 401 || location != "" {
				t.Errorf("%s: got %d to %q, want 401", name, status, location)
			}
		}
		for name, accept := range map[string]string{"JSON": "application/json", "anything": "*/*", "a picture": "image/avif,image/*,*/*;q=0.8", "nothing": ""} {
			if status, location := ask(asked, acme.host, "Accept: "+accept); status != 401 || location != "" {
				t.Errorf("Accept %s: got %d to %q, want 401", name, status, location)
			}
		}
		for _, path := range []string{"/auth/verify", "/auth/verify?signin=", "/auth/verify?signin=start&signin=start", "/auth/verify/x?signin=start"} {
			if status, location := ask(path, acme.host, wantsPage); status != 401 || location != "" {
				t.Errorf("%s: got %d to %q, want 401", path, status, location)
			}
		}
		if status, location := ask(asked+"&appId=unknown", acme.host, wantsPage); status != 401 || location != "" {
			t.Errorf("an unknown app id: got %d to %q, want 401", status, location)
		}
		if status, _ := ask(asked, acme.host, wantsPage, holding(acme.cookie)); status != 204 {
			t.Errorf("with a session: got %d, want 204", status)
		}
	})
}

// TestScripts: which sites' scripts may call, and which answers they may read.
func TestScripts(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		acme, bolt := i.addTenant(t, "acme", "acme.localhost"), i.addTenant(t, "bolt", "bolt.localhost")
		const lumenSite, otherSite, boltSite = "https://lumen.example", "https://other.example", "https://bolt.example"
		other := i.install(t, fields{"name": "Other", "embed_origins": []string{otherSite}}, acme.host)
		i.admin(t, 200, http.MethodPatch, "/integrations/"+acme.lumen.ID, fields{"embed_origins": []string{lumenSite, "https://lumen.example:8443"}}, acme.host)
		i.admin(t, 200, http.MethodPatch, "/integrations/"+bolt.lumen.ID, fields{"embed_origins": []string{boltSite}}, bolt.host)
		shared := func(what string, a answer, origin string) {
			t.Helper()
			got := a.header["Access-Control-Allow-Origin"]
			switch {
			case origin == "" && len(got)+len(a.header["Access-Control-Allow-Credentials"]) != 0:
				t.Errorf("%s: got the answer shared with %q, want it kept", what, got)
			case origin != "" && (!slices.Equal(got, []string{origin}) || a.header.Get("Access-Control-Allow-Credentials") != "true" ||
				a.header.Get("Access-Control-Expose-Headers") != "X-Request-Id"):
				t.Errorf("%s: got headers %v, want the answer shared with %s", what, a.header, origin)
			}
			if !slices.Contains(strings.Split(strings.Join(a.header["Vary"], ", "), ", "), "Origin") {
				t.Errorf("%s: got Vary %q, want Origin in it", what, a.header["Vary"])
			}
		}
		good := acme.lumen.calling(person("anna"))
		bad := []string{"Authorization: JWT a.b.c"}
		origins := map[string]bool{ // whether it is lumen's
			lumenSite: true, "https://lumen.example:8443": true, otherSite: false, boltSite: false, "null": false, "http://lumen.example": false,
			"https://lumen.example.evil.example": false, "https://LUMEN.example": false, "https://lumen.example/": false, "*": false,
			"http://acme.localhost:" + i.port: false,
		}
		for _, path := range []string{"/auth/session", "/auth/sessions", "/auth/verify", "/api/resources", "/api/resources/quiz/one"} {
			for origin, lumens := range origins {
				what := path + " from " + origin
				from := []string{acme.host, wantsJSON, "Origin: " + origin}
				named, listed := "", ""
				if lumens {
					named = origin
				}
				if lumens || origin == otherSite {
					listed = origin
				}
				if path != "/api/resources/quiz/one" { // is not there
					shared(what, i.get(t, path, append(from, good...)...), named)
				}
				shared(what+", refused", i.get(t, path, append(from, bad...)...), listed)
				shared(what+", nobody", i.get(t, path, from...), listed)
				a := i.send(t, http.MethodOptions, path, "", append(from, "Access-Control-Request-Method: GET", "Access-Control-Request-Headers: authorization, cocorico-app-id")...)
				if a.status != 204 || a.body != "" {
					t.Errorf("%s, preflight: got %v, want 204", what, a)
				}
				shared(what+", preflight", a, listed)
				if got := a.header.Get("Access-Control-Allow-Headers"); (got == "Authorization, Cocorico-App-Id, X-App-Id, Content-Type") != (listed != "") {
					t.Errorf("%s, preflight: got allowed headers %q", what, got)
				}
				if got := a.header.Get("Access-Control-Allow-Methods") + " " + a.header.Get("Access-Control-Max-Age"); (got == "GET 600") != (listed != "") {
					t.Errorf("%s, preflight: got methods and age %q", what, got)
				}
			}
		}
		shared("the cookie's own", i.get(t, "/auth/session", acme.host, holding(acme.cookie), "Origin: "+lumenSite), lumenSite)
		shared("the cookie's, another's site", i.get(t, "/auth/session", acme.host, holding(acme.cookie), "Origin: "+otherSite), "")
		shared("another integration's person", i.get(t, "/auth/session", append(other.calling(person("berta")), acme.host, "Origin: "+otherSite)...), otherSite)
		shared("two origins", i.get(t, "/auth/session", append(good, acme.host, "Origin: "+lumenSite, "Origin: "+lumenSite)...), "")
		a := i.send(t, http.MethodOptions, "/auth/sessions/"+acme.session, "", acme.host, "Origin: "+lumenSite, "Access-Control-Request-Method: DELETE")
		shared("a deletion's preflight", a, lumenSite)
		if got := a.header.Get("Access-Control-Allow-Methods"); got != "DELETE" {
			t.Errorf("a deletion's preflight: got methods %q", got)
		}
		// A cookie never acts for another site, whatever that one's origin.
		for _, origin := range []string{lumenSite, otherSite} {
			i.wantReason(t, i.send(t, http.MethodDelete, "/auth/sessions/"+acme.session, "", acme.host, wantsJSON, holding(acme.cookie), "Origin: "+origin,
				"Sec-Fetch-Site: cross-site"), 403, "cross_origin")
		}
		if !i.alive(t, acme.cookie, acme.host) {
			t.Error("got a session ended by another site")
		}
		// No yes to a preflight passes for a yes to the request that a proxy holds.
		for _, forwarded := range []string{"X-Forwarded-Method: OPTIONS", "X-Forwarded-Uri: /x", "X-Forwarded-For: 192.0.2.1"} {
			a := i.send(t, http.MethodOptions, "/auth/verify", "", acme.host, wantsJSON, "Origin: "+lumenSite, "Access-Control-Request-Method: GET", forwarded)
			i.wantReason(t, a, 401, "no_session")
		}
		i.wantReason(t, i.send(t, http.MethodOptions, "/auth/verify/x", "", acme.host, wantsJSON, "Origin: "+lumenSite, "Access-Control-Request-Method: GET"), 401, "no_session")
		i.wantReason(t, i.send(t, http.MethodOptions, "/auth/session", "", acme.host, wantsJSON), 405, "method_not_allowed")
		// Elsewhere nothing is shared.
		for _, path := range []string{"/", "/auth/logout", link("a.b.c"), "/admin/api/v1/users", "/admin"} {
			if a := i.get(t, path, acme.host, "Origin: "+lumenSite); len(a.header["Access-Control-Allow-Origin"]) != 0 {
				t.Errorf("%s: got the answer shared with %q", path, a.header["Access-Control-Allow-Origin"])
			}
		}
		// A removed integration's origins are gone with it.
		i.admin(t, 204, http.MethodDelete, "/integrations/"+other.ID, nil, acme.host)
		shared("a removed integration's site", i.get(t, "/auth/session", acme.host, "Origin: "+otherSite), "")
	})
}
