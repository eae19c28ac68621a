package store

import (
	"strings"
	"testing"
)

// TestOldRowsAreFoundByIndexes: what has ended is found by when it did, the oldest
// first, however many rows have not.
func TestOldRowsAreFoundByIndexes(t *testing.T) {
	t.Parallel()
	s := emptySQLite(t)
	for _, old := range append(ended(), oldClaimCounts, oldDriftPeople) {
		rows, err := s.read.QueryxContext(t.Context(), "EXPLAIN QUERY PLAN "+s.dialect.dropQuery(old), "x", 1)
		if err != nil {
			t.Fatal(err)
		}
		var steps []string
		for rows.Next() {
			var id, parent, unused int
			var step string
			if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
				t.Fatal(err)
			}
			steps = append(steps, step)
			if strings.HasPrefix(step, "SCAN "+old.table) || strings.Contains(step, "ORDER BY") {
				t.Errorf("%s: got %q, want a search by an index, in its order", old.table, step)
			}
		}
		if err := rows.Err(); err != nil {
			t.Fatal(err)
		}
		if len(steps) < 3 {
			t.Errorf("%s: got the steps %q, want the whole plan", old.table, steps)
		}
	}
}
