package tokens_test

import (
	"slices"
	"testing"
	"time"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
)

// TestTryKeys opens the keys of one tenant that sign or will, with the master key
// and with another.
func TestTryKeys(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		tenant, other := addTenant(t, s), addTenant(t, s)
		right, wrong := open(s, time.Now), tokens.New(s, testSealer("two"), time.Now, quiet)
		if found, err := right.TryKeys(t.Context(), tenant); err != nil || len(found.Keys) != 0 {
			t.Errorf("without keys: got %+v, error %v", found, err)
		}
		sign(t, right, tenant, "")
		sign(t, right, other, "")
		if _, err := right.Rotate(t.Context(), tenant, "", byTest); err != nil {
			t.Fatal(err)
		}
		found, err := right.TryKeys(t.Context(), tenant)
		if err != nil || found.Opened != 2 || len(found.Keys) != 2 || found.Keys[0].State != tokens.KeyNext || len(found.Elsewhere)+len(found.Broken) != 0 {
			t.Errorf("got %+v, error %v, want the next and the active one opened", found, err)
		}
		found, err = wrong.TryKeys(t.Context(), tenant)
		if want := []string{found.Keys[0].ID, found.Keys[1].ID}; err != nil || found.Opened != 0 || !slices.Equal(found.Elsewhere, want) {
			t.Errorf("with another master key: got %+v, error %v, want none opened", found, err)
		}
		if found, err := right.TryKeys(t.Context(), other); err != nil || found.Opened != 1 {
			t.Errorf("the other tenant: got %+v, error %v, want its own key", found, err)
		}
	})
}
