package store

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

// Belongings are all that hangs on a user, with where it came from.
type Belongings struct {
	Identities  []HeldIdentity   // oldest first
	Memberships []HeldMembership // by the group's external id, then by source
	Grants      []HeldGrant      // by integration, order and credit id; revoked ones too
}

// HeldIdentity is an identity of a user.
type HeldIdentity struct {
	ID            string    `db:"id"`
	IntegrationID string    `db:"integration_id"`
	Subject       *string   `db:"subject"`
	EmailKey      *string   `db:"email_key"`  // what the integration calls the person
	AppliedAt     *int64    `db:"applied_at"` // newest iat applied, microseconds since 1970; nil = none
	CreatedAt     time.Time `db:"created_at"`
}

// HeldMembership says that a source puts the user into a group.
type HeldMembership struct {
	GroupID    string    `db:"group_id"`
	ExternalID string    `db:"external_id"` // of the group
	Name       string    `db:"name"`        // of the group
	Source     string    `db:"source"`      // an integration's id, or ManualSource
	Pinned     bool      `db:"pinned"`
	CreatedAt  time.Time `db:"created_at"`
}

// HeldGrant is a grant with all that it has been through.
type HeldGrant struct {
	IntegrationID string     `db:"integration_id"`
	OrderID       string     `db:"order_id"`
	CreditID      int64      `db:"credit_id"`
	Name          string     `db:"name"`   // "" while parked
	Parked        bool       `db:"parked"` // the catalogue has no such id yet
	GrantedAt     time.Time  `db:"granted_at"`
	RevokedAt     *time.Time `db:"revoked_at"`
	ConsumedAt    *time.Time `db:"consumed_at"`
	ConsumedBy    *string    `db:"consumed_by"` // the request key
}

// Belongings returns what hangs on a user as of one moment; nothing for a user
// who is not there.
func (s *Store) Belongings(ctx context.Context, tenant, user string) (b Belongings, err error) {
	tx, err := s.snapshot(ctx)
	if err != nil {
		return Belongings{}, fault(err)
	}
	defer func() { err = errors.Join(err, fault(tx.Commit())) }()
	b, err = belongings(ctx, tx, tenant, user)
	return b, fault(err)
}

// snapshot begins a transaction whose queries all see the same moment.
func (s *Store) snapshot(ctx context.Context) (*sqlx.Tx, error) {
	return s.read.BeginTxx(ctx, s.dialect.snapshot())
}

func belongings(ctx context.Context, q sqlx.QueryerContext, tenant, user string) (Belongings, error) {
	var b Belongings
	err := sqlx.SelectContext(ctx, q, &b.Identities, `
SELECT id, integration_id, subject, email_key, applied_at, created_at
  FROM identities WHERE tenant_id = $1 AND user_id = $2 ORDER BY id`, tenant, user)
	if err != nil {
		return b, err
	}
	err = sqlx.SelectContext(ctx, q, &b.Memberships, `
SELECT m.group_id, g.external_id, g.name, m.source, m.pinned, m.created_at
  FROM group_members m JOIN groups g ON g.tenant_id = m.tenant_id AND g.id = m.group_id
 WHERE m.tenant_id = $1 AND m.user_id = $2 ORDER BY g.external_id, m.source`, tenant, user)
	if err != nil {
		return b, err
	}
	err = sqlx.SelectContext(ctx, q, &b.Grants, `
SELECT r.integration_id, r.order_id, r.credit_id, coalesce(c.name, '') AS name, c.id IS NULL AS parked, r.granted_at,
       r.revoked_at, r.consumed_at, r.consumed_by
  FROM grants r LEFT JOIN credits c ON c.tenant_id = r.tenant_id AND c.id = r.credit_id
 WHERE r.tenant_id = $1 AND r.user_id = $2 ORDER BY r.integration_id, r.order_id, r.credit_id`, tenant, user)
	return b, err
}

// MembershipsIn returns a group, and the sources that put the user into it, or
// ErrNotFound when there is no such group. A user who is not there is in no
// group.
func (s *Store) MembershipsIn(ctx context.Context, tenant, user, group string) (g Group, sources []HeldMembership, err error) {
	tx, err := s.snapshot(ctx)
	if err != nil {
		return Group{}, nil, fault(err)
	}
	defer func() { err = errors.Join(err, fault(tx.Commit())) }()
	if err := tx.GetContext(ctx, &g, `
SELECT id, external_id, name, description, created_at FROM groups WHERE tenant_id = $1 AND id = $2`, tenant, group); err != nil {
		return Group{}, nil, fault(err)
	}
	err = tx.SelectContext(ctx, &sources, `
SELECT m.group_id, g.external_id, g.name, m.source, m.pinned, m.created_at
  FROM group_members m JOIN groups g ON g.tenant_id = m.tenant_id AND g.id = m.group_id
 WHERE m.tenant_id = $1 AND m.user_id = $2 AND m.group_id = $3 ORDER BY m.source`, tenant, user, group)
	return g, sources, fault(err)
}
