package store_test

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// TestCondition asks databases how they are, by a clock that is wrong.
func TestCondition(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		late := func() time.Time { return time.Now().Add(-time.Minute) }
		c, err := db.OpenAt(t, db.Address(), late, store.Options{}).Condition(t.Context())
		if err != nil || c.Schema == "" || c.TooOld || c.ReadOnly || c.Standby {
			t.Errorf("got %+v, error %v, want one that can be written", c, err)
		}
		if db.Kind == testenv.SQLite {
			if !strings.HasPrefix(c.Version, "SQLite 3.") || c.Ahead != 0 {
				t.Errorf("got %+v, want SQLite, with our clock", c)
			}
			return
		}
		if !strings.HasPrefix(c.Version, "PostgreSQL 1") || c.Most < c.Used || c.Used < 1 || !c.Limits || c.Commit == "" {
			t.Errorf("got %+v, want a Postgres with connections and our limits in force", c)
		}
		if off := c.Ahead - time.Minute; off.Abs() > 20*time.Second {
			t.Errorf("got %v ahead, want a minute", c.Ahead)
		}
		db.Exec(t, `CREATE TABLE here (x int)`)
		schema := db.Rows(t, `SELECT current_schema()`)[0]
		if c.Schema != schema {
			t.Errorf("got schema %q, want %q", c.Schema, schema)
		}
	})
}

// TestSteps compares schemas of several ages with the program, and leaves them as
// they are.
func TestSteps(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.OpenAt(t, db.Address(), now, store.Options{})
		versions := migrationVersions(t, db.Kind)
		known, before := versions[len(versions)-1], versions[len(versions)-2]
		want := func(when string, want store.Steps) {
			t.Helper()
			got, err := s.Steps(t.Context())
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", when, diff)
			}
		}
		want("empty", store.Steps{New: true, Missing: len(versions), Known: known})
		if tables := db.Tables(t); len(tables) > 0 {
			t.Errorf("got tables %v made by looking", tables)
		}
		if _, err := s.Migrate(t.Context()); err != nil {
			t.Fatal(err)
		}
		want("migrated", store.Steps{Schema: known, Known: known})
		db.Exec(t, `DELETE FROM goose_db_version WHERE version_id = $1`, known)
		want("the last one missing", store.Steps{Missing: 1, Schema: before, Known: known})
		db.Exec(t, `INSERT INTO goose_db_version (version_id, is_applied) VALUES ($1, true), ($2, true)`, known, known+3)
		want("of a newer program", store.Steps{Schema: known + 3, Known: known})
	})
}

// TestReadSQLite reads a file beside a writer, and after one that crashed, and
// changes nothing.
func TestReadSQLite(t *testing.T) {
	t.Parallel()
	db := storetest.New(t, testenv.SQLite)
	s := db.Open(t, now)
	tenant := addTenant(t, s)
	reader, err := store.ReadSQLite(db.Address(), now)
	if err != nil {
		t.Fatal(err)
	}
	if all, err := reader.Tenants(t.Context()); err != nil || len(all) != 1 || all[0].ID != tenant.ID {
		t.Errorf("got %+v, error %v, want what the writer has written", all, err)
	}
	err = reader.AddTenant(t.Context(), store.Tenant{ID: newID(t), Name: "T", CreatedAt: now()}, nil, byTest)
	wantError(t, "writing", err, store.ErrUnavailable)
	log, err := os.ReadFile(db.Address() + "-wal")
	if err != nil {
		t.Fatal(err)
	}
	if err := reader.Close(); err != nil {
		t.Fatal(err)
	}
	if after, err := os.ReadFile(db.Address() + "-wal"); err != nil || string(after) != string(log) {
		t.Errorf("got the writer's log changed (error %v), want it as it was", err)
	}
	none := filepath.Join(t.TempDir(), "none.db")
	missing, err := store.ReadSQLite(none, now)
	if err != nil {
		t.Fatal(err)
	}
	wantError(t, "no file", missing.Ping(t.Context()), store.ErrUnavailable)
	if err := missing.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(none); !os.IsNotExist(err) {
		t.Errorf("got %v, want no file made", err)
	}
}
