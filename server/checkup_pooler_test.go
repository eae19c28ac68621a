package main

import (
	"strings"
	"testing"

	"usher/sql/store"
)

// TestPoolerFindings: behind a pooler the server's connections are not ours to
// count, and both addresses have to lead to one database.
func TestPoolerFindings(t *testing.T) {
	t.Parallel()
	cfg := Config{DatabaseURL: "postgres://u@localhost:6432/x?sslmode=disable", DatabaseDirectURL: "postgres://u@localhost/x?sslmode=disable"}
	c := store.Condition{Version: "PostgreSQL 16.4", Schema: "public", Most: 15, Used: 12, Limits: true, Commit: "on", Flush: true}
	var r result
	if serverFindings(&r, cfg, c); len(r.findings) != 0 {
		t.Errorf("one database: got %+v, want nothing", r.findings)
	}
	c.Elsewhere = true
	if serverFindings(&r, cfg, c); len(r.findings) != 1 || r.findings[0].Verdict != failing || !strings.Contains(r.findings[0].Found, "DATABASE_DIRECT_URL") {
		t.Errorf("two databases: got %+v, want one failure that names DATABASE_DIRECT_URL", r.findings)
	}
}
