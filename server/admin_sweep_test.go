package main

import (
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store/storetest"
)

// TestEveryChangeIsAudited [I10]: one row for each change, on every route, and
// none for what was refused, which leaves no trace at all.
func TestEveryChangeIsAudited(t *testing.T) {
	eachDatabaseWorld(t, func(t *testing.T, w world, db *storetest.Database) {
		i := launch(t, w)
		tenant := db.Rows(t, `SELECT id FROM tenants`)[0]
		setup := url.Values{"token": {i.setup}, "name": {"Eve"}, "email": {"eve@usher.example"}, "password": {ownerPassword}}
		if a := i.send(t, "POST", "/admin/setup", setup.Encode(), isForm, "Sec-Fetch-Site: cross-site"); a.status != http.StatusForbidden {
			t.Errorf("setup from another site: got %v, want 403", a)
		}
		i.owner(t)
		acts := db.Rows(t, `SELECT action FROM audit_log WHERE tenant_id = $1 ORDER BY seq`, tenant)
		if diff := cmp.Diff([]string{"admin_set_up", "admin_signed_in"}, acts); diff != "" {
			t.Errorf("acts of a setup (-want +got):\n%s", diff)
		}
		s := newSweep(t, i, db, tenant, "localhost:"+i.port)
		changes := s.changes()
		for _, route := range everyRoute(t) {
			method, path, _ := strings.Cut(route, " ")
			if method == "GET" || method == "HEAD" || !strings.HasPrefix(path, "/admin") || route == notSwept {
				continue
			}
			if prepare := changes[route]; prepare == nil {
				t.Errorf("%s is not swept", route)
			} else {
				s.audited(t, route, prepare(t))
			}
		}
		if got := i.get(t, "/admin/audit", s.as, wantsPage); got.status != 200 {
			t.Errorf("got %v", got)
		}
		command(t, w, exitOK, "audit", "verify")
	})
}

// rows is how many rows the audit logs of all tenants have.
func (s *sweep) rows(t *testing.T) int {
	t.Helper()
	n, err := strconv.Atoi(s.db.Rows(t, `SELECT sum(seq) FROM audit_heads`)[0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}

// audited makes a change, after it was refused in each way that there is.
func (s *sweep) audited(t *testing.T, route string, c change) {
	t.Helper()
	s.settle(t)
	before, state := s.rows(t), s.state(t)
	refused := func(how string, a answer, want int) {
		t.Helper()
		if a.status != want {
			t.Errorf("%s %s: got %v, want %d", route, how, a, want)
		}
		if got := s.rows(t); got != before {
			t.Errorf("%s %s: got %d rows in the audit log, want none", route, how, got-before)
		}
	}
	unchanged := func(how string) {
		t.Helper()
		if diff := cmp.Diff(state, s.state(t)); diff != "" {
			t.Errorf("%s %s changed something (-before +after):\n%s", route, how, diff)
		}
	}
	body, api := c.body.(fields)
	var header []string
	if api {
		refused("with a condition that does not hold", s.call(t, route, c, `If-Match: "999999"`), http.StatusPreconditionFailed)
		if body != nil {
			strange := c
			strange.body = body.with(fields{"nonsense": 1})
			refused("with a strange field", s.call(t, route, strange), http.StatusBadRequest)
		}
		if method, _, _ := strings.Cut(route, " "); len(c.header) == 0 && repeatable(t, method, c.path) {
			header = []string{"Idempotency-Key: sweep-" + s.next()}
		}
	} else {
		refused("from another site", s.call(t, route, c, "Sec-Fetch-Site: cross-site", "Origin: https://evil.example"), http.StatusForbidden)
	}
	unchanged("and refused")
	done := s.call(t, route, c, header...)
	if done.status >= 400 {
		t.Errorf("%s %s: got %v, want it done", route, c.path, done)
		return
	}
	unlike, want := rowsOf[route], 1
	if unlike.why != "" {
		want = unlike.rows
	}
	if got := s.rows(t) - before; got != want {
		t.Errorf("%s: got %d rows in the audit log, want %d", route, got, want)
	}
	if unlike.why == changesNothing {
		unchanged("and done")
	}
	if done.status == http.StatusCreated && header == nil {
		t.Errorf("%s makes something, and openapi.json has no Idempotency-Key for it", route)
	}
	if header != nil {
		again := s.call(t, route, c, header...)
		if again.status != done.status || again.body != done.body || again.header.Get("Idempotency-Replayed") != "true" {
			t.Errorf("%s again with its Idempotency-Key: got %v, want the same as before, %v", route, again, done)
		}
		if got := s.rows(t) - before; got != want {
			t.Errorf("%s again with its Idempotency-Key: got %d rows in the audit log, want %d", route, got, want)
		}
	}
}

// repeatable reports whether openapi.json has an Idempotency-Key for a call.
func repeatable(t *testing.T, method, path string) bool {
	t.Helper()
	router, err := contract()
	if err != nil {
		t.Fatal(err)
	}
	request, err := http.NewRequestWithContext(t.Context(), method, path, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	described, _, err := router.FindRoute(request)
	if err != nil {
		t.Fatalf("%s %s: %v", method, path, err)
	}
	return described.Operation.Parameters.GetByInAndName("header", "Idempotency-Key") != nil
}

// state is all of the tenant but what is written a while after a sign-in, and the
// endings, which are taken off the list once they have reached every session.
func (s *sweep) state(t *testing.T) []string {
	t.Helper()
	return s.db.Dump(t, s.tenant, "api_keys", "sign_ins", "sign_in_counts", "used_tokens", "unknown_names", "claim_counts", "endings",
		"webhook_outbox", "webhook_events", "webhook_deliveries", "webhook_attempts")
}

// watched leaves out what somebody's looking around may write, and the endings.
func watched(t *testing.T, db *storetest.Database, tenant string) []string {
	t.Helper()
	return db.Dump(t, tenant, "admin_sessions", "admin_attempts", "admin_tickets", "api_keys", "sign_ins", "sign_in_counts",
		"idempotency", "kv_sessions", "used_tokens", "unknown_names", "claim_counts", "endings",
		"webhook_outbox", "webhook_events", "webhook_deliveries", "webhook_attempts")
}

// TestLookingChangesNothing opens every page of a full instance.
func TestLookingChangesNothing(t *testing.T) {
	eachDatabaseWorld(t, func(t *testing.T, w world, db *storetest.Database) {
		i := launch(t, w)
		owner := i.owner(t)
		secrets := inhabit(t, i)
		tenant := db.Rows(t, `SELECT id FROM tenants`)[0]
		before := watched(t, db, tenant)
		c := crawl(t, i, owner, secrets, "/admin")
		if len(c.pages) < 30 {
			t.Errorf("got %d pages, want many", len(c.pages))
		}
		for _, route := range everyRoute(t) {
			if path, get := strings.CutPrefix(route, "GET /admin/api/v1"); get && !strings.Contains(path, ":") {
				i.send(t, "GET", "/admin/api/v1"+path, "", asAdmin)
			}
		}
		if diff := cmp.Diff(before, watched(t, db, tenant)); diff != "" {
			t.Errorf("looking changed something (-before +after):\n%s", diff)
		}
	})
}

// TestTenantsAreAudited: what an operator does to a tenant is in that tenant's
// log.
func TestTenantsAreAudited(t *testing.T) {
	eachDatabaseWorld(t, func(t *testing.T, w world, db *storetest.Database) {
		i := launch(t, w)
		owner := i.owner(t)
		id := decode[struct{ ID string }](t, i.admin(t, 201, "POST", "/tenants", fields{"name": "Acme", "hosts": []string{"acme.localhost"}})).ID
		i.admin(t, 200, "PATCH", "/tenants/"+id, fields{"hosts": []string{"acme.localhost", "b.localhost"}})
		i.admin(t, 400, "PATCH", "/tenants/"+id, fields{"hosts": []string{"a b"}})
		s := &sweep{i: i, host: "Host: localhost:" + i.port, as: owner}
		path := "/admin/settings/tenants/" + id
		for _, change := range []change{
			s.form(t, path, path, "name", "Acme Ltd", "hosts", "acme.localhost\r\n"),
			s.form(t, "/admin/settings/tenants", "/admin/settings/tenants", "name", "Bolt", "hosts", "bolt.localhost"),
		} {
			if got := s.call(t, "POST "+change.path, change); got.status != http.StatusSeeOther {
				t.Errorf("%s: got %v, want 303", change.path, got)
			}
		}
		want := []string{"tenant_added", "tenant_changed", "tenant_changed"}
		if diff := cmp.Diff(want, db.Rows(t, `SELECT action FROM audit_log WHERE tenant_id = $1 ORDER BY seq`, id)); diff != "" {
			t.Errorf("acts (-want +got):\n%s", diff)
		}
		if got := i.get(t, "/admin/audit", "Host: acme.localhost", i.owner(t, "Host: acme.localhost"), wantsPage); !strings.Contains(got.body, "<del>acme.localhost, b.localhost</del>") {
			t.Errorf("got no change of hosts from and to in %v", got)
		}
		if out, _ := command(t, w, exitOK, "audit", "verify", "--host", "acme.localhost"); !strings.Contains(out, "Rows checked: 4") { // and the sign-in above
			t.Errorf("got %q, want 4 rows checked", out)
		}
	})
}
