package admin

import "testing"

func TestListed(t *testing.T) {
	t.Parallel()
	for want, numbers := range map[string][]int64{"": nil, "7": {7}, "3, 0, 12": {3, 0, 12}} {
		if got := listed(numbers); got != want {
			t.Errorf("listed(%v): got %q, want %q", numbers, got, want)
		}
	}
}
