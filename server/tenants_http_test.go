package main

import (
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"
)

// tenantUnderTest is a tenant reached by hosts of its own, with one
// integration, one group, one credit and one person, anna, who is signed in.
type tenantUnderTest struct {
	host    string // a header line
	lumen   installed
	user    string
	cookie  string
	session string // the public id of the session
}

func (i *instance) addTenant(t *testing.T, name string, hosts ...string) tenantUnderTest {
	t.Helper()
	i.admin(t, 201, "POST", "/tenants", fields{"name": name, "hosts": hosts})
	one := tenantUnderTest{host: "Host: " + hosts[0]}
	one.lumen = i.install(t, fields{"landing_page": "/" + name}, one.host)
	i.admin(t, 201, "POST", "/groups", fields{"external_id": "editors", "name": "Editors of " + name}, one.host)
	i.admin(t, 201, "POST", "/credits", fields{"id": 7, "name": "Course of " + name}, one.host)
	claims := person("anna").with(fields{"groups": []string{"editors"}, "credits": []fields{{"orderId": "o", "id": 7}}})
	one.cookie = i.signIn(t, link(one.lumen.token(claims)), one.host)
	one.user = i.userID(t, "anna@lumen.example", one.host)
	one.session = decode[sessionList](t, i.get(t, "/auth/sessions", one.host, holding(one.cookie))).Sessions[0].ID
	return one
}

// TestTenantsApart uses everything that is A's at B's host, and nothing opens.
func TestTenantsApart(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		a := i.addTenant(t, "acme", "a.localhost", "a2.localhost")
		b := i.addTenant(t, "bolt", "b.localhost")
		if a.user == b.user || a.lumen.ID == b.lumen.ID {
			t.Fatalf("got the same ids in two tenants")
		}
		if want := "http://a.localhost:" + i.port + "/auth/callback/jwt-auth"; a.lumen.CallbackURL != want {
			t.Errorf("got callback URL %q, want %q", a.lumen.CallbackURL, want)
		}
		if !i.alive(t, a.cookie, "Host: a2.localhost") {
			t.Errorf("got a session dead at another host of its tenant")
		}

		// The session and the token.
		if i.alive(t, a.cookie, b.host) {
			t.Errorf("got a session of A alive at B")
		}
		claims := person("anna").with(fields{"jti": "one"})
		for _, target := range []string{
			link(a.lumen.token(claims)),
			link(a.lumen.token(claims), "appId", b.lumen.AppID),
			link(signed("HS256", a.lumen.secret(), nil, claims)),
			link(signed("HS256", a.lumen.secret(), fields{"kid": b.lumen.kid()}, claims)),
		} {
			i.wantReason(t, i.get(t, target, b.host, wantsJSON), 401, "signature_invalid")
		}
		i.wantReason(t, i.get(t, link(a.lumen.token(claims), "appId", a.lumen.AppID), b.host, wantsJSON), 404, "integration_unknown")
		for aud, status := range map[string]int{"a.localhost": 401, "b.localhost": 303, i.origin: 401, "http://b.localhost:" + i.port: 303} {
			if got := i.get(t, link(b.lumen.token(person("anna").with(fields{"aud": aud}))), b.host, wantsJSON); got.status != status {
				t.Errorf("aud %s at B: got %v, want %d", aud, got, status)
			}
		}
		// One jti in two tenants is two.
		i.signIn(t, link(a.lumen.token(claims)), a.host)
		i.signIn(t, link(b.lumen.token(claims)), b.host)
		// A's origin is foreign at B.
		if got := i.get(t, link(b.lumen.token(person("anna")), "go", "http://a.localhost:"+i.port+"/x"), b.host).header.Get("Location"); got != "/bolt" {
			t.Errorf("got Location %q for a go to another tenant, want the landing page", got)
		}

		// Every route that takes an id.
		for _, r := range []struct {
			method, target, body string
		}{
			{"GET", "/admin/api/v1/integrations/" + a.lumen.ID, ""},
			{"GET", "/admin/api/v1/integrations/" + a.lumen.AppID, ""},
			{"PATCH", "/admin/api/v1/integrations/" + a.lumen.ID, `{"name":"Taken over"}`},
			{"DELETE", "/admin/api/v1/integrations/" + a.lumen.ID, ""},
			{"POST", "/admin/api/v1/integrations/" + a.lumen.ID + "/keys", "{}"},
			{"DELETE", "/admin/api/v1/integrations/" + a.lumen.ID + "/keys/" + a.lumen.kid(), ""},
			{"DELETE", "/admin/api/v1/integrations/" + b.lumen.ID + "/keys/" + a.lumen.kid(), ""},
			{"GET", "/admin/api/v1/users/" + a.user, ""},
			{"PATCH", "/admin/api/v1/users/" + a.user, `{"disabled":true}`},
			{"DELETE", "/admin/api/v1/users/" + a.user, ""},
			{"GET", "/admin/api/v1/users/" + a.user + "/journal", ""},
			{"GET", "/admin/api/v1/users/" + a.user + "/credits", ""},
			{"POST", "/admin/api/v1/users/" + a.user + "/credits/consume", `{"order_id":"o","id":7}`},
		} {
			got := i.send(t, r.method, r.target, r.body, b.host, asAdmin, holding(b.cookie), wantsJSON, "Idempotency-Key: 1")
			i.wantReason(t, got, 404, "not_found")
		}
		i.wantReason(t, i.send(t, "DELETE", "/auth/sessions/"+a.session, "", b.host, holding(b.cookie), wantsJSON), 404, "not_found")
		for _, path := range []string{"/integrations", "/groups", "/credits", "/users?email=anna@lumen.example"} {
			if got := i.admin(t, 200, "GET", path, nil, b.host).body; strings.Contains(got, "acme") ||
				strings.Contains(got, a.user) || strings.Contains(got, a.lumen.ID) {
				t.Errorf("%s at B: got something of A: %s", path, got)
			}
		}
		// The application's routes with A's cookie at B.
		for _, path := range []string{"/auth/session", "/auth/sessions", "/auth/onboarding"} {
			i.wantReason(t, i.get(t, path, b.host, holding(a.cookie), wantsJSON), 401, "no_session")
		}
		if got := i.send(t, "POST", "/auth/logout", "", b.host, holding(a.cookie)); got.status != 200 || !i.alive(t, a.cookie, a.host) {
			t.Errorf("got %v, want A's session untouched by a sign-out at B", got)
		}
		// All of A is as it was.
		still := decode[installed](t, i.admin(t, 200, "GET", "/integrations/"+a.lumen.ID, nil, a.host))
		if still.Name != "Lumen Learning" || len(still.Keys) != 1 || still.Keys[0].RetiresAt != nil {
			t.Errorf("got integration %+v of A after the requests at B", still)
		}
		consumed := decode[struct{ Credits []struct{ Consumed bool } }](t, i.admin(t, 200, "GET", "/users/"+a.user+"/credits", nil, a.host)).Credits
		if len(consumed) != 1 || consumed[0].Consumed {
			t.Errorf("got credits %+v of A after the requests at B", consumed)
		}
		// Removing B's integration ends nothing of A.
		i.admin(t, 204, "DELETE", "/integrations/"+b.lumen.ID, nil, b.host)
		if !i.alive(t, a.cookie, a.host) || i.alive(t, b.cookie, b.host) {
			t.Errorf("got A's session dead or B's alive after B's integration was removed")
		}
	})
}

// TestHosts holds the forms of Host, and that nothing else names a tenant.
func TestHosts(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		// A single tenant without hosts has every host.
		lumen := i.install(t, nil)
		for _, host := range []string{"anything.example", "LOCALHOST", "192.0.2.7:8443", "[2001:db8::1]:80", "bücher.example"} {
			i.signIn(t, link(lumen.token(person("anna"))), "Host: "+host)
		}
		a := i.addTenant(t, "acme", "A.Localhost", "xn--bcher-kva.example", "192.0.2.7")
		a.host = "Host: a.localhost"

		for host, status := range map[string]int{
			"a.localhost": 200, "A.LOCALHOST": 200, "a.localhost:" + i.port: 200, "a.localhost:1": 200, "a.localhost.": 200,
			"XN--bcher-kva.example": 200, "xn--bcher-kva.example:443": 200, "192.0.2.7": 200, "192.0.2.7:80": 200,
			"localhost": 401, "127.0.0.1": 401, "[::1]": 401, // the tenant without hosts
			"anything.example": 421, "a.localhost..": 421, ".a.localhost": 421, "b.a.localhost": 421, "a.localhost.example": 421,
			"a.localhost@evil.example": 421, "3221225991": 421, "a.localhost:port": 421, "a%2elocalhost": 421, "a.localhost/": 421,
			strings.Repeat("a", 300): 421,
		} {
			got, _ := i.raw(t, "GET /auth/session HTTP/1.1\r\nCookie: __Host-usher="+a.cookie+"\r\nHost: "+host)
			if got.status != status && (status != 421 || got.status != 400) {
				t.Errorf("Host %.40q: got %v, want %d", host, got, status)
			}
			if len(got.header["Set-Cookie"]) != 0 {
				t.Errorf("Host %.40q: got cookies %q", host, got.header["Set-Cookie"])
			}
		}
		for _, target := range []string{link(a.lumen.token(person("anna"))), "/", "/auth/logout", "/auth/session"} {
			i.wantReason(t, i.get(t, target, "Host: evil.example", wantsJSON), 421, "unknown_host")
		}
		i.wantReason(t, i.send(t, "POST", "/auth/logout", "", "Host: evil.example"), 421, "unknown_host")
		i.wantReason(t, i.get(t, "/admin/api/v1/users?email=x@y.example", asAdmin, "Host: evil.example"), 421, "unknown_host")

		// Without a host, with several, and in the request line.
		for _, tt := range []struct {
			name, request string
			status        int
		}{
			{"none in HTTP/1.1", "GET /auth/session HTTP/1.1", 400},
			{"none in HTTP/1.0", "GET /auth/session HTTP/1.0", 421},
			{"empty", "GET /auth/session HTTP/1.1\r\nHost:", 421},
			{"two", "GET /auth/session HTTP/1.1\r\nHost: a.localhost\r\nHost: evil.example", 400},
			{"absolute form", "GET http://a.localhost/auth/session HTTP/1.1\r\nHost: evil.example", 200},
			{"absolute form of another host", "GET http://evil.example/auth/session HTTP/1.1\r\nHost: a.localhost", 421},
		} {
			got, _ := i.bytes(t, tt.request+"\r\nCookie: __Host-usher="+a.cookie+"\r\nConnection: close\r\n\r\n")
			if got.status != tt.status || len(got.header["Set-Cookie"]) != 0 {
				t.Errorf("%s: got %v, want %d and no cookie", tt.name, got, tt.status)
			}
		}

		// Forwarding headers choose no tenant and no link.
		for _, header := range []string{
			"X-Forwarded-Host: a.localhost", "Forwarded: host=a.localhost", "X-Host: a.localhost",
			"X-Original-Host: a.localhost", "X-Forwarded-Server: a.localhost", "X-HTTP-Host-Override: a.localhost",
		} {
			if got := i.get(t, "/auth/session", holding(a.cookie), header); got.status != 401 {
				t.Errorf("%s: got %v, want 401 of the host in Host", header, got)
			}
			if got := i.get(t, "/auth/session", holding(a.cookie), a.host, strings.Replace(header, "a.localhost", "evil.example", 1)); got.status != 200 {
				t.Errorf("%s: got %v, want 200 of the host in Host", header, got)
			}
		}
		got := i.get(t, link(a.lumen.token(person("anna")), "go", "https://a.localhost/x"), a.host, "X-Forwarded-Proto: https",
			"X-Forwarded-Prefix: //evil.example", "X-Forwarded-For: 203.0.113.9")
		if got.header.Get("Location") != "/acme" || i.lastRequest(t, got)["client"] != "127.0.0.1" {
			t.Errorf("got Location %q and client %v, want neither changed by forwarding headers",
				got.header.Get("Location"), i.lastRequest(t, got)["client"])
		}
		list := decode[sessionList](t, i.get(t, "/auth/sessions", a.host, holding(got.cookie()))).Sessions
		if !slices.ContainsFunc(list, func(one listedSession) bool { return one.Current && one.Network == "127.0.0.0/24" }) {
			t.Errorf("got sessions %+v, want the network of the connection", list)
		}
	})
}

// TestHostsAreUnique in their canonical form.
func TestHostsAreUnique(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		i.admin(t, 201, "POST", "/tenants", fields{"name": "Acme", "hosts": []string{"bücher.example", "acme.example"}})
		for _, hosts := range [][]string{
			{"acme.example"},
			{"ACME.example."},
			{"acme.example:8443"},
			{"xn--bcher-kva.example"},
			{"fresh.example", "Acme.Example"},
			{},
			{""},
			{"*.example"},
			{"acme.example/x"},
			{"user@acme.example"},
			{"a b"},
		} {
			got := i.admin(t, http.StatusBadRequest, "POST", "/tenants", fields{"name": "Other", "hosts": hosts})
			if got.reason() != "bad_request" {
				t.Errorf("hosts %q: got %v, want bad_request", hosts, got)
			}
		}
		// Nothing of a refused tenant is there.
		i.wantReason(t, i.get(t, "/", "Host: fresh.example", wantsJSON), 421, "unknown_host")
		for n := range 2 {
			i.admin(t, 201, "POST", "/tenants", fields{"name": "Same name", "hosts": []string{fmt.Sprintf("t%d.example", n)}})
		}
	})
}

// TestTrustedProxy: from a trusted peer the client's address counts, and no
// more.
func TestTrustedProxy(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w, "USHER_TRUSTED_PROXIES=127.0.0.1")
		a := i.addTenant(t, "acme", "a.localhost")
		got := i.get(t, link(a.lumen.token(person("anna"))), a.host, "X-Forwarded-For: 203.0.113.9", "X-Forwarded-Host: evil.example")
		if got.status != 303 || i.lastRequest(t, got)["client"] != "203.0.113.9" {
			t.Errorf("got %v of client %v, want 303 of 203.0.113.9", got, i.lastRequest(t, got)["client"])
		}
	})
}
