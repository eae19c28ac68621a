package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// SCIMUser is what a directory calls a user of ours.
type SCIMUser struct {
	IntegrationID string `db:"integration_id"`
	UserID        string `db:"user_id"`
	UserName      string `db:"user_name"`
	UserNameKey   string `db:"user_name_key"` // the compared form; unique within the integration
	ExternalID    string `db:"external_id"`   // "" = none
	// DeactivatedEpoch is the session epoch with which the directory disabled the
	// user; nil = it did not. Under a later epoch somebody else did, too.
	DeactivatedEpoch *int64     `db:"deactivated_epoch"`
	CreatedAt        time.Time  `db:"created_at"`
	UpdatedAt        time.Time  `db:"updated_at"`
	DeletedAt        *time.Time `db:"deleted_at"` // nil while the directory has the user
}

// SCIMRecord is a SCIMUser with the user itself.
type SCIMRecord struct {
	SCIMUser
	Version int64     `db:"version"`
	Status  string    `db:"status"`  // StatusActive or StatusDisabled
	Changed time.Time `db:"changed"` // when the user itself changed last
	UserRow
	Groups []SCIMGroupRef `db:"-"` // by name, those that the directory keeps
}

// SCIMGroupRef is a group in which a directory has put a user.
type SCIMGroupRef struct {
	GroupID     string `db:"group_id"`
	DisplayName string `db:"display_name"`
}

const (
	scimUserColumns   = `integration_id, user_id, user_name, user_name_key, external_id, deactivated_epoch, created_at, updated_at, deleted_at`
	scimRecordColumns = `s.integration_id, s.user_id, s.user_name, s.user_name_key, s.external_id, s.deactivated_epoch, s.created_at,
       s.updated_at, s.deleted_at, u.version, u.status, u.updated_at AS changed,
       u.email, u.email_key, u.email_verified, u.first_name, u.last_name, u.name, u.phone, u.birthdate, u.locale, u.picture,
       u.meta, u.onboarding`
)

// SCIMUserQuery chooses users of a directory: those for which everything holds
// that is set.
type SCIMUserQuery struct {
	ID, UserNameKey, ExternalID, EmailKey string
	Active                                *bool
	Offset, Limit                         int // Limit 0 = only the total is wanted
	// After is the id behind which the page begins, for whoever knows what stands
	// before Offset; "" = it is looked for.
	After  string
	Total  int64 // for whoever knows it; 0 = it is counted
	Groups bool  // whether to look for the groups
}

// SCIMUsers returns a page of the users that a directory keeps, in the order of
// their ids, and how many there are in all. What a page costs grows with what is
// before it: that is walked over in an index.
func (s *Store) SCIMUsers(ctx context.Context, tenant, integration string, q SCIMUserQuery) ([]SCIMRecord, int64, error) {
	where, args := q.where(tenant, integration)
	total := q.Total
	if total == 0 {
		if err := s.read.GetContext(ctx, &total, `SELECT count(*) FROM scim_users s`+where, args...); err != nil {
			return nil, 0, fault(err)
		}
	}
	if q.Limit == 0 || total <= int64(q.Offset) {
		return nil, total, nil
	}
	// The page is made of ids first, so that only its own rows are read.
	if q.After != "" {
		args = append(args, q.After)
		where += fmt.Sprintf(` AND s.user_id > $%d`, len(args))
		q.Offset = 0
	}
	n := len(args)
	page := fmt.Sprintf(`SELECT s.user_id FROM scim_users s%s ORDER BY s.user_id LIMIT $%d OFFSET $%d`, where, n+1, n+2)
	var records []SCIMRecord
	err := s.read.SelectContext(ctx, &records, `
SELECT `+scimRecordColumns+`
  FROM scim_users s JOIN users u ON u.id = s.user_id AND u.tenant_id = s.tenant_id
 WHERE s.tenant_id = $1 AND s.integration_id = $2 AND s.deleted_at IS NULL AND s.user_id `+s.dialect.among(page)+`
 ORDER BY s.user_id`, append(args, q.Limit, q.Offset)...)
	if err == nil && q.Groups {
		err = s.scimGroupsOf(ctx, tenant, integration, records)
	}
	return records, total, fault(err)
}

func (q SCIMUserQuery) where(tenant, integration string) (string, []any) {
	args := []any{tenant, integration}
	var b strings.Builder
	b.WriteString(` WHERE s.tenant_id = $1 AND s.integration_id = $2 AND s.deleted_at IS NULL`)
	is := func(condition, value string) {
		if value != "" {
			args = append(args, value)
			fmt.Fprintf(&b, condition, len(args))
		}
	}
	is(` AND s.user_id = $%d`, q.ID)
	is(` AND s.user_name_key = $%d`, q.UserNameKey)
	is(` AND s.external_id = $%d`, q.ExternalID)
	is(` AND s.user_id IN (SELECT id FROM users WHERE tenant_id = $1 AND email_key = $%d)`, q.EmailKey)
	// Those who are not active are few, and have an index of their own.
	const out = `(SELECT id FROM users WHERE tenant_id = $1 AND status <> 'active')`
	if q.Active != nil && *q.Active {
		b.WriteString(` AND s.user_id NOT IN ` + out)
	} else if q.Active != nil {
		b.WriteString(` AND s.user_id IN ` + out)
	}
	return b.String(), args
}

// scimGroupsOf reads the groups of a page of users.
func (s *Store) scimGroupsOf(ctx context.Context, tenant, integration string, records []SCIMRecord) error {
	at := map[string]*SCIMRecord{}
	ids := make([]string, 0, len(records))
	for i := range records {
		at[records[i].UserID] = &records[i]
		ids = append(ids, records[i].UserID)
	}
	list, err := json.Marshal(ids)
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	var rows []struct {
		UserID string `db:"user_id"`
		SCIMGroupRef
	}
	err = s.read.SelectContext(ctx, &rows, `
SELECT m.user_id, g.group_id, g.display_name
  FROM group_members m JOIN scim_groups g ON g.group_id = m.group_id AND g.integration_id = m.source AND g.tenant_id = m.tenant_id
 WHERE m.tenant_id = $1 AND m.source = $2
   AND m.user_id `+s.dialect.among(`SELECT `+s.dialect.asID("value")+` FROM `+s.dialect.jsonEach()+`($3)`)+`
 ORDER BY g.display_name, g.group_id`, tenant, integration, string(list))
	for _, row := range rows {
		if r := at[row.UserID]; r != nil {
			r.Groups = append(r.Groups, row.SCIMGroupRef)
		}
	}
	return err
}

// SCIMUser returns what a directory calls a user, or has called one that it has
// deleted, or ErrNotFound.
func (l *Look) SCIMUser(ctx context.Context, integration, user string) (SCIMUser, error) {
	var u SCIMUser
	err := l.tx.GetContext(ctx, &u, `
SELECT `+scimUserColumns+` FROM scim_users WHERE integration_id = $1 AND user_id = $2 AND tenant_id = $3`,
		integration, user, l.tenant)
	return u, fault(err)
}

// SCIMNameTaken reports whether a directory has another user of this name.
func (l *Look) SCIMNameTaken(ctx context.Context, integration, userNameKey, user string) (bool, error) {
	var taken bool
	err := l.tx.GetContext(ctx, &taken, `
SELECT EXISTS (SELECT 1 FROM scim_users WHERE user_name_key = $1 AND integration_id = $2 AND tenant_id = $3
                  AND deleted_at IS NULL AND user_id <> $4)`, userNameKey, integration, l.tenant, user)
	return taken, fault(err)
}

// SaveSCIMUser writes what a directory calls a user, or returns ErrTaken when
// another one has the name.
func (l *Look) SaveSCIMUser(ctx context.Context, u SCIMUser) error {
	_, err := l.tx.ExecContext(ctx, `
INSERT INTO scim_users (tenant_id, `+scimUserColumns+`)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)
ON CONFLICT (integration_id, user_id, tenant_id)
DO UPDATE SET user_name = excluded.user_name, user_name_key = excluded.user_name_key, external_id = excluded.external_id,
              deactivated_epoch = excluded.deactivated_epoch, created_at = excluded.created_at,
              updated_at = excluded.updated_at, deleted_at = excluded.deleted_at`,
		l.tenant, u.IntegrationID, u.UserID, u.UserName, u.UserNameKey, u.ExternalID, u.DeactivatedEpoch, u.CreatedAt,
		u.UpdatedAt, u.DeletedAt)
	return fault(err)
}

// moveSCIMUsers lets directories go on with the user into whom another was
// merged. One that kept both has one of them left.
func moveSCIMUsers(ctx context.Context, tx *sqlx.Tx, tenant, keep, gone string) error {
	if _, err := tx.ExecContext(ctx, `
DELETE FROM scim_users WHERE tenant_id = $1 AND user_id = $2 AND integration_id IN
    (SELECT integration_id FROM scim_users WHERE tenant_id = $1 AND user_id = $3)`, tenant, gone, keep); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `
UPDATE scim_users SET user_id = $1, deactivated_epoch = NULL WHERE tenant_id = $2 AND user_id = $3`, keep, tenant, gone)
	return err
}

// SetDisabled disables or enables the user whose standing was read, as
// Store.SetDisabled does, and returns the session epoch.
func (l *Look) SetDisabled(ctx context.Context, user string, disabled bool, entry JournalEntry) (epoch int64, err error) {
	epoch, err = l.s.disable(ctx, l.tx, l.tenant, user, disabled, entry)
	return epoch, fault(err)
}
