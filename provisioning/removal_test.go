package provisioning_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// TestRemovalPreview counts what hangs on an integration, and on no other, nor
// on another tenant's.
func TestRemovalPreview(t *testing.T) {
	eachPlace(t, linking(store.LinkTrusted), func(t *testing.T, p *place) {
		other := p.install(t, linking(store.LinkTrusted))
		preview := func() provisioning.Removal {
			t.Helper()
			r, err := p.svc.Removal(t.Context(), p.tenant, p.ID)
			if err != nil {
				t.Fatal(err)
			}
			return r
		}
		none := preview()
		wantSame(t, "of nobody", none.Holdings, store.Holdings{})

		said := claims{"groups": []string{"staff", "admins"}, "credits": []any{grant("A", 1), grant("A", 9)}}
		p.enter(t, p.anna(said))
		other.enter(t, other.anna(claims{"groups": []string{"staff"}}))
		for n := range 3 {
			p.enter(t, p.anna(claims{"sub": fmt.Sprint("p", n), "email": fmt.Sprintf("p%d@example.com", n), "groups": []string{"readers"}}))
		}
		gone := p.enter(t, p.anna(claims{"sub": "d", "email": "d@example.com"}))
		p.disable(t, gone.UserID)
		p.enter(t, p.anna(claims{"credits": []any{grant("A", 1)}})) // one grant less
		p.mirror(t)
		got := preview()
		wantSame(t, "preview", got.Holdings, store.Holdings{People: 5, OnlyWayIn: 3, Memberships: 5, Grants: 1})
		if got.Integration.ID != p.ID || got.Sessions != 5 || got.SessionsMore {
			t.Errorf("got %+v, want a session for each of five people", got)
		}

		// At the limit the numbers are lower bounds, and say so.
		few, err := p.store.Holdings(t.Context(), p.tenant.ID, p.ID, 2)
		if err != nil || !few.More || few.People != 2 || few.OnlyWayIn > 3 {
			t.Errorf("Holdings of two: got %+v, error %v, want two people and more", few, err)
		}

		// A removed integration is no way in.
		wantError(t, "Remove", p.svc.Remove(t.Context(), p.tenant, other.ID, byAPI), nil)
		if got := preview(); got.OnlyWayIn != 4 {
			t.Errorf("got %d people with no other way in, want 4 without the other integration", got.OnlyWayIn)
		}
		_, err = p.svc.Removal(t.Context(), p.tenant, other.ID)
		wantError(t, "preview of a removed one", err, provisioning.ErrNotFound)
		p.ender.fail(errors.New("no session store"))
		unknown, err := p.svc.Removal(t.Context(), p.tenant, p.ID)
		if err != nil || !unknown.SessionsUnknown || unknown.People == 0 {
			t.Errorf("without the session store: got %+v, error %v, want all but the sessions", unknown, err)
		}
	})
}

// TestSessionsOfMany: with very many people those are asked for who came last.
func TestSessionsOfMany(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		for n := range 205 {
			user := p.bareUser(t, fmt.Sprintf("p%d@example.com", n))
			p.db.Exec(t, `
INSERT INTO identities (tenant_id, id, integration_id, user_id, subject, unresolved, created_at)
VALUES ($1, $2, $3, $4, $5, false, $6)`, p.tenant.ID, newID(t), p.ID, user, fmt.Sprint("p", n), p.clock.now())
		}
		stop := running(p.svc)
		p.attempt(t, p.svc, "LATE", p.token(t, p.anna(nil)))
		stop()
		p.mirror(t)
		r, err := p.svc.Removal(t.Context(), p.tenant, p.ID)
		if err != nil || r.Sessions != 200 || !r.SessionsMore || r.People != 206 {
			t.Errorf("got %+v, error %v, want 200 sessions or more of 206 people", r, err)
		}
		anna := p.enter(t, p.anna(nil)).UserID
		if got := p.ender.asked; len(got) != 200 || got[0] != anna {
			t.Errorf("got %d people asked for, the first %s, want 200 and first %s, who came last", len(got), got[0], anna)
		}
	})
}

func TestSignEveryoneOut(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		ctx := t.Context()
		elsewhere := p.place(t, provisioning.Settings{})
		p.mirror(t)
		first := p.enter(t, p.anna(nil))
		fault := errors.New("no session store")
		p.ender.fail(fault)
		wantError(t, "SignEveryoneOut", p.svc.SignEveryoneOut(ctx, p.tenant, p.ID, byAPI), fault)
		p.ender.fail(nil)
		wantError(t, "SignEveryoneOut again", p.svc.SignEveryoneOut(ctx, p.tenant, p.AppID, byAPI), nil)
		wantSame(t, "ended", p.ender.all(), []string{fmt.Sprintf("integration %s %d", p.ID, first.Generation+2)})
		again := p.enter(t, p.anna(nil))
		wantSame(t, "generation of the next sign-in", again.Generation, first.Generation+2)
		for _, id := range []string{elsewhere.ID, newID(t), "x"} {
			wantError(t, "of "+id, p.svc.SignEveryoneOut(ctx, p.tenant, id, byAPI), provisioning.ErrNotFound)
		}
		wantSame(t, "acts", p.db.Rows(t, `
SELECT count(*) FROM audit_log WHERE tenant_id = $1 AND action = 'integration_signed_out' AND object = $2`,
			p.tenant.ID, "integration "+p.ID), []string{"2"})
	})
}

// TestKeepKey takes a planned retirement back, but never one that has happened.
func TestKeepKey(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		ctx := t.Context()
		elsewhere := p.place(t, provisioning.Settings{})
		p.mirror(t)
		if _, _, err := p.svc.AddKey(ctx, p.tenant, p.ID, provisioning.NewKey{}, byAPI); err != nil {
			t.Fatal(err)
		}
		retire := func() {
			t.Helper()
			if _, err := p.svc.RetireKey(ctx, p.tenant, p.ID, p.key.ID, p.clock.now().Add(time.Hour), byAPI); err != nil {
				t.Fatal(err)
			}
		}
		retire()
		n, err := p.svc.KeepKey(ctx, p.tenant, p.ID, p.key.ID, byAPI)
		if err != nil || n.Keys[0].RetiresAt != nil {
			t.Fatalf("KeepKey: got %+v, error %v, want it live", n.Keys, err)
		}
		p.clock.advance(2 * time.Hour)
		p.enter(t, p.anna(nil))
		retire()
		p.clock.advance(2 * time.Hour)
		_, err = p.svc.KeepKey(ctx, p.tenant, p.ID, p.key.ID, byAPI)
		var invalid *provisioning.Invalid
		if !errors.As(err, &invalid) || invalid.Field != "kid" {
			t.Errorf("KeepKey of a retired one: got error %v, want an *Invalid", err)
		}
		p.refused(t, p.anna(nil), provisioning.KeyRetired)
		for _, ids := range [][2]string{{p.ID, elsewhere.key.ID}, {elsewhere.ID, elsewhere.key.ID}, {p.ID, "x"}} {
			_, err = p.svc.KeepKey(ctx, p.tenant, ids[0], ids[1], byAPI)
			wantError(t, "KeepKey of others", err, provisioning.ErrNotFound)
		}
	})
}
