package store

import (
	"context"
	"errors"
	"slices"

	"github.com/jmoiron/sqlx"
)

// MergeSide is one of two users who are to become one, with all that it holds.
type MergeSide struct {
	ID      string `db:"id"`
	Version int64  `db:"version"`
	Status  string `db:"status"`
	// MergedInto is the user's id with StatusMerged, else "".
	MergedInto string `db:"merged_into"`
	UserRow
	Belongings
}

// Merger says what is written when one user is merged into another. All
// identities move; the lists hold every row of the one who stays that is new or
// different.
type Merger struct {
	Meta        string // of the one who stays
	Memberships []HeldMembership
	Grants      []HeldGrant
	KeepEntry   JournalEntry // for the journal of the one who stays
	GoneEntry   JournalEntry // for that of the other
	Act         Act
}

// MergeSides returns two users as of one moment, for a preview, or ErrNotFound.
func (s *Store) MergeSides(ctx context.Context, tenant, keep, gone string) (a, b MergeSide, err error) {
	tx, err := s.snapshot(ctx)
	if err != nil {
		return MergeSide{}, MergeSide{}, fault(err)
	}
	defer func() { err = errors.Join(err, fault(tx.Commit())) }()
	if a, err = mergeSide(ctx, tx, tenant, keep); err != nil {
		return a, b, fault(err)
	}
	b, err = mergeSide(ctx, tx, tenant, gone)
	return a, b, fault(err)
}

func mergeSide(ctx context.Context, tx *sqlx.Tx, tenant, user string) (MergeSide, error) {
	var side MergeSide
	err := tx.GetContext(ctx, &side, `
SELECT id, version, status, coalesce(CAST(merged_into AS text), '') AS merged_into, email, email_key, email_verified, first_name, last_name, name, phone, birthdate, locale,
       picture, meta, onboarding
  FROM users WHERE tenant_id = $1 AND id = $2`, tenant, user)
	if err != nil {
		return side, err
	}
	side.Belongings, err = belongings(ctx, tx, tenant, user)
	return side, err
}

// MergeUsers makes the user gone a part of the user keep, as decide says from
// the two as they are, and returns the session epoch of gone to publish. An
// error of decide comes back unaltered and nothing is changed. Doing it again
// only raises the epoch, so that a call that failed half-way can be repeated.
//
// Sign-ins of either wait for the end, and find what they had planned on
// changed: their identity belongs to another user, or their user has another
// version.
func (s *Store) MergeUsers(ctx context.Context, tenant, keep, gone string,
	decide func(keep, gone MergeSide) (Merger, error),
) (epoch int64, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := s.lockPeople(ctx, tx, tenant, keep, gone); err != nil {
			return err
		}
		a, err := mergeSide(ctx, tx, tenant, keep)
		if err != nil {
			return err
		}
		b, err := mergeSide(ctx, tx, tenant, gone)
		if err != nil {
			return err
		}
		if b.MergedInto == keep {
			err := tx.GetContext(ctx, &epoch, `
UPDATE users SET session_epoch = session_epoch + 1 WHERE tenant_id = $1 AND id = $2 RETURNING session_epoch`, tenant, gone)
			if err != nil {
				return err
			}
			return s.owe(ctx, tx, tenant, EndingOfUser, gone, epoch)
		}
		m, err := decide(a, b)
		if err == nil {
			err = m.Act.By.expects(a.Version)
		}
		if err != nil {
			return err
		}
		if err := s.moveBelongings(ctx, tx, tenant, keep, gone, m); err != nil {
			return err
		}
		now := s.now().UTC()
		if _, err := tx.ExecContext(ctx, `
UPDATE users SET version = version + 1, meta = $1, updated_at = $2 WHERE tenant_id = $3 AND id = $4`,
			m.Meta, now, tenant, keep); err != nil {
			return err
		}
		// Who was merged into the one that goes has become the one that stays.
		if _, err := tx.ExecContext(ctx, `
UPDATE users SET merged_into = $1 WHERE tenant_id = $2 AND merged_into = $3`, keep, tenant, gone); err != nil {
			return err
		}
		// The profile stays readable; the address is free for others.
		err = tx.GetContext(ctx, &epoch, `
UPDATE users
   SET status = 'merged', merged_into = $1, version = version + 1, session_epoch = session_epoch + 1,
       email_key = NULL, updated_at = $2
 WHERE tenant_id = $3 AND id = $4 RETURNING session_epoch`, keep, now, tenant, gone)
		if err == nil {
			err = s.owe(ctx, tx, tenant, EndingOfUser, gone, epoch)
		}
		if err != nil {
			return err
		}
		if err := insertJournal(ctx, tx, tenant, keep, now, m.KeepEntry); err != nil {
			return err
		}
		if err := insertJournal(ctx, tx, tenant, gone, now, m.GoneEntry); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, m.Act)
	})
	return epoch, err
}

// lockPeople locks users in the order of their ids, and then their identities:
// the second keeps out unchanged sign-ins, which lock no user.
func (s *Store) lockPeople(ctx context.Context, tx *sqlx.Tx, tenant string, users ...string) error {
	for _, user := range slices.Sorted(slices.Values(users)) {
		var id string
		err := tx.GetContext(ctx, &id,
			`SELECT id FROM users WHERE tenant_id = $1 AND id = $2`+s.dialect.forUpdate(), tenant, user)
		if err != nil {
			return err
		}
	}
	for _, user := range slices.Sorted(slices.Values(users)) {
		var ids []string
		err := tx.SelectContext(ctx, &ids,
			`SELECT id FROM identities WHERE tenant_id = $1 AND user_id = $2 ORDER BY id`+s.dialect.forUpdate(), tenant, user)
		if err != nil {
			return err
		}
	}
	return nil
}

func (s *Store) moveBelongings(ctx context.Context, tx *sqlx.Tx, tenant, keep, gone string, m Merger) error {
	// Nobody's next sign-in may count as unchanged.
	if _, err := tx.ExecContext(ctx, `
UPDATE identities SET user_id = $1, fingerprint = NULL WHERE tenant_id = $2 AND (user_id = $1 OR user_id = $3)`,
		keep, tenant, gone); err != nil {
		return err
	}
	for _, statement := range []string{
		`DELETE FROM group_members WHERE tenant_id = $1 AND user_id = $2`,
		`DELETE FROM grants WHERE tenant_id = $1 AND user_id = $2`,
		`DELETE FROM consents WHERE tenant_id = $1 AND user_id = $2`, // whoever stays is asked
		`DELETE FROM token_grants WHERE tenant_id = $1 AND user_id = $2`,
	} {
		if _, err := tx.ExecContext(ctx, statement, tenant, gone); err != nil {
			return err
		}
	}
	if err := s.moveOrganizations(ctx, tx, tenant, keep, gone); err != nil {
		return err
	}
	if err := s.moveClients(ctx, tx, tenant, keep, gone); err != nil {
		return err
	}
	if err := s.moveClaimValues(ctx, tx, tenant, keep, gone); err != nil {
		return err
	}
	if err := moveSCIMUsers(ctx, tx, tenant, keep, gone); err != nil {
		return err
	}
	for _, r := range m.Memberships {
		if _, err := tx.ExecContext(ctx, `
INSERT INTO group_members (tenant_id, user_id, group_id, source, pinned, created_at) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (user_id, group_id, source, tenant_id)
    DO UPDATE SET pinned = excluded.pinned, created_at = excluded.created_at`,
			tenant, keep, r.GroupID, r.Source, r.Pinned, r.CreatedAt); err != nil {
			return err
		}
	}
	for _, r := range m.Grants {
		if _, err := tx.ExecContext(ctx, `
INSERT INTO grants (tenant_id, user_id, integration_id, order_id, credit_id, granted_at, revoked_at, consumed_at, consumed_by)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)
    ON CONFLICT (tenant_id, user_id, integration_id, order_id, credit_id)
    DO UPDATE SET granted_at = excluded.granted_at, revoked_at = excluded.revoked_at,
                  consumed_at = excluded.consumed_at, consumed_by = excluded.consumed_by`,
			tenant, keep, r.IntegrationID, r.OrderID, r.CreditID, r.GrantedAt, r.RevokedAt, r.ConsumedAt, r.ConsumedBy); err != nil {
			return err
		}
	}
	return nil
}
