package store

import (
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// emptySQLite is a migrated store without rows, whose plans can be looked at.
func emptySQLite(t *testing.T) *Store {
	t.Helper()
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
	return s
}

// TestStateIsFoundByKeys: what a plan needs to know is found by keys, however
// large the tables are.
func TestStateIsFoundByKeys(t *testing.T) {
	t.Parallel()
	s := emptySQLite(t)
	steps := planOf(t, s, s.dialect.stateQuery(),
		"tenant", "integration", "subject", "email", "[]", "[]", []byte{1}, []byte{2})
	for _, step := range steps {
		// "who" and the lists in the parameters are read as a whole.
		if rest, scan := strings.CutPrefix(step, "SCAN "); scan && rest != "who" && rest != "CONSTANT ROW" &&
			!strings.HasPrefix(rest, "json_each") {
			t.Errorf("got %q, want a search by a key", step)
		}
		if strings.HasPrefix(step, "SEARCH m ") && !strings.Contains(step, "(user_id=?") {
			t.Errorf("got %q, want memberships found by their user", step)
		}
	}
	if len(steps) < 20 {
		t.Errorf("got %d steps, want the whole plan: %q", len(steps), steps)
	}
}

// TestUsersAreListedByIndexes: every form of the list of users walks along an
// index, in the order in which it answers.
func TestUsersAreListedByIndexes(t *testing.T) {
	t.Parallel()
	s := emptySQLite(t)
	for _, test := range []struct {
		query UserQuery
		index string // that finds the users
		sorts bool   // a handful may be sorted
	}{
		{UserQuery{}, "users_newest (tenant_id=?", false},
		{UserQuery{After: "x"}, "users_newest (tenant_id=? AND id<?)", false},
		{UserQuery{Status: StatusActive, After: "x"}, "users_newest (tenant_id=? AND id<?)", false},
		{UserQuery{Status: StatusDisabled, After: "x"}, "users_out (tenant_id=? AND status=? AND id<?)", false},
		{UserQuery{EmailPrefix: "anna"}, "users_email (tenant_id=? AND email_key>? AND email_key<?)", false},
		{UserQuery{EmailPrefix: "anna", After: "anna@x"}, "users_email (tenant_id=? AND email_key>? AND email_key<?)", false},
		{UserQuery{Subject: "17"}, "(subject=?)", true},
		{UserQuery{Group: "staff"}, "group_members_page (group_id=?)", true},
		{UserQuery{Group: "staff", After: "x"}, "group_members_page (group_id=? AND user_id<?)", true},
		{UserQuery{Group: "staff", After: "x", Status: StatusActive}, "group_members_page (group_id=? AND user_id<?)", true},
	} {
		test.query.Limit = 51
		query, args := s.dialect.userQuery("tenant", test.query)
		steps := planOf(t, s, query, args...)
		plan := strings.Join(steps, "\n")
		sorts := strings.Contains(plan, "TEMP B-TREE FOR ORDER BY")
		if !strings.Contains(plan, test.index) || strings.Contains(plan, "SCAN ") || sorts && !test.sorts {
			t.Errorf("%+v: got the plan\n%s\nwant %s, no scan, sorted afterwards only where %v", test.query, plan, test.index, test.sorts)
		}
	}
}
