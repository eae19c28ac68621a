package provisioning

import (
	"strings"
	"testing"
	"time"
)

func TestClockAdvice(t *testing.T) {
	t.Parallel()
	const s = time.Second
	for name, tt := range map[string]struct {
		clock          Clock
		maxAge, leeway time.Duration
		tone, says     string
	}{
		"nothing":          {Clock{}, 180 * s, 60 * s, "", "No link"},
		"too few":          {Clock{N: 4, Median: time.Hour}, 180 * s, 60 * s, "", "too few"},
		"fine":             {Clock{N: 5, Low: -s, Median: 2 * s, High: 40 * s}, 180 * s, 60 * s, ClockFine, "within 2 s of being signed"},
		"one stray link":   {Clock{N: 8, Low: -time.Hour, Median: s, High: time.Hour}, 180 * s, 60 * s, ClockFine, "within 1 s"},
		"a bit ahead":      {Clock{N: 50, Low: -45 * s, Median: -41 * s, High: 2 * s}, 180 * s, 60 * s, ClockWarn, "41 s ahead"},
		"too far":          {Clock{N: 50, Low: -62 * s, Median: -61 * s, High: -58 * s}, 180 * s, 60 * s, ClockWrong, "issued_in_future"},
		"no tolerance":     {Clock{N: 50, Low: -s, Median: -s, High: s}, 180 * s, 0, ClockWrong, "issued_in_future"},
		"behind":           {Clock{N: 50, Low: 39 * s, Median: 41 * s, High: 44 * s}, 180 * s, 60 * s, ClockWarn, "41 s behind"},
		"behind, few":      {Clock{N: 6, Low: 39 * s, Median: 41 * s, High: 44 * s}, 180 * s, 60 * s, ClockWarn, "41 s behind"},
		"slow, few":        {Clock{N: 6, Low: 39 * s, Median: 41 * s, High: 140 * s}, 180 * s, 60 * s, ClockFine, "within 41 s"},
		"far behind":       {Clock{N: 50, Low: 200 * s, Median: 241 * s, High: 270 * s}, 180 * s, 60 * s, ClockWrong, "more than 4 min after"},
		"one server ahead": {Clock{N: 50, Low: -90 * s, Median: s, High: 9 * s}, 180 * s, 60 * s, ClockWarn, "dated 90 s or more ahead"},
		"links wait":       {Clock{N: 50, Low: s, Median: 60 * s, High: 190 * s}, 180 * s, 60 * s, ClockWarn, "opened 3 min or more"},
		"no limit":         {Clock{N: 50, Low: s, Median: 3 * time.Hour, High: 24 * time.Hour}, 0, 60 * s, ClockFine, "within 3 h"},
	} {
		tone, sentence := tt.clock.Advice(tt.maxAge, tt.leeway)
		if tone != tt.tone || !strings.Contains(sentence, tt.says) {
			t.Errorf("%s: got %q %q, want %q with %q", name, tone, sentence, tt.tone, tt.says)
		}
	}
}
