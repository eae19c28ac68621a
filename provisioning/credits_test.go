package provisioning_test

import (
	"errors"
	"strings"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// grants are a user's rows with all that is remembered of them.
func (p *place) grants(t *testing.T, user string) []string {
	t.Helper()
	return p.db.Rows(t, `
SELECT order_id, credit_id, granted_at, revoked_at, consumed_at, consumed_by
  FROM grants WHERE tenant_id = $1 AND user_id = $2 ORDER BY order_id, credit_id`, p.tenant.ID, user)
}

func (p *place) consume(t *testing.T, user, order string, id int64, key string) error {
	t.Helper()
	return p.svc.Consume(t.Context(), p.tenant, user, p.ID, order, id, key, byAPI)
}

func wantError(t testing.TB, what string, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("%s: got error %v, want %v", what, got, want)
	}
}

func at(d time.Duration) string { return epoch.Add(d).Format(time.RFC3339Nano) }

// TestCreditsAreADifference keeps what a grant has been through.
func TestCreditsAreADifference(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		first := p.enter(t, p.anna(claims{"credits": []any{grant("A", 1), grant("B", 2)}}))
		user := first.UserID
		p.clock.advance(time.Second)
		wantError(t, "consume", p.consume(t, user, "A", 1, "request-1"), nil)
		p.mirror(t)

		p.clock.advance(time.Second)
		p.enter(t, p.anna(claims{"credits": []any{grant("A", 1), grant("C", 3)}}))
		wantSame(t, "grants", p.grants(t, user), []string{
			"A|1|" + at(0) + "|null|" + at(time.Second) + "|request-1",
			"B|2|" + at(0) + "|" + at(2*time.Second) + "|null|null",
			"C|3|" + at(2*time.Second) + "|null|null|null",
		})

		p.clock.advance(time.Second)
		p.enter(t, p.anna(claims{"credits": []any{}}))
		p.wantPerson(t, user, person{Email: "anna@example.com"})
		wantError(t, "consume a revoked one", p.consume(t, user, "B", 2, "request-2"), provisioning.ErrNotFound)

		p.clock.advance(time.Second)
		p.enter(t, p.anna(claims{"credits": []any{grant("A", 1), grant("B", 2)}}))
		p.wantPerson(t, user, person{Email: "anna@example.com", Credits: []string{"A/1 consumed", "B/2"}})
		wantSame(t, "grants", p.grants(t, user), []string{
			"A|1|" + at(0) + "|null|" + at(time.Second) + "|request-1",
			"B|2|" + at(0) + "|null|null|null",
			"C|3|" + at(2*time.Second) + "|" + at(3*time.Second) + "|null|null",
		})
		wantError(t, "consume a spent one again", p.consume(t, user, "A", 1, "request-3"), provisioning.ErrConsumed)
	})
}

func TestConsume(t *testing.T) {
	play(t, []scenario{
		{name: "idempotent by key", run: func(t *testing.T, p *place) {
			user := p.enter(t, p.anna(claims{"credits": []any{grant("A", 1), grant("A", 2)}})).UserID
			p.mirror(t)
			wantError(t, "first", p.consume(t, user, "A", 1, "k1"), nil)
			before := p.db.Dump(t, p.tenant.ID)
			p.clock.advance(time.Second)
			wantError(t, "again", p.consume(t, user, "A", 1, "k1"), nil)
			wantError(t, "another key", p.consume(t, user, "A", 1, "k2"), provisioning.ErrConsumed)
			wantError(t, "the key for another credit", p.consume(t, user, "A", 2, "k1"), provisioning.ErrTaken)
			wantError(t, "no such order", p.consume(t, user, "a", 1, "k3"), provisioning.ErrNotFound)
			wantError(t, "no such user", p.consume(t, newID(t), "A", 1, "k3"), provisioning.ErrNotFound)
			wantError(t, "user that is no id", p.consume(t, "anna", "A", 1, "k3"), provisioning.ErrNotFound)
			wantError(t, "order with NUL", p.consume(t, user, "A\x00", 1, "k3"), provisioning.ErrNotFound)
			for _, key := range []string{"", strings.Repeat("k", 129), "k\x00", "k\xff"} {
				var invalid *provisioning.Invalid
				if err := p.consume(t, user, "A", 2, key); !errors.As(err, &invalid) {
					t.Errorf("key %q: got error %v, want an *Invalid", key, err)
				}
			}
			wantSame(t, "rows", p.db.Dump(t, p.tenant.ID), before)
			wantError(t, "the other", p.consume(t, user, "A", 2, "k2"), nil)
		}},
		{name: "consumption changes no sign-in", run: func(t *testing.T, p *place) {
			token := p.anna(claims{"credits": []any{grant("A", 1)}})
			user := p.enter(t, token).UserID
			p.mirror(t)
			wantError(t, "consume", p.consume(t, user, "A", 1, "k1"), nil)
			p.wantUnchanged(t, token)
			p.wantPerson(t, user, person{Email: "anna@example.com", Credits: []string{"A/1 consumed"}})
		}},
		{name: "parked", run: func(t *testing.T, p *place) {
			token := p.anna(claims{"credits": []any{grant("A", 77)}})
			first := p.enter(t, token)
			p.mirror(t)
			wantSame(t, "warnings", warnings(first), []string{"credit_parked"})
			p.wantPerson(t, first.UserID, person{Email: "anna@example.com", Credits: []string{"A/77 parked"}})
			wantError(t, "consume", p.consume(t, first.UserID, "A", 77, "k1"), provisioning.ErrNotFound)
			p.wantUnchanged(t, token)
			p.addCredit(t, 77)
			p.wantPerson(t, first.UserID, person{Email: "anna@example.com", Credits: []string{"A/77"}})
			wantError(t, "consume", p.consume(t, first.UserID, "A", 77, "k1"), nil)
			p.wantUnchanged(t, token)
		}},
		{name: "unknown ignored", wish: provisioning.Settings{UnknownCredits: pointer(store.UnknownIgnore)}, run: func(t *testing.T, p *place) {
			token := p.anna(claims{"credits": []any{grant("A", 77), grant("B", 1)}})
			first := p.enter(t, token)
			p.mirror(t)
			wantSame(t, "warnings", warnings(first), []string{"credit_unknown"})
			p.wantPerson(t, first.UserID, person{Email: "anna@example.com", Credits: []string{"B/1"}})
			p.wantUnchanged(t, token)
			p.addCredit(t, 77)
			p.enter(t, token)
			p.wantPerson(t, first.UserID, person{Email: "anna@example.com", Credits: []string{"A/77", "B/1"}})
		}},
		{name: "unknown refused", wish: provisioning.Settings{UnknownCredits: pointer(store.UnknownRefuse)}, run: func(t *testing.T, p *place) {
			p.enter(t, p.anna(nil))
			p.mirror(t)
			token := p.anna(claims{"credits": []any{grant("A", 77)}, "jti": "once"})
			if refusal := p.refused(t, token, provisioning.ClaimInvalid); refusal.Path != "credits" {
				t.Errorf("got path %q, want credits", refusal.Path)
			}
			p.addCredit(t, 77)
			p.enter(t, token)
		}},
		{name: "largest id and longest order", run: func(t *testing.T, p *place) {
			p.mirror(t)
			order := strings.Repeat("\u00e5", 32)
			user := p.enter(t, p.anna(claims{"credits": []any{grant(order, 1<<53-1)}})).UserID
			p.addCredit(t, 1<<53-1)
			p.wantPerson(t, user, person{Email: "anna@example.com", Credits: []string{order + "/9007199254740991"}})
			wantError(t, "consume", p.consume(t, user, order, 1<<53-1, "k"), nil)
		}},
	})
}
