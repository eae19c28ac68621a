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

func TestClockAdvice(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, tt := range map[string]struct {
		clock          Clock
		maxAge, leeway time.Duration
		tone, says     string
	}{
		"nothing":      {Clock{}, 180 * s, 60 * s, "", "No link"},
		"too few":      {Clock{N: 4, Median: time.Hour}, 180 * s, 60 * s, "", "too few"},
		"fine":         {Clock{N: 5, Low: -s, Median: 2 * s, High: 40 * s}, 180 * s, 60 * s, ClockFine, "within 2s of being signed, nearly all within 40s"},
		"a bit ahead":  {Clock{N: 50, Low: -41 * s, Median: -40 * s, High: 2 * s}, 180 * s, 60 * s, ClockWarn, "41s ahead"},
		"too far":      {Clock{N: 50, Low: -61 * s, Median: -60 * s, High: -58 * s}, 180 * s, 60 * s, ClockWrong, "issued_in_future"},
		"behind":       {Clock{N: 50, Low: 39 * s, Median: 41 * s, High: 44 * s}, 180 * s, 60 * s, ClockWarn, "41s behind"},
		"far behind":   {Clock{N: 50, Low: 170 * s, Median: 180 * s, High: 240 * s}, 180 * s, 60 * s, ClockWrong, "clock is probably behind"},
		"links wait":   {Clock{N: 50, Low: s, Median: 60 * s, High: 190 * s}, 180 * s, 60 * s, ClockWrong, "sign them at the click"},
		"no limit":     {Clock{N: 50, Low: s, Median: time.Hour, High: 24 * time.Hour}, 0, 60 * s, ClockFine, "agree"},
		"no tolerance": {Clock{N: 50, Low: -s, Median: s, High: s}, 180 * s, 0, ClockWrong, "issued_in_future"},
	} {
		tone, sentence := tt.clock.Advice(tt.maxAge, tt.leeway)
		if tone != tt.tone || !strings.Contains(sentence, tt.says) {
			t.Errorf("%s: got %q %q, want %q with %q", name, tone, sentence, tt.tone, tt.says)
		}
	}
}
