package store_test

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
)

// TestNoteRungs writes to the entry of the same tenant, reference and user, of
// a frame, and to no other.
func TestNoteRungs(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, tenant, other, anna, ben := t.Context(), newID(t), newID(t), newID(t), newID(t)
		of := func(user, door string) func(*store.SignIn) {
			return func(r *store.SignIn) { r.UserID, r.Door = user, door }
		}
		rows := []store.SignIn{
			entry(t, tenant, 0, of(anna, "embed")), entry(t, tenant, 1, of(anna, store.DoorGet)), entry(t, other, 0, of(anna, "embed")),
		}
		if err := s.LogSignIns(ctx, rows, nil); err != nil {
			t.Fatal(err)
		}
		wrong := []store.Rung{
			{tenant, "REF0", ben, "bearer"}, {tenant, "REF1", anna, "bearer"}, {tenant, "REF9", anna, "bearer"},
		}
		missing, err := s.NoteRungs(ctx, append([]store.Rung{{tenant, "REF0", anna, "cookie"}}, wrong...))
		if diff := cmp.Diff(wrong, missing); diff != "" || err != nil {
			t.Errorf("missing: error %v (-want +got):\n%s", err, diff)
		}
		for _, want := range []struct{ tenant, reference, rung string }{{tenant, "REF0", "cookie"}, {tenant, "REF1", ""}, {other, "REF0", ""}} {
			row, err := s.SignInByReference(ctx, want.tenant, want.reference)
			if err != nil || row.Rung != want.rung {
				t.Errorf("%s: got rung %q, error %v; want %q", want.reference, row.Rung, err, want.rung)
			}
		}
	})
}
