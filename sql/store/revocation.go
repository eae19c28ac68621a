package store

import (
	"context"

	"github.com/jmoiron/sqlx"
)

// Revocation is what a partner has said of one of its people by a signed event:
// that the sessions end, and perhaps that the person shall not come in again.
type Revocation struct {
	TenantID      string
	IntegrationID string
	Revision      int64 // of the integration, as the token was verified under it
	Subject       string
	Disable       bool
	Token         UsedToken
	Entry         JournalEntry          // in the person's journal
	Act           func(user string) Act // in the audit log
}

// Revoked is what has come of a Revocation.
type Revoked struct {
	Outcome Outcome // Applied, Replayed or Moved; with the last two nothing is written
	Known   bool    // the integration knows the person; else nothing is written
	UserID  string
	Epoch   int64 // to publish: sessions of an earlier one must end
}

// Revoke spends the token, raises the person's session epoch and, where asked,
// disables the person, as one unit.
func (s *Store) Revoke(ctx context.Context, r Revocation) (Revoked, error) {
	var done Revoked
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		done = Revoked{Outcome: Moved}
		var current []bool
		err := tx.SelectContext(ctx, &current, `
SELECT revision = $1 FROM integrations WHERE id = $2 AND tenant_id = $3 AND removed_at IS NULL`+s.dialect.forShare(),
			r.Revision, r.IntegrationID, r.TenantID)
		if err != nil || len(current) == 0 || !current[0] {
			return err
		}
		var found []struct {
			Identity string `db:"id"`
			User     string `db:"user_id"`
		}
		if err := tx.SelectContext(ctx, &found, `
SELECT id, user_id FROM identities WHERE subject = $1 AND integration_id = $2 AND tenant_id = $3`,
			r.Subject, r.IntegrationID, r.TenantID); err != nil {
			return err
		}
		if len(found) == 0 {
			done.Outcome = Applied
			return nil
		}
		spent, err := spend(ctx, tx, r, found[0].Identity)
		if err != nil {
			return err
		}
		if !spent {
			done.Outcome = Replayed
			return nil
		}
		done = Revoked{Outcome: Applied, Known: true, UserID: found[0].User}
		return s.revoke(ctx, tx, r, &done)
	})
	return done, err
}

// spend records the use of the token, and reports whether it was the first, or
// one of this very attempt whose answer was lost. Its iat is left out: an event
// says nothing about the person's data, which a link may bring in any order.
func spend(ctx context.Context, tx *sqlx.Tx, r Revocation, identity string) (bool, error) {
	if _, err := tx.ExecContext(ctx, `
INSERT INTO used_tokens (tenant_id, integration_id, token_key, identity_id, issued_at, attempt, not_after, expires_at)
VALUES ($1, $2, $3, $4, NULL, $5, $6, $7) ON CONFLICT DO NOTHING`,
		r.TenantID, r.IntegrationID, []byte(r.Token.Key), identity, r.Token.Attempt, r.Token.NotAfter, r.Token.NotAfter); err != nil {
		return false, err
	}
	var ours bool
	err := tx.GetContext(ctx, &ours, `
SELECT attempt = $1 FROM used_tokens WHERE token_key = $2 AND integration_id = $3 AND tenant_id = $4`,
		r.Token.Attempt, []byte(r.Token.Key), r.IntegrationID, r.TenantID)
	return ours, err
}

// revoke is what Revoke does to the person.
func (s *Store) revoke(ctx context.Context, tx *sqlx.Tx, r Revocation, done *Revoked) error {
	// As for an administrator: a sign-out leaves the version, a disabling does not.
	change := `session_epoch = session_epoch + 1`
	if r.Disable {
		change += `, version = version + 1, status = CASE WHEN status = '` + StatusActive + `' THEN '` + StatusDisabled + `' ELSE status END`
	}
	var status string
	if err := tx.GetContext(ctx, &status,
		`SELECT status FROM users WHERE id = $1 AND tenant_id = $2`+s.dialect.forUpdate(), done.UserID, r.TenantID); err != nil {
		return err
	}
	now := s.now().UTC()
	if err := tx.GetContext(ctx, &done.Epoch, `
UPDATE users SET `+change+`, updated_at = $1 WHERE id = $2 AND tenant_id = $3 RETURNING session_epoch`,
		now, done.UserID, r.TenantID); err != nil {
		return err
	}
	if err := s.owe(ctx, tx, r.TenantID, EndingOfUser, done.UserID, done.Epoch); err != nil {
		return err
	}
	if !r.Disable || status == StatusActive {
		if err := insertJournal(ctx, tx, r.TenantID, done.UserID, now, r.Entry); err != nil {
			return err
		}
	}
	return s.record(ctx, tx, r.TenantID, r.Act(done.UserID))
}
