package main

import (
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

// TestIdempotencyKey: a creating request that comes again gets the same
// answer, secrets included, and nothing is made twice.
func TestIdempotencyKey(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		key := "Idempotency-Key: 1b6e-install"
		wish := fields{"name": "Lumen Learning"}
		first := i.admin(t, 201, "POST", "/integrations", wish, key)
		again := i.admin(t, 201, "POST", "/integrations", wish, key)
		if first.body != again.body || !strings.Contains(first.body, `"secret":"`) {
			t.Errorf("got another answer:\n%s\n%s", first.body, again.body)
		}
		for _, name := range []string{"Content-Type", "Etag"} {
			if got, want := again.header.Get(name), first.header.Get(name); got != want || want == "" {
				t.Errorf("%s: got %q again, want %q", name, got, want)
			}
		}
		if first.header.Get("Idempotency-Replayed") != "" || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("got Idempotency-Replayed %q, then %q", first.header.Get("Idempotency-Replayed"), again.header.Get("Idempotency-Replayed"))
		}
		i.wantReason(t, i.admin(t, 422, "POST", "/integrations", fields{"name": "Other"}, key), 422, "idempotency_conflict")
		i.wantReason(t, i.admin(t, 422, "POST", "/groups", fields{"external_id": "x"}, key), 422, "idempotency_conflict")
		all := decode[struct{ Integrations []installed }](t, i.admin(t, 200, "GET", "/integrations", nil)).Integrations
		if len(all) != 1 {
			t.Fatalf("got %d integrations, want 1", len(all))
		}
		// A refused request leaves its key free.
		i.admin(t, 400, "POST", "/integrations/"+all[0].ID+"/keys", fields{"secret": "short"}, "Idempotency-Key: k")
		i.admin(t, 201, "POST", "/integrations/"+all[0].ID+"/keys", fields{}, "Idempotency-Key: k")
		i.admin(t, 201, "POST", "/integrations/"+all[0].ID+"/keys", fields{}, "Idempotency-Key: k")
		if n := len(decode[installed](t, i.admin(t, 200, "GET", "/integrations/"+all[0].ID, nil)).Keys); n != 2 {
			t.Errorf("got %d keys, want 2", n)
		}
		for _, wrong := range [][]string{{"Idempotency-Key: a b"}, {"Idempotency-Key: a", "Idempotency-Key: b"}, {"Idempotency-Key: " + strings.Repeat("x", 129)}} {
			i.admin(t, 400, "POST", "/groups", fields{"external_id": "y"}, wrong...)
		}
	})
}

// TestSpentAnswers: once a secret is destroyed, repeating the request that made
// it shows it no more, and makes nothing.
func TestSpentAnswers(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		type made struct{ ID, Key, Secret string }
		wish, apiKey := fields{"name": "Lumen"}, fields{"name": "n", "scopes": []string{"log:read"}}
		n := decode[installed](t, i.admin(t, 201, "POST", "/integrations", wish, "Idempotency-Key: n"))
		keys := "/integrations/" + n.ID + "/keys"
		added := i.admin(t, 201, "POST", keys, fields{}, "Idempotency-Key: k")
		after := decode[installed](t, i.admin(t, 200, "GET", "/integrations/"+n.ID, nil))
		k := decode[made](t, i.admin(t, 201, "POST", "/api-keys", apiKey, "Idempotency-Key: a"))
		refused := func(path string, body fields, key string) {
			t.Helper()
			got := i.admin(t, 409, "POST", path, body, "Idempotency-Key: "+key)
			if !strings.Contains(got.body, "not kept any more") || strings.Contains(got.body, `"secret"`) {
				t.Errorf("%s: got %s", path, got.body)
			}
		}
		i.admin(t, 204, "DELETE", "/api-keys/"+k.ID, nil)
		refused("/api-keys", apiKey, "a")

		i.admin(t, 204, "DELETE", keys+"/"+after.Keys[1].ID, nil, "If-Match: *")
		refused(keys, fields{}, "k")
		if again := i.admin(t, 201, "POST", "/integrations", wish, "Idempotency-Key: n"); !strings.Contains(again.body, n.secret()) {
			t.Errorf("got %s again while the key lives, want the same answer (the added key's was %s)", again.body, added.body)
		}
		i.admin(t, 204, "DELETE", "/integrations/"+n.ID, nil, "If-Match: *")
		refused("/integrations", wish, "n")
		refused(keys, fields{}, "k")
		if all := decode[struct{ Integrations []installed }](t, i.admin(t, 200, "GET", "/integrations", nil)).Integrations; len(all) != 0 {
			t.Errorf("got %d integrations, want none", len(all))
		}
	})
}

// TestUnknownParameters: a misspelt, repeated or malformed parameter is refused
// by every route of the API, and one that is described is not.
func TestUnknownParameters(t *testing.T) {
	t.Parallel()
	i := launch(t, embeddedWorld(t))
	doc, err := openapi3.NewLoader().LoadFromFile("../handlers/admin/openapi.json")
	if err != nil {
		t.Fatal(err)
	}
	for path, item := range doc.Paths.Map() {
		if len(item.Servers) > 0 { // not below the admin's address
			continue
		}
		for method, op := range item.Operations() {
			target := "/admin/api/v1" + strings.NewReplacer("{", "", "}", "").Replace(path)
			for query, named := range map[string]string{"?emial=anna%40example.com": "emial", "?x=1;y": "query", "?%zz=1": "query"} {
				if a := i.send(t, method, target+query, "{}", asAdmin); a.status != 400 || !strings.Contains(a.body, named) {
					t.Errorf("%s %s%s: got %v, want 400 naming %s", method, target, query, a, named)
				}
			}
			for _, p := range op.Parameters {
				if p.Value.In != "query" {
					continue
				}
				if a := i.send(t, method, target+"?"+p.Value.Name+"=1&"+p.Value.Name+"=2", "{}", asAdmin); a.status != 400 || !strings.Contains(a.body, p.Value.Name) {
					t.Errorf("%s %s with %s twice: got %v, want 400", method, target, p.Value.Name, a)
				}
				if a := i.send(t, method, target+"?"+p.Value.Name+"=x", "{}", asAdmin); strings.Contains(a.body, "no parameter") {
					t.Errorf("%s %s with %s: got %v, want it known", method, target, p.Value.Name, a)
				}
			}
		}
	}
	// Cursors that nobody has been given.
	for _, target := range []string{
		"/users?after=x", "/sign-ins?before=x", "/jobs?before=x", "/audit?after=x", "/credits?after=x", "/api-keys?before=x",
		"/administrators?after=x", "/tenants?after=x",
	} {
		i.admin(t, 400, "GET", target, nil)
	}
}

// TestIdempotencyKeyInParallel sends one request many times at once.
func TestIdempotencyKeyInParallel(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		var all sync.WaitGroup
		var mu sync.Mutex
		bodies := map[string]bool{}
		for range 12 {
			all.Go(func() {
				a, err := i.try(t.Context(), "POST", "/admin/api/v1/integrations", `{"name":"Lumen"}`, asAdmin, "Idempotency-Key: same")
				if err != nil {
					t.Error(err)
					return
				}
				mu.Lock()
				defer mu.Unlock()
				switch {
				case a.status == 201:
					bodies[a.body] = true
				case a.status != 409 || a.reason() != "idempotency_in_progress" || a.header.Get("Retry-After") == "":
					t.Errorf("got %v, want 201, or 409 with Retry-After", a)
				}
			})
		}
		all.Wait()
		if len(bodies) != 1 {
			t.Errorf("got %d different answers, want 1", len(bodies))
		}
		if n := len(decode[struct{ Integrations []installed }](t, i.admin(t, 200, "GET", "/integrations", nil)).Integrations); n != 1 {
			t.Errorf("got %d integrations, want 1", n)
		}
	})
}

// TestIfMatch: a change that names another state than the present one is not
// made, and of two at once that name the same state one is.
func TestIfMatch(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		i.signIn(t, link(lumen.token(person("anna"))))
		for _, path := range []string{"/integrations/" + lumen.ID, "/users/" + i.userID(t, "anna@lumen.example")} {
			change := fields{"name": "Other"}
			if strings.HasPrefix(path, "/users") {
				change = fields{"disabled": true}
			}
			tag := i.admin(t, 200, "GET", path, nil).header.Get("ETag")
			if len(tag) < 3 || strings.Trim(tag, `"0123456789`) != "" {
				t.Fatalf("%s: got ETag %q", path, tag)
			}
			for _, stale := range []string{`"999"`, "W/" + tag, `"x"`, `"998", "999"`} {
				i.wantReason(t, i.admin(t, 412, "PATCH", path, change, "If-Match: "+stale), 412, "precondition_failed")
				i.wantReason(t, i.admin(t, 412, "DELETE", path, nil, "If-Match: "+stale), 412, "precondition_failed")
			}
			i.admin(t, 400, "PATCH", path, change, "If-Match: 1")
			if got := i.admin(t, 200, "GET", path, nil).header.Get("ETag"); got != tag {
				t.Errorf("%s: got ETag %s after refused changes, want %s", path, got, tag)
			}
			next := i.admin(t, 200, "PATCH", path, change, `If-Match: "999", `+tag).header.Get("ETag")
			if next == tag || next != i.admin(t, 200, "GET", path, nil).header.Get("ETag") {
				t.Errorf("%s: got ETag %s after a change of %s", path, next, tag)
			}
			i.admin(t, 412, "PATCH", path, change, "If-Match: "+tag)
			var all sync.WaitGroup
			var mu sync.Mutex
			count := map[int]int{}
			for n := range 6 {
				each := change
				if each["name"] != nil {
					each = fields{"name": fmt.Sprint("Other ", n)} // what is so already is no change
				}
				all.Go(func() {
					a, err := i.try(t.Context(), "PATCH", "/admin/api/v1"+path, jsonText(each), asAdmin, "If-Match: "+next)
					if err != nil {
						t.Error(err)
					}
					mu.Lock()
					defer mu.Unlock()
					count[a.status]++
				})
			}
			all.Wait()
			if got := fmt.Sprint(count); got != "map[200:1 412:5]" {
				t.Errorf("%s: got statuses %s, want one change made", path, got)
			}
			i.admin(t, 204, "DELETE", path, nil, "If-Match: *")
		}
		// An API key has no ETag: none matches, and any state is good.
		made := "/api-keys/" + decode[struct{ ID string }](t, i.admin(t, 201, "POST", "/api-keys", fields{"name": "k", "scopes": []string{"users:read"}})).ID
		i.wantReason(t, i.admin(t, 412, "DELETE", made, nil, `If-Match: "1"`), 412, "precondition_failed")
		i.admin(t, 400, "DELETE", made, nil, "If-Match: 1")
		i.admin(t, 204, "DELETE", made, nil, "If-Match: *")
	})
}
