package provisioning

import (
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
)

func TestAlerts(t *testing.T) {
	t.Parallel()
	in := func(d time.Duration) *time.Time { return new(testNow.Add(d)) }
	stays := store.Key{ID: "stays"}
	soon := store.Key{ID: "soon", RetiresAt: in(24 * time.Hour)}
	later := store.Key{ID: "later", RetiresAt: in(30 * 24 * time.Hour)}
	retired := store.Key{ID: "retired", RetiresAt: in(0)}
	used := map[string]KeyUse{"soon": {SignIns: 3}, "later": {SignIns: 2}, "retired": {SignIns: 1}}
	for _, tt := range []struct {
		name   string
		health Health
		keys   []store.Key
		clock  Clock
		want   []Alert
	}{
		{name: "well", keys: []store.Key{stays, retired}, health: Health{Day: Counts{100, 4}, Week: Counts{700, 4}}, clock: Clock{N: 500, Median: 2 * time.Second}},
		{name: "no key", want: []Alert{{Code: NoLiveKey}}},
		{name: "retired keys", keys: []store.Key{retired}, want: []Alert{{Code: NoLiveKey}}},
		{name: "all retire", keys: []store.Key{later, soon, retired}, want: []Alert{{Code: LastKeyEnds, Key: "later", At: *later.RetiresAt}}},
		{name: "an old key", keys: []store.Key{soon, stays, later}, want: []Alert{{Code: OldKeyInUse, Key: "soon", Count: 3, At: *soon.RetiresAt}}},
		{name: "a few refusals", keys: []store.Key{stays}, health: Health{Day: Counts{0, fewestRefused - 1}}},
		{name: "a fifth refused", keys: []store.Key{stays}, health: Health{Day: Counts{40, 10}}, want: []Alert{{Code: ManyRefusals, Count: 10}}},
		{name: "less than a fifth", keys: []store.Key{stays}, health: Health{Day: Counts{41, 10}}},
		{name: "silent", keys: []store.Key{stays}, health: Health{Week: Counts{SignIns: fewestBefore}}, want: []Alert{{Code: Silent, Count: fewestBefore}}},
		{name: "always quiet", keys: []store.Key{stays}, health: Health{Week: Counts{SignIns: fewestBefore - 1}}},
		{name: "clock ahead", keys: []store.Key{stays}, clock: Clock{N: 10, Median: -5 * time.Second}, want: []Alert{{Code: ClockAhead, Span: 5 * time.Second}}},
		{name: "clock behind", keys: []store.Key{stays}, clock: Clock{N: 10, Median: 2 * time.Minute}, want: []Alert{{Code: ClockBehind, Span: 2 * time.Minute}}},
		{name: "few tokens", keys: []store.Key{stays}, clock: Clock{N: 9, Median: 2 * time.Minute}},
		{
			name: "several", keys: []store.Key{soon}, health: Health{Day: Counts{0, 9}, Week: Counts{99, 9}}, clock: Clock{N: 10, Median: -time.Minute},
			want: []Alert{{Code: LastKeyEnds, Key: "soon", At: *soon.RetiresAt}, {Code: ManyRefusals, Count: 9}, {Code: ClockAhead, Span: time.Minute}, {Code: Silent, Count: 99}},
		},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			before := slices.Clone(tt.keys)
			if diff := cmp.Diff(tt.want, alerts(tt.health, tt.keys, used, tt.clock, testNow)); diff != "" {
				t.Errorf("alerts (-want +got):\n%s", diff)
			}
			if diff := cmp.Diff(before, tt.keys); diff != "" {
				t.Errorf("the keys were changed (-before +after):\n%s", diff)
			}
		})
	}
}
