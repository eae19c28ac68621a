package store_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// changesFrom returns what has changed since a position as the names of ids, in
// order, each once.
func changesFrom(t *testing.T, s *store.Store, at *store.TokenPosition, names map[string]string) (got []string) {
	t.Helper()
	found, err := s.TokenChanges(t.Context(), *at)
	if err != nil {
		t.Fatal(err)
	}
	if found.Lost {
		got = append(got, "lost")
	}
	for _, one := range found.List {
		got = append(got, names[one.TenantID]+" "+names[one.Subject])
	}
	*at = found.To
	slices.Sort(got)
	return slices.Compact(got)
}

// TestTokenChanges: whatever a token or a secret hangs on leaves a change behind,
// whoever writes it, and nothing else does.
func TestTokenChanges(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, now)
		tenant, other := newID(t), newID(t)
		names := map[string]string{tenant: "ours", other: "theirs"}
		id := func(name string) string {
			for id, known := range names {
				if known == name {
					return id
				}
			}
			id := newID(t)
			names[id] = name
			return id
		}
		later, past := time.Now().UTC().Add(time.Hour), time.Now().UTC().Add(-48*time.Hour)
		for _, one := range []string{tenant, other} {
			db.Exec(t, `INSERT INTO tenants (id, name, created_at) VALUES ($1, 'T', $2)`, one, past)
			db.Exec(t, `
INSERT INTO users (tenant_id, id, version, status, session_epoch, email, email_verified, first_name, last_name, name, phone,
                   birthdate, locale, picture, meta, onboarding, created_at, updated_at)
VALUES ($1, $2, 1, 'active', 0, '', true, '', '', '', '', '', '', '', '{}', false, $3, $3)`, one, id("user"), past)
			db.Exec(t, `INSERT INTO clients (tenant_id, id, client_id, name, grants, api_scopes, access_token_format, access_token_life,
                     disabled, revision, created_at, updated_at) VALUES ($1, $2, 'c', 'C', '[]', '[]', 'jwt', 3600, false, 1, $3, $3)`, one, id("client"), past)
			db.Exec(t, `INSERT INTO api_connections (tenant_id, id, name, display_name, revision, created_at, updated_at)
                     VALUES ($1, $2, 'api', 'API', 1, $3, $3)`, one, id("connection"), past)
			db.Exec(t, `INSERT INTO revoked_tokens (tenant_id, id, revoked_at, expires_at) VALUES ($1, $2, $3, $3)`, one, id("revoked before"), past)
		}
		err := s.AddIntegration(t.Context(),
			store.Integration{TenantID: tenant, ID: id("integration"), AppID: "a", Revision: 1, Generation: 1, CreatedAt: past, UpdatedAt: past},
			store.Key{TenantID: tenant, ID: "key", IntegrationID: id("integration"), Algorithm: "HS256", SealedSecret: []byte("sealed"), CreatedAt: past}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		for name, ends := range map[string]time.Time{"grant": later, "old grant": past} {
			db.Exec(t, `INSERT INTO token_grants (tenant_id, id, family, client, user_id, generation, session_epoch, auth_time, methods, scopes,
                     created_at, expires_at) VALUES ($1, $2, $2, $3, $4, 1, 0, $5, '[]', '[]', $5, $6)`,
				tenant, id(name), id("client"), id("user"), past, ends)
		}
		at := store.TokenPosition{}
		if got := changesFrom(t, s, &at, names); !slices.Equal(got, []string{"lost"}) {
			t.Errorf("a first reading: got %q", got)
		}
		token := func(name string, ends time.Time) {
			db.Exec(t, `INSERT INTO access_tokens (tenant_id, digest, id, client, scope, created_at, expires_at) VALUES ($1, $2, $3, $4, '', $5, $6)`,
				tenant, []byte(name), id(name), id("client"), past, ends)
		}
		for _, test := range []struct {
			what string
			do   func()
			want []string
		}{
			{"nothing", func() {}, nil},
			{"a sign-in", func() {
				db.Exec(t, `UPDATE users SET version = version + 1, email = 'x', status = 'active', session_epoch = 0 WHERE tenant_id = $1`, tenant)
			}, nil},
			{"a disabled user", func() { db.Exec(t, `UPDATE users SET status = 'disabled' WHERE tenant_id = $1`, tenant) }, []string{"user"}},
			{"a user who is signed out", func() { db.Exec(t, `UPDATE users SET session_epoch = 1 WHERE tenant_id = $1`, tenant) }, []string{"user"}},
			{"a user who is gone", func() { db.Exec(t, `DELETE FROM users WHERE tenant_id = $1`, tenant) }, []string{"user"}},
			{"an integration's name", func() { db.Exec(t, `UPDATE integrations SET name = 'x' WHERE tenant_id = $1`, tenant) }, nil},
			{"an integration that signs everybody out", func() { db.Exec(t, `UPDATE integrations SET generation = generation + 1 WHERE tenant_id = $1`, tenant) }, []string{"integration"}},
			{"a removed integration", func() { db.Exec(t, `UPDATE integrations SET removed_at = $1 WHERE tenant_id = $2`, past, tenant) }, []string{"integration"}},
			{"a client", func() { db.Exec(t, `UPDATE clients SET api_scopes = '["x"]' WHERE tenant_id = $1`, tenant) }, []string{"client"}},
			{"a client's new secret", func() {
				db.Exec(t, `INSERT INTO client_secrets (tenant_id, id, owner_id, digest, ending, created_at) VALUES ($1, $2, $3, $4, '', $5)`,
					tenant, id("client's secret"), id("client"), []byte{1}, past)
			}, []string{"client"}},
			{"a connection's new secret", func() {
				db.Exec(t, `INSERT INTO api_connection_secrets (tenant_id, id, owner_id, digest, ending, created_at) VALUES ($1, $2, $3, $4, '', $5)`,
					tenant, id("connection's secret"), id("connection"), []byte{1}, past)
			}, []string{"connection"}},
			{"secrets that are used", func() {
				db.Exec(t, `UPDATE client_secrets SET used_at = $1 WHERE tenant_id = $2`, past, tenant)
				db.Exec(t, `UPDATE api_connection_secrets SET used_at = $1 WHERE tenant_id = $2`, past, tenant)
			}, nil},
			{"secrets that are retired", func() {
				db.Exec(t, `UPDATE client_secrets SET expires_at = $1 WHERE tenant_id = $2`, past, tenant)
				db.Exec(t, `UPDATE api_connection_secrets SET expires_at = $1 WHERE tenant_id = $2`, past, tenant)
			}, []string{"client", "connection"}},
			{"a secret that is gone", func() { db.Exec(t, `DELETE FROM api_connection_secrets WHERE tenant_id = $1`, tenant) }, []string{"connection"}},
			{"a new scope", func() {
				db.Exec(t, `INSERT INTO api_scopes (tenant_id, name, connection_id, display_name, created_at) VALUES ($1, 'api', $2, 'API', $3)`,
					tenant, id("connection"), past)
			}, []string{"connection"}},
			{"a scope", func() { db.Exec(t, `UPDATE api_scopes SET display_name = 'x' WHERE tenant_id = $1`, tenant) }, []string{"connection"}},
			{"a scope that is gone", func() { db.Exec(t, `DELETE FROM api_scopes WHERE tenant_id = $1`, tenant) }, []string{"connection"}},
			{"a connection", func() { db.Exec(t, `UPDATE api_connections SET display_name = 'x' WHERE tenant_id = $1`, tenant) }, []string{"connection"}},
			{"a connection that is gone", func() { db.Exec(t, `DELETE FROM api_connections WHERE tenant_id = $1`, tenant) }, []string{"connection"}},
			{"a code that is redeemed", func() {
				db.Exec(t, `UPDATE token_grants SET expires_at = $1 WHERE id = $2`, later.Add(time.Hour), id("grant"))
			}, nil},
			{"a grant that ends sooner", func() { db.Exec(t, `UPDATE token_grants SET expires_at = $1 WHERE id = $2`, later, id("grant")) }, []string{"grant"}},
			{"a family that is revoked", func() { db.Exec(t, `UPDATE token_grants SET revoked_at = $1 WHERE id = $2`, past, id("grant")) }, []string{"grant"}},
			{"grants that are gone", func() { db.Exec(t, `DELETE FROM token_grants WHERE tenant_id = $1`, tenant) }, []string{"grant"}},
			{"new tokens", func() { token("token", later); token("old token", past) }, nil},
			{"a token that is revoked", func() { db.Exec(t, `UPDATE access_tokens SET revoked_at = $1 WHERE id = $2`, past, id("token")) }, []string{"token"}},
			{"tokens that are gone", func() { db.Exec(t, `DELETE FROM access_tokens WHERE tenant_id = $1`, tenant) }, []string{"token"}},
			{"a JWT that is revoked", func() {
				db.Exec(t, `INSERT INTO revoked_tokens (tenant_id, id, revoked_at, expires_at) VALUES ($1, $2, $3, $4)`, tenant, id("jwt"), past, later)
			}, []string{"jwt"}},
			{"revocations that are over", func() { db.Exec(t, `DELETE FROM revoked_tokens WHERE tenant_id = $1`, tenant) }, nil},
			{"a client that is gone", func() { db.Exec(t, `DELETE FROM clients WHERE tenant_id = $1`, tenant) }, []string{"client"}},
		} {
			test.do()
			var want []string
			for _, name := range test.want {
				want = append(want, "ours "+name)
			}
			if diff := cmp.Diff(want, changesFrom(t, s, &at, names)); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.what, diff)
			}
		}
	})
}

// TestTokenChangesOverlap: a change of a transaction that is long under way is
// found once it is committed, and once only, whatever was read meanwhile.
func TestTokenChangesOverlap(t *testing.T) {
	t.Parallel()
	if !testenv.HasPostgres() {
		return
	}
	db := storetest.New(t, testenv.Postgres)
	s := db.Open(t, now)
	tenant, slow, quick, undone := newID(t), newID(t), newID(t), newID(t)
	names := map[string]string{tenant: "ours", slow: "slow", quick: "quick", undone: "undone"}
	insert := func(id string) string {
		return `INSERT INTO revoked_tokens (tenant_id, id, revoked_at, expires_at) VALUES ('` + tenant + `', '` + id + `', now(), now())`
	}
	db.Exec(t, `INSERT INTO tenants (id, name, created_at) VALUES ($1, 'T', now())`, tenant)
	var at store.TokenPosition
	read := func(what string, want ...string) {
		t.Helper()
		if got := strings.Join(changesFrom(t, s, &at, names), ", "); got != strings.Join(want, ", ") {
			t.Errorf("%s: got %q, want %q", what, got, want)
		}
	}
	read("first", "lost")
	long := db.Begin(t)
	long.Exec(t, insert(slow))
	read("under way")
	gone := db.Begin(t)
	gone.Exec(t, insert(undone))
	gone.Rollback(t)
	db.Exec(t, insert(quick))
	read("one that began later", "ours quick")
	read("again")
	long.Exec(t, "COMMIT")
	read("the long one", "ours slow")
	read("again")
}

// TestSignInsChangeNoTokens: a sign-in, the first one, one with changes or one
// without, leaves no change behind, so that it costs nobody a remembered answer.
func TestSignInsChangeNoTokens(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		sc := newScene(t, db)
		sc.want(t, "a change", sc.second(t), store.Applied)
		recalled, err := sc.s.Recall(t.Context(), store.Recollection{
			TenantID: sc.tenant.ID, IntegrationID: sc.integration.ID, Revision: 1, Subject: "anna-1",
			EmailKey: "anna@example.com", Fingerprint: fingerprint("second"), Token: token(t, "third", 300),
		})
		if err != nil || !recalled.Spent {
			t.Errorf("an unchanged sign-in: got %+v, error %v", recalled, err)
		}
		if rows := db.Rows(t, `SELECT version FROM users WHERE tenant_id = $1`, sc.tenant.ID); len(rows) != 1 || rows[0] != "2" {
			t.Errorf("got users of versions %q, want one that was changed once", rows)
		}
		if rows := db.Rows(t, `SELECT subject FROM token_changes`); len(rows) != 0 {
			t.Errorf("got changes of %q, want none", rows)
		}
	})
}

// TestForgetTokenChanges: what is deleted was there at a position that is old
// enough for everybody to have read it.
func TestForgetTokenChanges(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		at := time.Now()
		s := db.Open(t, func() time.Time { return at })
		tenant := newID(t)
		db.Exec(t, `INSERT INTO tenants (id, name, created_at) VALUES ($1, 'T', $2)`, tenant, at)
		change := func() {
			db.Exec(t, `INSERT INTO revoked_tokens (tenant_id, id, revoked_at, expires_at) VALUES ($1, $2, $3, $3)`, tenant, newID(t), at)
		}
		position := func() store.TokenPosition {
			found, err := s.TokenChanges(t.Context(), store.TokenPosition{})
			if err != nil {
				t.Fatal(err)
			}
			return found.To
		}
		forget := func(what string, from store.TokenPosition, want, left int) {
			t.Helper()
			got, err := s.ForgetTokenChanges(t.Context(), from, 100)
			if rows := db.Rows(t, `SELECT subject FROM token_changes`); err != nil || got != want || len(rows) != left {
				t.Errorf("%s: got %d deleted and %d left, error %v, want %d and %d", what, got, len(rows), err, want, left)
			}
		}
		change()
		change()
		from := position()
		change()
		forget("no position", store.TokenPosition{}, 0, 3)
		forget("a young position", from, 0, 3)
		from = store.AgedPosition(from, 5*time.Minute)
		forget("an old position", from, 2, 1)
		forget("again", from, 0, 1)
		// Nobody goes on from such a position, either.
		if found, err := s.TokenChanges(t.Context(), from); err != nil || !found.Lost {
			t.Errorf("a reading from an old position: got %+v, error %v, want it to be lost", found, err)
		}
	})
}

// TestTokenChangesOfAnotherServer: after a new connection, and from a backup of
// another server, nothing is taken for what it is not.
func TestTokenChangesOfAnotherServer(t *testing.T) {
	t.Parallel()
	if !testenv.HasPostgres() {
		return
	}
	db := storetest.New(t, testenv.Postgres)
	s := db.Open(t, now)
	tenant, id := newID(t), newID(t)
	names := map[string]string{tenant: "ours", id: "changed"}
	var at store.TokenPosition
	changesFrom(t, s, &at, names)
	if got := changesFrom(t, s, &at, names); len(got) != 0 {
		t.Errorf("a second reading: got %q, want nothing", got)
	}
	db.Exec(t, `INSERT INTO token_changes (tenant_id, subject, xid) VALUES ($1, $2, '9000000000000')`, tenant, id)
	if got := changesFrom(t, s, &at, names); len(got) != 0 {
		t.Errorf("a row from another server: got %q, want nothing", got)
	}
	if n, err := s.ForgetTokenChanges(t.Context(), store.AgedPosition(at, 5*time.Minute), 100); err != nil || n != 1 {
		t.Errorf("got %d rows forgotten, error %v, want the one from another server", n, err)
	}
	before := at
	db.Exec(t, `SELECT pg_terminate_backend($1)`, s.ChangesBackend(t))
	for try := 0; ; try++ {
		found, err := s.TokenChanges(t.Context(), at)
		if err == nil {
			if !found.Lost {
				t.Errorf("after the connection was cut: got %+v, want it to be lost", found)
			}
			at = found.To
			break
		}
		if try > 1 || !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("after the connection was cut: got error %v, want at most one of %v", err, store.ErrUnavailable)
		}
	}
	if n, err := s.ForgetTokenChanges(t.Context(), store.AgedPosition(before, 5*time.Minute), 100); err != nil || n != 0 {
		t.Errorf("got %d rows forgotten at a position of an earlier connection, error %v", n, err)
	}
	if got := changesFrom(t, s, &at, names); len(got) != 0 {
		t.Errorf("a second reading on the new connection: got %q, want nothing", got)
	}
}
