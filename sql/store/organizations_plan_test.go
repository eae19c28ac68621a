package store

import (
	"strings"
	"testing"
)

// TestOrganizationsAreFoundByKeys: who belongs where is found by keys, from the
// person upward, and the tree is read along its index.
func TestOrganizationsAreFoundByKeys(t *testing.T) {
	t.Parallel()
	s := emptySQLite(t)
	for _, test := range []struct {
		name, query string
		args        []any
		wants       []string
		sorts       bool
	}{
		{"MemberOf", s.dialect.memberOfQuery(), []any{"t", "u", "[]"}, []string{"organization_members_user (user_id=? AND tenant_id=?", "SCAN up\nSEARCH n USING INDEX sqlite_autoindex_organizations_1 (id=? AND tenant_id=?)"}, true},
		{"all", organizationQuery + organizationsAfter, []any{"t", "", 3}, []string{"organizations_place (tenant_id=? AND <expr>>?)"}, false},
		{"below", organizationQuery + organizationsBelow, []any{"t", "", 3, "b"}, []string{"organizations_place (tenant_id=? AND <expr>>? AND <expr><?)"}, false},
	} {
		steps := planOf(t, s, test.query, test.args...)
		for _, step := range steps {
			// What was found, and the list in the parameter, are read as a whole.
			if rest, scan := strings.CutPrefix(step, "SCAN "); scan && rest != "up" && !strings.HasPrefix(rest, "json_each") {
				t.Errorf("%s: got %q, want a search by a key", test.name, step)
			}
		}
		plan := strings.Join(steps, "\n")
		for _, want := range test.wants {
			if !strings.Contains(plan, want) {
				t.Errorf("%s: got the plan\n%s\nwant %s", test.name, plan, want)
			}
		}
		if strings.Contains(plan, "TEMP B-TREE FOR ORDER BY") && !test.sorts {
			t.Errorf("%s: got the plan\n%s\nwant nothing sorted", test.name, plan)
		}
	}
}
