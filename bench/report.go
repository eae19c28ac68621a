package main

import (
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"
)

// report is everything that a run found out.
type report struct {
	platform
	Begun   time.Time
	Took    float64 // seconds
	People  int
	Rounds  int
	Seconds float64  // of each measurement
	Missing []string `json:",omitempty"` // what was not measured, and why
	Notes   []string `json:",omitempty"` // what makes the figures others than they should be

	Rows       []row
	RoundTrips []trips
	Process    footprint
	Budgets    []budget
}

// platform is what the figures were found on.
type platform struct {
	Machine  string
	Postgres string // version and whether it flushes
	Redis    string // version
}

func (p platform) String() string {
	return fmt.Sprintf("%s; PostgreSQL %s; Redis %s", p.Machine, p.Postgres, p.Redis)
}

// row is one line of the table: medians over the rounds.
type row struct {
	What        string
	Connections int
	Rate        float64 // per second
	Least, Most float64 // of the rates
	P50, P99    float64 `json:",omitempty"` // milliseconds
	// Processor time in microseconds per request.
	ServerCPU, PostgresCPU, RedisCPU float64 `json:",omitempty"`
	// What the server allocates for one request, with the most connections.
	Allocations, Bytes float64 `json:",omitempty"`
	OfHello            float64 // of gin's rate in the same round
	Samples            []sample
}

// footprint is what the server needs, as a process.
type footprint struct {
	BinaryMB float64
	ReadyMS  float64 // from start to the first good answer of /readyz, median of a few
	IdleMB   float64 // resident
	CrowdMB  float64 // resident after 64 connections
}

// budget is a figure that has to be kept.
type budget struct {
	What        string
	Connections int `json:",omitempty"`
	Got, Want   float64
	AtMost      bool // Got may not be more than Want; else not less
	Passed      bool
}

// fill works out rows and budgets.
func (r *report) fill(measured samples, weighed map[string]heap, connections []int) {
	most := slices.Max(connections)
	for _, what := range rowOrder {
		for _, c := range connections {
			all := measured[key{what, c}]
			if len(all) == 0 {
				continue
			}
			of := func(value func(sample) float64) float64 { return median(values(all, value)) }
			rates := values(all, rateOf)
			var each heap
			if c == most {
				each = weighed[what]
			}
			r.Rows = append(r.Rows, row{
				What: what, Connections: c,
				Rate: median(rates), Least: slices.Min(rates), Most: slices.Max(rates),
				P50: of(func(s sample) float64 { return s.P50 }), P99: of(func(s sample) float64 { return s.P99 }),
				ServerCPU:   of(func(s sample) float64 { return s.ServerCPU }),
				PostgresCPU: of(func(s sample) float64 { return s.PostgresCPU }),
				RedisCPU:    of(func(s sample) float64 { return s.RedisCPU }),
				Allocations: each.objects, Bytes: each.bytes,
				OfHello: measured.ratio(what, rowHello, c), Samples: all,
			})
		}
	}
	r.hold(measured, most)
}

// hold compares with the budgets, all of which are for many connections.
func (r *report) hold(measured samples, c int) {
	least := func(what string, got, want float64) {
		if got > 0 {
			r.Budgets = append(r.Budgets, budget{What: what, Connections: c, Got: got, Want: want, Passed: got >= want})
		}
	}
	// A count may be 0; what was measured may not.
	most := func(what string, connections int, got, want float64) {
		if got > 0 || want == 0 {
			r.Budgets = append(r.Budgets, budget{
				What: what, Connections: connections, Got: got, Want: want, AtMost: true, Passed: got <= want,
			})
		}
	}
	least("unchanged sign-in ÷ gin hello", measured.ratio(rowRepeat, rowHello, c), 0.12)
	least("unchanged sign-in ÷ pgbench of its statement", measured.ratio(rowRepeat, rowRepeatBench, c), 0.35)
	least("unchanged sign-in ÷ textbook transaction", measured.ratio(rowRepeat, rowTextbook, c), 8)
	least("changed groups ÷ pgbench of their statements", measured.ratio(rowChanged, rowChangedBench, c), 0.45)
	least("first sign-in ÷ pgbench of its statements", measured.ratio(rowFirst, rowFirstBench, c), 0.45)
	least("50 groups + 20 credits ÷ 3 + 1, unchanged", measured.ratio(rowRich, rowRepeat, c), 0.8)
	least("bad signature ÷ gin hello", measured.ratio(rowForged, rowHello, c), 0.5)
	least("GET /auth/verify ÷ gin hello", measured.ratio(rowVerify, rowHello, c), 0.40)
	least("token in the header ÷ gin hello", measured.ratio(rowCall, rowHello, c), 0.40)
	least("introspection, reference token ÷ gin hello", measured.ratio(rowReference, rowHello, c), 0.30)
	least("introspection, JWT ÷ gin hello", measured.ratio(rowJWT, rowHello, c), 0.20)
	least("embedded ÷ Postgres + Redis, unchanged", measured.ratio(rowEmbedded, rowRepeat, c), 0.8)
	most("unchanged ÷ unchanged in a flood of bad signatures", c, measured.ratio(rowRepeat, rowFlood, c), 3)
	most("p99 ÷ p50, unchanged", c, median(values(measured[key{rowRepeat, c}], func(s sample) float64 { return s.P99 / s.P50 })), 5)
	for _, t := range r.RoundTrips {
		switch t.Kind {
		case rowRepeat:
			most("SQL round trips, unchanged", 0, float64(t.SQLLeast), 1)
			most("Redis round trips, unchanged", 0, float64(t.RedisLeast), 1)
		case rowVerify:
			most("SQL round trips, verify", 0, float64(t.SQLLeast), 0)
			most("Redis round trips, verify", 0, float64(t.RedisLeast), 1)
		case rowCall:
			most("SQL round trips, token in the header", 0, float64(t.SQLLeast), 0)
			most("Redis round trips, token in the header", 0, float64(t.RedisLeast), 1)
		case rowFirst:
			most("SQL round trips, first sign-in", 0, float64(t.SQLLeast), 3)
		case rowChanged:
			most("SQL round trips, changed groups", 0, float64(t.SQLLeast), 3)
		}
	}
	most("ready on an existing database, ms", 0, r.Process.ReadyMS, 150)
	most("binary, MB", 0, r.Process.BinaryMB, 25)
	most("resident when idle, MB", 0, r.Process.IdleMB, 45)
	most("resident after 64 connections, MB", 0, r.Process.CrowdMB, 100)
}

// ratio is the median over the rounds of what ÷ against, each within its own
// round; 0 when one of the two was not measured.
func (m samples) ratio(what, against string, connections int) float64 {
	return ratioOf(m[key{what, connections}], m[key{against, connections}])
}

func ratioOf(above, below []sample) float64 {
	var ratios []float64
	for i := range min(len(above), len(below)) {
		ratios = append(ratios, above[i].Rate/below[i].Rate)
	}
	return median(ratios)
}

func rateOf(s sample) float64 { return s.Rate }

func values(all []sample, value func(sample) float64) []float64 {
	found := make([]float64, len(all))
	for i, s := range all {
		found[i] = value(s)
	}
	return found
}

// median is the middle one, or the mean of the two in the middle; 0 of none.
func median(numbers []float64) float64 {
	if len(numbers) == 0 {
		return 0
	}
	sorted := slices.Sorted(slices.Values(numbers))
	middle := len(sorted) / 2
	if len(sorted)%2 == 1 {
		return sorted[middle]
	}
	return (sorted[middle-1] + sorted[middle]) / 2
}

// print writes the report for people, as Markdown tables.
func (r *report) print(out io.Writer) error {
	fmt.Fprintln(out, r.platform)
	fmt.Fprintf(out, "%s, %d people, %d rounds of %g s each, %.0f s in all\n\n",
		r.Begun.Format("2006-01-02 15:04 UTC"), r.People, r.Rounds, r.Seconds, r.Took)
	table := newTable(out, "what", "c", "per second", "lowest–highest", "p50 ms", "p99 ms", "µs server", "µs Postgres", "µs Redis", "allocations", "bytes", "÷ gin")
	for _, one := range r.Rows {
		table.line(one.What, fmt.Sprint(one.Connections), figure(one.Rate, 0),
			figure(one.Least, 0)+"–"+figure(one.Most, 0), figure(one.P50, 2), figure(one.P99, 2),
			figure(one.ServerCPU, 0), figure(one.PostgresCPU, 0), figure(one.RedisCPU, 0),
			figure(one.Allocations, 0), figure(one.Bytes, 0), figure(one.OfHello, 3))
	}
	if err := table.flush(); err != nil {
		return err
	}
	for _, missing := range r.Missing {
		fmt.Fprintf(out, "Not measured: %s.\n", missing)
	}
	for _, note := range r.Notes {
		fmt.Fprintf(out, "Note: %s.\n", note)
	}
	fmt.Fprintln(out)
	table = newTable(out, "round trips of one request", "SQL", "Redis")
	for _, t := range r.RoundTrips {
		table.line(t.Kind, between(t.SQLLeast, t.SQLMost), between(t.RedisLeast, t.RedisMost))
	}
	if err := table.flush(); err != nil {
		return err
	}
	fmt.Fprintln(out)
	return printBudgets(out, r.Budgets)
}

func printBudgets(out io.Writer, budgets []budget) error {
	table := newTable(out, "budget", "c", "got", "want", "")
	for _, b := range budgets {
		c, want, verdict := "", "≥ ", "FAIL"
		if b.Connections > 0 {
			c = fmt.Sprint(b.Connections)
		}
		if b.AtMost {
			want = "≤ "
		}
		if b.Passed {
			verdict = "pass"
		}
		table.line(b.What, c, fmt.Sprintf("%.3g", b.Got), fmt.Sprintf("%s%g", want, b.Want), verdict)
	}
	return table.flush()
}

// table writes Markdown with aligned columns.
type table struct{ *tabwriter.Writer }

func newTable(out io.Writer, headings ...string) table {
	t := table{tabwriter.NewWriter(out, 0, 0, 1, ' ', 0)}
	t.line(headings...)
	rules := make([]string, len(headings))
	for i := range rules {
		rules[i] = "---"
	}
	t.line(rules...)
	return t
}

func (t table) line(cells ...string) {
	fmt.Fprintf(t, "| %s |\n", strings.Join(cells, "\t| "))
}

func (t table) flush() error { return t.Flush() }

// figure writes a number with some decimals; "–" for what is not known.
func figure(value float64, decimals int) string {
	if value == 0 {
		return "–"
	}
	return fmt.Sprintf("%.*f", decimals, value)
}

func between(least, most int) string {
	if least == most {
		return fmt.Sprint(least)
	}
	return fmt.Sprintf("%d–%d", least, most)
}
