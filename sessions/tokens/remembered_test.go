package tokens_test

import (
	"errors"
	"testing"
	"time"

	"usher/sessions/tokens"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// known has both instances remember a token.
func (m *machines) known(t *testing.T, format, token string) {
	t.Helper()
	for range 3 { // the first reading of changes loses what was remembered before
		m.live(t, format, m.library, token, "library library:read")
	}
}

// TestRememberedEnds: what passes by itself passes for what is remembered too.
func TestRememberedEnds(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		for _, format := range formats {
			token := m.issue(t, format, "")
			m.known(t, format, token)
			if found, err := m.first.Introspect(t.Context(), m.tenant, "https://elsewhere.example", asking(m.library), token); format != tokens.FormatReference && !errors.Is(err, tokens.ErrNone) {
				t.Errorf("%s of another issuer: got %+v, error %v", format, found, err)
			}
			*m.at = m.at.Add(3000*time.Second - 5*time.Second)
			m.known(t, format, token)
			*m.at = m.at.Add(5 * time.Second)
			m.dead(t, format+" at its end", m.library, token)
		}
		token := m.issue(t, tokens.FormatJWT, "")
		m.known(t, tokens.FormatJWT, token)
		m.db.Exec(t, `UPDATE signing_keys SET gone_at = $1 WHERE tenant_id = $2`, *m.at, m.tenant)
		*m.at = m.at.Add(6 * time.Second)
		m.dead(t, "a JWT whose key is gone", m.library, token)

		n, secret, err := m.first.AddConnection(t.Context(), m.tenant, tokens.NewConnection{Name: "ending"}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		secrets, err := m.first.Secrets(t.Context(), m.tenant, tokens.OfConnection, n.ID)
		if err != nil || len(secrets) != 1 {
			t.Fatalf("got secrets %v, error %v", secrets, err)
		}
		if err := m.first.RetireSecret(t.Context(), m.tenant, tokens.OfConnection, n.ID, secrets[0].ID, m.at.Add(5*time.Second), byTest); err != nil {
			t.Fatal(err)
		}
		for range 3 {
			_, err := m.second.AuthenticateConnection(t.Context(), m.tenant, "ending", secret)
			wants(t, "before the planned end", err, nil)
		}
		*m.at = m.at.Add(5 * time.Second)
		_, err = m.second.AuthenticateConnection(t.Context(), m.tenant, "ending", secret)
		wants(t, "at the planned end", err, tokens.ErrInvalidClient)
	})
}

// TestRememberedAtMost: a change that nobody can read is met when what is
// remembered has grown old, and not before: so much for what memory does.
func TestRememberedAtMost(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		for _, format := range formats {
			token := m.issue(t, format, "")
			m.known(t, format, token)
			if err := m.first.Revoke(t.Context(), m.tenant, m.client, token); err != nil {
				t.Fatal(err)
			}
			m.db.Exec(t, `DELETE FROM token_changes`)
			*m.at = m.at.Add(29 * time.Second)
			m.live(t, format+" without the change", m.library, token, "library library:read")
			*m.at = m.at.Add(time.Second)
			m.dead(t, format+" grown old", m.library, token)
		}
	})
}

// TestRememberedFault: what is remembered is worth nothing while the database
// cannot be asked for changes.
func TestRememberedFault(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		m := newMachines(t, db)
		_, secret, err := m.first.AddConnection(t.Context(), m.tenant, tokens.NewConnection{Name: "asking"}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		token := m.issue(t, tokens.FormatReference, "")
		m.known(t, tokens.FormatReference, token)
		for range 3 {
			_, err := m.first.AuthenticateConnection(t.Context(), m.tenant, "asking", secret)
			wants(t, "before", err, nil)
		}
		m.db.Exec(t, `ALTER TABLE token_changes RENAME TO away`)
		if _, err := m.first.Introspect(t.Context(), m.tenant, issuer, asking(m.library), token); err == nil || errors.Is(err, tokens.ErrNone) {
			t.Errorf("Introspect: got error %v, want a fault", err)
		}
		if _, err := m.first.AuthenticateConnection(t.Context(), m.tenant, "asking", secret); err == nil || errors.Is(err, tokens.ErrInvalidClient) {
			t.Errorf("AuthenticateConnection: got error %v, want a fault", err)
		}
		m.db.Exec(t, `ALTER TABLE away RENAME TO token_changes`)
		m.live(t, "mended", m.library, token, "library library:read")
	})
}

// TestSecretUse: the last use of a secret that is remembered is noted about once
// a minute.
func TestSecretUse(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		n, secret, err := m.first.AddConnection(t.Context(), m.tenant, tokens.NewConnection{Name: "used"}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		noted := m.at.Add(-time.Hour)
		for second := range 150 {
			for _, instance := range []*tokens.Tokens{m.first, m.second} {
				if _, err := instance.AuthenticateConnection(t.Context(), m.tenant, "used", secret); err != nil {
					t.Fatal(err)
				}
			}
			secrets, err := m.first.Secrets(t.Context(), m.tenant, tokens.OfConnection, n.ID)
			if err != nil || secrets[0].UsedAt == nil {
				t.Fatalf("got %+v, error %v", secrets, err)
			}
			used := *secrets[0].UsedAt
			if age := m.at.Sub(used); age < 0 || age >= time.Minute {
				t.Fatalf("after %d s: the last use was noted %v ago", second, age)
			}
			if !used.Equal(noted) && used.Sub(noted) < 20*time.Second {
				t.Errorf("after %d s: noted after %v already", second, used.Sub(noted))
			}
			noted = used
			*m.at = m.at.Add(time.Second)
		}
	})
}

// TestEndedWhileItIsRead: what ends after an answer was read, and is known to have
// ended before the answer is remembered, has ended all the same.
func TestEndedWhileItIsRead(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		s := m.db.Open(t, func() time.Time { return *m.at })
		instance := open(s, func() time.Time { return *m.at })
		introspect := func(token string) error {
			_, err := instance.Introspect(t.Context(), m.tenant, issuer, asking(m.library), token)
			return err
		}
		// between runs something right after the next statement.
		var between func()
		s.Watch(func(string, time.Duration, bool) {
			if now := between; now != nil {
				between = nil
				now()
			}
		})
		for _, format := range formats {
			beside := m.issue(t, format, "")
			for range 3 {
				wants(t, "beside", introspect(beside), nil)
			}
			token := m.issue(t, format, "")
			between = func() {
				if err := m.first.Revoke(t.Context(), m.tenant, m.client, token); err != nil {
					t.Error(err)
				}
				wants(t, "beside, which reads the change", introspect(beside), nil)
			}
			wants(t, format+": the answer of before", introspect(token), nil)
			wants(t, format+": afterwards", introspect(token), tokens.ErrNone)
		}
		n, secret, err := m.first.AddConnection(t.Context(), m.tenant, tokens.NewConnection{Name: "ending"}, byTest)
		if err != nil {
			t.Fatal(err)
		}
		beside := m.issue(t, tokens.FormatReference, "")
		wants(t, "beside", introspect(beside), nil)
		between = func() {
			if err := m.first.DeleteConnection(t.Context(), m.tenant, n.ID, byTest); err != nil {
				t.Error(err)
			}
			wants(t, "beside, which reads the change", introspect(beside), nil)
		}
		_, err = instance.AuthenticateConnection(t.Context(), m.tenant, "ending", secret)
		wants(t, "the connection of before", err, nil)
		_, err = instance.AuthenticateConnection(t.Context(), m.tenant, "ending", secret)
		wants(t, "the connection afterwards", err, tokens.ErrInvalidClient)
	})
}

// TestSweepChanges: changes go at the second sweep that finds them, when the
// database's own clock says that the first one is long past.
func TestSweepChanges(t *testing.T) {
	eachMachines(t, func(t *testing.T, m *machines) {
		left := func(what string, want int) {
			t.Helper()
			if got := len(m.db.Rows(t, `SELECT subject FROM token_changes`)); got != want {
				t.Errorf("%s: got %d changes, want %d", what, got, want)
			}
		}
		revoke := func() {
			t.Helper()
			if err := m.first.Revoke(t.Context(), m.tenant, m.client, m.issue(t, tokens.FormatJWT, "")); err != nil {
				t.Fatal(err)
			}
		}
		m.db.Exec(t, `DELETE FROM token_changes`)
		revoke()
		m.first.Sweep(t.Context())
		left("the first sweep", 1)
		revoke()
		*m.at = m.at.Add(5 * time.Minute)
		m.first.Sweep(t.Context())
		if m.db.Kind == testenv.Postgres {
			left("the second sweep, by a clock that has not moved", 2)
			return
		}
		left("the second sweep", 1)
		m.first.Sweep(t.Context())
		left("another at once", 1)
		*m.at = m.at.Add(5 * time.Minute)
		m.first.Sweep(t.Context())
		left("the third sweep", 0)
	})
}
