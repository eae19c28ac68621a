package store

import (
	"strings"
	"testing"
)

// TestPresentedIsFoundByKeys: whom a token means, whether it is the newest and
// what an application is told of a user is found by keys, however large the
// tables are.
func TestPresentedIsFoundByKeys(t *testing.T) {
	t.Parallel()
	s := emptySQLite(t)
	for name, test := range map[string]struct {
		query string
		args  []any
		finds map[string]string // table or alias → the columns that find its rows
	}{
		"by sub": {
			identifyQuery("subject"),
			[]any{1, 1, []byte{1}, "value", "tenant", "integration"},
			map[string]string{"i": "(subject=? AND integration_id=?", "u": "(id=?", "t": "(identity_id=?"},
		},
		"by e-mail": {
			identifyQuery("email_key"),
			[]any{1, 1, []byte{1}, "value", "tenant", "integration"},
			map[string]string{"i": "(email_key=? AND integration_id=?", "u": "(id=?", "t": "(token_key=?"},
		},
		"principal": {
			s.dialect.principalQuery(),
			[]any{"tenant", "user"},
			map[string]string{"u": "(id=?", "m": "(user_id=?", "g": "(id=?"},
		},
	} {
		steps := planOf(t, s, test.query, test.args...)
		plan := strings.Join(steps, "\n")
		if strings.Contains(plan, "SCAN ") {
			t.Errorf("%s: got the plan\n%s\nwant no scan", name, plan)
		}
		for table, by := range test.finds {
			found := false
			for _, step := range steps {
				found = found || strings.HasPrefix(step, "SEARCH "+table+" ") && strings.Contains(step, by)
			}
			if !found {
				t.Errorf("%s: got the plan\n%s\nwant %s found by %s", name, plan, table, by)
			}
		}
	}
}
