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
		if steps := searches(t, s, name, test.query, test.args); steps < 5 {
			t.Errorf("%s: got %d steps, want the whole plan", name, steps)
		}
	}
}

// searches wants no step of a query's plan to read a whole table, and counts them.
func searches(t *testing.T, s *Store, name, query string, args []any) (steps int) {
	t.Helper()
	plan := planOf(t, s, query, args...)
	for _, step := range plan {
		if strings.HasPrefix(step, "SCAN ") {
			t.Errorf("%s: got %q, want a search by a key", name, step)
		}
	}
	return len(plan)
}
