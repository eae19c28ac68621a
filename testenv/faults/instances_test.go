//go:build linux

package faults

import (
	"net/http"
	"testing"
	"time"
)

// TestBalanced has people come through a balancer to two instances, which are
// killed, and replaced one after the other, while they sign in.
func TestBalanced(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return
	}
	var w *world
	var second *usher
	for _, b := range balancers {
		if !b.available() {
			continue
		}
		if w == nil {
			w = newWorld(t, 16, "USHER_LISTEN="+freeAddress(t), "USHER_DRAIN_DELAY=2s")
			second = w.usher.twin("USHER_LISTEN=" + freeAddress(t))
			second.start(t)
			t.Cleanup(func() { second.kill(t) })
		}
		t.Run(b.name, func(t *testing.T) { w.balanced(t, b, w.usher, second) })
	}
}

func (w *world) balanced(t *testing.T, b balancer, instances ...*usher) {
	front := newDoor(newBalancer(t, b, instances...).address)
	w.doors = []*door{&front}
	defer func() { w.doors = nil }()

	w.anyInstance(t, instances)
	if b.asks {
		w.storeAway(t)
	}
	for _, how := range []struct {
		name   string
		end    func(*usher, *testing.T)
		cut    bool // an answer may be
		rounds int  // of the short form
	}{
		{"killed", (*usher).kill, true, 1},
		{"stopped and replaced", (*usher).stop, false, 2},
	} {
		before := len(w.violations)
		// What was sent as a form is never tried twice.
		w.again, w.post = how.cut, !how.cut && b.asks
		rounds := map[bool]int{false: how.rounds, true: 20}[*long]
		stop, answers := make(chan struct{}), make(chan *seen)
		go func() { answers <- w.rush(w.people, workers, stop) }()
		var slowest time.Duration
		for round := range rounds {
			u := instances[round%2]
			instances[(round+1)%2].awaitLoad(t)
			how.end(u, t)
			begun := time.Now()
			u.start(t)
			u.awaitLoad(t)
			slowest = max(slowest, time.Since(begun))
		}
		close(stop)
		s := <-answers
		w.again, w.post = false, false
		bad := s.total() - s.total(200, 204, 303)
		if how.cut {
			// Of an instance that dies: answers that had begun, and links that it had
			// just recorded.
			bad -= s.total(0, 401)
		}
		if bad != 0 || s.total(303) == 0 {
			t.Errorf("%s: got %v", how.name, s)
		}
		w.settle(t)
		w.live(t)
		w.replay(t)
		w.scan(t, w.database)
		found := w.violations[before:]
		for _, v := range found {
			t.Error(v)
		}
		reported(line{
			fault: "instances behind " + b.name + " are " + how.name, runs: rounds, seen: s.String(), slowest: s.slowest,
			recovered: slowest, violations: len(found),
		})
	}
	if t.Failed() {
		for _, u := range instances {
			t.Logf("the log ends:\n%s", u.lastWords())
		}
	}
}

// storeAway takes Postgres away from all instances for longer than the balancer
// takes to notice: it goes on asking them. Sessions are checked, and each 503 is
// Usher's own (see checkUnavailable).
func (w *world) storeAway(t *testing.T) {
	t.Helper()
	w.ready(t, 20*time.Second)
	w.toPostgres.set(wire{refuse: true})
	stop := make(chan struct{})
	time.AfterFunc(2*lasts, func() { close(stop) })
	s := w.rush(w.people, 2, stop)
	w.toPostgres.set(wire{})
	if s.total() != s.total(503, 204) || s.total(204) == 0 {
		t.Errorf("got %v without Postgres, want 503, and 204 for some sessions", s)
	}
	w.ready(t, 20*time.Second)
	// Before any is killed: a link whose commit was cut off is given back by the
	// instance that has recorded it, and by no other.
	w.settle(t)
}

// anyInstance: what is done through the balancer, wherever, counts at each.
func (w *world) anyInstance(t *testing.T, instances []*usher) {
	t.Helper()
	p := w.people[0]
	w.present(p, p.next())
	for _, u := range instances {
		if a := u.send(http.MethodGet, p.at.host, "/auth/verify", "", "Cookie: "+p.cookie); a.status != http.StatusNoContent {
			t.Errorf("got %v for a session at each instance, want 204", a)
		}
	}
	a := w.send(http.MethodPost, p.at.host, "/auth/logout", "", "Cookie: "+p.cookie, "Origin: http://"+p.at.host)
	if a.status != http.StatusNoContent {
		t.Errorf("sign-out: got %v, want 204", a)
	}
	for _, u := range instances {
		if a := u.send(http.MethodGet, p.at.host, "/auth/verify", "", "Cookie: "+p.cookie); a.status != http.StatusUnauthorized {
			t.Errorf("got %v after the sign-out at each instance, want 401", a)
		}
	}
	p.cookie = ""
	stop := make(chan struct{})
	time.AfterFunc(lasts/2, func() { close(stop) })
	s := w.rush(w.people, workers, stop)
	if s.total(200, 204, 303) != s.total() {
		t.Errorf("got %v, want everything answered well", s)
	}
	for _, u := range instances {
		if n, err := u.signIns(); err != nil || n == 0 {
			t.Errorf("got %v sign-ins at an instance (%v), want some at each", n, err)
		}
	}
}
