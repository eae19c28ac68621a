package store

import (
	"testing"
	"time"

	"usher/testenv"
)

// TestMigrateIsNotBounded sees that steps may take as long as they do, and that
// the connection is bounded again afterwards.
func TestMigrateIsNotBounded(t *testing.T) {
	t.Parallel()
	if !testenv.HasPostgres() {
		return // only PostgreSQL bounds statements
	}
	s, err := OpenPostgres(testenv.PostgresDSN(t), time.Now, Options{})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = s.Close() }()
	conn, err := s.write.DB.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = conn.Close() }()
	timeout := func(when, want string) {
		t.Helper()
		var got string
		if err := conn.QueryRowContext(t.Context(), `SHOW statement_timeout`).Scan(&got); err != nil || got != want {
			t.Errorf("%s: got a statement timeout of %q (%v), want %q", when, got, err, want)
		}
	}
	timeout("before", "5s")
	if err := (schemaLock{}).SessionLock(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	timeout("under the lock", "0")
	if err := (schemaLock{}).SessionUnlock(t.Context(), conn); err != nil {
		t.Fatal(err)
	}
	timeout("afterwards", "5s")
}
