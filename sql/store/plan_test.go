package store

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestStateIsFoundByKeys: what a plan needs to know is found by keys, however
// large the tables are.
func TestStateIsFoundByKeys(t *testing.T) {
	t.Parallel()
	s, err := OpenSQLite(filepath.Join(t.TempDir(), "usher.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	})
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	rows, err := s.read.QueryxContext(t.Context(), "EXPLAIN QUERY PLAN "+s.dialect.stateQuery(),
		"tenant", "integration", "subject", "email", "[]", "[]", []byte{1}, []byte{2})
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = rows.Close() }()
	var steps []string
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			t.Fatal(err)
		}
		steps = append(steps, step)
		// "who" and the lists in the parameters are read as a whole.
		if rest, scan := strings.CutPrefix(step, "SCAN "); scan && rest != "who" && rest != "CONSTANT ROW" &&
			!strings.HasPrefix(rest, "json_each") {
			t.Errorf("got %q, want a search by a key", step)
		}
		if strings.HasPrefix(step, "SEARCH m ") && !strings.Contains(step, "(user_id=?") {
			t.Errorf("got %q, want memberships found by their user", step)
		}
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	if len(steps) < 20 {
		t.Errorf("got %d steps, want the whole plan: %q", len(steps), steps)
	}
}
