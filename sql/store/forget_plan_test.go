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
		steps := planOf(t, s, s.dialect.dropQuery(old), "x", 1)
		for _, step := range steps {
			if strings.HasPrefix(step, "SCAN "+old.table) || strings.Contains(step, "ORDER BY") {
				t.Errorf("%s: got %q, want a search by an index, in its order", old.table, step)
			}
		}
		if len(steps) < 3 {
			t.Errorf("%s: got the steps %q, want the whole plan", old.table, steps)
		}
	}
}
