package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"

	sqlite3 "modernc.org/sqlite/lib"
)

// Consent is what a person has allowed a client, once and for all.
type Consent struct {
	Client   string // the id of the client's row
	ClientID string // by which it calls itself
	Name     string // the client's, for people
	Scopes   []string
	GivenAt  time.Time // the last time that the person was asked
}

type consentRow struct {
	Client   string    `db:"client"`
	ClientID string    `db:"client_id"`
	Name     string    `db:"name"`
	Scopes   string    `db:"scopes"`
	GivenAt  time.Time `db:"given_at"`
}

// consentTo is the statement of ConsentTo.
const consentTo = `SELECT scopes, given_at FROM consents WHERE client = $1 AND user_id = $2 AND tenant_id = $3`

// ConsentTo returns the scopes that a person has allowed a client, sorted, and
// when; none for somebody who was never asked.
func (s *Store) ConsentTo(ctx context.Context, tenant, client, user string) (scopes []string, at time.Time, err error) {
	stmt, err := s.stmt(ctx, s.read, consentTo)
	if err != nil {
		return nil, time.Time{}, fault(err)
	}
	var rows []consentRow
	if err := stmt.SelectContext(ctx, &rows, client, user, tenant); err != nil {
		return nil, time.Time{}, fault(err)
	}
	return consented(rows)
}

// consented reads no row or one.
func consented(rows []consentRow) (scopes []string, at time.Time, err error) {
	if len(rows) == 0 {
		return nil, time.Time{}, nil
	}
	if err := json.Unmarshal([]byte(rows[0].Scopes), &scopes); err != nil {
		return nil, time.Time{}, fmt.Errorf("store: scopes of a consent: %w", err)
	}
	return scopes, rows[0].GivenAt, nil
}

// GiveConsent adds scopes to what a person has allowed a client, of which those go
// that were made anew since. The error is
// ErrNotFound when the client is gone or disabled by now, or the person is not
// active.
func (s *Store) GiveConsent(ctx context.Context, tenant, client, user string, scopes []string, at time.Time) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var rows []consentRow
		err := tx.SelectContext(ctx, &rows, consentTo+s.dialect.forUpdate(), client, user, tenant)
		if err != nil {
			return err
		}
		all, then, err := consented(rows)
		if err != nil {
			return err
		}
		made, err := s.scopesMade(ctx, tx, tenant, all)
		if err != nil {
			return err
		}
		all = slices.DeleteFunc(all, func(name string) bool { return made[name].After(then) })
		all = append(all, scopes...)
		slices.Sort(all)
		list, err := json.Marshal(nonNil(slices.Compact(all)))
		if err != nil {
			return fmt.Errorf("store: scopes of a consent: %w", err)
		}
		result, err := tx.ExecContext(ctx, `
INSERT INTO consents (tenant_id, client, user_id, scopes, given_at)
SELECT c.tenant_id, c.id, u.id, $1, $2
  FROM clients c JOIN users u ON u.tenant_id = c.tenant_id
 WHERE c.id = $3 AND c.tenant_id = $4 AND NOT c.disabled AND u.id = $5 AND u.status = 'active'
    ON CONFLICT (client, user_id, tenant_id) DO UPDATE SET scopes = excluded.scopes, given_at = excluded.given_at`,
			string(list), at.UTC(), client, tenant, user)
		if violates(err, pqForeignKey, sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY) {
			return errors.Join(ErrNotFound, err)
		} else if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			return errors.Join(ErrNotFound, err)
		}
		return nil
	})
}

// Consents returns what a person has allowed to clients with a client id above
// the given one ("" = from the start), in that order, at most limit.
func (s *Store) Consents(ctx context.Context, tenant, user, after string, limit int) ([]Consent, error) {
	var rows []consentRow
	err := s.read.SelectContext(ctx, &rows, `
SELECT o.client, c.client_id, c.name, o.scopes, o.given_at
  FROM consents o JOIN clients c ON c.id = o.client AND c.tenant_id = o.tenant_id
 WHERE o.user_id = $1 AND o.tenant_id = $2 AND c.client_id > $3 ORDER BY c.client_id LIMIT $4`, user, tenant, after, limit)
	if err != nil {
		return nil, fault(err)
	}
	consents := make([]Consent, 0, len(rows))
	for _, row := range rows {
		scopes, _, err := consented([]consentRow{row})
		if err != nil {
			return nil, err
		}
		consents = append(consents, Consent{Client: row.Client, ClientID: row.ClientID, Name: row.Name, Scopes: scopes, GivenAt: row.GivenAt})
	}
	return consents, nil
}

// WithdrawConsent forgets what a person has allowed a client, and ends every
// family of grants in which the client has one of that person, whether they were
// asked or not. The error is ErrNotFound when there is neither.
func (s *Store) WithdrawConsent(ctx context.Context, tenant, client, user string, at time.Time, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var changed int64
		for _, do := range []struct {
			statement string
			args      []any
		}{
			{`DELETE FROM consents WHERE client = $1 AND user_id = $2 AND tenant_id = $3`, []any{client, user, tenant}},
			{`
UPDATE token_grants SET revoked_at = $4
 WHERE tenant_id = $3 AND user_id = $2 AND revoked_at IS NULL AND id IN
    (SELECT family FROM token_grants WHERE client = $1 AND user_id = $2 AND tenant_id = $3 AND expires_at > $4)`, []any{client, user, tenant, at.UTC()}},
		} {
			result, err := tx.ExecContext(ctx, do.statement, do.args...)
			if err != nil {
				return err
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			changed += n
		}
		if changed == 0 {
			return ErrNotFound
		}
		return s.record(ctx, tx, tenant, act)
	})
}
