package store

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
)

// Values of User.Status.
const (
	StatusActive   = "active"
	StatusDisabled = "disabled" // signs in nowhere until an admin enables it
	StatusErased   = "erased"   // personal data gone; see Tombstones of Inquiry
	StatusMerged   = "merged"   // has become another user, who holds all it held
)

// User is a person of one tenant.
type User struct {
	ID           string `json:"id"`
	Version      int64  `json:"version"`
	Status       string `json:"status"`
	SessionEpoch int64  `json:"session_epoch"` // grows when all sessions of the user must end
	UserRow
}

// UserRow is what a sign-in may write of a user.
type UserRow struct {
	Email         string  `json:"email" db:"email"`         // as sent
	EmailKey      *string `json:"email_key" db:"email_key"` // as compared; nil = none
	EmailVerified *bool   `json:"email_verified" db:"email_verified"`
	FirstName     string  `json:"first_name" db:"first_name"`
	LastName      string  `json:"last_name" db:"last_name"`
	Name          string  `json:"name" db:"name"`
	Phone         string  `json:"phone" db:"phone"`
	Birthdate     string  `json:"birthdate" db:"birthdate"` // YYYY-MM-DD or ""
	Locale        string  `json:"locale" db:"locale"`
	Picture       string  `json:"picture" db:"picture"`
	Meta          string  `json:"meta" db:"meta"` // a JSON object
	Onboarding    bool    `json:"onboarding" db:"onboarding"`
}

// Member says that a source puts a user into a group.
type Member struct {
	UserID     string `json:"user_id"`
	GroupID    string `json:"group_id"`
	ExternalID string `json:"external_id"` // of the group
	Source     string `json:"source"`      // an integration's id, or ManualSource
	Pinned     bool   `json:"pinned"`      // manual rows only: no sync removes it
}

// ManualSource is the source of memberships that an admin made by hand.
const ManualSource = "00000000-0000-0000-0000-000000000000"

// Grant is the state of one credit of one user.
type Grant struct {
	UserID   string `json:"user_id"`
	OrderID  string `json:"order_id"`
	CreditID int64  `json:"credit_id"`
	Revoked  bool   `json:"revoked"`
}

// Profile is a user as the application sees it.
type Profile struct {
	ID         string
	Version    int64 // grows with every change of the user, its memberships or its grants
	Status     string
	MergedInto string // the user's id with StatusMerged, else ""
	CreatedAt  time.Time
	UserRow
	Groups  []Group         // by external id, each once
	Credits []GrantedCredit // not revoked, by order and credit id
}

// Active reports whether the user may be signed in.
func (p Profile) Active() bool { return p.Status == StatusActive }

// GrantedCredit is a grant that holds.
type GrantedCredit struct {
	IntegrationID string     `json:"integration_id"`
	OrderID       string     `json:"order_id"`
	ID            int64      `json:"id"`
	Name          string     `json:"name"`   // "" while parked
	Parked        bool       `json:"parked"` // the catalogue has no such id yet
	GrantedAt     time.Time  `json:"-"`
	ConsumedAt    *time.Time `json:"-"`
	Consumed      bool       `json:"consumed"`
}

// Profile returns a user with groups and credits, in one round trip, or
// ErrNotFound.
func (s *Store) Profile(ctx context.Context, tenant, user string) (Profile, error) {
	profiles, err := s.profiles(ctx, tenant, "id", user)
	if err != nil {
		return Profile{}, err
	}
	if len(profiles) == 0 {
		return Profile{}, ErrNotFound
	}
	return profiles[0], nil
}

// ProfileByEmail finds a user by the compared form of the e-mail, or returns
// ErrNotFound.
func (s *Store) ProfileByEmail(ctx context.Context, tenant, emailKey string) (Profile, error) {
	profiles, err := s.profiles(ctx, tenant, "email_key", emailKey)
	if err != nil {
		return Profile{}, err
	}
	if len(profiles) == 0 {
		return Profile{}, ErrNotFound
	}
	return profiles[0], nil
}

func (s *Store) profiles(ctx context.Context, tenant, column, value string) ([]Profile, error) {
	stmt, err := s.stmt(ctx, s.read, s.dialect.profileQuery()+`
 WHERE u.tenant_id = $1 AND u.`+column+` = $2`)
	if err != nil {
		return nil, fault(err)
	}
	rows, err := stmt.QueryxContext(ctx, tenant, value)
	if err != nil {
		return nil, fault(err)
	}
	return scanProfiles(rows)
}

// profileQuery reads profiles of users u of the tenant $1. What chooses them
// follows.
func (d dialect) profileQuery() string {
	object, array := d.jsonObject(), d.jsonArray()
	return `
SELECT u.id, u.version, u.status, coalesce(CAST(u.merged_into AS text), '') AS merged_into, u.created_at, u.email,
       u.email_key, u.email_verified, u.first_name, u.last_name, u.name,
       u.phone, u.birthdate, u.locale, u.picture, u.meta, u.onboarding,
       coalesce((SELECT ` + array + `(` + object + `('id', g.id, 'external_id', g.external_id, 'name', g.name))
            FROM groups g WHERE g.tenant_id = $1 AND g.id IN
                (SELECT group_id FROM group_members WHERE tenant_id = $1 AND user_id = u.id)), '[]') AS groups,
       coalesce((SELECT ` + array + `(` + object + `('integration_id', r.integration_id, 'order_id', r.order_id,
                'id', r.credit_id, 'name', coalesce(c.name, ''),
                'parked', CASE WHEN c.id IS NULL THEN json('true') ELSE json('false') END,
                'consumed', CASE WHEN r.consumed_at IS NULL THEN json('false') ELSE json('true') END))
            FROM grants r LEFT JOIN credits c ON c.tenant_id = r.tenant_id AND c.id = r.credit_id
            WHERE r.tenant_id = $1 AND r.user_id = u.id AND r.revoked_at IS NULL), '[]') AS credits
  FROM users u`
}

// scanProfiles reads the answer to a profileQuery and closes it.
func scanProfiles(rows *sqlx.Rows) ([]Profile, error) {
	defer func() { _ = rows.Close() }()
	var profiles []Profile
	for rows.Next() {
		var row struct {
			ID         string    `db:"id"`
			Version    int64     `db:"version"`
			Status     string    `db:"status"`
			MergedInto string    `db:"merged_into"`
			CreatedAt  time.Time `db:"created_at"`
			UserRow
			Groups  string `db:"groups"`
			Credits string `db:"credits"`
		}
		if err := rows.StructScan(&row); err != nil {
			return nil, fault(err)
		}
		p := Profile{
			ID: row.ID, Version: row.Version, Status: row.Status, MergedInto: row.MergedInto, CreatedAt: row.CreatedAt,
			UserRow: row.UserRow,
		}
		if err := json.Unmarshal([]byte(row.Groups), &p.Groups); err != nil {
			return nil, fmt.Errorf("store: groups of a user: %w", err)
		}
		if err := json.Unmarshal([]byte(row.Credits), &p.Credits); err != nil {
			return nil, fmt.Errorf("store: credits of a user: %w", err)
		}
		p.sort()
		profiles = append(profiles, p)
	}
	return profiles, fault(rows.Err())
}

// SetDisabled disables or enables a user and returns the session epoch to
// publish: sessions of an earlier epoch must end. Disabling again raises the
// epoch again, so that a call that failed half-way can be repeated; the journal
// tells it once. It returns ErrMerged for a user who was merged into another.
func (s *Store) SetDisabled(ctx context.Context, tenant, user string, disabled bool, entry JournalEntry, act Act) (epoch int64, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		var version int64
		err := tx.GetContext(ctx, &version,
			`SELECT version FROM users WHERE tenant_id = $1 AND id = $2`+s.dialect.forUpdate(), tenant, user)
		if err == nil {
			err = act.By.expects(version)
		}
		if err == nil {
			epoch, err = s.disable(ctx, tx, tenant, user, disabled, entry)
		}
		if err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return epoch, err
}

// disable disables or enables a user whose row is locked.
func (s *Store) disable(ctx context.Context, tx *sqlx.Tx, tenant, user string, disabled bool, entry JournalEntry) (epoch int64, err error) {
	var status string
	if err := tx.GetContext(ctx, &status, `SELECT status FROM users WHERE tenant_id = $1 AND id = $2`, tenant, user); err != nil {
		return 0, err
	}
	next := StatusActive
	if disabled {
		next = StatusDisabled
	}
	if status == StatusMerged {
		return 0, ErrMerged
	}
	if status == StatusErased {
		// Enabling an erased person lifts the tombstones; the row stays
		// erased, and the person can come back as somebody new.
		next = StatusErased
		if !disabled {
			if _, err := tx.ExecContext(ctx,
				`DELETE FROM tombstones WHERE tenant_id = $1 AND user_id = $2`, tenant, user); err != nil {
				return 0, err
			}
		}
	}
	raise := 0
	if disabled {
		raise = 1
	}
	err = tx.GetContext(ctx, &epoch, `
UPDATE users SET status = $1, version = version + 1, session_epoch = session_epoch + $2, updated_at = $3
 WHERE tenant_id = $4 AND id = $5 RETURNING session_epoch`, next, raise, s.now().UTC(), tenant, user)
	if err == nil && disabled {
		err = s.owe(ctx, tx, tenant, EndingOfUser, user, epoch)
	}
	if err != nil {
		return 0, err
	}
	if status == next && status != StatusErased {
		return epoch, nil // nothing has changed that others would want to know
	}
	return epoch, insertJournal(ctx, tx, tenant, user, s.now().UTC(), entry)
}

// Erasure is what is kept of an erased person: digests under which nobody can
// be read, but the person is recognised.
type Erasure struct {
	Subject func(integration, subject string) []byte
	Email   func(emailKey string) []byte
}

// Erase removes a user's personal data, memberships of groups and organizations,
// grants and identities, those of the users merged into this one included, and
// blanks the entries of the sign-in log. It leaves tombstones, and returns the session epoch to
// publish, or ErrMerged for a user who was merged into another.
func (s *Store) Erase(ctx context.Context, tenant, user string, keep Erasure, entry JournalEntry, act Act) (epoch int64, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		var found struct {
			Status   string  `db:"status"`
			EmailKey *string `db:"email_key"`
			Version  int64   `db:"version"`
		}
		err := tx.GetContext(ctx, &found,
			`SELECT status, email_key, version FROM users WHERE tenant_id = $1 AND id = $2`+s.dialect.forUpdate(), tenant, user)
		if err == nil {
			err = act.By.expects(found.Version)
		}
		if err != nil {
			return err
		}
		if found.Status == StatusMerged {
			return ErrMerged
		}
		var identities []Identity
		err = tx.SelectContext(ctx, &identities, `
SELECT id, integration_id, user_id, subject, email_key, applied_at
  FROM identities WHERE tenant_id = $1 AND user_id = $2 ORDER BY id`, tenant, user)
		if err != nil {
			return err
		}
		var digests [][]byte
		var emails []string
		if found.EmailKey != nil {
			digests = append(digests, keep.Email(*found.EmailKey))
			emails = append(emails, *found.EmailKey)
		}
		for _, id := range identities {
			if id.Subject != nil {
				digests = append(digests, keep.Subject(id.IntegrationID, *id.Subject))
			}
			if id.EmailKey != nil {
				digests = append(digests, keep.Email(*id.EmailKey))
				emails = append(emails, *id.EmailKey)
			}
		}
		for _, digest := range digests {
			if _, err := tx.ExecContext(ctx, `
INSERT INTO tombstones (tenant_id, digest, user_id) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
				tenant, digest, user); err != nil {
				return err
			}
		}
		for _, statement := range []string{
			`DELETE FROM identities WHERE tenant_id = $1 AND user_id = $2`,
			`DELETE FROM group_members WHERE tenant_id = $1 AND user_id = $2`,
			`DELETE FROM organization_members WHERE tenant_id = $1 AND user_id = $2`,
			`DELETE FROM grants WHERE tenant_id = $1 AND user_id = $2`,
			`DELETE FROM claim_values WHERE tenant_id = $1 AND user_id = $2`,
			`DELETE FROM consents WHERE tenant_id = $1 AND user_id = $2`,
			`DELETE FROM token_grants WHERE tenant_id = $1 AND user_id = $2`, // their attributes can say anything
			`DELETE FROM scim_users WHERE tenant_id = $1 AND user_id = $2`,
			// Its details quote names and e-mails, and so do those of the users
			// who were merged into this one.
			`DELETE FROM journal WHERE tenant_id = $1 AND (user_id = $2
			    OR user_id IN (SELECT id FROM users WHERE tenant_id = $1 AND merged_into = $2))`,
		} {
			if _, err := tx.ExecContext(ctx, statement, tenant, user); err != nil {
				return err
			}
		}
		if err := deleteClientsOf(ctx, tx, tenant, user); err != nil {
			return err
		}
		if err := s.blankSignIns(ctx, tx, tenant, user, emails); err != nil {
			return err
		}
		const nothing = `email = '', email_key = NULL, email_verified = NULL, first_name = '', last_name = '', name = '',
       phone = '', birthdate = '', locale = '', picture = '', meta = '{}', onboarding = false, updated_at = $1`
		if _, err := tx.ExecContext(ctx, `
UPDATE users SET `+nothing+` WHERE tenant_id = $2 AND merged_into = $3`, s.now().UTC(), tenant, user); err != nil {
			return err
		}
		err = tx.GetContext(ctx, &epoch, `
UPDATE users
   SET status = 'erased', version = version + 1, session_epoch = session_epoch + 1, `+nothing+`
 WHERE tenant_id = $2 AND id = $3 RETURNING session_epoch`, s.now().UTC(), tenant, user)
		if err == nil {
			err = s.owe(ctx, tx, tenant, EndingOfUser, user, epoch)
		}
		if err != nil {
			return err
		}
		if err := insertJournal(ctx, tx, tenant, user, s.now().UTC(), entry); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return epoch, err
}

// SignOut returns a user's new session epoch to publish: sessions of an earlier
// one must end. Doing it again raises the epoch again, so that a call that
// failed half-way can be repeated.
func (s *Store) SignOut(ctx context.Context, tenant, user string, entry JournalEntry, act Act) (epoch int64, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		// The version stays: nothing that a sign-in decides on has changed.
		err := tx.GetContext(ctx, &epoch, `
UPDATE users SET session_epoch = session_epoch + 1 WHERE tenant_id = $1 AND id = $2 RETURNING session_epoch`, tenant, user)
		if err == nil {
			err = s.owe(ctx, tx, tenant, EndingOfUser, user, epoch)
		}
		if err != nil {
			return err
		}
		if err := insertJournal(ctx, tx, tenant, user, s.now().UTC(), entry); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return epoch, err
}

// NoteOfUser writes an act on a user that changes nothing here, or returns
// ErrNotFound.
func (s *Store) NoteOfUser(ctx context.Context, tenant, user string, entry JournalEntry, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var id string
		if err := tx.GetContext(ctx, &id, `SELECT id FROM users WHERE tenant_id = $1 AND id = $2`, tenant, user); err != nil {
			return err
		}
		if err := insertJournal(ctx, tx, tenant, user, s.now().UTC(), entry); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// FinishOnboarding notes that the person has opened the onboarding page.
func (s *Store) FinishOnboarding(ctx context.Context, tenant, user string) error {
	_, err := s.write.ExecContext(ctx, `
UPDATE users SET onboarding = $1 WHERE tenant_id = $2 AND id = $3 AND onboarding`, false, tenant, user)
	return fault(err)
}

// ErrMerged means that the user has become another one, who is the one to act
// on.
var ErrMerged = errors.New("the user was merged into another")

// ErrConsumed means that a credit was consumed by another request before.
var ErrConsumed = errors.New("the credit is consumed already")

// Consume marks a granted credit as consumed by the request that key names.
// Repeating the same request changes nothing and succeeds; it returns
// ErrNotFound when no such grant holds or the credit is parked, ErrConsumed
// when another request was first, and ErrTaken when key has consumed another
// credit. entry goes into the user's journal; what the application does all day
// is not an act for the audit log.
func (s *Store) Consume(ctx context.Context, tenant, user, integration string, grant GrantKey, key string, entry JournalEntry) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		// The lock order of sign-ins: the user row guards its grants.
		var id string
		err := tx.GetContext(ctx, &id,
			`SELECT id FROM users WHERE tenant_id = $1 AND id = $2`+s.dialect.forUpdate(), tenant, user)
		if err != nil {
			return err
		}
		var by *string
		err = tx.GetContext(ctx, &by, `
SELECT g.consumed_by FROM grants g JOIN credits c ON c.tenant_id = g.tenant_id AND c.id = g.credit_id
 WHERE g.tenant_id = $1 AND g.user_id = $2 AND g.integration_id = $3 AND g.order_id = $4 AND g.credit_id = $5
   AND g.revoked_at IS NULL`, tenant, user, integration, grant.OrderID, grant.CreditID)
		if err != nil {
			return err
		}
		if by != nil {
			if *by == key {
				return nil
			}
			return ErrConsumed
		}
		_, err = tx.ExecContext(ctx, `
UPDATE grants SET consumed_at = $1, consumed_by = $2
 WHERE tenant_id = $3 AND user_id = $4 AND integration_id = $5 AND order_id = $6 AND credit_id = $7`,
			s.now().UTC(), key, tenant, user, integration, grant.OrderID, grant.CreditID)
		if err != nil {
			return err
		}
		return insertJournal(ctx, tx, tenant, user, s.now().UTC(), entry)
	})
}

// sort puts lists into the order in which they are shown.
func (p *Profile) sort() {
	slices.SortFunc(p.Groups, func(a, b Group) int { return cmp.Compare(a.ExternalID, b.ExternalID) })
	slices.SortFunc(p.Credits, func(a, b GrantedCredit) int {
		return cmp.Or(cmp.Compare(a.OrderID, b.OrderID), cmp.Compare(a.ID, b.ID),
			cmp.Compare(a.IntegrationID, b.IntegrationID))
	})
}
