package store

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

// Values of OrganizationMember.Role.
const (
	OrganizationMembership = "member"
	OrganizationOwnership  = "owner" // a member who answers for the organization
)

// OrganizationMember is a person in an organization.
type OrganizationMember struct {
	UserID string
	Email  string
	Name   string
	Status string
	Role   string
	Since  time.Time
}

// OrganizationMembers returns the people in an organization, not those in one
// below it, with an id above the given one ("" = from the start), in that order,
// at most limit.
func (s *Store) OrganizationMembers(ctx context.Context, tenant, organization, after string, limit int) ([]OrganizationMember, error) {
	if after == "" {
		after = ManualSource // the nil UUID, before every id
	}
	rows, err := s.read.QueryxContext(ctx, `
SELECT m.user_id, u.email, u.name, u.first_name, u.last_name, u.status, m.role, m.created_at
  FROM organization_members m JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
 WHERE m.organization_id = $1 AND m.tenant_id = $2 AND m.user_id > $3
 ORDER BY m.user_id LIMIT $4`, organization, tenant, after, limit)
	if err != nil {
		return nil, fault(err)
	}
	defer func() { _ = rows.Close() }()
	var members []OrganizationMember
	for rows.Next() {
		var m OrganizationMember
		var first, last string
		if err := rows.Scan(&m.UserID, &m.Email, &m.Name, &first, &last, &m.Status, &m.Role, &m.Since); err != nil {
			return nil, fault(err)
		}
		if m.Name == "" {
			m.Name = joined(first, last)
		}
		members = append(members, m)
	}
	return members, fault(rows.Err())
}

// UserOrganization is an organization that a user is in.
type UserOrganization struct {
	ID       string    `db:"id"`
	GlobalID string    `db:"global_id"`
	Name     string    `db:"name"`
	Disabled bool      `db:"disabled"`
	Role     string    `db:"role"`
	Since    time.Time `db:"created_at"`
}

// OrganizationsOf returns the organizations that a user is in, with a global id
// above the given one ("" = from the start), in that order, at most limit.
func (s *Store) OrganizationsOf(ctx context.Context, tenant, user, after string, limit int) ([]UserOrganization, error) {
	var list []UserOrganization
	err := s.read.SelectContext(ctx, &list, `
SELECT n.id, n.global_id, c.name, c.disabled, m.role, m.created_at
  FROM organization_members m
  JOIN organizations n ON n.id = m.organization_id AND n.tenant_id = m.tenant_id
  JOIN clients c ON c.id = n.id AND c.tenant_id = n.tenant_id
 WHERE m.user_id = $1 AND m.tenant_id = $2 AND n.global_id > $3
 ORDER BY n.global_id LIMIT $4`, user, tenant, after, limit)
	return list, fault(err)
}

// SetOrganizationMember puts a person into an organization, or changes the role
// of one who is in it. change gets the role until then, "" for none; an act
// without an action writes nothing. It returns ErrNotFound for an unknown
// organization or person, and for one who was erased or merged.
func (s *Store) SetOrganizationMember(ctx context.Context, tenant, organization, user, role string, change func(before string) Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		before, err := s.lockMembership(ctx, tx, tenant, organization, user)
		if err != nil {
			return err
		}
		act := change(before)
		if act.nothing() {
			return nil
		}
		if _, err := tx.ExecContext(ctx, `
INSERT INTO organization_members (tenant_id, organization_id, user_id, role, created_at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (organization_id, user_id, tenant_id) DO UPDATE SET role = excluded.role`,
			tenant, organization, user, role, s.now().UTC()); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// DropOrganizationMember takes a person out of an organization. act gets the role
// that the person had. It returns ErrNotFound for one who is not in it.
func (s *Store) DropOrganizationMember(ctx context.Context, tenant, organization, user string, act func(role string) Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		role, err := s.lockMembership(ctx, tx, tenant, organization, user)
		if err == nil && role == "" {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx,
			`DELETE FROM organization_members WHERE organization_id = $1 AND user_id = $2 AND tenant_id = $3`,
			organization, user, tenant); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act(role))
	})
}

// lockMembership locks a person's row, keeps the organization from being
// deleted, and returns the role of the person in it; "" for none.
func (s *Store) lockMembership(ctx context.Context, tx *sqlx.Tx, tenant, organization, user string) (role string, err error) {
	if err := s.lockUser(ctx, tx, tenant, user); err != nil {
		return "", err
	}
	if err := s.holdOrganization(ctx, tx, tenant, organization); err != nil {
		return "", err
	}
	err = fault(tx.GetContext(ctx, &role,
		`SELECT role FROM organization_members WHERE organization_id = $1 AND user_id = $2 AND tenant_id = $3`,
		organization, user, tenant))
	if errors.Is(err, ErrNotFound) {
		return "", nil
	}
	return role, err
}

// moveOrganizations makes one user's memberships another's. Who owns an
// organization in either goes on owning it.
func (s *Store) moveOrganizations(ctx context.Context, tx *sqlx.Tx, tenant, keep, gone string) error {
	// They stay until the commit.
	if _, err := tx.ExecContext(ctx, `
SELECT id FROM organizations
 WHERE tenant_id = $1 AND id IN (SELECT organization_id FROM organization_members WHERE user_id = $2 AND tenant_id = $1)
 ORDER BY id`+s.dialect.forShare(), tenant, gone); err != nil {
		return err
	}
	if _, err := tx.ExecContext(ctx, `
INSERT INTO organization_members (tenant_id, organization_id, user_id, role, created_at)
SELECT tenant_id, organization_id, $1, role, created_at FROM organization_members WHERE user_id = $2 AND tenant_id = $3
    ON CONFLICT (organization_id, user_id, tenant_id)
    DO UPDATE SET role = CASE WHEN excluded.role = 'owner' THEN excluded.role ELSE organization_members.role END`,
		keep, gone, tenant); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM organization_members WHERE user_id = $1 AND tenant_id = $2`, gone, tenant)
	return err
}
