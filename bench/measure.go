package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"time"
)

// stand is everything that takes part in the rounds.
type stand struct {
	options  options
	people   population
	hello    *process
	usher    *usher // Postgres and Redis
	embedded *usher // its own process and file, no other server

	server     *database // where databases are made
	database   *database // of this run
	cache      *cache
	postmaster int
	redisPID   int

	repeatBench, firstBench *pgbench // nil = there is no pgbench
	redisBench              string   // "" = there is no redis-benchmark
	cookies                 []string // of sessions of usher's
	introspection           introspection
	embeddedPeople          span

	runs int // loads sent so far, which makes names and changes unique
}

// The rows of the report. Their names are also what budgets refer to.
const (
	rowHello         = "gin hello world"
	rowRepeat        = "unchanged sign-in"
	rowRich          = "unchanged, 50 groups + 20 credits"
	rowChanged       = "changed groups"
	rowFirst         = "first sign-in"
	rowForged        = "bad signature"
	rowFlood         = "unchanged, in a flood of bad signatures"
	rowSession       = "GET /auth/session (with SQL)"
	rowVerify        = "GET /auth/verify"
	rowCall          = "GET /auth/verify, token in the header"
	rowReference     = "introspection, reference token"
	rowJWT           = "introspection, JWT"
	rowRepeatBench   = "pgbench: statement of unchanged"
	rowFirstBench    = "pgbench: statements of first"
	rowRedisGet      = "redis-benchmark GET"
	rowRedisSet      = "redis-benchmark SET"
	rowEmbedded      = "embedded: unchanged sign-in"
	rowEmbeddedFirst = "embedded: first sign-in"
)

// rowOrder is the order of the report.
var rowOrder = []string{
	rowHello, rowRepeat, rowRich, rowFlood, rowChanged, rowFirst, rowForged, rowSession, rowVerify, rowCall,
	rowReference, rowJWT,
	rowEmbedded, rowEmbeddedFirst, rowRepeatBench, rowFirstBench, rowRedisGet, rowRedisSet,
}

// sample is one measurement of one round.
type sample struct {
	Rate     float64 // per second
	P50, P99 float64 `json:",omitempty"` // milliseconds; 0 = not known
	// Processor time in microseconds per request; 0 = not known, or none.
	ServerCPU, PostgresCPU, RedisCPU float64 `json:",omitempty"`
}

// key names a row with a number of connections.
type key struct {
	Row         string
	Connections int
}

// samples are the rounds of each row.
type samples map[key][]sample

func (m samples) add(row string, connections int, one sample) {
	at := key{row, connections}
	m[at] = append(m[at], one)
}

// measureAll does everything of the package comment.
func measureAll(ctx context.Context, o options, databaseURL, redisURL string) (_ *report, err error) {
	begun := time.Now()
	folder, err := os.MkdirTemp("", "usher-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	s := &stand{options: o, people: populationOf(o.users)}
	if s.server, err = openServer(databaseURL); err != nil {
		return nil, err
	}
	defer func() {
		if s.database != nil {
			err = errors.Join(err, s.server.drop(s.database))
		}
	}()
	if s.cache, err = openCache(redisURL); err != nil {
		return nil, err
	}
	r := &report{Machine: describe(), Begun: begun.UTC().Truncate(time.Second), People: o.users, Rounds: o.rounds, Seconds: o.seconds}
	if r.Postgres, err = s.server.ask(ctx, "SELECT current_setting('server_version') || ', fsync ' || current_setting('fsync')"); err != nil {
		return nil, err
	}
	if s.postmaster, err = s.server.postmaster(ctx); err != nil {
		return nil, err
	}
	if s.redisPID, r.Redis, err = s.cache.server(); err != nil {
		return nil, err
	}

	say("building")
	built, err := build(ctx, folder, o.profile != "")
	if err != nil {
		return nil, err
	}
	if err := s.provide(ctx, folder, built); err != nil {
		return nil, err
	}
	say("counting round trips")
	s.usher.settings = append(s.usher.settings, "BENCH_PROFILE="+o.profile)
	c, err := countTrips(ctx, s.usher, folder, built.usher, s.database, s.cache)
	if err != nil {
		return nil, err
	}
	r.RoundTrips = c.Trips

	if err := s.start(ctx, folder, built); err != nil {
		return nil, errors.Join(err, s.stop())
	}
	defer func() { err = errors.Join(err, s.stop()) }()
	if r.Process, err = s.footprint(built.usher); err != nil {
		return nil, err
	}
	if err := s.load(ctx); err != nil {
		return nil, err
	}
	if o.profile != "" {
		return nil, s.profile(ctx)
	}
	if err := s.prepareLimits(ctx, folder, c, r); err != nil {
		return nil, err
	}
	measured, err := s.rounds(ctx)
	if err != nil {
		return nil, err
	}
	if err := s.crowd(ctx, &r.Process); err != nil {
		return nil, err
	}
	r.fill(measured, o.connections)
	r.Took = time.Since(begun).Seconds()
	return r, nil
}

// start runs the three servers.
func (s *stand) start(ctx context.Context, folder string, built programs) error {
	if err := s.usher.start(ctx, folder, built.usher); err != nil {
		return err
	}
	s.embedded = newUsher(folder, "", "", newSecrets())
	if err := s.embedded.start(ctx, folder, built.usher); err != nil {
		return err
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	s.hello, err = startProcess(ctx, folder, built.hello, address, "/hello", nil, address)
	return err
}

func (s *stand) stop() error {
	var errs []error
	for _, p := range []*process{s.usher.process, s.hello} {
		if p != nil {
			errs = append(errs, p.stop())
		}
	}
	if s.embedded != nil && s.embedded.process != nil {
		errs = append(errs, s.embedded.stop())
	}
	return errors.Join(errs...)
}

// footprint is what the program needs before anybody comes.
func (s *stand) footprint(program string) (footprint, error) {
	info, err := os.Stat(program)
	if err != nil {
		return footprint{}, err
	}
	return footprint{
		BinaryMB: float64(info.Size()) / 1e6, ReadyMS: float64(s.usher.ready.Microseconds()) / 1000,
		IdleMB: statusMB(s.usher.pid(), "VmRSS"),
	}, nil
}

// embeddedMost bounds how many people the embedded store gets: each signs in.
const embeddedMost = 20_000

// load brings in whoever must have signed in through the running servers.
func (s *stand) load(ctx context.Context) error {
	if err := s.check(ctx); err != nil {
		return err
	}
	if err := s.embedded.install(ctx); err != nil {
		return err
	}
	s.embeddedPeople = span{1, min(embeddedMost, s.people.Repeat.Count)}
	if err := s.embedded.load(ctx, "loading the embedded store", s.embeddedPeople, usual); err != nil {
		return err
	}
	for i := range 64 {
		cookie, err := s.usher.signIn(ctx, s.people.Repeat.First+i, usual)
		if err != nil {
			return err
		}
		s.cookies = append(s.cookies, cookie)
	}
	var err error
	if s.introspection, err = s.usher.prepareIntrospection(ctx, s.people.Repeat); err != nil {
		return err
	}
	return s.database.settle(ctx)
}

// prepareLimits gets pgbench and redis-benchmark ready, or notes that they
// are missing.
func (s *stand) prepareLimits(ctx context.Context, folder string, c counted, r *report) error {
	if program, err := exec.LookPath("redis-benchmark"); err == nil {
		s.redisBench = program
	} else {
		r.Missing = append(r.Missing, "redis-benchmark is not on this machine")
	}
	if _, err := findProgram("pgbench"); err != nil {
		r.Missing = append(r.Missing, err.Error())
		return nil
	}
	var err error
	people := s.people.Raw
	repeat := script(c.repeat[0], c.repeat[1], person, int64(people.First), int64(people.end()-1))
	// Unchanged sign-ins do not wait for the flush of their commit either.
	s.repeatBench, err = newPgbench(ctx, s.database, folder, "unchanged", repeat, "used_tokens", "synchronous_commit=off")
	if err != nil {
		return err
	}
	first := script(c.first[0], c.first[1], raw, 1, 1<<62)
	s.firstBench, err = newPgbench(ctx, s.database, folder, "first", first, "users")
	return err
}

// rounds measures every row in every round. Each round begins with another
// row, so that none always follows the same neighbour at the same distance.
func (s *stand) rounds(ctx context.Context) (samples, error) {
	measured := make(samples)
	steps := s.steps()
	for round := range s.options.rounds {
		begun := time.Now()
		for _, connections := range s.options.connections {
			for i := range steps {
				if err := ctx.Err(); err != nil {
					return nil, err
				}
				next := steps[(i+round*3)%len(steps)]
				if s.options.only != nil && !s.options.only.MatchString(next.row) {
					continue
				}
				if err := errors.Join(s.usher.forget(), s.embedded.forget()); err != nil {
					return nil, err
				}
				if err := next.measure(ctx, connections, measured); err != nil {
					return nil, fmt.Errorf("%s with %d connections: %w", next.row, connections, err)
				}
			}
		}
		say("round %d of %d: %.0f s", round+1, s.options.rounds, time.Since(begun).Seconds())
	}
	return measured, nil
}

// step measures a row with a number of connections.
type step struct {
	row     string
	measure func(ctx context.Context, connections int, into samples) error
}

func (s *stand) steps() []step {
	steps := []step{
		s.driven(rowHello, s.hello, 50_000, func() load {
			return load{Address: s.hello.address, Host: publicHost, Targets: []string{"/hello"}, Want: http.StatusOK}
		}),
		s.driven(rowRepeat, s.usher.process, 20_000, func() load {
			return s.usher.signIns(s.people.Repeat, usual, load{Random: true})
		}),
		s.driven(rowRich, s.usher.process, 12_000, func() load {
			return s.usher.signIns(s.people.Rich, rich, load{Random: true})
		}),
		s.driven(rowChanged, s.usher.process, 8_000, func() load {
			s.runs++
			changed := usual
			changed.Shift = 1 + s.runs%(catalogGroups-1)
			return s.usher.signIns(s.people.Changed, changed, load{Most: s.people.Changed.Count})
		}),
		s.driven(rowFirst, s.usher.process, 8_000, func() load {
			s.runs++
			return s.usher.signIns(span{1, 1}, usual, load{Prefix: fmt.Sprintf("new%d", s.runs)})
		}),
		s.driven(rowForged, s.usher.process, 40_000, func() load {
			return s.usher.signIns(s.people.Repeat, usual, load{Random: true, Forged: true, Want: http.StatusUnauthorized})
		}),
		s.driven(rowSession, s.usher.process, 20_000, func() load {
			return load{
				Address: s.usher.address, Host: publicHost, Targets: []string{"/auth/session"}, Cookies: s.cookies, Want: http.StatusOK,
			}
		}),
		s.driven(rowVerify, s.usher.process, 60_000, func() load {
			return load{
				Address: s.usher.address, Host: publicHost, Targets: []string{verifyPath}, Cookies: s.cookies, Want: http.StatusNoContent,
			}
		}),
		s.driven(rowCall, s.usher.process, 60_000, func() load {
			callers := span{s.people.Repeat.First, min(s.people.Repeat.Count, 500)}
			return s.usher.signIns(callers, usual, load{Random: true, Call: true, Want: http.StatusNoContent})
		}),
		s.introspected(rowReference, "reference"),
		s.introspected(rowJWT, "jwt"),
		s.driven(rowEmbedded, s.embedded.process, 20_000, func() load {
			return s.embedded.signIns(s.embeddedPeople, usual, load{Random: true})
		}),
		s.driven(rowEmbeddedFirst, s.embedded.process, 12_000, func() load {
			s.runs++
			return s.embedded.signIns(span{1, 1}, usual, load{Prefix: fmt.Sprintf("new%d", s.runs)})
		}),
		{rowFlood, s.flood},
	}
	if s.repeatBench != nil {
		steps = append(steps, s.pgbench(rowRepeatBench, s.repeatBench), s.pgbench(rowFirstBench, s.firstBench))
	}
	if s.redisBench != "" {
		steps = append(steps, step{"redis-benchmark", s.redisBenchmark})
	}
	return steps
}

// introspected asks what access tokens of a format are worth.
func (s *stand) introspected(row, format string) step {
	return s.driven(row, s.usher.process, 40_000, func() load {
		return load{
			Address: s.usher.address, Host: publicHost, Targets: []string{introspectPath},
			Forms: s.introspection.questions[format], Authorization: s.introspection.authorization, Want: http.StatusOK,
		}
	})
}

// perConnection is how much of many connections' rate one connection reaches
// at most, with room to spare: it bounds the requests that are made ahead.
const perConnection = 0.6

// bounded fills in how many requests of at most most a second a load may have.
func (s *stand) bounded(l load, connections, most int) load {
	l.Connections, l.Seconds = connections, s.options.seconds
	if l.Most == 0 {
		l.Most = int(float64(most) * l.Seconds * min(1, perConnection*float64(connections)))
	}
	return l
}

// driven measures by a driver. most bounds its requests per second.
func (s *stand) driven(row string, server *process, most int, describe func() load) step {
	return step{row, func(ctx context.Context, connections int, into samples) error {
		d, err := newDriver(ctx, s.bounded(describe(), connections, most))
		if err != nil {
			return err
		}
		one, err := s.watch(server.pid(), func() (tally, error) {
			if err := d.start(); err != nil {
				return tally{}, err
			}
			return d.result(nil)
		})
		if err != nil {
			return fmt.Errorf("%w\n%s", err, server.lastWords())
		}
		into.add(row, connections, one)
		return nil
	}}
}

// settleTime is how long the servers may take to see off connections that have
// ended.
const settleTime = 50 * time.Millisecond

// watch runs a measurement and works out the processor time of the servers.
func (s *stand) watch(server int, run func() (tally, error)) (sample, error) {
	pids := [3]int{server, s.postmaster, s.redisPID}
	var before, after [3]float64
	for i, pid := range pids {
		if pid == 0 {
			continue
		}
		var err error
		if before[i], err = cpuSeconds(pid); err != nil {
			return sample{}, err
		}
	}
	t, err := run()
	if err != nil {
		return sample{}, err
	}
	time.Sleep(settleTime)
	for i, pid := range pids {
		if pid == 0 {
			continue
		}
		if after[i], err = cpuSeconds(pid); err != nil {
			return sample{}, err
		}
	}
	if t.Counted == 0 || t.Seconds <= 0 {
		return sample{}, errors.New("nothing was measured")
	}
	spent := func(i int) float64 { return (after[i] - before[i]) * 1e6 / float64(t.All) }
	return sample{
		Rate: t.rate(), P50: t.P50, P99: t.P99,
		ServerCPU: spent(0), PostgresCPU: spent(1), RedisCPU: spent(2),
	}, nil
}

// flood measures unchanged sign-ins while as many connections send tokens
// with bad signatures.
func (s *stand) flood(ctx context.Context, connections int, into samples) error {
	forged := s.usher.signIns(s.people.Repeat, usual, load{Random: true, Forged: true, Want: http.StatusUnauthorized})
	forged = s.bounded(forged, connections, 40_000)
	forged.Seconds *= 10 // it is ended before
	bad, err := newDriver(ctx, forged)
	if err != nil {
		return err
	}
	good, err := newDriver(ctx, s.bounded(s.usher.signIns(s.people.Repeat, usual, load{Random: true}), connections, 20_000))
	if err != nil {
		return errors.Join(err, bad.stop())
	}
	if err := errors.Join(bad.start(), good.start()); err != nil {
		return errors.Join(err, bad.stop(), good.stop())
	}
	t, err := good.result(nil)
	if err = errors.Join(err, bad.stop()); err != nil {
		return err
	}
	into.add(rowFlood, connections, sample{Rate: t.rate(), P50: t.P50, P99: t.P99})
	return nil
}

func (s *stand) pgbench(row string, p *pgbench) step {
	return step{row, func(ctx context.Context, connections int, into samples) error {
		one, err := s.watch(0, func() (tally, error) { return p.measure(ctx, connections, s.options.seconds) })
		if err != nil {
			return err
		}
		into.add(row, connections, one)
		return nil
	}}
}

func (s *stand) redisBenchmark(ctx context.Context, connections int, into samples) error {
	get, set, err := redisBenchmark(ctx, s.redisBench, s.cache, connections, s.options.seconds)
	if err != nil {
		return err
	}
	for row, t := range map[string]tally{rowRedisGet: get, rowRedisSet: set} {
		into.add(row, connections, sample{Rate: t.rate(), P50: t.P50, P99: t.P99})
	}
	return nil
}

// crowd sends unchanged sign-ins on 64 connections for a moment, and notes how
// much memory the server has then.
func (s *stand) crowd(ctx context.Context, f *footprint) error {
	const many = 64
	l := s.bounded(s.usher.signIns(s.people.Repeat, usual, load{Random: true}), many, 20_000)
	d, err := newDriver(ctx, l)
	if err != nil {
		return err
	}
	if err := d.start(); err != nil {
		return err
	}
	if _, err := d.result(nil); err != nil {
		return err
	}
	f.CrowdMB = statusMB(s.usher.pid(), "VmRSS")
	return nil
}
