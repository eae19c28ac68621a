package main

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMould casts a person's rows and pours another's.
func TestMould(t *testing.T) {
	t.Parallel()
	const (
		tenant = "01a20381-573a-7bbe-a87c-0a37c06bf3b8"
		group  = "01a20381-573a-7bbe-a87c-0a37c06bf3b9"
		user   = "01a20381-5b5b-7095-b4cb-b89631246db8"
		ident  = "01a20381-5b5b-7096-b4cb-b89631246db8"
		entry  = "01a20381-5b5b-7097-b4cb-b89631246db8"
		other  = "01a20381-5b5b-7098-b4cb-b89631246db8"
		print  = "\\\\x000102030405060708090a0b0c0d0e07"
	)
	m := &model{number: 7, user: user, rows: map[string][]string{
		"identities": {ident + "\t" + user + "\tperson-7\tperson-7@example.com\t" + print + "\tperson-77"},
		"grants":     {tenant + "\t" + user + "\tA-7\tA-77\tLindqvist 7\t7"},
		"journal":    {entry + "\t" + user + "\t" + group + "\tDC1F40HPQ77MW2Z7"},
	}}
	stranger := &model{number: 8, user: other, rows: map[string][]string{"journal": {other + "\t" + tenant + "\t" + group}}}
	moulds, err := m.cast(ident, sharedIDs([]*model{m, stranger}))
	if err != nil {
		t.Fatal(err)
	}
	got := make(map[string]string)
	for table, all := range moulds {
		if len(all) != 1 {
			t.Fatalf("%s: got %d moulds, want 1", table, len(all))
		}
		got[table] = string(all[0].pour(nil, 4321, [16]byte{15: 0xff}))
	}
	want := map[string]string{
		"identities": idOf(4321, idIdentity) + "\t" + idOf(4321, idUser) + "\tperson-4321\tperson-4321@example.com\t" +
			"\\\\x" + strings.Repeat("0", 30) + "ff\tperson-77\n",
		"grants":  tenant + "\t" + idOf(4321, idUser) + "\tA-4321\tA-77\tLindqvist 4321\t7\n",
		"journal": idOf(4321, 3) + "\t" + idOf(4321, idUser) + "\t" + group + "\t" + referenceOf(4321, 1) + "\n",
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("rows (-want +got):\n%s", diff)
	}
}

// TestLoadedIDs are UUIDv7, in the order of the people, and all different.
func TestLoadedIDs(t *testing.T) {
	t.Parallel()
	last, references := "", make(map[string]bool)
	for _, number := range []int{1, 2, 999, 1000, 4_999_999} {
		for n := 1; n <= 3; n++ {
			id := idOf(number, n)
			if aUUID.FindString(id) != id || id[14] != '7' || id <= last {
				t.Errorf("got %s after %s, want a greater UUIDv7", id, last)
			}
			last = id
			reference := referenceOf(number, n)
			if aReference.FindString(reference) != reference || references[reference] {
				t.Errorf("got reference %s, want 16 characters, and new ones", reference)
			}
			references[reference] = true
		}
	}
}

// TestKeptName changes with what the people depend on.
func TestKeptName(t *testing.T) {
	t.Parallel()
	name, err := keptName("..", 1000)
	if err != nil || !strings.HasPrefix(name, keptPrefix) || !strings.HasSuffix(name, "_1000") {
		t.Errorf("got %s, %v", name, err)
	}
	if _, err := keptName(t.TempDir(), 1000); err == nil {
		t.Error("got no error without migrations")
	}
}
