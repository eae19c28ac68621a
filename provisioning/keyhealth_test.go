package provisioning

import (
	"strings"
	"testing"
	"time"

	"usher/sql/store"
)

func TestWhatKeysCanGo(t *testing.T) {
	t.Parallel()
	now := testNow
	ago := func(d time.Duration) time.Time { return now.Add(-d) }
	const day = 24 * time.Hour
	key := func(id, state string, created, used time.Duration) KeyHealth {
		h := KeyHealth{Key: store.Key{ID: id, CreatedAt: ago(created)}, State: state, Only: true}
		if used > 0 {
			h.LastUsed = ago(used)
		}
		return h
	}
	for name, tt := range map[string]struct {
		keys []KeyHealth
		only bool
		safe string
	}{
		"alone":                        {[]KeyHealth{key("a", KeyActive, 30*day, 0)}, true, ""},
		"others are going":             {[]KeyHealth{key("a", KeyActive, 30*day, 0), key("b", KeyExpiring, 9*day, 0), key("c", KeyGone, 9*day, 0)}, true, ""},
		"both in use":                  {[]KeyHealth{key("a", KeyActive, 30*day, time.Minute), key("b", KeyActive, day, time.Second)}, false, ""},
		"unused for a week":            {[]KeyHealth{key("a", KeyActive, 30*day, 7*day), key("b", KeyActive, day, 0)}, false, "seven days"},
		"never used":                   {[]KeyHealth{key("a", KeyActive, 7*day, 0), key("b", KeyActive, day, 0)}, false, "seven days"},
		"new":                          {[]KeyHealth{key("a", KeyActive, day, 0), key("b", KeyActive, 30*day, time.Second)}, false, ""},
		"another took over":            {[]KeyHealth{key("a", KeyActive, 30*day, time.Hour), key("b", KeyActive, day, time.Minute)}, false, "with b"},
		"another took over just now":   {[]KeyHealth{key("a", KeyActive, 30*day, time.Hour-1), key("b", KeyActive, day, time.Minute)}, false, ""},
		"a retired one took over once": {[]KeyHealth{key("a", KeyActive, 30*day, 2*time.Hour), key("b", KeyGone, day, time.Minute), key("c", KeyActive, day, 0)}, false, ""},
		"the other was used before":    {[]KeyHealth{key("a", KeyExpiring, 30*day, 2*time.Hour), key("b", KeyActive, 40*day, day)}, false, ""},
		"retired":                      {[]KeyHealth{key("a", KeyGone, 30*day, 20*day), key("b", KeyActive, 40*day, day)}, false, ""},
	} {
		tt.keys[0].judge(tt.keys, now)
		got := tt.keys[0]
		if got.Only != tt.only || (got.Safe == "") != (tt.safe == "") || !strings.Contains(got.Safe, tt.safe) {
			t.Errorf("%s: got only %t, safe %q, want %t, %q", name, got.Only, got.Safe, tt.only, tt.safe)
		}
	}
}
