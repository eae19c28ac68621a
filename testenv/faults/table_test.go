//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"slices"
	"testing"
	"time"
)

// row is a fault and what is expected of Usher.
type row struct {
	name string
	// begin brings the fault about and returns what ends it.
	begin func(t *testing.T, w *world) (end func())
	// What may be answered while it lasts, by door. A door whose list is
	// alone must answer with it.
	signIn, session, verify []int
	within                  time.Duration // for each answer
	notReady                bool          // /readyz says 503 meanwhile
	recovers                time.Duration // until a sign-in and both checks go well again
	mild                    bool          // perhaps nobody notices
	emptied                 bool          // sessions are gone afterwards
	long                    bool          // in the long form alone
}

// slack is what a busy machine may take besides: less than what the bounds are to
// be told from, an answer after ten seconds.
const slack = 5 * time.Second

var (
	only503 = []int{http.StatusServiceUnavailable}
	only200 = []int{http.StatusOK}
	only204 = []int{http.StatusNoContent}
	signs   = []int{http.StatusSeeOther, http.StatusServiceUnavailable}
	tells   = []int{http.StatusOK, http.StatusServiceUnavailable}
	passes  = []int{http.StatusNoContent, http.StatusServiceUnavailable}
)

// world is an Usher with servers of its own and a proxy before each.
type world struct {
	*ledger
	postgres, redis *server
	toPostgres      *proxy
	toRedis         *proxy
	database        database
}

func newWorld(t *testing.T, people int, more ...string) *world {
	t.Helper()
	w := &world{postgres: newPostgres(t), redis: newRedis(t)}
	w.toPostgres, w.toRedis = newProxy(t, w.postgres.address), newProxy(t, w.redis.address)
	w.database = database{"postgres", w.postgres.url(w.postgres.address)}
	u := newUsher(append(more, "DATABASE_URL="+w.postgres.url(w.toPostgres.address),
		fmt.Sprintf("REDIS_URL=redis://default:%s@%s/0", w.redis.password, w.toRedis.address))...)
	u.start(t)
	t.Cleanup(func() { u.stop(t) })
	w.ledger = open(t, u, people)
	return w
}

// ready asks until everything works, for everybody of a few, within a time to which
// it adds what a busy machine may take for all that it asks.
func (w *world) ready(t *testing.T, within time.Duration) time.Duration {
	t.Helper()
	return eventually(t, within+slack, "sign-ins and sessions to work again", func() error {
		for _, p := range w.people[:2] {
			if a := w.present(p, p.current()); a.status != http.StatusSeeOther {
				return fmt.Errorf("sign-in: %v", a)
			}
			if session, verify := w.check(p); session.status != http.StatusOK || verify.status != http.StatusNoContent {
				return fmt.Errorf("session: %v, %v", session, verify)
			}
		}
		return nil
	})
}

// workers and lasts are the load of one row.
const (
	workers = 8
	lasts   = 2 * time.Second
)

// try runs one row: the fault under load, the recovery, and the scan.
func (w *world) try(t *testing.T, r row) {
	before := len(w.violations)
	w.ready(t, 20*time.Second)
	small := w.usher.counters(t)
	end := r.begin(t, w)
	stop := make(chan struct{})
	timer := time.AfterFunc(lasts, func() { close(stop) })
	defer timer.Stop()
	s := w.rush(w.people, workers, stop)
	for door, may := range map[string][]int{"sign-in": r.signIn, "session": r.session, "verify": r.verify} {
		for status, count := range s.count[door] {
			if !slices.Contains(may, status) {
				t.Errorf("%s: got %d×%d, want %v", door, status, count, may)
			}
		}
		if len(s.count[door]) == 0 {
			t.Errorf("%s: got no answer, want some", door)
		}
	}
	if slices.Contains(r.signIn, http.StatusServiceUnavailable) && !r.mild && s.count["sign-in"][http.StatusServiceUnavailable] == 0 {
		t.Errorf("got %v, want the fault noticed", s)
	}
	if s.slowest > r.within+slack {
		t.Errorf("got an answer after %s, want each within %s", s.slowest, r.within)
	}
	if a := w.usher.send(http.MethodGet, "localhost", "/healthz", ""); a.status != http.StatusOK {
		t.Errorf("healthz: got %v, want 200", a)
	}
	if a := w.usher.send(http.MethodGet, "localhost", "/readyz", ""); r.notReady && a.status != http.StatusServiceUnavailable {
		t.Errorf("readyz: got %v, want 503", a)
	}
	end()
	if r.emptied {
		for _, p := range w.people {
			if session, _ := w.check(p); p.cookie != "" && session.status != http.StatusUnauthorized {
				t.Errorf("got %v for a session from before, want 401", session)
			}
			p.cookie = ""
		}
	}
	recovered := w.ready(t, r.recovers)
	w.settle(t)
	w.live(t)
	w.replay(t)
	w.scan(t, w.database)
	back(t, w.usher, small)
	found := w.violations[before:]
	for _, v := range found {
		t.Errorf("%s", v)
	}
	reported(line{fault: r.name, runs: s.total(), seen: s.String(), slowest: s.slowest, recovered: recovered, violations: len(found)})
	if t.Failed() {
		t.Logf("the log ends:\n%s", w.usher.lastWords())
	}
}

// back waits until goroutines and descriptors are where they were (I11). Pools
// may have filled meanwhile.
func back(t *testing.T, u *usher, small counters) {
	t.Helper()
	const pools = 120 // connections of clients and to stores, two goroutines each at most
	eventually(t, time.Minute, "goroutines and descriptors back", func() error {
		now := u.counters(t)
		if now.goroutines > small.goroutines+pools || now.descriptors > small.descriptors+pools {
			return fmt.Errorf("%+v, before %+v", now, small)
		}
		return nil
	})
}

// run tries every row of a table in one world: Usher is never restarted.
func run(t *testing.T, w *world, table []row) {
	t.Helper()
	for _, r := range table {
		if r.long && !*long {
			continue
		}
		if !t.Run(r.name, func(t *testing.T) { w.try(t, r) }) {
			w.toPostgres.set(wire{})
			w.toRedis.set(wire{})
		}
	}
	w.usher.command(t, "audit", "verify")
}
