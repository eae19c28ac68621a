package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"slices"
	"strings"
	"time"
)

// stand is everything that takes part in the rounds.
type stand struct {
	platform
	options  options
	people   population
	hello    *process
	textbook *process // on the same database and Redis
	usher    *usher   // Postgres and Redis
	embedded *usher   // its own process and file, no other server

	server     *database // where databases are made
	database   *database // of this run
	cache      *cache
	postmaster int
	redisPID   int

	repeatBench, changedBench, firstBench *pgbench // nil = there is no pgbench

	redisBench     string   // "" = there is no redis-benchmark
	cookies        []string // of sessions of usher's
	introspection  introspection
	embeddedPeople span

	starts []float64 // milliseconds that starts took
	runs   int       // loads sent so far, which makes names and changes unique
}

// newStand finds the servers.
func newStand(ctx context.Context, o options, databaseURL, redisURL string) (s *stand, err error) {
	s = &stand{options: o, people: populationOf(o.users)}
	if s.server, err = openServer(databaseURL); err != nil {
		return nil, err
	}
	if s.cache, err = openCache(redisURL); err != nil {
		return nil, err
	}
	s.Machine = describe()
	if s.Postgres, err = s.server.ask(ctx, "SELECT current_setting('server_version') || ', fsync ' || current_setting('fsync') || ', shared_buffers ' || current_setting('shared_buffers')"); err != nil {
		return nil, err
	}
	if s.postmaster, err = s.server.postmaster(ctx); err != nil {
		return nil, err
	}
	s.redisPID, s.Redis, err = s.cache.server()
	return s, err
}

// close ends what runs and removes the run's database.
func (s *stand) close() error {
	err := s.stop()
	if s.database != nil {
		err = errors.Join(err, s.server.drop(s.database))
	}
	return err
}

// measureAll does everything of the package comment.
func measureAll(ctx context.Context, o options, databaseURL, redisURL string) (_ *report, err error) {
	begun := time.Now()
	folder, err := os.MkdirTemp("", "usher-bench-")
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(folder)) }()
	s, err := newStand(ctx, o, databaseURL, redisURL)
	if err != nil {
		return nil, err
	}
	defer func() { err = errors.Join(err, s.close()) }()
	r := &report{platform: s.platform, Begun: begun.UTC().Truncate(time.Second), People: o.users, Rounds: o.rounds, Seconds: o.seconds}

	if strings.Contains(s.Postgres, "fsync off") {
		r.Notes = append(r.Notes, "this Postgres flushes nothing to disk (fsync is off): first and changed sign-ins are faster than they would be")
	}
	busy, err := busyCores(time.Second)
	if err != nil {
		return nil, err
	}
	if busy > 0.2 {
		r.Notes = append(r.Notes, fmt.Sprintf("the machine was not idle: before the start, others kept %.1f of its processors busy", busy))
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
		return nil, err
	}
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
	weighed, err := s.weighRows(ctx, folder, built)
	if err != nil {
		return nil, err
	}
	r.fill(measured, weighed, o.connections)
	r.Took = time.Since(begun).Seconds()
	return r, nil
}

// startsTimed is how many starts are timed; the one that stays is not.
const startsTimed = 5

// start runs the servers.
func (s *stand) start(ctx context.Context, folder string, built programs) error {
	for range startsTimed {
		if err := s.usher.start(ctx, folder, built.usher); err != nil {
			return err
		}
		s.starts = append(s.starts, float64(s.usher.ready.Microseconds())/1000)
		if err := s.usher.stop(); err != nil {
			return err
		}
	}
	if err := s.usher.start(ctx, folder, built.usher); err != nil {
		return err
	}
	if s.options.wants(rowEmbedded) || s.options.wants(rowEmbeddedFirst) {
		s.embedded = newUsher(folder, "", "", newSecrets())
		s.embedded.settings = append(s.embedded.settings, "BENCH_PROFILE="+s.options.profile)
		if err := s.embedded.start(ctx, folder, built.usher); err != nil {
			return err
		}
	}
	address, err := freeAddress()
	if err != nil {
		return err
	}
	if s.hello, err = startProcess(ctx, folder, built.hello, address, "/hello", nil, address); err != nil {
		return err
	}
	s.hello.metrics = address
	return s.startTextbook(ctx, folder, built.textbook)
}

// startTextbook runs the comparison on Usher's own tables.
func (s *stand) startTextbook(ctx context.Context, folder, program string) error {
	address, err := freeAddress()
	if err != nil {
		return err
	}
	text, err := s.database.ask(ctx, "SELECT tenant_id, id FROM integrations WHERE app_id = "+literal(s.usher.Signer.Issuer))
	if err != nil {
		return err
	}
	tenant, integration, ok := strings.Cut(text, "|")
	if !ok {
		return fmt.Errorf("the integration: got %q", text)
	}
	setup, err := json.Marshal(map[string]string{
		"Address": address, "DatabaseURL": s.database.dsn(""), "RedisURL": s.cache.dsn(""),
		"Secret": s.usher.Signer.Secret, "Tenant": tenant, "Integration": integration,
	})
	if err != nil {
		return err
	}
	s.textbook, err = startProcess(ctx, folder, program, address, "/readyz", []string{"TEXTBOOK=" + string(setup)})
	if err == nil {
		s.textbook.metrics = address
	}
	return err
}

func (s *stand) stop() error {
	var errs []error
	for _, p := range []*process{s.hello, s.textbook} {
		errs = append(errs, p.stop())
	}
	for _, u := range s.ushers() {
		errs = append(errs, u.stop())
	}
	return errors.Join(errs...)
}

// ushers are those that have been started.
func (s *stand) ushers() []*usher {
	return slices.DeleteFunc([]*usher{s.usher, s.embedded}, func(u *usher) bool { return u == nil || u.process == nil })
}

// footprint is what the program needs before anybody comes.
func (s *stand) footprint(program string) (footprint, error) {
	info, err := os.Stat(program)
	if err != nil {
		return footprint{}, err
	}
	return footprint{
		BinaryMB: float64(info.Size()) / 1e6, ReadyMS: median(s.starts),
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
	if s.embedded != nil {
		if err := s.embedded.install(ctx); err != nil {
			return err
		}
		s.embeddedPeople = span{1, min(embeddedMost, s.people.Repeat.Count)}
		if err := s.embedded.load(ctx, "loading the embedded store", s.embeddedPeople, usual); err != nil {
			return err
		}
	}
	for i := range 64 {
		cookie, err := s.usher.signIn(ctx, s.people.Repeat.First+i, usual)
		if err != nil {
			return err
		}
		s.cookies = append(s.cookies, cookie)
	}
	var err error
	if !s.options.wants(rowReference) && !s.options.wants(rowJWT) {
		return s.database.settle(ctx)
	}
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
	s.repeatBench, err = newPgbench(ctx, s.database, folder, "unchanged", repeat, "used_tokens", nil, "synchronous_commit=off")
	if err != nil {
		return err
	}
	first := script(c.first[0], c.first[1], raw, 1, 1<<62)
	s.firstBench, err = newPgbench(ctx, s.database, folder, "first", first, "users", nil)
	if err != nil {
		return err
	}
	w, err := newSwap(ctx, s.database, c.changed[0], c.changed[1], s.people.Swapped)
	if err != nil {
		return err
	}
	s.changedBench, err = newPgbench(ctx, s.database, folder, "changed", w.script, "used_tokens", w)
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
				if !s.options.wants(next.row) {
					continue
				}
				for _, u := range s.ushers() {
					if err := u.forget(); err != nil {
						return nil, err
					}
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

// weighSeconds is how long a row is looked at for what it allocates.
const weighSeconds = 0.5

// weighRows sends every load once more, with the most connections, to servers
// that tell what they allocate. In the rounds they do not, to be what they are
// without it.
func (s *stand) weighRows(ctx context.Context, folder string, built programs) (map[string]heap, error) {
	say("counting allocations")
	for _, u := range s.ushers() {
		if err := errors.Join(u.stop(), u.startCounted(ctx, folder, built.usher)); err != nil {
			return nil, err
		}
	}
	s.options.seconds = min(s.options.seconds, weighSeconds)
	all := make(map[string]heap)
	for _, one := range s.steps() {
		if one.weigh == nil || !s.options.wants(one.row) {
			continue
		}
		each, err := one.weigh(ctx, slices.Max(s.options.connections))
		if err != nil {
			return nil, fmt.Errorf("allocations of %s: %w", one.row, err)
		}
		all[one.row] = each
	}
	return all, nil
}
