package main

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store/storetest"
)

// openToAll are the changes that nobody is signed in for, or not yet.
var openToAll = map[string]bool{
	"POST /admin/sign-in": true, "POST /admin/sign-in/passkey": true, "POST /admin/sign-in/passkey/finish": true,
	"POST /admin/sign-out": true, "POST /admin/join": true,
}

// TestOtherTenantsAreOutOfReach calls every change of one tenant as an owner
// of, and with a key of, another.
func TestOtherTenantsAreOutOfReach(t *testing.T) {
	eachDatabaseWorld(t, func(t *testing.T, w world, db *storetest.Database) {
		i := launch(t, w)
		i.owner(t) // sets the instance up
		a, b := i.addTenant(t, "acme", "a.localhost"), i.addTenant(t, "bolt", "b.localhost")
		tenant := db.Rows(t, `SELECT tenant_id FROM tenant_hosts WHERE host = 'a.localhost'`)[0]
		s := newSweep(t, i, db, tenant, strings.TrimPrefix(a.host, "Host: "))
		// Somebody who is an owner of B and nothing else.
		_, token, _ := strings.Cut(decode[struct{ Link struct{ URL string } }](t, i.admin(t, 201, "POST", "/administrators", fields{
			"email": "bo@usher.example", "name": "Bo", "role": "owner",
		}, b.host)).Link.URL, "token=")
		joined := i.post(t, "/admin/join", url.Values{"token": {token}, "name": {"Bo"}, "password": {ownerPassword + "bo"}}.Encode(), b.host)
		bo := "Cookie: __Host-usher-admin=" + joined.adminCookie()
		scopes := []string{
			"integrations:read", "integrations:write", "users:read", "users:write", "catalog:read", "catalog:write",
			"tokens:read", "tokens:write", "webhooks:read", "webhooks:write", "log:read",
			"audit:read", "settings:read", "settings:write",
		}
		key := "Authorization: Bearer " + decode[struct{ Key string }](t, i.admin(t, 201, "POST", "/api-keys", fields{"name": "B's", "scopes": scopes}, b.host)).Key

		changes := s.changes()
		for _, route := range slices.Sorted(func(yield func(string) bool) {
			for route := range changes {
				if !yield(route) {
					return
				}
			}
		}) {
			change := changes[route](t)
			s.settle(t)
			method, path, _ := strings.Cut(route, " ")
			before := watched(t, db, tenant)
			try := func(who, host string, want ...int) {
				t.Helper()
				var got answer
				if values, form := change.body.(url.Values); form {
					got = i.send(t, method, change.path, values.Encode(), host, isForm, who, wantsJSON)
					if got.adminCookie() != "" {
						t.Errorf("%s at %s: got a session", route, host)
					}
				} else {
					body := "{}"
					if change.body.(fields) != nil {
						body = jsonText(change.body)
					}
					got = i.send(t, method, change.path, body, append(change.header, host, who, wantsJSON)...)
				}
				if !slices.Contains(want, got.status) {
					t.Errorf("%s at %s: got %v, want one of %v", route, host, got, want)
				}
			}
			who := key
			if !strings.HasPrefix(path, "/admin/api/") {
				who = bo
			}
			if openToAll[route] {
				// Whoever is somebody at A is nobody at B: there is nothing to
				// sign in with, to join or to end.
				before = s.state(t)
				try(change.as, b.host, http.StatusOK, http.StatusSeeOther, http.StatusNotFound, http.StatusUnprocessableEntity)
				if diff := cmp.Diff(before, s.state(t)); diff != "" {
					t.Errorf("%s at another tenant changed something (-before +after):\n%s", route, diff)
				}
				continue
			}
			// At A's own host: B's people and keys are nobody there.
			try(who, a.host, http.StatusUnauthorized, http.StatusForbidden, http.StatusNotFound)
			if strings.Contains(path, ":") {
				// At B's host with A's ids: there is no such thing.
				try(who, b.host, http.StatusNotFound, http.StatusForbidden)
			}
			if diff := cmp.Diff(before, watched(t, db, tenant)); diff != "" {
				t.Errorf("%s by another tenant changed something (-before +after):\n%s", route, diff)
			}
		}
		entry := s.enters(t, s.lumen, s.next(), nil)
		i.entries(t, "?reference="+entry, 1, a.host)
		_, withPasskey := s.passkey(t)
		its := strings.NewReplacer(
			"integrations/:id/scim/tokens/:token", strings.TrimPrefix(s.scimToken(t), "/"),
			"integrations/:id", "integrations/"+a.lumen.ID, ":kid", a.lumen.kid(), "groups/:id", "groups/"+s.group(t),
			"credits/:id", "credits/"+s.credit(t), "resources/:kind/:id", "resources/vote/"+s.resource(t), "users/:id/merge", "users/"+a.user+"/merge?from="+b.user,
			"users/:id/claims/:claim", strings.TrimPrefix(s.userClaim(t), "/"), "users/:id", "users/"+a.user,
			":group", s.group(t), "jobs/:id", "jobs/"+s.export(t), "alerts/:id", "alerts/"+s.alert(t),
			"administrators/:id", "administrators/"+s.administrator(t), ":reference", entry, "tenants/:id", "tenants/"+tenant,
			"api-keys/:id", "api-keys/"+s.id(t, "POST", "/api-keys", fields{"name": s.next(), "scopes": []string{"users:read"}}),
			"passkeys/:id", "passkeys/"+s.passkeyID(t, withPasskey),
			"clients/:id/secrets/:secret", strings.TrimPrefix(s.secret(t, "/clients/"+s.client(t)), "/"),
			"api-connections/:id/secrets/:secret", strings.TrimPrefix(s.secret(t, "/api-connections/"+s.connection(t)), "/"),
			"api-connections/:id/scopes/:scope", strings.TrimPrefix(s.scope(t), "/"),
			"organizations/:id/secrets/:secret", "organizations/"+s.organizationSecret(t),
			"organizations/:id", "organizations/"+s.organization(t),
			"identity-scopes/:scope", "identity-scopes/"+s.identityScope(t), "claims/:claim", "claims/"+s.claim(t),
			"webhooks/:id/deliveries/:event", strings.TrimPrefix(s.delivery(t), "/"), "webhooks/:id", "webhooks/"+s.webhook(t),
			"clients/:id", "clients/"+s.client(t), "api-connections/:id", "api-connections/"+s.connection(t),
		)
		for _, route := range everyRoute(t) {
			path, get := strings.CutPrefix(route, "GET /admin/")
			if !get || !strings.Contains(path, ":") {
				continue
			}
			if path = its.Replace(path); strings.Contains(path, ":") {
				t.Errorf("%s: no id is known for it", route)
			}
			who := bo
			if strings.HasPrefix(path, "api/") {
				who = key
			}
			if got := i.get(t, "/admin/"+path, b.host, who, wantsJSON); got.status != http.StatusNotFound && got.status != http.StatusForbidden {
				t.Errorf("GET /admin/%s at B: got %v, want 404 or 403", path, got)
			}
		}
	})
}
