package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"regexp"
	"slices"
	"time"
)

// growth is how the cost of a sign-in depends on how much there is already.
type growth struct {
	platform
	Begun   time.Time
	Took    float64 // seconds
	Rounds  int
	Seconds float64 // of each measurement

	Tables  []growthTable
	Budgets []budget
}

// growthTable has a line for each size of one thing.
type growthTable struct {
	What  string // that grows
	Lines []growthLine
}

// growthLine is a measurement at one size.
type growthLine struct {
	Size  int
	Row   string
	Rate  float64 // per second, median
	Least float64
	Most  float64
	P50   float64 `json:",omitempty"` // milliseconds
	P99   float64 `json:",omitempty"`
	// Processor time in microseconds per request; the server's is that of all
	// instances.
	ServerCPU, PostgresCPU, RedisCPU float64 `json:",omitempty"`
	OfFirst                          float64 // of the rate at the smallest size, in the same round
	Each                             float64 `json:",omitempty"` // bytes in Redis, of one session
}

// sizes are what is grown to.
type sizes struct {
	people    []int
	groups    []int
	sessions  []int
	instances []int
}

func sizesOf(o options) sizes {
	z := sizes{
		people: []int{10_000, 100_000, 1_000_000}, groups: []int{0, 3, 50, 500},
		sessions: []int{10_000, 100_000, 1_000_000}, instances: []int{1, 2, 4},
	}
	if o.quick {
		z.people, z.sessions = []int{4_000, 20_000}, []int{1_000, 10_000}
	}
	if o.users > z.people[len(z.people)-1] {
		z.people = append(z.people, o.users)
	}
	return z
}

// grown are the rows that are measured with more and more people.
var grown = regexp.MustCompile("^(" + rowRepeat + "|" + rowChanged + "|" + rowFirst + "|" + rowRepeatBench + "|" + rowVerify + ")$")

// grow measures all sizes. Those of one thing are there at the same time, and
// take turns in every round.
func grow(ctx context.Context, o options, databaseURL, redisURL string) (_ *growth, err error) {
	begun := time.Now()
	folder, err := os.MkdirTemp("", "usher-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	say("building")
	built, err := build(ctx, folder, false)
	if err != nil {
		return nil, err
	}
	z := sizesOf(o)
	o.only = grown
	o.connections = o.connections[len(o.connections)-1:]
	var stands []*stand
	defer func() {
		for _, s := range stands {
			err = errors.Join(err, s.close())
		}
	}()
	for _, people := range z.people {
		o.users = people
		s, err := newStand(ctx, o, databaseURL, redisURL)
		if err != nil {
			return nil, err
		}
		stands = append(stands, s)
		if err := s.growPeople(ctx, folder, built); err != nil {
			return nil, fmt.Errorf("%d people: %w", people, err)
		}
	}
	largest := stands[len(stands)-1]
	g := &growth{platform: largest.platform, Begun: begun.UTC().Truncate(time.Second), Rounds: o.rounds, Seconds: o.seconds}
	if err := g.people(ctx, stands); err != nil {
		return nil, err
	}
	if err := g.groups(ctx, stands[0], z.groups); err != nil {
		return nil, err
	}
	if err := g.instances(ctx, largest, folder, built, z.instances); err != nil {
		return nil, err
	}
	if err := g.sessions(ctx, largest, z.sessions); err != nil {
		return nil, err
	}
	g.Took = time.Since(begun).Seconds()
	return g, nil
}

// growPeople gets a stand ready that measures only what grows.
func (s *stand) growPeople(ctx context.Context, folder string, built programs) error {
	if err := s.provide(ctx, folder, built); err != nil {
		return err
	}
	c, err := countTrips(ctx, s.usher, folder, built.usher, s.database, s.cache)
	if err != nil {
		return err
	}
	if err := s.start(ctx, folder, built); err != nil {
		return err
	}
	if err := s.load(ctx); err != nil {
		return err
	}
	part, err := os.MkdirTemp(folder, "scripts-")
	if err != nil {
		return err
	}
	return s.prepareLimits(ctx, part, c, &report{})
}

// people measures the stands in turn.
func (g *growth) people(ctx context.Context, stands []*stand) error {
	found := make([]samples, len(stands))
	for i := range found {
		found[i] = make(samples)
	}
	for round := range g.Rounds {
		for _, row := range rowOrder {
			for i := range stands {
				s := stands[(i+round)%len(stands)]
				if err := s.measureRow(ctx, row, found[(i+round)%len(stands)]); err != nil {
					return err
				}
			}
		}
		say("people: round %d of %d", round+1, g.Rounds)
	}
	table := growthTable{What: "people"}
	for _, row := range rowOrder {
		for i, s := range stands {
			table.add(s.options.users, row, found[i], found[0], s.most())
		}
	}
	g.Tables = append(g.Tables, table)
	at := key{rowRepeat, stands[0].most()}
	last := len(stands) - 1
	ratio := ratioOf(found[last][at], found[0][at])
	g.Budgets = append(g.Budgets, budget{
		What:        fmt.Sprintf("unchanged sign-in, %d people ÷ %d", stands[last].options.users, stands[0].options.users),
		Connections: at.Connections, Got: ratio, Want: 0.5, Passed: ratio >= 0.5,
	})
	return nil
}

// most is with how many connections growth is measured.
func (s *stand) most() int { return s.options.connections[len(s.options.connections)-1] }

// measureRow measures one of the grown rows.
func (s *stand) measureRow(ctx context.Context, row string, into samples) error {
	for _, one := range s.steps() {
		if one.row != row || !s.options.wants(row) {
			continue
		}
		if err := errors.Join(ctx.Err(), s.usher.forget()); err != nil {
			return err
		}
		if err := one.measure(ctx, s.most(), into); err != nil {
			return fmt.Errorf("%s with %d people: %w", row, s.options.users, err)
		}
	}
	return nil
}

// add makes the line of a row at a size, unless it was not measured.
func (t *growthTable) add(size int, row string, found, smallest samples, connections int) {
	all := found[key{row, connections}]
	if len(all) == 0 {
		return
	}
	of := func(value func(sample) float64) float64 { return median(values(all, value)) }
	rates := values(all, rateOf)
	t.Lines = append(t.Lines, growthLine{
		Size: size, Row: row, Rate: median(rates), Least: slices.Min(rates), Most: slices.Max(rates),
		P50: of(func(s sample) float64 { return s.P50 }), P99: of(func(s sample) float64 { return s.P99 }),
		ServerCPU:   of(func(s sample) float64 { return s.ServerCPU }),
		PostgresCPU: of(func(s sample) float64 { return s.PostgresCPU }),
		RedisCPU:    of(func(s sample) float64 { return s.RedisCPU }),
		OfFirst:     ratioOf(all, smallest[key{row, connections}]),
	})
}

// print writes the tables for people, as Markdown.
func (g *growth) print(out io.Writer) error {
	fmt.Fprintln(out, g.platform)
	fmt.Fprintf(out, "%s, %d rounds of %g s each, %.0f s in all\n", g.Begun.Format("2006-01-02 15:04 UTC"), g.Rounds, g.Seconds, g.Took)
	for _, t := range g.Tables {
		fmt.Fprintln(out)
		lines := newTable(out, t.What, "what", "per second", "lowest–highest", "p50 ms", "p99 ms",
			"µs server", "µs Postgres", "µs Redis", "bytes each", "÷ smallest")
		for _, one := range t.Lines {
			lines.line(fmt.Sprint(one.Size), one.Row, figure(one.Rate, 0), figure(one.Least, 0)+"–"+figure(one.Most, 0),
				figure(one.P50, 2), figure(one.P99, 2), figure(one.ServerCPU, 0), figure(one.PostgresCPU, 0), figure(one.RedisCPU, 0),
				figure(one.Each, 0), figure(one.OfFirst, 2))
		}
		if err := lines.flush(); err != nil {
			return err
		}
	}
	fmt.Fprintln(out)
	return printBudgets(out, g.Budgets)
}
