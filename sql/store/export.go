package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// ExportedUser is everything about a user that leaves in an export.
type ExportedUser struct {
	ID        string    `db:"id"`
	Status    string    `db:"status"`
	CreatedAt time.Time `db:"created_at"`
	UpdatedAt time.Time `db:"updated_at"`
	UserRow
	Identities []Identity
	Members    []Member
	Grants     []ExportedGrant
	Values     []ClaimValue // entered, by claim
}

// ExportedGrant is a grant with its times; the revoked ones are there too.
type ExportedGrant struct {
	UserID        string     `db:"user_id"`
	IntegrationID string     `db:"integration_id"`
	OrderID       string     `db:"order_id"`
	CreditID      int64      `db:"credit_id"`
	GrantedAt     time.Time  `db:"granted_at"`
	RevokedAt     *time.Time `db:"revoked_at"`
	ConsumedAt    *time.Time `db:"consumed_at"`
}

// ReadTenant lets do read a tenant as of one moment, for as long as it takes.
func (s *Store) ReadTenant(ctx context.Context, tenant string, do func(l *Look) error) error {
	return s.readAll(ctx, func(tx *sqlx.Tx) error { return do(s.look(tx, tenant)) })
}

// ExportUsers returns users with an id after the given one ("" = from the
// first), in that order, at most limit, in five statements for all of them.
func (l *Look) ExportUsers(ctx context.Context, after string, limit int) ([]ExportedUser, error) {
	if after == "" {
		after = ManualSource // before every id
	}
	var users []ExportedUser
	err := l.tx.SelectContext(ctx, &users, `
SELECT id, status, created_at, updated_at, email, email_key, email_verified, first_name, last_name, name, phone,
       birthdate, locale, picture, meta, onboarding
  FROM users WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3`, l.tenant, after, limit)
	if err != nil || len(users) == 0 {
		return nil, fault(err)
	}
	at := make(map[string]*ExportedUser, len(users))
	for i := range users {
		at[users[i].ID] = &users[i]
	}
	// The page is whole: no other user of the tenant has an id in between.
	first, last := users[0].ID, users[len(users)-1].ID
	var identities []Identity
	err = l.tx.SelectContext(ctx, &identities, `
SELECT id, integration_id, user_id, subject, email_key, applied_at
  FROM identities WHERE tenant_id = $1 AND user_id >= $2 AND user_id <= $3 ORDER BY id`, l.tenant, first, last)
	if err != nil {
		return nil, fault(err)
	}
	for _, id := range identities {
		if u := at[id.UserID]; u != nil {
			u.Identities = append(u.Identities, id)
		}
	}
	var members []struct {
		UserID     string `db:"user_id"`
		GroupID    string `db:"group_id"`
		ExternalID string `db:"external_id"`
		Source     string `db:"source"`
		Pinned     bool   `db:"pinned"`
	}
	err = l.tx.SelectContext(ctx, &members, `
SELECT m.user_id, m.group_id, m.source, m.pinned,
       (SELECT external_id FROM groups WHERE tenant_id = $1 AND id = m.group_id) AS external_id
  FROM group_members m WHERE m.tenant_id = $1 AND m.user_id >= $2 AND m.user_id <= $3
 ORDER BY m.user_id, external_id, m.source`, l.tenant, first, last)
	if err != nil {
		return nil, fault(err)
	}
	for _, m := range members {
		if u := at[m.UserID]; u != nil {
			u.Members = append(u.Members, Member(m))
		}
	}
	var grants []ExportedGrant
	err = l.tx.SelectContext(ctx, &grants, `
SELECT user_id, integration_id, order_id, credit_id, granted_at, revoked_at, consumed_at
  FROM grants WHERE tenant_id = $1 AND user_id >= $2 AND user_id <= $3
 ORDER BY user_id, integration_id, order_id, credit_id`, l.tenant, first, last)
	if err != nil {
		return nil, fault(err)
	}
	for _, g := range grants {
		if u := at[g.UserID]; u != nil {
			u.Grants = append(u.Grants, g)
		}
	}
	var values []ClaimValue
	err = l.tx.SelectContext(ctx, &values, `
SELECT `+claimValueColumns+` FROM claim_values WHERE tenant_id = $1 AND user_id >= $2 AND user_id <= $3
 ORDER BY user_id, claim`, l.tenant, first, last)
	if err != nil {
		return nil, fault(err)
	}
	for _, v := range values {
		if u := at[v.UserID]; u != nil {
			u.Values = append(u.Values, v)
		}
	}
	return users, nil
}
