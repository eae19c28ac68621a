package main

import (
	"net/http"
	"strings"
	"testing"
)

// limitedBy sends requests until one is refused for coming too early, and checks
// what the answer says. A rate of one a second lets ten through at once.
func limitedBy(t testing.TB, kind string, send func() answer) answer {
	t.Helper()
	for n := range 500 {
		a := send()
		if a.status != http.StatusTooManyRequests {
			if got := a.header.Get("RateLimit-Policy"); a.status >= 400 || got != `"`+kind+`";q=10;w=10` {
				t.Fatalf("%s, request %d: got %v with the policy %q", kind, n+1, a, got)
			}
			continue
		}
		if rest := a.header.Get("RateLimit"); n < 10 || a.header.Get("Retry-After") != "1" || !strings.HasPrefix(rest, `"`+kind+`";r=0;t=`) {
			t.Errorf("%s: got request %d refused, Retry-After %q and %q", kind, n+1, a.header.Get("Retry-After"), rest)
		}
		return a
	}
	t.Fatalf("%s: got 500 requests passed", kind)
	return answer{}
}

// passes wants a request to be answered well.
func passes(t testing.TB, what string, a answer) {
	t.Helper()
	if a.status >= 400 {
		t.Errorf("%s: got %v", what, a)
	}
}

// passesUnder sends requests until one passes, as it does after a step of the new
// rate, and wants it to be counted under a policy from the first on.
func passesUnder(t testing.TB, policy string, send func() answer) {
	t.Helper()
	for range 500 {
		a := send()
		if got := a.header.Get("RateLimit-Policy"); got != policy {
			t.Fatalf("got %v with the policy %q, want %q", a, got, policy)
		}
		if a.status < 400 {
			return
		}
	}
	t.Errorf("%s: got 500 requests refused", policy)
}

// TestRatesOverHTTP: each of those who have shown who they are has a rate of their
// own, refused in the words of their protocol; a change of it counts with the next
// request; and nobody takes from another, of another tenant neither.
func TestRatesOverHTTP(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w, "USHER_SCIM_RATE=1")
		n := i.install(t, fields{"name": "Partner"})
		i.addTenant(t, "acme", "a.localhost")
		api := i.addConnection(t, "library", nil)
		wish := fields{"name": "Lumen", "client_id": "lumen", "api_scopes": []string{"library"}, "rate": 1}
		lumen := decode[clientUnderTest](t, i.admin(t, 201, "POST", "/clients", wish))
		other := i.addClient(t, "jwt", []string{"library"})
		i.addConnection(t, "library", nil, "Host: a.localhost")
		namesake := decode[clientUnderTest](t, i.admin(t, 201, "POST", "/clients", wish, "Host: a.localhost"))
		ask := func(c clientUnderTest, header ...string) func() answer {
			return func() answer {
				return i.send(t, "POST", "/connect/token", wantsClientToken, append(header, isForm, c.asks())...)
			}
		}

		if a := limitedBy(t, "client", ask(lumen)); a.oauthReason(t) != "rate_limited" || !strings.Contains(a.body, "error_description") {
			t.Errorf("a client: got %v", a)
		}
		a := i.send(t, "POST", "/connect/token", wantsClientToken, isForm, basic(lumen.ClientID, "wrong"))
		if a.status != 401 || a.header.Get("RateLimit") != "" {
			t.Errorf("a wrong secret: got %v with %v, want invalid_client and nothing told of the rate", a, a.header)
		}
		passes(t, "another client", ask(other)())
		passes(t, "a client of another tenant with the same id", ask(namesake, "Host: a.localhost")())
		i.admin(t, 200, "PATCH", "/clients/"+lumen.ID, fields{"rate": 0})
		if a := ask(lumen)(); a.status != 200 || a.header.Get("RateLimit") != "" {
			t.Errorf("a client of any rate: got %v with %v", a, a.header)
		}
		i.admin(t, 200, "PATCH", "/clients/"+lumen.ID, fields{"rate": nil})
		passesUnder(t, `"client";q=2000;w=10`, ask(lumen))

		token := i.accessToken(t, other)
		i.admin(t, 200, "PATCH", "/api-connections/"+api.ID, fields{"rate": 1})
		if a := limitedBy(t, "api_connection", func() answer { return i.introspect(t, api, token) }); a.oauthReason(t) != "rate_limited" {
			t.Errorf("an API connection: got %v", a)
		}
		i.admin(t, 200, "PATCH", "/api-connections/"+api.ID, fields{"rate": 5000})
		passesUnder(t, `"api_connection";q=50000;w=10`, func() answer { return i.introspect(t, api, token) })

		key := decode[struct{ ID, Key string }](t, i.admin(t, 201, "POST", "/api-keys", fields{"name": "k", "scopes": []string{"users:read"}, "rate": 1}))
		users := func() answer {
			return i.send(t, "GET", "/admin/api/v1/users?email=x@y.example", "", "Authorization: Bearer "+key.Key)
		}
		if a := limitedBy(t, "api_key", users); a.reason() != "rate_limited" || a.header.Get("Content-Type") != "application/problem+json" {
			t.Errorf("an API key: got %v", a)
		}
		i.admin(t, 200, "PATCH", "/api-keys/"+key.ID, fields{"rate": 100})
		passesUnder(t, `"api_key";q=1000;w=10`, users)

		one, two := i.directory(t, n), i.directory(t, i.install(t, fields{"name": "Other"}))
		list := func(d *directory) func() answer {
			return func() answer { return i.send(t, "GET", "/scim/v2/Users?count=1", "", d.lines...) }
		}
		limited := limitedBy(t, "scim", list(one))
		if got := decode[struct {
			Schemas []string
			Status  string
			Detail  string
		}](t, limited); got.Status != "429" || len(got.Schemas) != 1 || got.Schemas[0] != "urn:ietf:params:scim:api:messages:2.0:Error" || got.Detail == "" {
			t.Errorf("a directory: got %v", limited)
		}
		passes(t, "another directory", list(two)())
		i.admin(t, 200, "PATCH", "/integrations/"+n.ID+"/scim", fields{"rate": 100})
		passesUnder(t, `"scim";q=1000;w=10`, list(one))
	})
}
