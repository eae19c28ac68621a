//go:build linux

package faults

import (
	"flag"
	"testing"
	"time"
)

var soak = flag.Duration("soak", 0, "how long TestSoak keeps people signing in; 0 = not at all")

// TestSoak has people sign in for a long time, at about half of what two workers
// could do, and looks whether memory, goroutines and descriptors grow: a line
// is laid through what was measured in the second half.
func TestSoak(t *testing.T) {
	if *soak == 0 {
		return
	}
	if !haveServers() {
		t.Fatal("got no Postgres and Redis, want them: run it with make soak")
	}
	w := newWorld(t, 200)
	w.ended = *soak > 3*time.Minute // the life of a link
	stop := make(chan struct{})
	answers := make(chan *seen)
	go func() { answers <- pacedRush(w.ledger, stop) }()
	var at []time.Duration
	var sizes []counters
	begun := time.Now()
	tick := time.NewTicker(max(*soak/200, 100*time.Millisecond))
	defer tick.Stop()
	for time.Since(begun) < *soak {
		<-tick.C
		at, sizes = append(at, time.Since(begun)), append(sizes, w.usher.counters(t))
	}
	close(stop)
	s := <-answers
	if all := s.total(); s.total(200, 204, 303) != all {
		t.Errorf("got %v, want everything answered well", s)
	}
	half := len(at) / 2
	for name, one := range map[string]struct {
		of     func(counters) float64
		growth float64 // that is allowed over the second half, as a part of the mean
	}{
		"goroutines":  {func(c counters) float64 { return c.goroutines }, .1},
		"descriptors": {func(c counters) float64 { return c.descriptors }, .1},
		"memory":      {func(c counters) float64 { return c.memory }, .1},
	} {
		var values []float64
		for _, size := range sizes[half:] {
			values = append(values, one.of(size))
		}
		mean, slope := fit(at[half:], values)
		growth := slope * (at[len(at)-1] - at[half]).Seconds() / mean
		t.Logf("%s: %.0f on average, %+.1f %% over the second half", name, mean, 100*growth)
		if growth > one.growth {
			t.Errorf("%s: got a growth of %.1f %% over the second half, want it flat", name, 100*growth)
		}
	}
	w.settle(t)
	w.scan(t, w.database)
	for _, v := range w.violations {
		t.Error(v)
	}
	t.Logf("%s: %v, the slowest after %s", *soak, s, s.slowest)
}

// pacedRush is a rush of two workers who rest after each round as long as it
// has taken.
func pacedRush(l *ledger, stop <-chan struct{}) *seen {
	s := &seen{}
	done := make(chan struct{})
	const half = 2
	for worker := range half {
		go func() {
			defer func() { done <- struct{}{} }()
			for {
				for at := worker; at < len(l.people); at += half {
					p := l.people[at]
					begun := time.Now()
					s.note("sign-in", l.present(p, p.next()))
					session, verify := l.check(p)
					s.note("session", session)
					s.note("verify", verify)
					select {
					case <-stop:
						return
					case <-time.After(time.Since(begun)):
					}
				}
			}
		}()
	}
	for range half {
		<-done
	}
	return s
}

// fit lays a line through values by least squares: their mean, and how much
// they grow in a second.
func fit(at []time.Duration, values []float64) (mean, slope float64) {
	var center float64
	n := float64(len(values))
	for i, v := range values {
		mean += v / n
		center += at[i].Seconds() / n
	}
	var both, square float64
	for i, v := range values {
		x := at[i].Seconds() - center
		both += x * (v - mean)
		square += x * x
	}
	if square == 0 {
		return mean, 0
	}
	return mean, both / square
}
