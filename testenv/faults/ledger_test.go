//go:build linux

package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// ledger is what everybody was answered.
type ledger struct {
	usher   *usher
	doors   []*door // where people come, by turns; none = the usher's
	turn    atomic.Int64
	post    bool // every second link comes as a form
	again   bool // whoever stands between may present a link twice
	tenants []*tenant
	people  []*person
	// ended says that links were used so long ago that they may be forgotten.
	ended bool

	mu         sync.Mutex
	violations []string
}

func (l *ledger) violate(format string, args ...any) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if text := fmt.Sprintf(format, args...); len(l.violations) < 50 {
		l.violations = append(l.violations, text)
	}
}

// send makes a person's request at the next door.
func (l *ledger) send(method, host, target, body string, header ...string) answer {
	d := &l.usher.door
	if n := len(l.doors); n > 0 {
		d = l.doors[int(l.turn.Add(1))%n]
	}
	return d.send(method, host, target, body, header...)
}

// open installs two tenants in an empty, running Usher.
func open(t *testing.T, u *usher, people int) *ledger {
	t.Helper()
	l := &ledger{usher: u}
	for _, host := range []string{"localhost", "second.faults.example"} {
		if len(l.tenants) > 0 {
			l.admin(t, "localhost", "/tenants", map[string]any{"name": "Second", "hosts": []string{host}}, nil)
		}
		var made struct {
			AppID string `json:"app_id"`
			Keys  []struct{ ID, Secret string }
		}
		l.admin(t, host, "/integrations", map[string]any{"name": "Partner"}, &made)
		l.tenants = append(l.tenants, &tenant{host, made.AppID, made.Keys[0].ID, made.Keys[0].Secret})
		for i := range 4 {
			for _, name := range []string{"g", "h"} {
				l.admin(t, host, "/groups", map[string]any{"external_id": fmt.Sprint(name, i)}, nil)
			}
		}
		l.admin(t, host, "/credits", map[string]any{"id": 1, "name": "Course"}, nil)
	}
	l.add(people)
	return l
}

// add brings more people, who are of both tenants by turns and bear the same
// names in both.
func (l *ledger) add(people int) []*person {
	from := len(l.people)
	for i := from; i < from+people; i++ {
		n := i % len(l.tenants)
		l.people = append(l.people, &person{at: l.tenants[n], number: n, name: fmt.Sprint("p", i/len(l.tenants))})
	}
	return l.people[from:]
}

// admin posts to the admin's API; it has to make something.
func (l *ledger) admin(t *testing.T, host, path string, body map[string]any, into any) {
	t.Helper()
	text, err := json.Marshal(body)
	if err != nil {
		t.Fatal(err)
	}
	a := l.usher.send(http.MethodPost, host, "/admin/api/v1"+path, string(text),
		"Authorization: Bearer "+l.usher.apiKey, "Content-Type: application/json")
	if a.status != http.StatusCreated {
		t.Fatalf("%s: got %v, want 201; the log:\n%s", path, a, l.usher.lastWords())
	}
	if into != nil {
		if err := json.Unmarshal([]byte(a.body), into); err != nil {
			t.Fatal(err)
		}
	}
}

// present sends a link and notes what came. What no fault may bring about is a
// violation.
func (l *ledger) present(p *person, t *token) answer {
	method, target, body := http.MethodGet, "/auth/callback/jwt-auth?token="+t.text, ""
	var header []string
	if l.post && t.version%2 == 0 {
		method, target, body = http.MethodPost, "/auth/callback/jwt-auth", "token="+t.text
		header = []string{"Content-Type: application/x-www-form-urlencoded"}
	}
	a := l.send(method, p.at.host, target, body, header...)
	switch {
	case a.status == http.StatusSeeOther && a.cookie() != "":
		if t.state == acknowledged || t.state == spent {
			l.violate("I3: %s of %s: one token opened two sessions", t.text[len(t.text)-8:], p.email())
		}
		t.state, p.cookie = acknowledged, a.cookie()
	case a.status == http.StatusServiceUnavailable:
		l.checkUnavailable("sign-in", a)
		if t.state == unsent {
			t.state = unavailable
		}
	case a.status == http.StatusUnauthorized && strings.Contains(a.body, "token_replayed"):
		if t.state == unknown || t.state == unsent && l.again {
			t.state = spent
		}
	case a.status == 0:
		if t.state != acknowledged {
			t.state = unknown
		}
	default:
		l.violate("sign-in of %s: got %v", p.email(), a)
	}
	return a
}

// checkUnavailable holds a 503 against the rules of a passing fault.
func (l *ledger) checkUnavailable(door string, a answer) {
	if a.header.Get("Retry-After") == "" || len(a.header["Set-Cookie"]) > 0 {
		l.violate("%s: got a 503 with Retry-After %q and cookies %q", door, a.header.Get("Retry-After"), a.header["Set-Cookie"])
	}
}

// check asks who the session is, at both doors that tell; a name that is
// another's is a violation.
func (l *ledger) check(p *person) (session, verify answer) {
	session = l.send(http.MethodGet, p.at.host, "/auth/session", "", "Cookie: "+p.cookie)
	verify = l.send(http.MethodGet, p.at.host, "/auth/verify", "", "Cookie: "+p.cookie)
	var said struct{ User struct{ Email string } }
	if session.status == http.StatusOK && (json.Unmarshal([]byte(session.body), &said) != nil || said.User.Email != p.email()) {
		l.violate("session of %s: got %v", p.email(), session)
	}
	if who := verify.header.Get("X-Usher-Email"); verify.status == http.StatusNoContent && who != p.email() {
		l.violate("verify of %s: got %q", p.email(), who)
	}
	for door, a := range map[string]answer{"session": session, "verify": verify} {
		switch a.status {
		case 0, http.StatusOK, http.StatusNoContent, http.StatusUnauthorized:
		case http.StatusServiceUnavailable:
			l.checkUnavailable(door, a)
		default:
			l.violate("%s of %s: got %v", door, p.email(), a)
		}
	}
	return session, verify
}

// rush has everybody sign in and look at their session again and again, by
// workers at once, until stop is closed. Everybody belongs to one worker.
func (l *ledger) rush(people []*person, workers int, stop <-chan struct{}) *seen {
	s := &seen{}
	var group sync.WaitGroup
	for worker := range workers {
		group.Go(func() {
			for {
				for at := worker; at < len(people); at += workers {
					select {
					case <-stop:
						return
					default:
					}
					p := people[at]
					a := l.present(p, p.current())
					s.note("sign-in", a)
					if a.status == 0 {
						return // the program is gone
					}
					if a.status == http.StatusServiceUnavailable {
						select {
						case <-stop:
						case <-time.After(again):
						}
					}
					if p.cookie != "" {
						session, verify := l.check(p)
						s.note("session", session)
						s.note("verify", verify)
					}
				}
			}
		})
	}
	group.Wait()
	return s
}

// settle presents every link again that was not answered, or with 503: in the
// end each is acknowledged, or, if it was not answered, may be spent.
func (l *ledger) settle(t *testing.T) {
	t.Helper()
	for _, p := range l.people {
		for _, k := range p.tokens {
			if k.state != unavailable && k.state != unknown {
				continue
			}
			eventually(t, 30*time.Second, "the link of "+p.email()+" to be good again", func() error {
				if a := l.present(p, k); k.state != acknowledged && k.state != spent {
					return fmt.Errorf("%v", a)
				}
				return nil
			})
		}
	}
}

// replay presents used links again: none may open a session.
func (l *ledger) replay(t *testing.T) {
	t.Helper()
	for _, p := range l.people[:min(len(l.people), 40)] {
		if len(p.tokens) == 0 {
			continue
		}
		cookie := p.cookie
		if a := l.present(p, p.tokens[len(p.tokens)-1]); a.status != http.StatusUnauthorized {
			t.Errorf("got %v for a used link, want 401", a)
		}
		p.cookie = cookie
	}
}

// live looks at everybody's newest session: it is open and theirs.
func (l *ledger) live(t *testing.T) {
	t.Helper()
	for _, p := range l.people {
		if p.cookie == "" {
			continue
		}
		if session, verify := l.check(p); session.status != http.StatusOK || verify.status != http.StatusNoContent {
			t.Errorf("session of %s: got %v and %v, want it open", p.email(), session, verify)
		}
	}
}
