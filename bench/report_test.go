package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

func TestReport(t *testing.T) {
	t.Parallel()
	measured := samples{}
	for _, rates := range [][2]float64{{1000, 130}, {4000, 440}, {2000, 300}} {
		measured.add(rowHello, 16, sample{Rate: rates[0], P50: 1, P99: 2})
		measured.add(rowRepeat, 16, sample{Rate: rates[1], P50: 1, P99: 6, ServerCPU: 100})
	}
	r := &report{platform: platform{Machine: "a machine"}, Begun: time.Unix(0, 0).UTC(), Missing: []string{"pgbench is elsewhere"}, Notes: []string{"so so"}}
	r.RoundTrips = []trips{{rowRepeat, 1, 1, 1, 2}, {rowFirst, 4, 4, 1, 1}}
	r.Process = footprint{BinaryMB: 30}
	r.fill(measured, map[string]heap{rowRepeat: {70, 9000}}, []int{1, 16})

	if len(r.Rows) != 2 || r.Rows[1].Rate != 300 || r.Rows[1].Least != 130 || r.Rows[1].Most != 440 || r.Rows[1].OfHello != 0.13 {
		t.Errorf("got rows %+v, want medians and the range; the ratio is that of the middle round", r.Rows)
	}
	want := []budget{
		{What: "unchanged sign-in ÷ gin hello", Connections: 16, Got: 0.13, Want: 0.12, Passed: true},
		{What: "p99 ÷ p50, unchanged", Connections: 16, Got: 6, Want: 5, AtMost: true},
		{What: "SQL round trips, unchanged", Got: 1, Want: 1, AtMost: true, Passed: true},
		{What: "Redis round trips, unchanged", Got: 1, Want: 1, AtMost: true, Passed: true},
		{What: "SQL round trips, first sign-in", Got: 4, Want: 3, AtMost: true},
		{What: "binary, MB", Got: 30, Want: 25, AtMost: true},
	}
	if diff := cmp.Diff(want, r.Budgets); diff != "" {
		t.Errorf("budgets (-want +got):\n%s", diff)
	}
	var text strings.Builder
	if err := r.print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"a machine", "Not measured: pgbench is elsewhere.", "Note: so so.", "130–440", "| 1–2 |", "≤ 25", "FAIL", "pass", "| –", "0.130 |", "| 70 ", "| 9000 ",
	} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("got no %q in the report:\n%s", want, &text)
		}
	}
}

// TestIntoPage replaces what stands between the marks, and nothing else.
func TestIntoPage(t *testing.T) {
	t.Parallel()
	path := filepath.Join(t.TempDir(), "page.md")
	if err := os.WriteFile(path, []byte("a\n<!-- bench: begin -->\nold\n<!-- bench: end -->\nb\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	for _, text := range []string{"one\n", "two"} {
		if err := intoPage(path, "bench", text); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(path)
	if want := "a\n<!-- bench: begin -->\n\ntwo\n\n<!-- bench: end -->\nb\n"; err != nil || string(got) != want {
		t.Errorf("got %q, %v, want %q", got, err, want)
	}
	if err := intoPage(path, "growth", "x"); err == nil {
		t.Error("got no error without the marks")
	}
}

// TestGrowth prints what was found at each size.
func TestGrowth(t *testing.T) {
	t.Parallel()
	small, large := samples{}, samples{}
	for _, rates := range [][2]float64{{100, 90}, {200, 100}, {100, 70}} {
		small.add(rowRepeat, 16, sample{Rate: rates[0]})
		large.add(rowRepeat, 16, sample{Rate: rates[1], ServerCPU: 120})
	}
	people := growthTable{What: "people"}
	people.add(10, rowRepeat, small, small, 16)
	people.add(1000, rowRepeat, large, small, 16)
	people.add(1000, rowFirst, large, small, 16)
	g := &growth{platform: platform{Machine: "a machine"}, Tables: []growthTable{people}}
	var text strings.Builder
	if err := g.print(&text); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"a machine", "| people |", "| 10     | unchanged sign-in | 100 ", "70–100", "| 0.70 |", "| 120 "} {
		if !strings.Contains(text.String(), want) {
			t.Errorf("got no %q in:\n%s", want, &text)
		}
	}
	if len(people.Lines) != 2 {
		t.Errorf("got %d lines, want none for what was not measured", len(people.Lines))
	}
}

func TestMedian(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		values []float64
		want   float64
	}{{nil, 0}, {[]float64{3}, 3}, {[]float64{9, 1, 5}, 5}, {[]float64{4, 1, 3, 2}, 2.5}} {
		if got := median(test.values); got != test.want {
			t.Errorf("%v: got %v, want %v", test.values, got, test.want)
		}
	}
}

func TestReadStat(t *testing.T) {
	t.Parallel()
	const good = "77 (a ) b) S 42 77 77 0 -1 4194304 1 2 3 4 10 20 30 40 20 0 1 0 100"
	got, err := readStat([]byte(good))
	if want := (stat{parent: 42, own: 30, children: 70}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{"", "77 (x) S 1 2", strings.Replace(good, " 30 ", " x ", 1)} {
		if got, err := readStat([]byte(bad)); err == nil {
			t.Errorf("%q: got %+v, want an error", bad, got)
		}
	}
}

func TestTicksBetween(t *testing.T) {
	t.Parallel()
	total, idle, err := ticksBetween([]byte("cpu  10 0 10 100 5 0 0 0 3 0\ncpu0 1 1 1 1 1\n"), []byte("cpu  20 1 15 150 7 0 2 0 9 0\n"))
	if total != 70 || idle != 52 || err != nil {
		t.Errorf("got %d ticks, %d of them idle, error %v, want 70 and 52", total, idle, err)
	}
	for _, bad := range []string{"", "cpu 1 2\n", "cpu 1 2 x 4 5 6\n"} {
		if _, _, err := ticksBetween([]byte(bad), []byte("cpu 1 1 1 1 1 1\n")); err == nil {
			t.Errorf("%q: got no error", bad)
		}
	}
}

func TestParse(t *testing.T) {
	t.Parallel()
	o, err := parse([]string{"-quick", "-users", "700", "-keep", "-connections", "1, 8"}, io.Discard)
	if err != nil || o.users != 700 || !o.keep || o.seconds != 0.6 || o.rounds != 3 || !cmp.Equal(o.connections, []int{1, 8}) {
		t.Errorf("got %+v, %v", o, err)
	}
	for _, arguments := range [][]string{
		{"-users", "1"},
		{"-seconds", "0.01"},
		{"-rounds", "0"},
		{"-connections", "0"},
		{"-connections", "x"},
		{"-only", "("},
		{"more"},
		{"-unknown"},
	} {
		if o, err := parse(arguments, io.Discard); err == nil {
			t.Errorf("%q: got %+v, want an error", arguments, o)
		}
	}
}
