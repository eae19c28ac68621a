package store

import (
	"strings"
	"testing"
	"time"
)

// TestGrantsAreFoundByKeys: what a person's token is worth is found by keys,
// however large the tables are.
func TestGrantsAreFoundByKeys(t *testing.T) {
	t.Parallel()
	s := emptySQLite(t)
	at := time.Now()
	for name, test := range map[string]struct {
		query string
		args  []any
	}{
		"a reference token": {s.dialect.liveAccessTokenQuery(), []any{at, "connection", []byte{1}, "tenant"}},
		"a JWT":             {s.dialect.livePersonsJWTQuery(), []any{"connection", at, "grant", "tenant", at, "jti"}},
		"a refresh token":   {refreshTokenQuery, []any{at, []byte{1}, "tenant"}},
	} {
		rows, err := s.read.QueryxContext(t.Context(), "EXPLAIN QUERY PLAN "+test.query, test.args...)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		steps := 0
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			steps++
			if strings.HasPrefix(step, "SCAN ") {
				t.Errorf("%s: got %q, want a search by a key", name, step)
			}
		}
		if err := rows.Err(); err != nil || steps < 5 {
			t.Errorf("%s: got %d steps, error %v, want the whole plan", name, steps, err)
		}
		_ = rows.Close()
	}
}
