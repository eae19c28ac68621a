//go:build linux

package faults

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// tenant is a tenant with one integration; every world has two.
type tenant struct {
	host   string
	appID  string
	keyID  string
	secret string
}

// person signs in with one link after another. Version v of the partner's
// record says: in the groups groupsAt(v), the orders ordersAt(v), v as first
// name and in meta. So the database shows which version it holds, and whether
// whole.
type person struct {
	at     *tenant
	number int // of the tenant, in the world
	name   string
	steady bool     // every link says what the first one said
	tokens []*token // version 1, 2, …
	cookie string   // of the newest session; "" = none
}

// token is a link that a person was given, and what became of it.
type token struct {
	version int
	text    string
	state   state
}

type state int

const (
	unsent       state = iota
	acknowledged       // 303 and a session
	unavailable        // 503: it must be as good as new
	unknown            // no whole answer came
	spent              // it was unknown, and is used
)

func groupsAt(version int) []string {
	return []string{"g" + fmt.Sprint(version%4), "h" + fmt.Sprint(version/4%4)}
}

func ordersAt(version int) []string {
	return []string{fmt.Sprint("o", version), fmt.Sprint("o", version-1)}
}

func (p *person) email() string { return p.name + "@faults.example" }

// next gives the person a new link.
func (p *person) next() *token {
	version, number := len(p.tokens)+1, len(p.tokens)+1
	if p.steady {
		version = 1
	}
	var credits []map[string]any
	for _, order := range ordersAt(version) {
		credits = append(credits, map[string]any{"orderId": order, "id": 1})
	}
	now := time.Now()
	t := &token{version: version, text: p.at.sign(map[string]any{
		"sub": p.name, "email": p.email(), "firstName": fmt.Sprint("v", version),
		"iat": float64(now.UnixMicro()) / 1e6, "exp": now.Add(time.Hour).Unix(), "jti": fmt.Sprint(p.name, "-", number),
		"groups": groupsAt(version), "credits": credits, "meta": map[string]any{"v": version},
	})}
	p.tokens = append(p.tokens, t)
	return t
}

// current is the newest link where it is still as good as new, and else a new
// one: who gets a 503 tries again.
func (p *person) current() *token {
	if n := len(p.tokens); n > 0 && (p.tokens[n-1].state == unsent || p.tokens[n-1].state == unavailable) {
		return p.tokens[n-1]
	}
	return p.next()
}

// sign is a compact JWS under HS256 (RFC 7515 §3.1).
func (n *tenant) sign(claims map[string]any) string {
	encode := func(v any) string {
		text, err := json.Marshal(v)
		if err != nil {
			panic(err)
		}
		return base64.RawURLEncoding.EncodeToString(text)
	}
	input := encode(map[string]string{"alg": "HS256", "typ": "JWT", "kid": n.keyID}) + "." + encode(claims)
	mac := hmac.New(sha256.New, []byte(n.secret))
	mac.Write([]byte(input))
	return input + "." + base64.RawURLEncoding.EncodeToString(mac.Sum(nil))
}

// ledger is what everybody was answered.
type ledger struct {
	usher   *usher
	tenants []*tenant
	people  []*person

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
	a := l.usher.send(http.MethodGet, p.at.host, "/auth/callback/jwt-auth?token="+t.text, "")
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
		if t.state == unknown {
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
	session = l.usher.send(http.MethodGet, p.at.host, "/auth/session", "", "Cookie: "+p.cookie)
	verify = l.usher.send(http.MethodGet, p.at.host, "/auth/verify", "", "Cookie: "+p.cookie)
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

// seen is what came to a door, by status.
type seen struct {
	mu      sync.Mutex
	count   map[string]map[int]int // by door, by status
	slowest time.Duration
}

func (s *seen) note(door string, a answer) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.count == nil {
		s.count = map[string]map[int]int{}
	}
	if s.count[door] == nil {
		s.count[door] = map[int]int{}
	}
	s.count[door][a.status]++
	s.slowest = max(s.slowest, a.took)
}

// total is how many answers came, or how many with one of the statuses.
func (s *seen) total(statuses ...int) int {
	n := 0
	for _, door := range s.count {
		for status, count := range door {
			if len(statuses) == 0 || slices.Contains(statuses, status) {
				n += count
			}
		}
	}
	return n
}

// String is like "sign-in 303×12 503×3, verify 204×15".
func (s *seen) String() string {
	var parts []string
	for _, door := range []string{"sign-in", "session", "verify"} {
		var statuses []int
		for status := range s.count[door] {
			statuses = append(statuses, status)
		}
		slices.Sort(statuses)
		text := door
		for _, status := range statuses {
			text += fmt.Sprintf(" %d×%d", status, s.count[door][status])
		}
		if len(statuses) > 0 {
			parts = append(parts, text)
		}
	}
	return strings.Join(parts, ", ")
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
			eventually(t, 15*time.Second, "the link of "+p.email()+" to be good again", func() error {
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
