package store_test

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

var testNow = time.Date(2026, time.May, 4, 9, 0, 0, 123456000, time.UTC)

func now() time.Time { return testNow }

func newID(t testing.TB) string {
	t.Helper()
	id, err := store.NewID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}

func wantError(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

// addTenant makes a tenant with one host.
func addTenant(t testing.TB, s *store.Store) store.Tenant {
	t.Helper()
	id := newID(t)
	tenant := store.Tenant{ID: id, Name: "Tenant", Hosts: []string{id + ".example"}, CreatedAt: now()}
	if err := s.AddTenant(t.Context(), tenant, nil, byTest); err != nil {
		t.Fatalf("AddTenant: %v", err)
	}
	return tenant
}

func TestMigrate(t *testing.T) {
	t.Parallel()
	var tables [][]string
	for _, kind := range testenv.Databases() {
		db := storetest.New(t, kind)
		s := db.OpenAt(t, db.Address(), now, store.Options{})
		first, err := s.Migrate(t.Context())
		if want := migrationSteps(t, kind); err != nil || first != want {
			t.Errorf("%s: got %d steps, error %v, want %d", kind, first, err, want)
		}
		if again, err := s.Migrate(t.Context()); err != nil || again != 0 {
			t.Errorf("%s, again: got %d steps, error %v, want 0", kind, again, err)
		}
		if err := s.Ping(t.Context()); err != nil {
			t.Errorf("%s: Ping: %v", kind, err)
		}
		if got, want := s.Embedded(), kind == testenv.SQLite; got != want {
			t.Errorf("%s: Embedded: got %v, want %v", kind, got, want)
		}
		tables = append(tables, db.Tables(t))
	}
	for _, other := range tables[1:] {
		if diff := cmp.Diff(tables[0], other); diff != "" {
			t.Errorf("tables of the two databases differ (-SQLite +PostgreSQL):\n%s", diff)
		}
	}
	if len(tables[0]) < 15 || !slices.ContainsFunc(tables[0], func(t string) bool { return strings.HasPrefix(t, "credits(tenant_id, id, ") }) {
		t.Errorf("got tables %v, want those of the schema", tables[0])
	}
}

// migrationSteps counts the files.
func migrationSteps(t *testing.T, kind string) int {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "migrations", strings.ToLower(kind), "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got migrations %q, error %v", files, err)
	}
	return len(files)
}

// migrationVersions are the numbers of the files, in order.
func migrationVersions(t *testing.T, kind string) []int64 {
	t.Helper()
	files, err := filepath.Glob(filepath.Join("..", "migrations", strings.ToLower(kind), "*.sql"))
	if err != nil || len(files) == 0 {
		t.Fatalf("got migrations %q, error %v", files, err)
	}
	versions := make([]int64, len(files))
	for i, file := range files {
		if _, err := fmt.Sscanf(filepath.Base(file), "%d_", &versions[i]); err != nil {
			t.Fatalf("%s: %v", file, err)
		}
	}
	slices.Sort(versions)
	return versions
}

// TestMigrateInParallel starts several instances on one empty database.
func TestMigrateInParallel(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		var all sync.WaitGroup
		var mu sync.Mutex
		total := 0
		for range 4 {
			s := db.OpenAt(t, db.Address(), now, store.Options{})
			all.Go(func() {
				n, err := s.Migrate(t.Context())
				if err != nil {
					t.Errorf("Migrate: %v", err)
				}
				mu.Lock()
				defer mu.Unlock()
				total += n
			})
		}
		all.Wait()
		if want := migrationSteps(t, db.Kind); total != want {
			t.Errorf("got %d steps taken by all together, want %d", total, want)
		}
	})
}

// TestMigrateWaits bounds the wait for another instance's migration by the
// context alone.
func TestMigrateWaits(t *testing.T) {
	t.Parallel()
	if !testenv.HasPostgres() {
		return
	}
	db := storetest.New(t, testenv.Postgres)
	s := db.OpenAt(t, db.Address(), now, store.Options{})
	const key = `hashtextextended('usher migrate ' || current_schema(), 0)`
	tx := db.Begin(t)
	tx.Exec(t, `SELECT pg_advisory_xact_lock(`+key+`)`)
	ctx, cancel := context.WithTimeout(t.Context(), 100*time.Millisecond)
	defer cancel()
	_, err := s.Migrate(ctx)
	wantError(t, "Migrate", err, store.ErrUnavailable)
	tx.Rollback(t)
	if n, err := s.Migrate(t.Context()); n != migrationSteps(t, testenv.Postgres) || err != nil {
		t.Errorf("got %d steps, error %v, want all", n, err)
	}
}

// TestFaults classifies what a database can answer.
func TestFaults(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, now)
		tenant := addTenant(t, s)
		ctx := t.Context()

		wantError(t, "host taken", s.AddTenant(ctx, store.Tenant{ID: newID(t), Hosts: tenant.Hosts, CreatedAt: now()}, nil, byTest), store.ErrTaken)
		if got := len(db.Rows(t, `SELECT 1 FROM tenants`)); got != 1 {
			t.Errorf("got %d tenants after one was refused, want 1", got)
		}
		_, err := s.Profile(ctx, tenant.ID, newID(t))
		wantError(t, "no such user", err, store.ErrNotFound)
		_, err = s.Generation(ctx, tenant.ID, newID(t))
		wantError(t, "no such integration", err, store.ErrNotFound)

		over, cancel := context.WithCancel(ctx)
		cancel()
		wantError(t, "cancelled", s.Ping(over), store.ErrUnavailable)
		wantError(t, "cancelled transaction", s.AddGroup(over, tenant.ID, store.Group{ID: newID(t)}, byTest), store.ErrUnavailable)
		_, err = s.Read(over, store.Inquiry{TenantID: tenant.ID, IntegrationID: newID(t)})
		wantError(t, "cancelled prepared", err, store.ErrUnavailable)

		// Somebody holds a lock for longer than the caller has time.
		tx := db.Begin(t)
		tx.Exec(t, `UPDATE tenants SET name = 'held'`)
		short, cancel := context.WithTimeout(ctx, 100*time.Millisecond)
		began := time.Now()
		wantError(t, "locked", s.AddGroup(short, tenant.ID, store.Group{ID: newID(t), ExternalID: "g"}, byTest), store.ErrUnavailable)
		if took := time.Since(began); took > 3*time.Second {
			t.Errorf("locked: got an answer after %v, want it soon after the deadline of 100 ms", took)
		}
		cancel()
		tx.Rollback(t)
		wantError(t, "lock gone", s.AddGroup(ctx, tenant.ID, store.Group{ID: newID(t), ExternalID: "g", CreatedAt: now()}, byTest), nil)

		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
		wantError(t, "closed", s.Ping(ctx), store.ErrUnavailable)
		wantError(t, "closed transaction", s.AddTenant(ctx, store.Tenant{ID: newID(t)}, nil, byTest), store.ErrUnavailable)
		_, err = s.Read(ctx, store.Inquiry{TenantID: tenant.ID, IntegrationID: newID(t)})
		wantError(t, "closed prepared", err, store.ErrUnavailable)
	})
}

// TestPostgresFaults are those that only a server has.
func TestPostgresFaults(t *testing.T) {
	t.Parallel()
	if !testenv.HasPostgres() || testenv.UsesPooler() { // which takes no parameters of a session
		return
	}
	db := storetest.New(t, testenv.Postgres)
	s := db.Open(t, now)
	tenant := addTenant(t, s)
	ctx := t.Context()
	with := func(parameter, value string) *store.Store {
		t.Helper()
		u, err := url.Parse(db.Address())
		if err != nil {
			t.Fatal(err)
		}
		q := u.Query()
		q.Set(parameter, value)
		u.RawQuery = q.Encode()
		return db.OpenAt(t, u.String(), now, store.Options{})
	}
	group := func() store.Group { return store.Group{ID: newID(t), ExternalID: newID(t), CreatedAt: now()} }

	t.Run("read-only", func(t *testing.T) {
		readOnly := with("default_transaction_read_only", "on")
		wantError(t, "FinishOnboarding", readOnly.FinishOnboarding(ctx, tenant.ID, newID(t)), store.ErrUnavailable)
		wantError(t, "Ping", readOnly.Ping(ctx), nil)
	})
	t.Run("lock timeout", func(t *testing.T) {
		tx := db.Begin(t)
		tx.Exec(t, `UPDATE tenants SET name = 'held'`)
		wantError(t, "AddGroup", with("lock_timeout", "50").AddGroup(ctx, tenant.ID, group(), byTest), store.ErrUnavailable)
		wantError(t, "AddGroup", with("statement_timeout", "50").AddGroup(ctx, tenant.ID, group(), byTest), store.ErrUnavailable)
		tx.Rollback(t)
	})
	t.Run("deadlock", func(t *testing.T) {
		// We hold what it wants next and want what it holds: the server ends
		// the one that looks first, and it is tried again.
		identity := newID(t)
		user := newID(t)
		db.Exec(t, `
INSERT INTO users (tenant_id, id, version, status, session_epoch, email, first_name, last_name, name, phone, birthdate,
                   locale, picture, meta, onboarding, created_at, updated_at)
VALUES ($1, $2, 1, 'active', 0, '', '', '', '', '', '', '', '', '{}', false, now(), now())`, tenant.ID, user)
		db.Exec(t, `
INSERT INTO identities (tenant_id, id, integration_id, user_id, unresolved, created_at)
VALUES ($1, $2, $3, $4, true, now())`, tenant.ID, identity, newID(t), user)
		tx := db.Begin(t)
		tx.Exec(t, `SET LOCAL deadlock_timeout = '20s'`)
		tx.Exec(t, `SELECT 1 FROM identities WHERE id = '`+identity+`' FOR UPDATE`)
		done := make(chan error, 1)
		impatient := with("deadlock_timeout", "100")
		go func() { done <- impatient.AddGroup(ctx, tenant.ID, group(), byTest) }()
		for len(db.Rows(t, `SELECT 1 FROM pg_locks l JOIN pg_stat_activity a USING (pid)
WHERE NOT l.granted AND a.query LIKE '%UPDATE identities%' AND l.pid <> pg_backend_pid()`)) == 0 {
			if ctx.Err() != nil {
				t.Fatal("nobody waits")
			}
		}
		tx.Exec(t, `UPDATE tenants SET name = 'ours' WHERE id = '`+tenant.ID+`'`)
		tx.Rollback(t)
		wantError(t, "AddGroup after a deadlock", <-done, nil)
	})
	t.Run("no server", func(t *testing.T) {
		listener, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		address := listener.Addr().String()
		if err := listener.Close(); err != nil {
			t.Fatal(err)
		}
		down := db.OpenAt(t, "postgres://usher:the-password@"+address+"/usher?sslmode=disable", now, store.Options{})
		for what, err := range map[string]error{
			"Ping": down.Ping(ctx), "AddGroup": down.AddGroup(ctx, tenant.ID, group(), byTest),
		} {
			wantError(t, what, err, store.ErrUnavailable)
			if strings.Contains(fmt.Sprint(err), "the-password") {
				t.Errorf("%s: got the password in %v", what, err)
			}
		}
		_, err = down.Migrate(ctx)
		wantError(t, "Migrate", err, store.ErrUnavailable)
	})
}

func TestOpenPostgresRefuses(t *testing.T) {
	t.Parallel()
	for _, dsn := range []string{"", "host=db password=the-password", "mysql://usher:the-password@db/usher", "postgres://usher:the-password@db:port/usher"} {
		_, err := store.OpenPostgres(dsn, now, store.Options{})
		if err == nil || strings.Contains(err.Error(), "the-password") {
			t.Errorf("OpenPostgres(%q): got error %v, want one without the password", dsn, err)
		}
	}
}

// TestAnalyzeGrown: a table that was empty a moment ago gets statistics, once.
func TestAnalyzeGrown(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, time.Now)
		tenant := newID(t)
		if err := s.AddTenant(t.Context(), store.Tenant{ID: tenant, Name: "T", CreatedAt: time.Now()}, nil, byTest); err != nil {
			t.Fatal(err)
		}
		if db.Kind == testenv.SQLite {
			if err := s.AnalyzeGrown(t.Context()); err != nil {
				t.Errorf("got %v, want nothing to do", err)
			}
			return
		}
		db.Exec(t, `
INSERT INTO used_tokens (tenant_id, integration_id, token_key, identity_id, attempt)
SELECT $1, $1, decode(lpad(to_hex(n), 64, '0'), 'hex'), $1, $1 FROM generate_series(1, 2000) n`, tenant)
		const look = `
SELECT coalesce((SELECT reltuples::bigint FROM pg_class
                  WHERE relname = 'used_tokens' AND relnamespace = current_schema()::regnamespace), -1)`
		// The server counts changes a moment after they are committed.
		for deadline := time.Now().Add(time.Minute); ; {
			if err := s.AnalyzeGrown(t.Context()); err != nil {
				t.Fatal(err)
			}
			if got := db.Rows(t, look); got[0] == "2000" {
				return
			} else if time.Now().After(deadline) {
				t.Fatalf("got %v rows in the statistics, want 2000", got)
			}
		}
	})
}
