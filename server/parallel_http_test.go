package main

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"
)

// all runs n requests at once and returns their answers. One that fails below
// HTTP fails the test.
func (i *instance) all(t *testing.T, n int, target func(at int) string, header ...string) []answer {
	t.Helper()
	answers, errs := make([]answer, n), make([]error, n)
	var group sync.WaitGroup
	start := make(chan struct{})
	for at := range n {
		group.Go(func() {
			<-start
			answers[at], errs[at] = i.try(t.Context(), http.MethodGet, target(at), "", header...)
		})
	}
	close(start)
	group.Wait()
	if err := errors.Join(errs...); err != nil {
		t.Fatal(err)
	}
	return answers
}

// counts says how often each status came.
func counts(answers []answer) map[int]int {
	found := make(map[int]int)
	for _, a := range answers {
		found[a.status]++
	}
	return found
}

// TestParallelFirstSignIns: one person, many doors, one user.
func TestParallelFirstSignIns(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		i.admin(t, 201, "POST", "/groups", fields{"external_id": "editors"})
		answers := i.all(t, 32, func(at int) string {
			return link(lumen.token(person("anna").with(fields{
				"jti": fmt.Sprint(at), "groups": []string{"editors"}, "credits": []fields{{"orderId": "A", "id": 7}}, "meta": fields{"n": at},
			})))
		})
		if got := counts(answers); got[303] != 32 {
			t.Fatalf("got answers %v, want 303 each", got)
		}
		users, cookies := map[any]bool{}, map[string]bool{}
		for _, a := range answers {
			session := decode[struct{ User map[string]any }](t, i.get(t, "/auth/session", holding(a.cookie())))
			users[session.User["id"]], cookies[a.cookie()] = true, true
		}
		if len(users) != 1 || len(cookies) != 32 {
			t.Errorf("got %d users and %d sessions, want 1 and 32", len(users), len(cookies))
		}
		if got := len(decode[sessionList](t, i.get(t, "/auth/sessions", holding(answers[0].cookie()))).Sessions); got != 32 {
			t.Errorf("got %d sessions listed, want 32", got)
		}
	})
}

// TestParallelUsesOfOneToken: one wins, with and without a session before.
func TestParallelUsesOfOneToken(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		i.signIn(t, link(lumen.token(person("known"))))
		for _, who := range []string{"new", "known"} {
			target := link(lumen.token(person(who).with(fields{"jti": who})))
			answers := i.all(t, 20, func(int) string { return target }, wantsJSON)
			if got := counts(answers); got[303] != 1 || got[401] != 19 {
				t.Errorf("%s person: got answers %v, want one 303 and 19 times 401", who, got)
			}
			for _, a := range answers {
				if a.status != 303 && (a.reason() != "token_replayed" || len(a.header["Set-Cookie"]) != 0) {
					t.Errorf("%s person: got %v, want token_replayed and no cookie", who, a)
				}
			}
		}
	})
}

// rush signs people in without end, through several instances, until it is
// told to stop.
type rush struct {
	group   sync.WaitGroup
	done    chan struct{}
	over    atomic.Bool // the ending has returned
	begun   atomic.Int64
	mu      sync.Mutex
	cookies []string
	late    []answer // to requests that started after the ending had returned
	faults  []string
}

// startRush runs until stop is called. token makes a fresh token for the n-th
// request.
func startRush(t *testing.T, workers int, token func(n int64) string, through ...*instance) *rush {
	t.Helper()
	r := &rush{done: make(chan struct{})}
	ctx := t.Context()
	for worker := range workers {
		i := through[worker%len(through)]
		r.group.Go(func() {
			for {
				select {
				case <-r.done:
					return
				default:
				}
				late := r.over.Load()
				a, err := i.try(ctx, http.MethodGet, link(token(r.begun.Add(1))), "", wantsJSON)
				r.note(a, err, late)
			}
		})
	}
	return r
}

func (r *rush) note(a answer, err error, late bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	switch {
	case err != nil:
		if !errors.Is(err, context.Canceled) {
			r.faults = append(r.faults, err.Error())
		}
	case a.status >= 500 && a.reason() != "store_unavailable":
		r.faults = append(r.faults, a.String())
	case a.cookie() != "":
		r.cookies = append(r.cookies, a.cookie())
	}
	if err == nil && late {
		r.late = append(r.late, a)
	}
}

// wait waits until n requests have begun since.
func (r *rush) wait(t *testing.T, n int64) {
	t.Helper()
	want := r.begun.Load() + n
	for r.begun.Load() < want {
		select {
		case <-t.Context().Done():
			t.Fatal("the requests have stalled")
		case <-time.After(time.Millisecond):
		}
	}
}

// check stops the rush and holds what the ending promised: none of the cookies
// lives, and whoever came later was refused with the reason.
func (r *rush) check(t *testing.T, reason string, at ...*instance) {
	t.Helper()
	r.over.Store(true)
	r.wait(t, 40)
	close(r.done)
	r.group.Wait()
	if len(r.faults) > 0 {
		t.Errorf("got %d faults, the first: %s", len(r.faults), r.faults[0])
	}
	if len(r.cookies) == 0 || len(r.late) == 0 {
		t.Fatalf("got %d sessions before and %d requests after, want some of both", len(r.cookies), len(r.late))
	}
	for n, cookie := range r.cookies {
		if at[n%len(at)].alive(t, cookie) {
			t.Errorf("got a session alive after the end, number %d of %d", n, len(r.cookies))
		}
	}
	for _, a := range r.late {
		if a.reason() != reason || a.cookie() != "" {
			t.Errorf("got %v for a request after the end, want %s", a, reason)
		}
	}
}

// TestRemovalRacesSignIns and disabling likewise, in one process.
func TestRemovalRacesSignIns(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		for round := range 3 {
			lumen := i.install(t, fields{"name": fmt.Sprint(round), "link_policy": "trusted"})
			r := startRush(t, 8, func(n int64) string {
				return lumen.token(person(fmt.Sprintf("p%d", n%5)).with(fields{"sub": nil, "jti": fmt.Sprint(n)}))
			}, i)
			r.wait(t, 40)
			i.admin(t, 204, "DELETE", "/integrations/"+lumen.ID, nil)
			r.check(t, "integration_removed", i)
		}
	})
}

func TestDisablingRacesSignIns(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		i.signIn(t, link(lumen.token(person("anna"))))
		path := "/users/" + i.userID(t, "anna@lumen.example")
		for range 3 {
			r := startRush(t, 8, func(n int64) string {
				return lumen.token(person("anna").with(fields{"meta": fields{"n": n % 3}}))
			}, i)
			r.wait(t, 40)
			i.admin(t, 200, "PATCH", path, fields{"disabled": true})
			r.check(t, "user_disabled", i)
			i.admin(t, 200, "PATCH", path, fields{"disabled": false})
			i.signIn(t, link(lumen.token(person("anna"))))
		}
	})
}

// TestTwoInstances on one Postgres and one Redis: what one ends is ended at
// the other.
func TestTwoInstances(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return // the embedded stores serve one process
	}
	w := serversWorld(t)
	a, b := launch(t, w), launch(t, w)
	lumen := a.install(t, nil)
	cookie := b.signIn(t, link(lumen.token(person("anna"))))
	if !a.alive(t, cookie) {
		t.Fatal("got no session at A that B has made")
	}
	user := a.userID(t, "anna@lumen.example")
	if got := b.send(t, "POST", "/auth/logout", "", holding(cookie)); got.status != 200 || a.alive(t, cookie) {
		t.Errorf("got %v, session alive at A %v, want it dead", got, a.alive(t, cookie))
	}

	spent := link(lumen.token(person("anna").with(fields{"jti": "one"})))
	a.signIn(t, spent)
	b.wantReason(t, b.get(t, spent, wantsJSON), 401, "token_replayed")

	r := startRush(t, 8, func(n int64) string { return lumen.token(person("anna").with(fields{"meta": fields{"n": n}})) }, a, b)
	r.wait(t, 40)
	a.admin(t, 200, "PATCH", "/users/"+user, fields{"disabled": true})
	r.check(t, "user_disabled", a, b)
	b.admin(t, 200, "PATCH", "/users/"+user, fields{"disabled": false})

	// A retired key is dead at once, a changed setting as well.
	second := decode[installedKey](t, a.admin(t, 201, "POST", "/integrations/"+lumen.ID+"/keys", fields{}))
	b.signIn(t, link(lumen.token(person("anna"))))
	a.admin(t, 204, "DELETE", "/integrations/"+lumen.ID+"/keys/"+lumen.kid(), nil)
	b.wantReason(t, b.get(t, link(lumen.token(person("anna"))), wantsJSON), 401, "key_retired")
	newer := func(claims fields) string {
		return link(signed("HS256", second.Secret, fields{"kid": second.ID}, claims))
	}
	b.signIn(t, newer(person("anna")))
	a.admin(t, 200, "PATCH", "/integrations/"+lumen.ID, fields{"issuer": "https://lumen.example"})
	b.wantReason(t, b.get(t, newer(person("anna")), wantsJSON), 401, "issuer_mismatch")

	r = startRush(t, 8, func(n int64) string {
		return signed("HS256", second.Secret, fields{"kid": second.ID}, person(fmt.Sprintf("p%d", n%5)).with(fields{"iss": lumen.AppID}))
	}, a, b)
	r.wait(t, 40)
	a.admin(t, 204, "DELETE", "/integrations/"+lumen.ID, nil)
	r.check(t, "integration_removed", b, a)
}

// TestReinstalledWithTheSameSecret: tokens of before stay dead.
func TestReinstalledWithTheSameSecret(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		const secret = "the very same secret, typed in again"
		first := i.install(t, fields{"secret": secret})
		bare := func(claims fields) string { return signed("HS256", secret, nil, claims) }
		old := person("anna").with(fields{"iat": time.Now().Unix() - 2, "jti": "never used"})
		i.admin(t, 204, "DELETE", "/integrations/"+first.ID, nil)
		second := i.install(t, fields{"secret": secret, "link_policy": "trusted"})
		for _, target := range []string{link(bare(old)), link(bare(old), "appId", second.AppID)} {
			i.wantReason(t, i.get(t, target, wantsJSON), 401, "token_too_old")
		}
		for _, target := range []string{
			link(signed("HS256", secret, fields{"kid": first.kid()}, person("anna"))),
			link(bare(person("anna")), "appId", first.AppID),
			link(bare(person("anna").with(fields{"iss": first.AppID}))),
		} {
			i.wantReason(t, i.get(t, target, wantsJSON), 401, "integration_removed")
		}
		i.signIn(t, link(bare(person("anna"))))
	})
}

// TestParallelAdministration: of one group there is one, and of keys never
// more than the limit.
func TestParallelAdministration(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		post := func(path, body string) map[int]int {
			var group sync.WaitGroup
			answers := make([]answer, 12)
			for at := range answers {
				group.Go(func() {
					// An error leaves the status 0, which no count expects.
					answers[at], _ = i.try(t.Context(), http.MethodPost, "/admin/api/v1"+path, body, asAdmin)
				})
			}
			group.Wait()
			return counts(answers)
		}
		if got := post("/groups", `{"external_id":"one"}`); got[201] != 1 || got[409] != 11 {
			t.Errorf("got statuses %v for one group, want 201 once and 409 else", got)
		}
		got := post("/integrations/"+lumen.ID+"/keys", "{}")
		if got[201] > 4 || got[201]+got[400]+got[503] != 12 {
			t.Errorf("got statuses %v for twelve keys, want 201 at most four times, else 400 or 503", got)
		}
		keys := decode[installed](t, i.admin(t, 200, "GET", "/integrations/"+lumen.ID, nil)).Keys
		if len(keys) != 1+got[201] {
			t.Errorf("got %d keys, want one more than the %d added", len(keys), got[201])
		}
	})
}
