package provisioning_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
	"usher/sql/store"
)

// guarded are settings with the drift guard on.
func guarded(threshold int64) provisioning.Settings {
	return provisioning.Settings{DriftGuard: pointer(true), DriftThreshold: pointer(threshold)}
}

// crowd signs people in who have the groups staff and readers.
func (p *place) crowd(t *testing.T, n int) []string {
	t.Helper()
	var users []string
	for i := range n {
		users = append(users, p.member(t, i, "staff", "readers").UserID)
	}
	p.clock.advance(time.Minute)
	return users
}

// member signs the i-th of the crowd in with groups.
func (p *place) member(t *testing.T, i int, groups ...string) provisioning.SignIn {
	t.Helper()
	return p.enter(t, claims{
		"sub": fmt.Sprint(i), "email": fmt.Sprintf("m%d@example.com", i), "iat": p.clock.now().Unix(),
		"groups": append([]string{}, groups...), "firstName": fmt.Sprint("at ", p.clock.now().Unix()),
	})
}

func held(signIn provisioning.SignIn) bool {
	return slices.ContainsFunc(signIn.Warnings, func(w provisioning.Warning) bool { return w.Code == "removals_held" })
}

func (p *place) alerts(t *testing.T) []provisioning.DriftAlert {
	t.Helper()
	alerts, err := p.svc.Alerts(t.Context(), p.tenant)
	if err != nil {
		t.Fatalf("Alerts: %v", err)
	}
	return alerts
}

func TestDriftGuardHolds(t *testing.T) {
	eachPlace(t, guarded(3), func(t *testing.T, p *place) {
		users := p.crowd(t, 8)
		p.mirror(t)
		for i, user := range users[:6] {
			signIn := p.member(t, i)
			if got, want := held(signIn), i >= 3; got != want {
				t.Errorf("person %d: got held %v, want %v", i, got, want)
			}
			got := p.profile(t, user)
			if groups := p.person(t, user).Groups; i < 3 && groups != nil || i >= 3 && len(groups) != 2 {
				t.Errorf("person %d: got groups %v", i, groups)
			}
			// The rest of the token counts.
			if want := fmt.Sprint("at ", p.clock.now().Unix()); got.FirstName != want {
				t.Errorf("person %d: got first name %q, want %q", i, got.FirstName, want)
			}
		}
		alerts := p.alerts(t)
		if len(alerts) != 1 || alerts[0].Kind != store.AlertGroupsEmptied || alerts[0].State != store.AlertOpen ||
			alerts[0].IntegrationID != p.ID || alerts[0].Emptied != 3 || alerts[0].Held != 3 {
			t.Fatalf("got alerts %+v, want one about 3 emptied and 3 held", alerts)
		}
		// The same token again is compared again, and held again.
		if !held(p.member(t, 5)) {
			t.Error("got a second sign-in of the same person not held")
		}
		// A token that takes one group of two is no drift, and hours change nothing
		// while the alert is open.
		p.clock.advance(5 * time.Hour)
		if signIn := p.member(t, 6, "staff"); held(signIn) || signIn.Removed != 1 {
			t.Errorf("got held %v and %d removed, want the one group gone", held(signIn), signIn.Removed)
		}
		if !held(p.member(t, 6)) {
			t.Error("got a removal let through under an open alert")
		}
		id := alerts[0].ID
		if err := p.svc.DecideAlert(t.Context(), p.tenant, id, provisioning.DecideHold, time.Time{}, byAPI); err != nil {
			t.Fatal(err)
		}
		if !held(p.member(t, 7)) {
			t.Error("got a removal let through that is to be held")
		}
		until := p.clock.now().Add(time.Hour)
		if err := p.svc.DecideAlert(t.Context(), p.tenant, id, provisioning.DecideRelease, until, byAPI); err != nil {
			t.Fatal(err)
		}
		for i := 3; i < 8; i++ {
			if held(p.member(t, i)) || p.person(t, users[i]).Groups != nil {
				t.Errorf("person %d: got the removal held after it was released", i)
			}
		}
		// Then it counts anew.
		p.crowd(t, 8)
		p.clock.advance(time.Hour)
		for i := range 5 {
			if got, want := held(p.member(t, i)), i >= 3; got != want {
				t.Errorf("after the release, person %d: got held %v, want %v", i, got, want)
			}
		}
		if now := p.alerts(t); len(now) != 1 || now[0].ID == id || now[0].State != store.AlertOpen {
			t.Errorf("got alerts %+v, want a new one", now)
		}
		if acts := p.db.Rows(t, `SELECT action FROM audit_log WHERE object = $1 ORDER BY seq`, "alert "+id); !cmp.Equal(acts, []string{"alert_holding", "alert_released"}) {
			t.Errorf("got acts %v", acts)
		}
	})
}

// TestDriftGuardLetsThrough: two an hour are no drift, and neither is one person
// again and again, nor an integration whose guard is off.
func TestDriftGuardLetsThrough(t *testing.T) {
	eachPlace(t, guarded(2), func(t *testing.T, p *place) {
		users := p.crowd(t, 6)
		for i := range 6 {
			if held(p.member(t, i)) {
				t.Errorf("person %d: got held, want two an hour let through", i)
			}
			p.clock.advance(31 * time.Minute)
		}
		p.clock.advance(2 * time.Hour)
		for range 5 {
			p.member(t, 0, "staff")
			p.clock.advance(time.Minute)
			if held(p.member(t, 0)) {
				t.Error("got one person's own changes held")
			}
			p.clock.advance(time.Minute)
		}
		p.crowd(t, 6)
		if _, err := p.svc.ChangeIntegration(t.Context(), p.tenant, p.ID, provisioning.Settings{DriftGuard: pointer(false)}, byAPI); err != nil {
			t.Fatal(err)
		}
		for i := range 6 {
			if held(p.member(t, i)) || p.person(t, users[i]).Groups != nil {
				t.Errorf("person %d: got held with the guard off", i)
			}
		}
		if alerts := p.alerts(t); len(alerts) != 0 {
			t.Errorf("got alerts %+v, want none", alerts)
		}
	})
}

// TestDriftGuardInParallel empties many people's groups at once, on several
// instances: exactly the threshold gets through.
func TestDriftGuardInParallel(t *testing.T) {
	eachPlace(t, guarded(5), func(t *testing.T, p *place) {
		const people = 12
		p.crowd(t, people)
		services := []*provisioning.Service{p.svc, p.another(t), p.another(t)}
		var all sync.WaitGroup
		for i := range people {
			token := p.token(t, claims{
				"sub": fmt.Sprint(i), "email": fmt.Sprintf("m%d@example.com", i), "iat": p.clock.now().Unix(), "groups": []string{},
			})
			all.Go(func() {
				if _, err := services[i%3].Redeem(t.Context(), p.arrive(token)); err != nil {
					t.Errorf("person %d: %v", i, err)
				}
			})
		}
		all.Wait()
		members := p.db.Rows(t, `SELECT count(DISTINCT user_id) FROM group_members WHERE tenant_id = $1`, p.tenant.ID)
		if want := fmt.Sprint(people - 5); members[0] != want {
			t.Errorf("got %s people with groups, want %s", members[0], want)
		}
		if alerts := p.alerts(t); len(alerts) != 1 || alerts[0].Emptied != 5 || alerts[0].Held != people-5 {
			t.Errorf("got alerts %+v, want one about 5 emptied and %d held", alerts, people-5)
		}
	})
}

func TestUndoEmptied(t *testing.T) {
	eachPlace(t, guarded(2), func(t *testing.T, p *place) {
		users := p.crowd(t, 4)
		for i, user := range users[:3] {
			in := p.arrive(p.token(t, claims{
				"sub": fmt.Sprint(i), "email": fmt.Sprintf("m%d@example.com", i), "iat": p.clock.now().Unix(),
				"groups": []string{}, "lastName": "new",
			}))
			in.Reference = "emptied " + fmt.Sprint(i)
			if signIn, err := p.svc.Redeem(t.Context(), in); err != nil || signIn.UserID != user {
				t.Fatalf("Redeem: %v", err)
			}
		}
		p.clock.advance(time.Minute)
		undone, err := p.svc.Undo(t.Context(), p.tenant, provisioning.UndoWish{Emptied: p.ID}, byAPI)
		if err != nil || undone.Job == nil {
			t.Fatalf("Undo: got %+v, error %v, want a job", undone, err)
		}
		p.workOff(t)
		if j, want := p.job(t, undone.Job.ID), `{"people":2,"undone":4,"left":0}`; j.Result != want {
			t.Errorf("got %s %s with %s, want %s", j.State, j.Error, j.Result, want)
		}
		for _, user := range users {
			if got := p.person(t, user).Groups; len(got) != 2 {
				t.Errorf("got groups %v, want both back", got)
			}
		}
		if got := p.profile(t, users[0]).LastName; got != "new" {
			t.Errorf("got last name %q, want what the token said", got)
		}
	})
}

func TestDecideAlertRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p, other := w.place(t, guarded(1)), w.place(t, provisioning.Settings{})
		p.crowd(t, 2)
		p.member(t, 0)
		p.member(t, 1)
		id := p.alerts(t)[0].ID
		p.mirror(t)
		before := p.db.Dump(t, p.tenant.ID)
		for _, tt := range []struct {
			decision string
			until    time.Time
		}{
			{"", time.Time{}},
			{"nothing", time.Time{}},
			{provisioning.DecideDismiss, time.Time{}},
			{provisioning.DecideRelease, time.Time{}},
			{provisioning.DecideRelease, p.clock.now()},
			{provisioning.DecideRelease, p.clock.now().Add(31 * 24 * time.Hour)},
		} {
			if err := p.svc.DecideAlert(t.Context(), p.tenant, id, tt.decision, tt.until, byAPI); !isInvalid(err) {
				t.Errorf("%q until %v: got error %v, want *Invalid", tt.decision, tt.until, err)
			}
		}
		for _, unknown := range []string{newID(t), "x", ""} {
			if err := p.svc.DecideAlert(t.Context(), p.tenant, unknown, provisioning.DecideHold, time.Time{}, byAPI); !errors.Is(err, provisioning.ErrNotFound) {
				t.Errorf("alert %q: got error %v, want ErrNotFound", unknown, err)
			}
		}
		if err := other.svc.DecideAlert(t.Context(), other.tenant, id, provisioning.DecideClose, time.Time{}, byAPI); !errors.Is(err, provisioning.ErrNotFound) {
			t.Errorf("another tenant: got error %v, want ErrNotFound", err)
		}
		if diff := cmp.Diff(before, p.db.Dump(t, p.tenant.ID)); diff != "" {
			t.Errorf("refused decisions left something (-before +after):\n%s", diff)
		}
		if err := p.svc.DecideAlert(t.Context(), p.tenant, id, provisioning.DecideClose, time.Time{}, byAPI); err != nil {
			t.Fatal(err)
		}
		if got := p.alerts(t); len(got) != 0 {
			t.Errorf("got alerts %+v after closing, want none", got)
		}
	})
}

func TestClaimVanishes(t *testing.T) {
	eachPlace(t, guarded(5), func(t *testing.T, p *place) {
		number := 0
		enter := func(n int, extra claims) {
			t.Helper()
			for range n {
				number++
				c := p.anna(extra)
				c["jti"] = fmt.Sprint(number)
				p.enter(t, c)
			}
			p.svc.WatchClaims(t.Context())
			p.clock.advance(11 * time.Minute)
		}
		full := claims{"groups": []string{"staff"}, "meta": map[string]any{"a": 1}}
		enter(30, full)
		enter(30, full)
		p.svc.WatchClaims(t.Context())
		if got := p.alerts(t); len(got) != 0 {
			t.Fatalf("got alerts %+v, want none", got)
		}
		part := claims{"meta": map[string]any{"a": 1}}
		enter(10, part)
		enter(15, part)
		p.svc.WatchClaims(t.Context())
		alerts := p.alerts(t)
		if len(alerts) != 1 || alerts[0].Kind != store.AlertClaimVanished || alerts[0].Claim != "groups" {
			t.Fatalf("got alerts %+v, want one about groups", alerts)
		}
		if err := p.svc.DecideAlert(t.Context(), p.tenant, alerts[0].ID, provisioning.DecideHold, time.Time{}, byAPI); !isInvalid(err) {
			t.Errorf("to hold what is not held: got error %v, want *Invalid", err)
		}
		if err := p.svc.DecideAlert(t.Context(), p.tenant, alerts[0].ID, provisioning.DecideDismiss, time.Time{}, byAPI); err != nil {
			t.Fatal(err)
		}
		enter(20, part)
		if got := p.alerts(t); len(got) != 1 || got[0].State != store.AlertDismissed {
			t.Errorf("got alerts %+v, want the dismissed one alone", got)
		}
		enter(20, full)
		if got := p.alerts(t); len(got) != 0 {
			t.Errorf("got alerts %+v, want none as the claim is back", got)
		}
		p.clock.advance(8 * 24 * time.Hour)
		p.svc.ForgetSpent(t.Context())
		if got := p.db.Rows(t, `SELECT count(*) FROM claim_counts`); got[0] != "0" {
			t.Errorf("got %s counts after a week, want none", got[0])
		}
	})
}
