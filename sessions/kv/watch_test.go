package kv_test

import (
	"strings"
	"testing"
	"time"

	"usher/sessions/kv"
)

// TestWatch: a round trip is told as a fault when Redis does not do as asked, and
// not when it has nothing.
func TestWatch(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name   string
		answer func(command string) string
		want   bool // unavailable
	}{
		{"nothing there", func(command string) string {
			if strings.HasPrefix(command, "get") {
				return "$-1\r\n"
			}
			return "*0\r\n"
		}, false},
		{"nothing there, then loading", func(command string) string {
			if strings.HasPrefix(command, "get") {
				return "$-1\r\n"
			}
			return "-LOADING Redis is loading the dataset in memory\r\n"
		}, true},
		{"hangs up", func(string) string { return "hang up" }, true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store := openFake(t, test.answer)
			calls, faults := 0, 0
			store.Watch(func(took time.Duration, unavailable bool) {
				if calls++; unavailable {
					faults++
				}
				if took < 0 {
					t.Errorf("got a round trip of %v, want no less than nothing", took)
				}
			})
			_, _, err := store.Get(t.Context(), "t", kv.Key{1})
			if (err != nil) != test.want || calls == 0 || (faults == calls) != test.want || (faults > 0) != test.want {
				t.Errorf("got error %v and %d faults in %d round trips, want faults: %v", err, faults, calls, test.want)
			}
			if pool := store.Pool(); pool.InUse < 0 || pool.Idle < 0 || !test.want && pool.InUse+pool.Idle == 0 {
				t.Errorf("got pool %+v, want the connection in it", pool)
			}
		})
	}
}
