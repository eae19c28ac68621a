package provisioning

import (
	"fmt"
	"testing"
)

// TestRecentStaysWithinBounds: what is used stays, and the rest goes in time.
func TestRecentStaysWithinBounds(t *testing.T) {
	t.Parallel()
	r := newRecent[string, int](10)
	for i := range 1000 {
		r.put(fmt.Sprint(i), i)
		r.getOr("used", func() int { return -1 })
		if size := len(r.young) + len(r.old); size > 10 {
			t.Fatalf("after %d values: got %d kept, want at most 10", i+1, size)
		}
	}
	if got := r.getOr("used", func() int { return 7 }); got != -1 {
		t.Errorf("the value in use: got %d, want the first one", got)
	}
	if got, ok := r.get("999"); !ok || got != 999 {
		t.Errorf("the last value: got %d, %t; want 999", got, ok)
	}
	if _, ok := r.get("0"); ok {
		t.Error("got the oldest value, want it gone")
	}
	r.forget("999")
	if _, ok := r.get("999"); ok {
		t.Error("got a forgotten value, want none")
	}
}
