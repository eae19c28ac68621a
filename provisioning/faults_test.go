package provisioning_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// TestDatabaseGone answers a passing fault, never a refusal.
func TestDatabaseGone(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		p.enter(t, p.anna(nil))
		known, changed := p.token(t, p.anna(claims{"jti": "1"})), p.token(t, p.anna(claims{"name": "A"}))
		over, cancel := context.WithCancel(t.Context())
		cancel()
		// A client that hangs up once the keys are there stops nothing.
		if _, err := p.svc.Redeem(over, p.arrive(p.token(t, p.anna(claims{"jti": "0"})))); err != nil {
			t.Errorf("hung up: got error %v, want none", err)
		}
		p.refused(t, p.anna(claims{"jti": "0"}), provisioning.TokenReplayed)
		if err := p.store.Close(); err != nil {
			t.Fatal(err)
		}
		for _, token := range []string{known, changed} {
			_, err := p.svc.Redeem(t.Context(), p.arrive(token))
			var refusal *provisioning.Refusal
			if !provisioning.Unavailable(err) || errors.As(err, &refusal) {
				t.Errorf("got error %v, want a fault of the database", err)
			}
		}
		wantSame(t, "used tokens", p.count(t, "used_tokens"), 2)
		p.clock.advance(time.Minute)
		_, err := p.svc.Redeem(t.Context(), p.arrive(known))
		if !provisioning.Unavailable(err) {
			t.Errorf("keys to be loaded: got error %v, want a fault of the database", err)
		}
	})
}

// TestGivenBackLater releases tokens while the database is held up. When that is
// over, whoever comes again is let in at once, and Run gives the others back.
func TestGivenBackLater(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		token, other := p.anna(claims{"jti": "once"}), p.anna(claims{"jti": "other"})
		signIn, left := p.enter(t, token), p.enter(t, other)
		held := p.db.Begin(t)
		held.Exec(t, `UPDATE used_tokens SET issued_at = issued_at`)
		p.svc.Release(t.Context(), p.tenant.ID, signIn)
		p.svc.Release(t.Context(), p.tenant.ID, left)
		held.Rollback(t)
		p.enter(t, token)
		p.refused(t, token, provisioning.TokenReplayed)

		ctx, stop := context.WithCancel(t.Context())
		done := make(chan struct{})
		go func() {
			p.svc.Run(ctx)
			close(done)
		}()
		for p.count(t, "used_tokens") > 1 {
			if t.Context().Err() != nil {
				t.Fatal("got the token still spent, want it given back")
			}
		}
		stop()
		<-done
		p.enter(t, other)
		p.refused(t, token, provisioning.TokenReplayed)
	})
}

// TestHalfWritten leaves nothing of a sign-in that fails in the middle.
func TestHalfWritten(t *testing.T) {
	eachPlace(t, provisioning.Settings{UnknownGroups: pointer(store.UnknownCreate)}, func(t *testing.T, p *place) {
		user := p.enter(t, p.anna(everything)).UserID
		p.mirror(t)
		tokens := []claims{
			p.anna(claims{"jti": "1", "groups": []string{"new"}, "credits": []any{}, "meta": map[string]any{"plan": nil}, "email": "new@example.com"}),
			p.anna(claims{"jti": "2", "sub": "bob", "email": "bob@example.com", "groups": []string{"staff"}}),
		}
		p.db.Exec(t, `ALTER TABLE journal RENAME TO gone`)
		before := p.db.Dump(t, p.tenant.ID)
		for _, c := range tokens {
			_, err := p.redeem(t, c)
			var refusal *provisioning.Refusal
			if err == nil || errors.As(err, &refusal) {
				t.Errorf("got error %v, want a fault", err)
			}
		}
		wantSame(t, "rows", p.db.Dump(t, p.tenant.ID), before)
		p.db.Exec(t, `ALTER TABLE gone RENAME TO journal`)
		for _, c := range tokens {
			p.enter(t, c)
		}
		p.wantPerson(t, user, person{Email: "new@example.com", Groups: []string{"new"}, Meta: `{"seats":3}`})
	})
}
