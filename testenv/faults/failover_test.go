//go:build linux

package faults

import (
	"errors"
	"fmt"
	"net/http"
	"slices"
	"sync"
	"testing"
	"time"
)

// failover is a fault that Redis mends by itself: another server takes over.
type failover struct {
	name string
	lose func(t *testing.T) // a server
	back func(t *testing.T) // and it is there again; in the long form alone
	may  map[string][]int   // what may be answered meanwhile, by door
	long bool               // in the long form alone
}

// whileOver is what may be answered while somebody takes over: a session of the
// moment before may be gone, and its owner signs in again.
var whileOver = map[string][]int{
	"sign-in": signs,
	"session": {http.StatusOK, http.StatusUnauthorized, http.StatusServiceUnavailable},
	"verify":  {http.StatusNoContent, http.StatusUnauthorized, http.StatusServiceUnavailable},
}

// takesOver is how long a failover may take: a second until the server counts as
// lost, and what the others need to agree.
const takesOver = time.Minute

// newWorldOn is an Usher on a Redis that is known by its URL.
func newWorldOn(t *testing.T, people int, redisURL string) *world {
	t.Helper()
	w := &world{postgres: newPostgres(t)}
	w.toPostgres, w.toRedis = newProxy(t, w.postgres.address), newProxy(t, "127.0.0.1:1")
	w.database = database{"postgres", w.postgres.url(w.postgres.address)}
	u := newUsher("DATABASE_URL="+w.postgres.url(w.toPostgres.address), "REDIS_URL="+redisURL)
	u.start(t)
	t.Cleanup(func() { u.stop(t) })
	w.ledger = open(t, u, people)
	return w
}

// over runs one failover under load: some sign in and look, others sign out, and
// whoever was told to be signed out stays so.
func (w *world) over(t *testing.T, f failover) {
	before := len(w.violations)
	defer func() {
		if t.Failed() {
			t.Logf("the log ends:\n%s", w.usher.lastWords())
		}
	}()
	w.ready(t, takesOver)
	everybody := w.people
	leavers, probes := w.add(4), w.add(8)
	small := w.usher.counters(t)
	stop := make(chan struct{})
	var load sync.WaitGroup
	var s *seen
	load.Go(func() { s = w.rush(everybody, workers, stop) })
	out := &signedOut{}
	for _, p := range leavers {
		load.Go(func() { w.comeAndGo(p, out, stop) })
	}
	eventually(t, takesOver, "people who have signed out", func() error {
		if out.count() < 20 {
			return fmt.Errorf("%d", out.count())
		}
		return nil
	})
	f.lose(t)
	w.noticed(t, probes)
	recovered := eventually(t, takesOver, "everything to work without the server that is lost", func() error { return w.works(probes) })
	close(stop)
	load.Wait()
	for door, may := range f.may {
		for status, count := range s.count[door] {
			if !slices.Contains(may, status) {
				t.Errorf("%s: got %d×%d, want %v", door, status, count, may)
			}
		}
	}
	if most := 3*time.Second + slack; s.slowest > most {
		t.Errorf("got an answer after %s, want each within %s", s.slowest, most)
	}
	w.stayOut(out)
	if *long { // Sentinels look for an old master every ten seconds
		f.back(t)
		eventually(t, takesOver, "everything to work with the server that is back", func() error { return w.works(probes) })
		w.stayOut(out)
	}
	lost := w.lost()
	w.settle(t)
	w.replay(t)
	w.scan(t, w.database)
	back(t, w.usher, small)
	found := w.violations[before:]
	for _, v := range found {
		t.Errorf("%s", v)
	}
	reported(line{
		fault: f.name, runs: s.total(), seen: fmt.Sprintf("%s; %d sign-outs stay; %d sessions lost", s, out.count(), lost),
		slowest: s.slowest, recovered: recovered, violations: len(found),
	})
}

// noticed waits until somebody has met the fault, so that what works after it is
// no leftover of before.
func (w *world) noticed(t *testing.T, probes []*person) {
	t.Helper()
	eventually(t, takesOver, "somebody who has noticed", func() error {
		if err := w.works(probes); err == nil {
			return errors.New("all is well")
		}
		return nil
	})
}

// works has everybody sign in and look at the session.
func (w *world) works(people []*person) error {
	for _, p := range people {
		if a := w.present(p, p.current()); a.status != http.StatusSeeOther {
			return fmt.Errorf("sign-in: %v", a)
		}
		if session, verify := w.check(p); session.status != http.StatusOK || verify.status != http.StatusNoContent {
			return fmt.Errorf("session: %v, %v", session, verify)
		}
	}
	return nil
}

// lost counts sessions that the failover has cost, and forgets them.
func (w *world) lost() int {
	lost := 0
	for _, p := range w.people {
		if p.cookie == "" {
			continue
		}
		if _, verify := w.check(p); verify.status != http.StatusNoContent {
			lost, p.cookie = lost+1, ""
		}
	}
	return lost
}

// signedOut are the sessions of those who were told to be signed out.
type signedOut struct {
	mu      sync.Mutex
	cookies []cookieAt
}

type cookieAt struct{ host, cookie string }

func (o *signedOut) add(c cookieAt) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.cookies = append(o.cookies, c)
}

func (o *signedOut) count() int { return len(o.all()) }

func (o *signedOut) all() []cookieAt {
	o.mu.Lock()
	defer o.mu.Unlock()
	return slices.Clone(o.cookies)
}

// comeAndGo signs somebody in and out until stop is closed.
func (w *world) comeAndGo(p *person, out *signedOut, stop <-chan struct{}) {
	for {
		select {
		case <-stop:
			return
		default:
		}
		a := w.present(p, p.current())
		if a.status != http.StatusSeeOther {
			select {
			case <-stop:
			case <-time.After(again):
			}
			continue
		}
		a = w.usher.send(http.MethodPost, p.at.host, "/auth/logout", "", "Cookie: "+p.cookie)
		switch a.status {
		case http.StatusNoContent:
			out.add(cookieAt{p.at.host, p.cookie})
		case http.StatusServiceUnavailable:
			w.checkUnavailable("sign-out", a)
		default:
			w.violate("sign-out of %s: got %v", p.email(), a)
		}
		p.cookie = ""
	}
}

// stayOut looks whether the sessions of those who were told to be signed out open
// anything.
func (w *world) stayOut(out *signedOut) {
	for _, c := range out.all() {
		a := w.usher.send(http.MethodGet, c.host, "/auth/verify", "", "Cookie: "+c.cookie)
		if a.status != http.StatusUnauthorized {
			w.violate("I5: signed out, and the session is good again: got %v", a)
		}
	}
}
