package tokens_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"usher/sessions/tokens"
)

func TestRevoke(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		ctx := t.Context()
		other := m.addClient(t, m.tenant, "other", tokens.FormatJWT, "library")
		otherTenant, _, _ := installed(t, m.db.Open(t, func() time.Time { return *m.at }))
		namesake := m.addClient(t, otherTenant, "lumen", tokens.FormatJWT)
		for _, format := range formats {
			token, beside := m.issue(t, format, "library"), m.issue(t, format, "library")
			revoke := func(tenant string, by tokens.Client, text string) {
				t.Helper()
				if err := m.first.Revoke(ctx, tenant, by, text); err != nil {
					t.Errorf("%s: Revoke: %v", format, err)
				}
			}
			before := len(m.db.Dump(t, m.tenant))
			revoke(m.tenant, other, token)
			revoke(otherTenant, namesake, token)
			revoke(m.tenant, m.client, token+"0")
			revoke(m.tenant, m.client, "nothing")
			m.live(t, format+" after revocations that are none", m.library, token, "library")
			if got := len(m.db.Dump(t, m.tenant)); got != before {
				t.Errorf("%s: got %d rows after revocations that are none, want %d", format, got, before)
			}
			revoke(m.tenant, m.client, token)
			m.dead(t, format+" revoked", m.library, token)
			revoke(m.tenant, m.client, token)
			m.live(t, format+" beside one that is revoked", m.library, beside, "library")
		}
	})
}

// TestParallelRevocations: many revoke one token at two instances; each that has
// its answer, at either, finds the token dead.
func TestParallelRevocations(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		ctx := t.Context()
		for _, format := range formats {
			token, beside := m.issue(t, format, "library"), m.issue(t, format, "library")
			var all sync.WaitGroup
			start := make(chan struct{})
			for n := range 16 {
				here, there := m.first, m.second
				if n%2 == 1 {
					here, there = there, here
				}
				all.Go(func() {
					<-start
					if err := here.Revoke(ctx, m.tenant, m.client, token); err != nil {
						t.Errorf("%s: Revoke: %v", format, err)
						return
					}
					if found, err := there.Introspect(ctx, m.tenant, issuer, asking(m.library), token); !errors.Is(err, tokens.ErrNone) {
						t.Errorf("%s: got %+v, error %v after a revocation, want %v", format, found, err, tokens.ErrNone)
					}
					if _, err := there.Introspect(ctx, m.tenant, issuer, asking(m.library), beside); err != nil {
						t.Errorf("%s: another token: %v", format, err)
					}
				})
			}
			close(start)
			all.Wait()
		}
		if got := m.db.Rows(t, "SELECT count(*) FROM revoked_tokens"); len(got) != 1 || got[0] != "2" {
			t.Errorf("got %v revoked JWTs, want 2", got)
		}
		if got := m.db.Rows(t, "SELECT count(*) FROM access_tokens WHERE revoked_at IS NOT NULL"); len(got) != 1 || got[0] != "1" {
			t.Errorf("got %v revoked reference tokens, want 1", got)
		}
	})
}

// TestSweepAccess: what has run out is deleted, and nothing before.
func TestSweepAccess(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		ctx := t.Context()
		count := func() string {
			return m.db.Rows(t, "SELECT (SELECT count(*) FROM access_tokens) + (SELECT count(*) FROM revoked_tokens)")[0]
		}
		jwt := m.issue(t, tokens.FormatJWT, "")
		m.issue(t, tokens.FormatReference, "")
		if err := m.first.Revoke(ctx, m.tenant, m.client, jwt); err != nil {
			t.Fatal(err)
		}
		*m.at = m.at.Add(3000 * time.Second)
		m.first.Sweep(ctx)
		if got := count(); got != "2" {
			t.Errorf("got %s rows at the end, want 2: other clocks may be behind", got)
		}
		*m.at = m.at.Add(time.Minute)
		m.first.Sweep(ctx)
		if got := count(); got != "0" {
			t.Errorf("got %s rows after the end, want none", got)
		}
	})
}
