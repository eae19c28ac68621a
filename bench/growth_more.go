package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
)

// groupPeople is how many people there are with each number of groups.
const groupPeople = 64

// groups measures unchanged sign-ins of people with more and more groups.
func (g *growth) groups(ctx context.Context, s *stand, sizes []int) error {
	for i := range manyGroups {
		name := fmt.Sprintf("w%d", i)
		if err := s.usher.post(ctx, "/admin/api/v1/groups", map[string]any{"external_id": name, "name": name}, nil); err != nil {
			return err
		}
	}
	steps := make([]step, len(sizes))
	for i, size := range sizes {
		people, content := span{nobody + 1_000*(i+1), groupPeople}, says{Groups: size, Credits: 1, Many: true}
		if err := s.usher.load(ctx, fmt.Sprintf("signing in those with %d groups", size), people, content); err != nil {
			return err
		}
		steps[i] = s.driven(rowRepeat, s.usher.process, 20_000, func() load {
			return s.usher.signIns(people, content, load{Random: true})
		})
	}
	return g.turns(ctx, "groups of each", sizes, steps, s)
}

// instances measures several processes on the same stores. The connections go
// to all of them in turn.
func (g *growth) instances(ctx context.Context, s *stand, folder string, built programs, sizes []int) (err error) {
	var others []*usher
	defer func() {
		for _, u := range others {
			err = errors.Join(err, u.stop())
		}
	}()
	for range sizes[len(sizes)-1] - 1 {
		u := &usher{secrets: s.usher.secrets, settings: s.usher.settings}
		if err := u.start(ctx, folder, built.usher); err != nil {
			return err
		}
		others = append(others, u)
	}
	for _, row := range []string{rowRepeat, rowVerify} {
		steps := make([]step, len(sizes))
		for i, size := range sizes {
			var addresses []string
			all := *s.usher.process
			for _, u := range others[:size-1] {
				addresses = append(addresses, u.address)
				all.beside = append(all.beside, u.process)
			}
			steps[i] = s.driven(row, &all, 60_000, func() load {
				if row == rowVerify {
					return s.verified(addresses)
				}
				return s.usher.signIns(s.people.Repeat, usual, load{Random: true, Others: addresses})
			})
		}
		if err := g.turns(ctx, "instances", sizes, steps, s); err != nil {
			return err
		}
	}
	return nil
}

// verified asks for the sessions of s.cookies.
func (s *stand) verified(others []string) load {
	return load{
		Address: s.usher.address, Others: others, Host: publicHost, Targets: []string{verifyPath}, Cookies: s.cookies,
		Again: true, Want: http.StatusNoContent,
	}
}

// turns measures each size in every round.
func (g *growth) turns(ctx context.Context, what string, sizes []int, steps []step, s *stand) error {
	found := make([]samples, len(sizes))
	for i := range found {
		found[i] = make(samples)
	}
	for round := range g.Rounds {
		for i := range sizes {
			at := (i + round) % len(sizes)
			if err := errors.Join(ctx.Err(), s.usher.forget()); err != nil {
				return err
			}
			if err := steps[at].measure(ctx, s.most(), found[at]); err != nil {
				return fmt.Errorf("%s, %d: %w", what, sizes[at], err)
			}
		}
	}
	say("%s: %d rounds", what, g.Rounds)
	table := growthTable{What: what}
	for i, size := range sizes {
		table.add(size, steps[i].row, found[i], found[0], s.most())
	}
	g.Tables = append(g.Tables, table)
	return nil
}

// sessionsAtOnce bounds how many sign-ins are made ahead.
const sessionsAtOnce = 50_000

// sessions fills Redis, and measures what a session takes there and what asking
// for one costs.
func (g *growth) sessions(ctx context.Context, s *stand, sizes []int) error {
	table := growthTable{What: "sessions"}
	empty, err := s.cache.used()
	if err != nil {
		return err
	}
	made := 0
	var first samples
	for _, size := range sizes {
		for made < size {
			// One for each person, before a second.
			at := made % s.people.Repeat.Count
			part := span{s.people.Repeat.First + at, min(sessionsAtOnce, size-made, s.people.Repeat.Count-at)}
			if err := s.usher.load(ctx, fmt.Sprintf("sessions, after %d", made), part, usual); err != nil {
				return err
			}
			made += part.Count
		}
		full, err := s.cache.used()
		if err != nil {
			return err
		}
		found := make(samples)
		for range g.Rounds {
			if err := s.measureRow(ctx, rowVerify, found); err != nil {
				return err
			}
		}
		if first == nil {
			first = found
		}
		table.add(size, rowVerify, found, first, s.most())
		table.Lines[len(table.Lines)-1].Each = (full - empty) / float64(size)
	}
	g.Tables = append(g.Tables, table)
	return nil
}
