package provisioning_test

import (
	"errors"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
	"usher/sql/store"
)

// event are the claims of an event token about Anna.
func (p *partner) event(name string, changes claims) claims {
	c := claims{
		"sub": "anna-1", "event": name, "iat": p.clock.now().Unix(), "exp": p.clock.now().Add(time.Minute).Unix(), "jti": name + "-1",
	}
	for key, value := range changes {
		if value == nil {
			delete(c, key)
		} else {
			c[key] = value
		}
	}
	return c
}

func (p *partner) revoke(t testing.TB, c claims) (provisioning.Revocation, error) {
	t.Helper()
	return p.svc.Revoke(t.Context(), p.arrive(p.token(t, c)))
}

// revokes sends an event that has to take effect on a user.
func (p *partner) revokes(t *testing.T, c claims, user string) {
	t.Helper()
	if done, err := p.revoke(t, c); err != nil || !done.Known || done.UserID != user || done.Event.Name != c["event"] {
		t.Errorf("%v: got %+v, error %v, want it to take effect on %s", c, done, err, user)
	}
}

func TestRevoke(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		anna := p.enter(t, p.anna(nil))
		p.mirror(t)
		p.revokes(t, p.event("logout", nil), anna.UserID)
		if ended := p.ender.all(); !slices.Contains(ended, "user "+anna.UserID+" 1") {
			t.Errorf("got ended %v, want Anna's sessions among them", ended)
		}
		if next := p.enter(t, p.anna(claims{"iat": p.clock.now().Unix() + 1})); next.Epoch != anna.Epoch+1 {
			t.Errorf("after a sign-out: got epoch %d, want %d", next.Epoch, anna.Epoch+1)
		}
		if done, err := p.revoke(t, p.event("logout", claims{"sub": "nobody"})); err != nil || done.Known {
			t.Errorf("somebody unknown: got %+v, %v, want nothing to do", done, err)
		}
		acts := p.db.Rows(t, `SELECT actor || ' ' || action || ' ' || object FROM audit_log WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 1`, p.tenant.ID)
		if want := "integration " + p.ID + " user_signed_out user " + anna.UserID; len(acts) != 1 || acts[0] != want {
			t.Errorf("got acts %q, want %q", acts, want)
		}

		// What may not be.
		before := p.db.Dump(t, p.tenant.ID)
		for name, test := range map[string]struct {
			c    claims
			want provisioning.Reason
			path string
		}{
			"the same token again":     {p.event("logout", nil), provisioning.TokenReplayed, ""},
			"without iat":              {p.event("logout", claims{"iat": nil, "jti": "a"}), provisioning.IatMissing, ""},
			"without exp":              {p.event("logout", claims{"exp": nil, "jti": "a"}), provisioning.ClaimMissing, "exp"},
			"without jti":              {p.event("logout", claims{"jti": nil}), provisioning.ClaimMissing, "jti"},
			"without sub":              {p.event("logout", claims{"sub": nil, "jti": "a"}), provisioning.ClaimMissing, "sub"},
			"without event":            {p.event("logout", claims{"event": nil, "jti": "a"}), provisioning.ClaimMissing, "event"},
			"another event":            {p.event("Logout", claims{"jti": "a"}), provisioning.ClaimInvalid, "event"},
			"an event of another kind": {p.event("logout", claims{"event": []string{"logout"}, "jti": "a"}), provisioning.ClaimInvalid, "event"},
			"with a nonce":             {p.event("logout", claims{"nonce": "n", "jti": "a"}), provisioning.ClaimInvalid, "nonce"},
			"expired":                  {p.event("logout", claims{"exp": p.clock.now().Add(-time.Hour).Unix(), "jti": "a"}), provisioning.TokenExpired, ""},
			"too old":                  {p.event("logout", claims{"iat": p.clock.now().Add(-time.Hour).Unix(), "jti": "a"}), provisioning.TokenTooOld, ""},
			"for another audience":     {p.event("logout", claims{"aud": "https://elsewhere.example", "jti": "a"}), provisioning.AudienceMismatch, ""},
			"disabling, not allowed":   {p.event("disable", nil), provisioning.ClaimInvalid, "event"},
		} {
			_, err := p.revoke(t, test.c)
			var refusal *provisioning.Refusal
			if !errors.As(err, &refusal) || refusal.Reason != test.want || refusal.Path != test.path {
				t.Errorf("%s: got %v, want %s %s", name, err, test.want, test.path)
			}
		}
		if after := p.db.Dump(t, p.tenant.ID); !slices.Equal(before, after) {
			t.Error("what was refused left something")
		}
		p.enter(t, p.anna(claims{"jti": "used", "iat": p.clock.now().Unix() + 2}))
		var refusal *provisioning.Refusal
		if _, err := p.revoke(t, p.event("logout", claims{"jti": "used"})); !errors.As(err, &refusal) || refusal.Reason != provisioning.TokenReplayed {
			t.Errorf("the jti of a link: got %v, want token_replayed", err)
		}
	})
}

func TestRevokeDisables(t *testing.T) {
	allowed := true
	eachPlace(t, provisioning.Settings{AllowDisable: &allowed}, func(t *testing.T, p *place) {
		anna := p.enter(t, p.anna(nil))
		p.mirror(t)
		p.revokes(t, p.event("disable", nil), anna.UserID)
		p.refused(t, p.anna(claims{"iat": p.clock.now().Unix() + 1}), provisioning.UserDisabled)
		p.revokes(t, p.event("logout", nil), anna.UserID) // a disabled person can be signed out
		p.refused(t, p.anna(claims{"iat": p.clock.now().Unix() + 2}), provisioning.UserDisabled)
		if err := p.svc.SetDisabled(t.Context(), p.tenant, anna.UserID, false, byAPI); err != nil {
			t.Fatal(err)
		}
		p.enter(t, p.anna(claims{"iat": p.clock.now().Unix() + 3}))
	})
}

// TestRevokeIsTold: applications hear which partner has disabled somebody, and
// hear it once.
func TestRevokeIsTold(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		allowed := true
		if _, err := h.svc.ChangeIntegration(t.Context(), h.tenant, h.Installed.ID, provisioning.Settings{AllowDisable: &allowed}, byAPI); err != nil {
			t.Fatal(err)
		}
		anna := h.enter(t, h.anna(nil)).UserID
		h.work(t)
		h.revokes(t, h.event("disable", nil), anna)
		h.revokes(t, h.event("disable", claims{"jti": "again"}), anna)
		got := h.work(t)
		if diff := cmp.Diff([]string{"user.disabled"}, types(t, got)); diff != "" {
			t.Fatalf("events (-want +got):\n%s", diff)
		}
		if data := got[0].event(t).Data; data["user_id"] != anna || data["integration_id"] != h.Installed.ID {
			t.Errorf("got %v, want Anna and the integration", data)
		}
		h.revokes(t, h.event("logout", nil), anna)
		if err := h.svc.SetDisabled(t.Context(), h.tenant, anna, false, byAPI); err != nil {
			t.Fatal(err)
		}
		if got = h.work(t); len(got) != 1 || got[0].event(t).Data["integration_id"] != nil {
			t.Errorf("got %v, want it enabled by no integration", got)
		}
	})
}

// TestEventTokensAreNoLinks: no kind of token is taken for another, and a
// partner's own claim called event means nothing.
func TestEventTokensAreNoLinks(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		p.enter(t, p.anna(claims{"event": "concert-7"}))
		for _, name := range []string{"logout", "disable"} {
			whole := p.event(name, claims{"email": "anna@example.com", "iss": p.AppID})
			p.refused(t, whole, provisioning.ClaimInvalid)
			presented := p.arrive(p.token(t, p.event(name, claims{"iss": p.AppID})))
			presented.Link.Presented = true
			if _, err := p.svc.Recognize(t.Context(), presented); err == nil || err.(*provisioning.Refusal).Path != "event" { //nolint:errorlint,forcetypeassert // fails loudly
				t.Errorf("%s beside a call: got %v, want it refused for its event", name, err)
			}
		}
		var refusal *provisioning.Refusal
		if _, err := p.revoke(t, p.anna(claims{"jti": "a", "exp": p.clock.now().Add(time.Minute).Unix()})); !errors.As(err, &refusal) || refusal.Path != "event" {
			t.Errorf("a link as an event: got %v, want it refused", err)
		}
	})
}

// TestRevokeIsRepeated: after a fault of the session store the same token is good
// again; 20 uses at once end the sessions once.
func TestRevokeIsRepeated(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		anna := p.enter(t, p.anna(nil))
		p.ender.fail(errors.New("gone"))
		if _, err := p.revoke(t, p.event("logout", nil)); !provisioning.Unavailable(err) {
			t.Errorf("without a session store: got %v, want a passing fault", err)
		}
		p.ender.fail(nil)
		p.revokes(t, p.event("logout", nil), anna.UserID)

		var all sync.WaitGroup
		errs := make(chan error, 20)
		arrival := p.arrive(p.token(t, p.event("logout", claims{"jti": "many"})))
		for range cap(errs) {
			all.Go(func() {
				_, err := p.svc.Revoke(t.Context(), arrival)
				errs <- err
			})
		}
		all.Wait()
		close(errs)
		done := 0
		for err := range errs {
			var refusal *provisioning.Refusal
			switch {
			case err == nil:
				done++
			case !errors.As(err, &refusal) || refusal.Reason != provisioning.TokenReplayed:
				t.Errorf("got %v, want it done or token_replayed", err)
			}
		}
		if done != 1 {
			t.Errorf("got %d that took effect, want one", done)
		}
		if got := p.db.Rows(t, `SELECT status FROM users WHERE id = $1 AND session_epoch = 3`, anna.UserID); len(got) != 1 || got[0] != store.StatusActive {
			t.Errorf("got %v, want Anna signed out three times: with the fault, after it, and once of 20", got)
		}
	})
}
