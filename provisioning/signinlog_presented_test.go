package provisioning_test

import (
	"errors"
	"testing"
	"time"

	"usher/provisioning"
)

// shownAt presents a token at a door, log included.
func (p *place) shownAt(t testing.TB, svc *provisioning.Service, door, reference string, c claims) {
	t.Helper()
	a := provisioning.SignInAttempt{Arrival: p.arrive(p.token(t, c)), Door: door}
	a.Arrival.Reference = reference
	show := svc.Present
	if door == provisioning.DoorHeader {
		show = svc.Recognize
	}
	var err error
	if a.SignIn, err = show(t.Context(), a.Arrival); err != nil {
		if !errors.As(err, &a.Refusal) {
			t.Fatal(err)
		}
		a.Reason = string(a.Refusal.Reason)
	}
	svc.LogSignIn(a)
}

// TestPresentedInTheLog: every view, but of calls only those that were refused
// or have changed something. That the key is in use is known of all, and the
// clock is judged by links alone.
func TestPresentedInTheLog(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		stop := running(p.svc)
		p.shownAt(t, p.svc, provisioning.DoorHeader, "call-creates", p.shown(nil))
		p.clock.advance(time.Second)
		p.shownAt(t, p.svc, provisioning.DoorEmbed, "view", p.shown(nil))
		p.clock.advance(3 * time.Minute)
		p.shownAt(t, p.svc, provisioning.DoorEmbed, "view-again", p.shown(claims{"iat": p.clock.now().Unix() - 180}))
		for range 3 {
			p.clock.advance(2 * time.Minute)
			p.shownAt(t, p.svc, provisioning.DoorHeader, "call", p.shown(claims{"iat": p.clock.now().Unix() - 300}))
		}
		p.shownAt(t, p.svc, provisioning.DoorHeader, "call-refused", p.shown(claims{"iss": "x"}))
		p.clock.advance(time.Second)
		p.shownAt(t, p.svc, provisioning.DoorHeader, "call-changes", p.shown(claims{"groups": []string{"staff"}}))
		last := p.clock.now()
		p.clock.advance(30 * time.Minute)
		p.attempt(t, p.svc, "link", p.token(t, p.anna(claims{"iat": p.ago(2000)})))
		stop()

		wantSame(t, "entries", references(t, p.svc, p.tenant, provisioning.SignInFilter{}),
			[]string{"link", "call-changes", "call-refused", "view-again", "view", "call-creates"})
		for reference, door := range map[string]string{"view": provisioning.DoorEmbed, "call-refused": provisioning.DoorHeader, "link": provisioning.DoorGet} {
			r, err := p.svc.SignInByReference(t.Context(), p.tenant, reference)
			if err != nil || r.Door != door || r.Target != "" && door != provisioning.DoorGet {
				t.Errorf("%s: got %+v, error %v; want door %s", reference, r, err, door)
			}
		}
		clock, err := p.svc.ClockOf(t.Context(), p.tenant, p.ID)
		if err != nil || clock.N != 1 || clock.Median != 2*time.Second {
			t.Errorf("got clock %+v, error %v; want it judged by the link alone", clock, err)
		}

		// A key that only calls use is in use, and they are no sign-ins.
		p.clock.advance(24 * time.Hour)
		usage := func() provisioning.KeyUse {
			t.Helper()
			uses, err := p.svc.KeyUsage(t.Context(), p.tenant, p.clock.now().Add(-time.Hour))
			if err != nil {
				t.Fatal(err)
			}
			return uses[p.key.ID]
		}
		wantSame(t, "use before", usage(), provisioning.KeyUse{})
		stop = running(p.svc)
		for range 3 {
			p.shownAt(t, p.svc, provisioning.DoorHeader, "quiet", p.shown(claims{"iat": last.Unix() + 24*60*60, "groups": []string{"staff"}}))
		}
		stop()
		wantSame(t, "use afterwards", usage(), provisioning.KeyUse{LastUsed: p.clock.now()})
	})
}

// TestPresentedClaimsAreNotCounted: embeds that never send groups raise no
// alert beside links that always do.
func TestPresentedClaimsAreNotCounted(t *testing.T) {
	eachPlace(t, provisioning.Settings{DriftGuard: pointer(true)}, func(t *testing.T, p *place) {
		for range 60 {
			p.enter(t, p.anna(claims{"groups": []string{"staff"}}))
		}
		p.svc.WatchClaims(t.Context())
		p.clock.advance(20 * time.Minute)
		for range 40 {
			p.view(t, p.shown(nil))
			p.recognised(t, p.svc, p.shown(nil))
		}
		p.svc.WatchClaims(t.Context())
		alerts, err := p.svc.Alerts(t.Context(), p.tenant)
		if err != nil || len(alerts) > 0 {
			t.Errorf("got alerts %+v, error %v; want none", alerts, err)
		}
	})
}

// TestPresentedUnderTheDriftGuard: a view that would empty groups is held like
// a link.
func TestPresentedUnderTheDriftGuard(t *testing.T) {
	eachPlace(t, provisioning.Settings{DriftGuard: pointer(true), DriftThreshold: pointer(int64(1))}, func(t *testing.T, p *place) {
		in := func(sub string, groups []string, iat jsonText) claims {
			return p.shown(claims{"sub": sub, "groups": groups, "iat": iat})
		}
		users := map[string]string{}
		for _, sub := range []string{"a", "b"} {
			users[sub] = p.view(t, in(sub, []string{"staff"}, p.ago(5000))).UserID
		}
		p.view(t, in("a", []string{}, p.ago(4000)))
		for range 2 {
			p.view(t, in("b", []string{}, p.ago(4000)))
		}
		wantSame(t, "groups of the first", p.person(t, users["a"]).Groups, []string(nil))
		wantSame(t, "groups of the second", p.person(t, users["b"]).Groups, []string{"staff"})
	})
}
