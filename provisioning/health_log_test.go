package provisioning_test

import (
	"strings"
	"testing"
	"time"

	"usher/provisioning"
)

// TestHealth reads from the log how integrations have done: a day of sign-ins,
// a day of nothing, then a day of refusals. Another tenant's integration, which
// has the same ids, does not count.
func TestHealth(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		p.mirror(t)
		report := func() provisioning.Health {
			t.Helper()
			all, err := p.svc.Health(t.Context(), p.tenant)
			if err != nil || len(all) != 1 {
				t.Fatalf("Health: got %+v, %v, want one integration", all, err)
			}
			return all[0]
		}
		fresh := report()
		if fresh.ID != p.ID || fresh.Name != p.Name || !fresh.LastSignIn.IsZero() || len(fresh.Days) != 7 || len(fresh.Alerts) != 0 {
			t.Errorf("before anybody came: got %+v", fresh)
		}

		stop := running(p.svc)
		for range 24 {
			p.clock.advance(time.Minute)
			p.attempt(t, p.svc, newID(t), p.token(t, p.anna(nil)))
		}
		last := p.clock.now()
		stop()
		if h := report(); h.Day.SignIns != 24 || h.Week.SignIns != 24 || h.Days[6] != 24 || !h.LastSignIn.Equal(last) {
			t.Errorf("after a day of sign-ins: got %+v, want 24, the last at %v", h, last)
		}

		p.clock.advance(48 * time.Hour)
		h := report()
		if h.Day.SignIns != 0 || h.Week.SignIns != 24 || h.Days[4] != 24 || len(h.Alerts) != 1 || h.Alerts[0].Code != provisioning.Silent {
			t.Errorf("two days later: got %+v, want an alert that it is silent", h)
		}

		stop = running(p.svc)
		for range 9 {
			p.clock.advance(time.Minute)
			p.attempt(t, p.svc, newID(t), mint(t, p.key.ID, strings.Repeat("wrong", 10), p.anna(nil)))
		}
		stop()
		h = report()
		var codes []provisioning.AlertCode
		for _, alert := range h.Alerts {
			codes = append(codes, alert.Code)
		}
		wantSame(t, "alerts", codes, []provisioning.AlertCode{provisioning.ManyRefusals, provisioning.Silent})
		if h.Day.Refused != 9 || h.Week.Refused != 9 || !h.LastSignIn.Equal(last) {
			t.Errorf("after refusals: got %+v, want 9 of them", h)
		}
	})
}
