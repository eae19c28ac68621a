package provisioning

import (
	"context"
	"testing"
	"testing/synctest"
	"time"
)

// TestRingsForARequest: a request is refused by keys that were loaded after it had
// come, however long that took, and loads no second time for it.
func TestRingsForARequest(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		loads := 0
		rings := newRingCache(func(context.Context, string) (*Keyring, error) {
			time.Sleep(time.Second) // synctest's clock: no waiting
			loads++
			return &Keyring{}, nil
		}, time.Now)
		arrived := time.Now()
		first, err := rings.get(t.Context(), "tenant", ringLife)
		if err != nil {
			t.Fatal(err)
		}
		if again, err := rings.getFor(t.Context(), "tenant", arrived); again != first || err != nil || loads != 1 {
			t.Errorf("the request that has waited: got another keyring %t, error %v, %d loads, want false, none, 1", again != first, err, loads)
		}
		if later, err := rings.getFor(t.Context(), "tenant", time.Now()); later == first || err != nil || loads != 2 {
			t.Errorf("a request that came then: got another keyring %t, error %v, %d loads, want true, none, 2", later != first, err, loads)
		}
	})
}
