package handlers

import (
	"encoding/json"
	"strings"
	"testing"

	"usher/provisioning"
)

// FuzzSCIMFilter: whatever is sent as a filter or a path is read or refused, with
// bounds, and what was read is what was meant.
func FuzzSCIMFilter(f *testing.F) {
	for _, text := range []string{
		`userName eq "anna"`, `emails[type eq "work" and value eq "a@b.c"]`, `(active eq true) and id eq "x"`, `a.b eq null`,
		`urn:ietf:params:scim:schemas:core:2.0:User:userName eq "\u00e9"`, `members[value eq "x"].display`, `a eq "`, `((((((a eq 1))))))`,
		`emails[type eq "work"].value`, "a eq 1e999", `a[b[c eq 1]]`, "a  EQ\ttrue", `name.givenName`, `a eq "\"]"`,
	} {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		filter, err := parseSCIMFilter(text)
		if err == nil {
			if len(filter) == 0 || len(filter) > maxSCIMTerms || len(text) > maxSCIMFilter {
				t.Errorf("%q: got %d terms", text, len(filter))
			}
			for _, term := range filter {
				checkTerm(t, text, term)
			}
			if _, err := parseSCIMFilter("(" + text + ")"); err != nil && len(text) < maxSCIMFilter-2 && strings.Count(text, "(") < 1 && strings.Count(text, "[") < 2 {
				t.Errorf("%q is read, and in parentheses it is not: %v", text, err)
			}
		}
		if path, err := parseSCIMPath(text); err == nil {
			if path.name == "" || path.name != strings.ToLower(path.name) {
				t.Errorf("%q: got path %+v", text, path)
			}
			for _, term := range path.filter {
				checkTerm(t, text, term)
			}
		}
	})
}

func checkTerm(t *testing.T, text string, term scimTerm) {
	t.Helper()
	if term.name == "" || term.inner != nil && term.value != nil {
		t.Errorf("%q: got term %+v", text, term)
	}
	switch term.value.(type) {
	case nil, bool, string, json.Number:
	default:
		t.Errorf("%q: got a value of type %T", text, term.value)
	}
	for _, inner := range term.inner {
		if inner.inner != nil {
			t.Errorf("%q: got brackets in brackets", text)
		}
		checkTerm(t, text, inner)
	}
}

// FuzzSCIMBody: whatever is sent as a resource or a PATCH is carried out or
// refused.
func FuzzSCIMBody(f *testing.F) {
	for _, text := range []string{
		`{"schemas":["` + scimUserSchema + `"],"userName":"a","emails":[{"value":"a@b.c","primary":true}],"active":"True"}`,
		`{"schemas":["` + scimPatchMessage + `"],"Operations":[{"op":"Replace","path":"emails[type eq \"work\"].value","value":"x"}]}`,
		`{"schemas":["` + scimPatchMessage + `"],"Operations":[{"op":"add","value":{"name.givenName":"x","members":[{"value":"y"}]}}]}`,
		`{"schemas":["` + scimPatchMessage + `"],"Operations":[{"op":"remove","path":"members[value eq \"x\"]"}]}`,
		`{"schemas":null,"name":{"givenName":1},"photos":{"value":null}}`, `{"a":1,"A":2}`, `[]`, `{`, "null",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, text []byte) {
		body, err := parseSCIM(text)
		if err != nil {
			return
		}
		for name := range body {
			if name != strings.ToLower(name) {
				t.Errorf("got the member %q, want it in lower case", name)
			}
		}
		var p provisioning.SCIMPerson
		_ = sayNewUser(&p, body)
		var g provisioning.SCIMGroupSaid
		_ = sayGroup(&g, body)
		operations, err := readPatch(body)
		if err != nil {
			return
		}
		if len(operations) == 0 || len(operations) > maxSCIMOperations {
			t.Errorf("got %d operations", len(operations))
		}
		_ = patchUser(&p, operations)
		_ = patchGroup(&g, operations)
	})
}
