package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// step measures a row with a number of connections.
type step struct {
	row     string
	server  *process // that answers; nil = several do, or none of ours
	measure func(ctx context.Context, connections int, into samples) error
	// weigh works out what the server, one that tells, allocates for one
	// request; nil = it is none of ours.
	weigh func(ctx context.Context, connections int) (heap, error)
}

func (s *stand) steps() []step {
	steps := []step{
		s.driven(rowHello, s.hello, 90_000, func() load {
			return load{Address: s.hello.address, Host: publicHost, Targets: []string{"/hello"}, Again: true, Want: http.StatusOK}
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
			return s.usher.signIns(s.people.Changed, changed, load{Most: s.people.Changed.Count, Apart: true})
		}),
		s.driven(rowFirst, s.usher.process, 8_000, func() load {
			s.runs++
			return s.usher.signIns(span{1, 1}, usual, load{Prefix: fmt.Sprintf("new%d", s.runs)})
		}),
		s.driven(rowForged, s.usher.process, 60_000, func() load {
			return s.usher.signIns(s.people.Repeat, usual, load{Random: true, Forged: true, Want: http.StatusUnauthorized})
		}),
		s.driven(rowView, s.usher.process, 20_000, func() load {
			return s.usher.signIns(s.people.Repeat, usual, load{Random: true, View: true, Want: http.StatusOK})
		}),
		s.driven(rowTextbook, s.textbook, 8_000, func() load {
			l := s.usher.signIns(s.people.Raw, usual, load{Random: true})
			l.Address = s.textbook.address
			return l
		}),
		s.driven(rowSession, s.usher.process, 20_000, func() load {
			return load{
				Address: s.usher.address, Host: publicHost, Targets: []string{"/auth/session"}, Cookies: s.cookies, Again: true, Want: http.StatusOK,
			}
		}),
		s.driven(rowVerify, s.usher.process, 60_000, func() load {
			return s.verified(nil)
		}),
		s.driven(rowCall, s.usher.process, 60_000, func() load {
			callers := span{s.people.Repeat.First, min(s.people.Repeat.Count, 500)}
			return s.usher.signIns(callers, usual, load{Random: true, Call: true, Want: http.StatusNoContent})
		}),
		s.introspected(rowReference, "reference"),
		s.introspected(rowJWT, "jwt"),
		{row: rowFlood, measure: s.flood},
	}
	if s.embedded != nil {
		steps = append(steps,
			s.driven(rowEmbedded, s.embedded.process, 20_000, func() load {
				return s.embedded.signIns(s.embeddedPeople, usual, load{Random: true})
			}),
			s.driven(rowEmbeddedFirst, s.embedded.process, 12_000, func() load {
				s.runs++
				return s.embedded.signIns(span{1, 1}, usual, load{Prefix: fmt.Sprintf("new%d", s.runs)})
			}),
		)
	}
	if s.repeatBench != nil {
		steps = append(steps,
			s.pgbench(rowRepeatBench, s.repeatBench),
			s.pgbench(rowChangedBench, s.changedBench),
			s.pgbench(rowFirstBench, s.firstBench),
		)
	}
	if s.redisBench != "" {
		steps = append(steps, step{row: "redis-benchmark", measure: s.redisBenchmark})
	}
	return steps
}

// introspected asks what access tokens of a format are worth.
func (s *stand) introspected(row, format string) step {
	return s.driven(row, s.usher.process, 60_000, func() load {
		return load{
			Address: s.usher.address, Host: publicHost, Targets: []string{introspectPath},
			Forms: s.introspection.questions[format], Authorization: s.introspection.authorization, Again: true, Want: http.StatusOK,
		}
	})
}

// perConnection is how much of many connections' rate one connection reaches
// at most, with room to spare: it bounds the requests that are made ahead.
const perConnection = 0.6

// bounded fills in how many requests of at most most a second a load may have.
func (s *stand) bounded(l load, connections, most int) load {
	l.Connections, l.Seconds = connections, s.options.seconds
	bound := int(float64(most) * l.Seconds * min(1, perConnection*float64(connections)))
	if l.Most == 0 || l.Most > bound {
		l.Most = bound
	}
	return l
}

// driven measures by a driver. most bounds its requests per second.
func (s *stand) driven(row string, server *process, most int, describe func() load) step {
	send := func(ctx context.Context, connections int, watched func(run func() (tally, error)) error) error {
		d, err := newDriver(ctx, s.bounded(describe(), connections, most))
		if err != nil {
			return err
		}
		err = watched(func() (tally, error) {
			if err := d.start(); err != nil {
				return tally{}, err
			}
			return d.result(nil)
		})
		if err != nil {
			return fmt.Errorf("%w\n%s", errors.Join(err, d.stop()), server.lastWords())
		}
		return nil
	}
	return step{
		row:    row,
		server: server,
		measure: func(ctx context.Context, connections int, into samples) error {
			return send(ctx, connections, func(run func() (tally, error)) error {
				one, err := s.watch(server, run)
				if err == nil {
					into.add(row, connections, one)
				}
				return err
			})
		},
		weigh: func(ctx context.Context, connections int) (each heap, err error) {
			err = send(ctx, connections, func(run func() (tally, error)) (err error) {
				each, err = weigh(ctx, server, run)
				return err
			})
			return each, err
		},
	}
}

// flood measures unchanged sign-ins while as many connections send tokens
// with bad signatures.
func (s *stand) flood(ctx context.Context, connections int, into samples) error {
	forged := s.usher.signIns(s.people.Repeat, usual, load{
		Random: true, Forged: true, Again: true, Want: http.StatusUnauthorized,
	})
	forged = s.bounded(forged, connections, 90_000)
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
	return step{row: row, measure: func(ctx context.Context, connections int, into samples) error {
		if err := p.restore(ctx); err != nil {
			return err
		}
		one, err := s.watch(nil, func() (tally, error) { return p.measure(ctx, connections, s.options.seconds) })
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
