//go:build linux

package faults

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// limps are what an act has to hold under: what it promises when it returns is
// promised however slow or unreliable the stores are.
var limps = []struct {
	name  string
	of    func(*world) *proxy
	wire  wire
	short int // rounds of the short form
	long  int
}{
	{"all is well", postgresProxy, wire{}, 1, 20},
	{"Postgres answers after 20 ms", postgresProxy, wire{delay: 20 * time.Millisecond}, 0, 5},
	{"every 20th reply of Postgres is lost", postgresProxy, wire{lose: 20}, 1, 20},
	{"Redis answers after 20 ms", redisProxy, wire{delay: 20 * time.Millisecond}, 0, 5},
	{"every 5th reply of Redis is lost", redisProxy, wire{lose: 5}, 1, 20},
}

// TestEnded removes integrations, and disables people, while the people sign in
// at two instances: of the requests that begin after the act has returned none
// gets a session, and none of the sessions from before opens anything (I5).
func TestEnded(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return
	}
	w := newWorld(t, 2)
	w.twice(t)
	for _, limp := range limps {
		rounds := map[bool]int{false: limp.short, true: limp.long}[*long]
		if rounds == 0 {
			continue
		}
		for act, prepare := range map[string]func(*testing.T, *world) ending{"removal": removal, "disabling": disabling} {
			t.Run(act+", "+limp.name, func(t *testing.T) {
				before, all := len(w.violations), &seen{}
				var slowest time.Duration
				for range rounds {
					end := prepare(t, w)
					limp.of(w).set(limp.wire)
					took := w.endDuring(t, end, all)
					limp.of(w).set(wire{})
					slowest = max(slowest, took)
					w.dead(t, end)
				}
				w.ready(t, 10*time.Second)
				w.invariants(t, w.database)
				found := w.violations[before:]
				for _, v := range found {
					t.Error(v)
				}
				reported(line{
					fault: act + " at one of two instances, " + limp.name, runs: rounds,
					seen: fmt.Sprint(all.total(), " requests; the act took up to ", slowest.Milliseconds(), " ms"), slowest: all.slowest, violations: len(found),
				})
				if t.Failed() {
					t.Logf("the log ends:\n%s", w.usher.lastWords())
				}
			})
		}
	}
}

// ending is an act that ends sessions, and whom it concerns.
type ending struct {
	people []*person
	act    func() answer
	done   int // the status that says that it is done
	mu     *sync.Mutex
	opened map[*person][]string // cookies
}

// leavers are people of an integration of their own.
func leavers(t *testing.T, w *world, people int) (*tenant, string, ending) {
	t.Helper()
	var made struct {
		ID    string
		AppID string `json:"app_id"`
		Keys  []struct{ ID, Secret string }
	}
	host := w.tenants[rand.IntN(len(w.tenants))].host
	w.admin(t, host, "/integrations", map[string]any{"name": "Leaving"}, &made)
	at := &tenant{host, made.AppID, made.Keys[0].ID, made.Keys[0].Secret}
	end := ending{mu: &sync.Mutex{}, opened: map[*person][]string{}}
	for i := range people {
		end.people = append(end.people, &person{at: at, number: i, name: fmt.Sprint("leaver-", made.ID, "-", i)})
	}
	return at, made.ID, end
}

func removal(t *testing.T, w *world) ending {
	t.Helper()
	at, id, end := leavers(t, w, workers)
	end.done = http.StatusNoContent
	end.act = func() answer {
		return w.usher.send(http.MethodDelete, at.host, "/admin/api/v1/integrations/"+id, "", "Authorization: Bearer "+w.usher.apiKey)
	}
	return end
}

// disabling has one person sign in everywhere at once.
func disabling(t *testing.T, w *world) ending {
	t.Helper()
	at, _, end := leavers(t, w, 1)
	p := end.people[0]
	// Where it was installed: the other instance may know it a moment later.
	a := w.usher.send(http.MethodGet, at.host, "/auth/callback/jwt-auth?token="+p.next().text, "")
	if p.cookie = a.cookie(); p.cookie == "" {
		t.Fatalf("got %v, want a session", a)
	}
	session, _ := w.check(p)
	var said struct{ User struct{ ID string } }
	if err := json.Unmarshal([]byte(session.body), &said); err != nil || said.User.ID == "" {
		t.Fatalf("got %v, want a user's id", session)
	}
	end.opened[p] = []string{p.cookie}
	for len(end.people) < workers {
		end.people = append(end.people, p)
	}
	end.done = http.StatusOK
	end.act = func() answer {
		return w.usher.send(http.MethodPatch, at.host, "/admin/api/v1/users/"+said.User.ID, `{"disabled":true}`,
			"Authorization: Bearer "+w.usher.apiKey, "Content-Type: application/json")
	}
	return end
}

// endDuring has the people sign in, each by a worker, acts in the middle of it
// until the act is done, and goes on until every worker has come again some
// times. It returns how long the act took.
func (w *world) endDuring(t *testing.T, end ending, all *seen) time.Duration {
	t.Helper()
	var returned atomic.Pointer[time.Time]
	var came atomic.Int64
	var number sync.Mutex // of a person's links, where several workers use them
	var group sync.WaitGroup
	const after = 6
	for _, p := range end.people {
		group.Go(func() {
			late := 0
			for late < after {
				number.Lock()
				k := p.next()
				number.Unlock()
				over := returned.Load() != nil
				a := w.send(http.MethodGet, p.at.host, "/auth/callback/jwt-auth?token="+k.text, "")
				all.note("sign-in", a)
				came.Add(1)
				if over {
					late++
				}
				cookie := a.cookie()
				if cookie == "" {
					continue
				}
				if over {
					w.violate("I5: %s: got %v for a link that was opened after the end", p.name, a)
				}
				end.mu.Lock()
				end.opened[p] = append(end.opened[p], cookie)
				end.mu.Unlock()
				over = returned.Load() != nil
				a = w.send(http.MethodGet, p.at.host, "/auth/verify", "", "Cookie: "+cookie)
				all.note("verify", a)
				if over && a.status == http.StatusNoContent {
					w.violate("I5: %s: got %v for a session after the end", p.name, a)
				}
			}
		})
	}
	want := came.Load() + int64(len(end.people)) + rand.Int64N(40)
	eventually(t, 30*time.Second, "people who come", func() error {
		if n := came.Load(); n < want {
			return fmt.Errorf("%d of %d requests", n, want)
		}
		return nil
	})
	took := eventually(t, 30*time.Second, "the act done", func() error {
		if a := end.act(); a.status != end.done {
			return fmt.Errorf("%v", a)
		}
		now := time.Now()
		returned.Store(&now)
		return nil
	})
	group.Wait()
	return took
}

// dead looks at every session that there was, at both instances.
func (w *world) dead(t *testing.T, end ending) {
	t.Helper()
	count := 0
	for p, cookies := range end.opened {
		for _, cookie := range cookies {
			for _, d := range w.doors {
				for _, path := range []string{"/auth/session", "/auth/verify"} {
					eventually(t, 30*time.Second, "an answer", func() error {
						a := d.send(http.MethodGet, p.at.host, path, "", "Cookie: "+cookie)
						switch a.status {
						case http.StatusUnauthorized:
							return nil
						case http.StatusServiceUnavailable, 0:
							return fmt.Errorf("%v", a)
						}
						w.violate("I5: %s at %s: got %v for a session from before the end", p.name, path, a)
						return nil
					})
				}
			}
			count++
		}
	}
	if count == 0 {
		t.Error("got no session before the end, want some")
	}
}
