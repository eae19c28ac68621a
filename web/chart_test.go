package web

import (
	"bytes"
	"flag"
	"html/template"
	"math"
	"os"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

var update = flag.Bool("update", false, "write the golden files anew")

func golden(t *testing.T, name, got string) {
	t.Helper()
	path := "testdata/" + name
	if *update {
		if err := os.WriteFile(path, []byte(got), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	want, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(string(want), got); diff != "" {
		t.Errorf("%s (-want +got; run with -update if this is meant):\n%s", name, diff)
	}
}

func renderChart(t *testing.T, name string, chart any) string {
	t.Helper()
	parsed, err := template.New("charts.html").Funcs(functions()).ParseFS(templateFiles, "templates/admin/charts.html")
	if err != nil {
		t.Fatal(err)
	}
	var b bytes.Buffer
	if err := parsed.ExecuteTemplate(&b, name, chart); err != nil {
		t.Fatal(err)
	}
	return b.String() + "\n"
}

// week is a chart of seven days, the last of which has not ended.
func week(counts ...[]int64) TimeChart {
	c := TimeChart{
		Title: "Sign-ins, last 7 days", Step: 24 * time.Hour,
		Kinds: []ChartKind{{Name: "Signed in", Class: "good"}, {Name: "Refused", Class: "bad"}},
	}
	for i, n := range counts {
		start := time.Date(2026, 11, 16+i, 0, 0, 0, 0, time.UTC)
		c.Points = append(c.Points, ChartPoint{Start: start, Counts: n, SoFar: i == len(counts)-1})
	}
	return c
}

func TestCharts(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		file, template string
		chart          any
	}{
		{"chart_week.html", "time-chart", week(
			[]int64{1200, 14}, []int64{1340, 9}, []int64{980, 0}, []int64{0, 0}, []int64{1500, 160}, []int64{30, 2}, []int64{7, 1})},
		{"chart_empty.html", "time-chart", week([]int64{0, 0}, []int64{0, 0})},
		{"chart_bars.html", "bar-list", BarList{
			Title: "Refusals by reason", Name: "Reason", Count: "Refused", Bars: []NamedCount{
				{Name: "token_expired", Path: "/admin/sign-ins?reason=token_expired", Count: 1200, Class: "bad"},
				{Name: `<b>"other"</b>`, Count: 1, Class: "bad"},
			},
		}},
		{"chart_spark.html", "sparkline", Sparkline{Label: "12 sign-ins in 24 hours", Counts: []int64{0, 3, 9, 0}}},
	} {
		golden(t, tt.file, renderChart(t, tt.template, tt.chart))
	}
}

// A bar is as high as what it stands for, whatever stands beside it.
func TestChartIsHonest(t *testing.T) {
	t.Parallel()
	number := func(text string) float64 {
		n, err := strconv.ParseFloat(strings.TrimSuffix(text, "%"), 64)
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	chart := week([]int64{100, 50}, []int64{200, 0}, []int64{1, 0}, []int64{0, 25})
	layout := chart.Layout()
	first, last := layout.Lines[0], layout.Lines[len(layout.Lines)-1]
	if first.Label != "0" || number(first.Y) != plotBottom {
		t.Errorf("got the lowest line %v, want zero at the bottom", first)
	}
	perOne := (plotBottom - number(last.Y)) / number(last.Label)
	for i, slot := range layout.Slots {
		bottom := plotBottom
		bars := slot.Bars
		for k, count := range chart.Points[i].Counts {
			if count == 0 {
				continue
			}
			bar := bars[0]
			bars = bars[1:]
			if bar.Class != chart.Kinds[k].Class {
				t.Errorf("bar %d: got class %q, want %q", i, bar.Class, chart.Kinds[k].Class)
			}
			height := number(bar.Height)
			if math.Abs(height-perOne*float64(count)) > 0.011 {
				t.Errorf("bar %d: got height %v for %d, want %v", i, height, count, perOne*float64(count))
			}
			if math.Abs(number(bar.Y)+height-bottom) > 0.021 {
				t.Errorf("bar %d: got its foot at %v, want %v", i, number(bar.Y)+height, bottom)
			}
			bottom = number(bar.Y)
		}
		if len(bars) > 0 {
			t.Errorf("bar %d: got %d bars too many", i, len(bars))
		}
	}
}

func TestScale(t *testing.T) {
	t.Parallel()
	for most, want := range map[int64][]int64{
		0: {0, 1}, 1: {0, 1}, 3: {0, 1, 2, 3}, 4: {0, 1, 2, 3, 4}, 5: {0, 2, 4, 6}, 9: {0, 5, 10}, 21: {0, 10, 20, 30},
		41: {0, 20, 40, 60}, 1500: {0, 500, 1000, 1500}, 1_000_001: {0, 500_000, 1_000_000, 1_500_000},
	} {
		if diff := cmp.Diff(want, scale(most)); diff != "" {
			t.Errorf("scale(%d) (-want +got):\n%s", most, diff)
		}
	}
	for most := range int64(3000) {
		lines := scale(most)
		if len(lines) < 2 || len(lines) > 6 || lines[len(lines)-1] < most || lines[0] != 0 {
			t.Errorf("scale(%d): got %v", most, lines)
		}
	}
}

func TestChartPeriods(t *testing.T) {
	t.Parallel()
	hours := TimeChart{Step: time.Hour, Kinds: []ChartKind{{Name: "New users", Class: "good"}}}
	start := time.Date(2026, 11, 22, 1, 0, 0, 0, time.FixedZone("", 2*3600))
	for i := range 24 {
		hours.Points = append(hours.Points, ChartPoint{Start: start.Add(time.Duration(i) * time.Hour), Counts: []int64{int64(i)}, SoFar: i == 23})
	}
	layout := hours.Layout()
	if got, want := layout.Slots[0].Name, "21 Nov 23:00–00:00: 0 new users"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got, want := layout.Slots[23].Name, "22 Nov 22:00–23:00, so far: 23 new users"; got != want {
		t.Errorf("got %q, want %q", got, want)
	}
	if got := len(layout.Ticks); got < 4 || got > mostTicks {
		t.Errorf("got %d marks on the axis of time, want 4 to %d", got, mostTicks)
	}
	if got := (TimeChart{}).Layout(); !got.Empty || len(got.Slots) != 0 || len(got.Lines) != 2 {
		t.Errorf("without points: got %+v", got)
	}
}

func TestSparkline(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		counts []int64
		want   string
	}{
		{nil, ""},
		{[]int64{5}, "50,1"},
		{[]int64{0, 0, 0}, "0,19 50,19 100,19"},
		{[]int64{0, 9, 18}, "0,19 50,10 100,1"},
	} {
		if got := (Sparkline{Counts: tt.counts}).Line(); got != tt.want {
			t.Errorf("%v: got %q, want %q", tt.counts, got, tt.want)
		}
	}
}

func TestShare(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		part, whole int64
		want        string
	}{
		{0, 0, "–"}, {0, 7, "0 %"}, {7, 7, "100 %"}, {1, 2, "50 %"}, {14, 1000, "1.4 %"}, {1, 5000, "under 0.1 %"}, {9999, 10000, "99.9 %"},
	} {
		if got := Share(tt.part, tt.whole); got != tt.want {
			t.Errorf("Share(%d, %d): got %q, want %q", tt.part, tt.whole, got, tt.want)
		}
	}
}

func TestBarWidths(t *testing.T) {
	t.Parallel()
	list := BarList{Bars: []NamedCount{{Count: 10}, {Count: 4}, {Count: 0}}}
	var got []string
	for _, bar := range list.Bars {
		got = append(got, list.Width(bar))
	}
	if want := []string{"100%", "40%", "0%"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}
