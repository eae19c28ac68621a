package testenv

import (
	"database/sql"
	"strings"
	"sync"
	"testing"
)

func open(t *testing.T, dsn string) *sql.DB {
	t.Helper()
	db, err := sql.Open("postgres", dsn)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := db.Close(); err != nil {
			t.Error(err)
		}
	})
	return db
}

func TestWithSearchPath(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ base, want string }{
		{"postgres://u:p@h:5/d", "postgres://u:p@h:5/d?search_path=s1"},
		{"postgresql://u@h/d?sslmode=disable", "postgresql://u@h/d?search_path=s1&sslmode=disable"},
		{"postgres://h/d?search_path=public", "postgres://h/d?search_path=s1"},
	} {
		if got, err := withSearchPath(test.base, "s1"); err != nil || got != test.want {
			t.Errorf("withSearchPath(%q): got %q, %v, want %q", test.base, got, err, test.want)
		}
	}
	for _, base := range []string{"host=h password=hush", "mysql://u:hush@h/d", "postgres://u:hush@h:port/d"} {
		if got, err := withSearchPath(base, "s1"); err == nil || strings.Contains(err.Error(), "hush") {
			t.Errorf("withSearchPath(%q): got %q, %v, want an error without the password", base, got, err)
		}
	}
}

func TestPostgresSchemas(t *testing.T) {
	t.Parallel()
	if !HasPostgres() {
		return
	}
	t.Run("tests do not see each other", func(t *testing.T) {
		t.Parallel()
		dsns := make([]string, 8)
		for i := range dsns {
			dsns[i] = PostgresDSN(t)
		}
		var all sync.WaitGroup
		for i, dsn := range dsns {
			all.Go(func() {
				db := open(t, dsn)
				var got int
				row := db.QueryRowContext(t.Context(), "CREATE TABLE things (n int); INSERT INTO things VALUES ("+string(rune('0'+i))+"); SELECT sum(n) FROM things")
				if err := row.Scan(&got); err != nil || got != i {
					t.Errorf("schema %d: got %d, %v, want %d", i, got, err, i)
				}
			})
		}
		all.Wait()
	})
	t.Run("nothing is left when the test ends", func(t *testing.T) {
		t.Parallel()
		var schema string
		t.Run("inner", func(t *testing.T) {
			db := open(t, PostgresDSN(t))
			if err := db.QueryRowContext(t.Context(), "SELECT current_schema()").Scan(&schema); err != nil {
				t.Fatal(err)
			}
		})
		var got int
		row := open(t, PostgresDSN(t)).QueryRowContext(t.Context(), "SELECT count(*) FROM pg_namespace WHERE nspname = $1", schema)
		if err := row.Scan(&got); err != nil || got != 0 || schema == "" {
			t.Errorf("schema %q: got %d left, %v, want 0", schema, got, err)
		}
	})
	t.Run("turns of a simple query", func(t *testing.T) {
		t.Parallel()
		dsn, turns := CountURLTurns(t, PostgresDSN(t))
		db := open(t, dsn)
		db.SetMaxOpenConns(1)
		if err := db.PingContext(t.Context()); err != nil {
			t.Fatal(err)
		}
		before := turns()
		for range 5 {
			if _, err := db.ExecContext(t.Context(), "SELECT 1"); err != nil {
				t.Fatal(err)
			}
		}
		if got := turns() - before; got != 5 {
			t.Errorf("got %d turns, want 5", got)
		}
	})
}
