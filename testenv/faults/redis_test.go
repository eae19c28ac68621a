//go:build linux

package faults

import (
	"net/http"
	"sync"
	"syscall"
	"testing"
	"time"
)

// wired is a fault that a proxy makes.
func wired(of func(w *world) *proxy, what wire) func(*testing.T, *world) func() {
	return func(_ *testing.T, w *world) func() {
		p := of(w)
		p.set(what)
		return func() { p.set(wire{}) }
	}
}

func redisProxy(w *world) *proxy    { return w.toRedis }
func postgresProxy(w *world) *proxy { return w.toPostgres }

var redisFaults = []row{
	{
		name: "Redis refuses connections", begin: wired(redisProxy, wire{refuse: true}),
		signIn: only503, session: only503, verify: only503, within: 2 * time.Second, notReady: true, recovers: 5 * time.Second,
	},
	{
		name: "Redis takes requests and never answers", begin: wired(redisProxy, wire{silence: true}),
		signIn: only503, session: only503, verify: only503, within: 3 * time.Second, notReady: true, recovers: 5 * time.Second,
	},
	{
		name: "Redis answers after 10 s", begin: wired(redisProxy, wire{delay: 10 * time.Second}),
		signIn: only503, session: only503, verify: only503, within: 3 * time.Second, notReady: true, recovers: 5 * time.Second,
	},
	{
		name: "Redis answers after 50 ms", begin: wired(redisProxy, wire{delay: 50 * time.Millisecond}),
		signIn: []int{303}, session: only200, verify: only204, within: time.Second, recovers: 5 * time.Second,
	},
	{
		name: "Redis is a replica that cannot be written",
		begin: func(t *testing.T, w *world) func() {
			w.redis.redisCLI(t, "REPLICAOF", "127.0.0.1", "1")
			return func() { w.redis.redisCLI(t, "REPLICAOF", "NO", "ONE") }
		},
		signIn: only503, session: tells, verify: passes, within: 2 * time.Second, recovers: 5 * time.Second,
	},
	{
		name: "Redis is full and evicts nothing",
		begin: func(t *testing.T, w *world) func() {
			w.redis.redisCLI(t, "CONFIG", "SET", "maxmemory", "1")
			return func() { w.redis.redisCLI(t, "CONFIG", "SET", "maxmemory", "0") }
		},
		signIn: only503, session: tells, verify: passes, within: 2 * time.Second, recovers: 5 * time.Second,
	},
	{
		name: "Redis is killed, and comes back empty",
		begin: func(t *testing.T, w *world) func() {
			w.redis.end(t, syscall.SIGKILL)
			return func() { w.redis.start(t) }
		},
		signIn: only503, session: only503, verify: only503, within: 2 * time.Second, notReady: true, recovers: 5 * time.Second, emptied: true,
	},
}

func TestRedis(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return
	}
	w := newWorld(t, 16)
	run(t, w, redisFaults)
	t.Run("replies that are not whole", func(t *testing.T) { mixedPeople(t, w) })
}

// mixedPeople has many look at their sessions while replies come half, changed,
// twice or not at all: no answer names another person.
func mixedPeople(t *testing.T, w *world) {
	people := w.add(map[bool]int{false: 300, true: 1000}[*long])
	for _, p := range people {
		w.present(p, p.next())
	}
	for _, fault := range []struct {
		name string
		wire
		may []int
	}{
		{"every 5th reply of Redis comes half", wire{half: 5}, []int{200, 204, 503}},
		{"every 3rd reply of Redis comes twice", wire{twice: 3}, []int{200, 204, 503}},
		{"every 5th reply of Redis is lost", wire{lose: 5}, []int{200, 204, 503}},
		// A changed reply can be a good one that says that there is no session.
		{"every 3rd reply of Redis has a changed byte", wire{garble: 3}, []int{200, 204, 503, 401}},
	} {
		t.Run(fault.name, func(t *testing.T) {
			before := len(w.violations)
			w.toRedis.set(fault.wire)
			s := &seen{}
			var group sync.WaitGroup
			for worker := range workers {
				group.Go(func() {
					for at := worker; at < len(people); at += workers {
						session, verify := w.check(people[at])
						s.note("session", session)
						s.note("verify", verify)
					}
				})
			}
			group.Wait()
			w.toRedis.set(wire{})
			if all := s.total(); s.total(fault.may...) != all {
				t.Errorf("got %v, want %v alone", s, fault.may)
			}
			if s.total(http.StatusOK) == 0 {
				t.Errorf("got %v, want some answers", s)
			}
			if fault.twice == 0 && s.total(http.StatusServiceUnavailable) == 0 { // what comes twice is mostly met when nobody reads
				t.Errorf("got %v, want the fault noticed", s)
			}
			recovered := w.ready(t, 5*time.Second)
			w.live(t)
			w.scan(t, w.database)
			found := w.violations[before:]
			for _, v := range found {
				t.Error(v)
			}
			reported(line{fault: fault.name, runs: s.total(), seen: s.String(), slowest: s.slowest, recovered: recovered, violations: len(found)})
		})
	}
}
