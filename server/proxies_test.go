package main

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// identityHeaders are what an application is told by.
var identityHeaders = []string{"X-Usher-User", "X-Usher-Email", "X-Usher-Groups", "X-Usher-Integration", "X-Usher-Session"}

// told is what the application was told by the last request that reached it.
func (at *proxied) told() map[string]string {
	told := map[string]string{}
	for _, name := range identityHeaders {
		told[name] = strings.Join(at.seen.Load().Header.Values(name), "|")
	}
	return told
}

// TestProxies runs the configurations of docs/proxies.md: a visitor with a
// session is announced, one without never arrives, and nobody can announce
// themselves.
func TestProxies(t *testing.T) {
	eachProxy(t, func(t *testing.T, w world, p aProxy) {
		at := behind(t, w, p)
		lumen := at.install(t, fields{"name": p.name, "sign_in_url": "https://lumen.example/enter"})
		for _, group := range []string{"editors " + p.name, "a,b " + p.name} {
			at.admin(t, http.StatusCreated, http.MethodPost, "/groups", fields{"external_id": group, "name": "Group"})
		}
		claims := person("jörg-" + p.name).with(fields{
			"email": "j.groß+" + p.name + "@lumen.example", "groups": []string{"editors " + p.name, "a,b " + p.name},
		})
		a := at.proxy.get(t, link(lumen.token(claims), "go", "/courses"))
		cookie := a.cookie()
		if a.status != http.StatusSeeOther || a.header.Get("Location") != "/courses" || cookie == "" {
			t.Fatalf("got %v to %q, want a sign-in through the proxy", a, a.header.Get("Location"))
		}
		current := decode[struct{ User struct{ ID string } }](t, at.get(t, "/auth/session", holding(cookie)))
		sessions := decode[struct{ Sessions []struct{ ID string } }](t, at.get(t, "/auth/sessions", holding(cookie)))
		want := map[string]string{
			"X-Usher-User": current.User.ID, "X-Usher-Email": "j.gro%C3%9F+" + p.name + "@lumen.example",
			"X-Usher-Groups": "a%2Cb%20" + p.name + ",editors%20" + p.name, "X-Usher-Integration": lumen.ID,
			"X-Usher-Session": sessions.Sessions[0].ID,
		}

		for _, request := range []string{"GET /courses?a=1&b=2", "POST /courses"} {
			method, target, _ := strings.Cut(request, " ")
			a := at.proxy.send(t, method, target, "text", holding(cookie))
			if a.status != http.StatusOK || !strings.HasPrefix(a.body, "application "+request) {
				t.Errorf("%s: got %v, want the application's answer", request, a)
			}
			for name, value := range at.told() {
				if value != want[name] {
					t.Errorf("%s: got %s %q, want %q", request, name, value, want[name])
				}
			}
		}

		t.Run("forged", func(t *testing.T) {
			at.proxy.raw(t, "GET /courses HTTP/1.1\r\nCookie: __Host-usher="+cookie+"\r\n"+
				"X-Usher-User: forged\r\nx_usher_user: forged\r\nX-USHER-GROUPS: forged\r\nx-Usher_Email: forged\r\nX.Usher.User: forged\r\nx~usher|groups: forged\r\n"+
				"X-Usher-Session: forged\r\nX-Usher-Session: forged")
			for name, value := range at.told() {
				if value != want[name] {
					t.Errorf("got %s %q, want %q", name, value, want[name])
				}
			}
			for name, values := range at.seen.Load().Header {
				if strings.Contains(strings.Join(values, " "), "forged") {
					t.Errorf("got %s %q at the application, want it gone", name, values)
				}
			}
		})

		t.Run("without a session", func(t *testing.T) {
			passed := at.passed.Load()
			forged := "X-Usher-User: " + current.User.ID
			for name, header := range map[string][]string{
				"nothing": {forged}, "JSON": {forged, wantsJSON}, "a wrong cookie": {forged, holding(strings.Repeat("A", 43))},
				"a script": {forged, wantsPage, "Sec-Fetch-Mode: cors"}, "a bad token beside a cookie": {"Authorization: JWT a.b.c", holding(cookie)},
				"Bearer beside a cookie": {"Authorization: Bearer abc", holding(cookie)},
			} {
				if a := at.proxy.get(t, "/courses", header...); a.status != http.StatusUnauthorized || !strings.HasPrefix(a.header.Get("WWW-Authenticate"), "JWT") {
					t.Errorf("%s: got %v, want 401 and a challenge", name, a)
				}
			}
			if a := at.proxy.post(t, "/courses", "a=b", wantsPage); a.status != http.StatusUnauthorized {
				t.Errorf("a form: got %v, want 401", a)
			}
			a := at.proxy.get(t, "/courses?a=1&b=2", wantsPage, "Sec-Fetch-Mode: navigate")
			location, err := url.Parse(a.header.Get("Location"))
			if err != nil || a.status != http.StatusSeeOther || location.Host != "localhost:"+at.proxy.port ||
				location.Path != "/auth/start" || location.Query().Get("go") != "/courses?a=1&b=2" {
				t.Errorf("a page: got %v to %q, want 303 to the start of a sign-in that comes back", a, location)
			}
			a = at.proxy.get(t, location.RequestURI(), wantsPage)
			if got := a.header.Get("Location"); a.status != http.StatusSeeOther || !strings.HasPrefix(got, "https://lumen.example/enter?") {
				t.Errorf("the start: got %v to %q, want 303 to the partner's page", a, got)
			}
			if got := at.passed.Load(); got != passed {
				t.Errorf("got %d requests at the application, want none", got-passed)
			}
			if a := at.proxy.get(t, "/usher-verify", holding(cookie)); p.name == "nginx" && a.status != http.StatusNotFound {
				t.Errorf("got %v where only nginx itself may ask, want 404", a)
			}
		})

		t.Run("a token", func(t *testing.T) {
			a := at.proxy.get(t, "/courses", "Authorization: JWT "+lumen.token(claims.with(fields{"iss": lumen.AppID})), "X-App-Id: "+lumen.AppID)
			told := at.told()
			if a.status != http.StatusOK || told["X-Usher-User"] != current.User.ID || told["X-Usher-Session"] != "" {
				t.Errorf("got %v with %v, want the same user without a session", a, told)
			}
		})

		t.Run("ended", func(t *testing.T) {
			second := at.signIn(t, link(lumen.token(person("berta-"+p.name))))
			for _, end := range []struct {
				name, cookie string
				do           func()
			}{
				{"signed out", cookie, func() { at.proxy.send(t, http.MethodPost, "/auth/logout", "", holding(cookie)) }},
				{"removed", second, func() { at.admin(t, http.StatusNoContent, http.MethodDelete, "/integrations/"+lumen.ID, nil) }},
			} {
				if a := at.proxy.get(t, "/courses", holding(end.cookie)); a.status != http.StatusOK {
					t.Fatalf("%s: got %v before, want 200", end.name, a)
				}
				passed := at.passed.Load()
				end.do()
				if a := at.proxy.get(t, "/courses", holding(end.cookie)); a.status != http.StatusUnauthorized || at.passed.Load() != passed {
					t.Errorf("%s: got %v, want 401 and nothing at the application", end.name, a)
				}
			}
		})
	})
}

// TestProxyWithoutStores: while a store is away nobody gets through who would
// have to be looked up there, and nobody is told to sign in again.
func TestProxyWithoutStores(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return
	}
	for _, p := range proxies {
		if !p.available() {
			continue
		}
		for _, store := range []string{"sessions", "database"} {
			t.Run(p.name+" "+store, func(t *testing.T) {
				t.Parallel()
				w := serversWorld(t)
				g := newGate(t, w.redis)
				if store == "database" {
					g = newGate(t, w.database)
					w = worldAt(g.url, w.redis)
				} else {
					w = worldAt(w.database, g.url)
				}
				at := behind(t, w, p)
				lumen := at.install(t, fields{"name": p.name, "sign_in_url": "https://lumen.example/enter"})
				cookie := at.signIn(t, link(lumen.token(person("anna"))))
				passed := at.passed.Load()
				g.shut()
				asked := [][]string{{holding(cookie)}, {holding(cookie), wantsPage}}
				if store == "database" {
					asked = append(asked, []string{"Authorization: JWT " + lumen.token(person("berta").with(fields{"iss": lumen.AppID}))})
				}
				for _, header := range asked {
					if a := at.proxy.get(t, "/courses", header...); a.status < 500 || a.header.Get("Location") != "" {
						t.Errorf("%.20q: got %v, want a 5xx", header, a)
					}
					a := at.get(t, "/auth/verify?signin=start", header[0], wantsJSON)
					at.wantReason(t, a, 503, "store_unavailable")
					if a.header.Get("Retry-After") == "" {
						t.Errorf("%.20q: got no Retry-After", header)
					}
				}
				if got := at.passed.Load(); got != passed {
					t.Errorf("got %d requests at the application, want none", got-passed)
				}
				g.open(t)
				if a := at.proxy.get(t, "/courses", holding(cookie)); a.status != http.StatusOK {
					t.Errorf("got %v when the store is back, want 200", a)
				}
			})
		}
	}
}
