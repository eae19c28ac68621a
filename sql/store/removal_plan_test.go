package store

import (
	"strings"
	"testing"
)

// TestHoldingsAreFoundByKeys: the preview of a removal reads the people of the
// integration and what is theirs, however large the tables are.
func TestHoldingsAreFoundByKeys(t *testing.T) {
	t.Parallel()
	s := emptySQLite(t)
	steps := planOf(t, s, holdingsQuery, "tenant", "integration", 100)
	searched := map[string]string{}
	for _, step := range steps {
		if rest, scan := strings.CutPrefix(step, "SCAN "); scan && rest != "mine" && rest != "CONSTANT ROW" {
			t.Errorf("got %q, want a search by a key", step)
		}
		if words := strings.Fields(step); words[0] == "SEARCH" {
			searched[words[1]] = step
		}
	}
	for table, by := range map[string]string{
		"identities": "identities_integration (integration_id=?", "o": "(user_id=?", "m": "(user_id=?", "g": "(user_id=?", "users": "(id=?",
	} {
		if !strings.Contains(searched[table], by) {
			t.Errorf("%s: got %q, want it found by %s", table, searched[table], by)
		}
	}
}
