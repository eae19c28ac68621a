package store

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

// Organization is a client that stands for an organization. Its client id is its
// global id: that of its parent, a dot, and a name of its own.
type Organization struct {
	Client
	ParentID string // "" = a root
}

// GlobalID is the path of names from the root down to this organization.
func (n Organization) GlobalID() string { return n.ClientID }

// Parent is the global id of the one above it; "" for a root.
func (n Organization) Parent() string {
	return n.ClientID[:max(strings.LastIndexByte(n.ClientID, '.'), 0)]
}

// Depth is how many organizations it has above it.
func (n Organization) Depth() int { return strings.Count(n.ClientID, ".") }

// organizationPlace is a global id as the tree is sorted by it: an organization
// stands right before those below it. It is what the index has.
const organizationPlace = `replace(n.global_id, '.', '!')`

// organizationQuery reads organizations n with their clients o. The tenant is $1.
// What chooses them follows.
var organizationQuery = `
SELECT ` + ownClientColumns + `, coalesce(CAST(n.parent_id AS text), '') AS parent_id
  FROM organizations n JOIN clients o ON o.id = n.id AND o.tenant_id = n.tenant_id
 WHERE n.tenant_id = $1 AND `

// What organizationQuery lists behind the place $2, at most $3; and of that what
// stands before the place $4.
const (
	organizationsAfter = organizationPlace + ` > $2 ORDER BY ` + organizationPlace + ` LIMIT $3`
	organizationsBelow = organizationPlace + ` > $2 AND ` + organizationPlace + ` < $4 ORDER BY ` + organizationPlace + ` LIMIT $3`
)

// organizationRow is an Organization as it is stored.
type organizationRow struct {
	clientRow
	ParentID string `db:"parent_id"`
}

func (r organizationRow) organization() (Organization, error) {
	c, err := r.client()
	return Organization{Client: c, ParentID: r.ParentID}, err
}

// AddOrganization writes an organization with its first secret below the parent
// that it names. The errors are ErrTaken for its global id, and ErrNotFound for
// the parent.
func (s *Store) AddOrganization(ctx context.Context, n Organization, first Secret, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var parent *string
		if n.ParentID != "" {
			parent = &n.ParentID
			if err := s.holdOrganization(ctx, tx, n.TenantID, n.ParentID); err != nil {
				return err
			}
		}
		if err := insertClient(ctx, tx, n.Client); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
INSERT INTO organizations (tenant_id, id, global_id, parent_id, created_at) VALUES ($1, $2, $3, $4, $5)`,
			n.TenantID, n.ID, n.GlobalID(), parent, n.CreatedAt); err != nil {
			return err
		}
		if err := addSecret(ctx, tx, OfClient, first); err != nil {
			return err
		}
		return s.record(ctx, tx, n.TenantID, act)
	})
}

// holdOrganization keeps an organization from being deleted until the commit.
func (s *Store) holdOrganization(ctx context.Context, tx *sqlx.Tx, tenant, id string) error {
	var held string
	return tx.GetContext(ctx, &held,
		`SELECT id FROM organizations WHERE id = $1 AND tenant_id = $2`+s.dialect.forShare(), id, tenant)
}

// Organizations returns a tenant's organizations in the order of the tree, behind
// the one with the global id after ("" = from the start), at most limit. under
// chooses those below the one of this global id; "" = all.
func (s *Store) Organizations(ctx context.Context, tenant, under, after string, limit int) ([]Organization, error) {
	query, args := organizationsAfter, []any{tenant, placeOf(after), limit}
	if under != "" {
		// What stands below begins with the place and a dot's stand-in.
		query = organizationsBelow
		args = []any{tenant, max(placeOf(under)+"!", placeOf(after)), limit, placeOf(under) + `"`}
	}
	var rows []organizationRow
	if err := s.read.SelectContext(ctx, &rows, organizationQuery+query, args...); err != nil {
		return nil, fault(err)
	}
	list := make([]Organization, 0, len(rows))
	for _, row := range rows {
		n, err := row.organization()
		if err != nil {
			return nil, err
		}
		list = append(list, n)
	}
	return list, nil
}

// placeOf is organizationPlace of a global id.
func placeOf(globalID string) string { return strings.ReplaceAll(globalID, ".", "!") }

// Organization returns one by its id, or ErrNotFound.
func (s *Store) Organization(ctx context.Context, tenant, id string) (Organization, error) {
	return s.organization(ctx, s.read, organizationQuery+`n.id = $2`, tenant, id)
}

// OrganizationByGlobalID returns one, or ErrNotFound.
func (s *Store) OrganizationByGlobalID(ctx context.Context, tenant, globalID string) (Organization, error) {
	return s.organization(ctx, s.read, organizationQuery+`n.global_id = $2`, tenant, globalID)
}

func (s *Store) organization(ctx context.Context, q sqlx.QueryerContext, query, tenant, value string) (Organization, error) {
	var row organizationRow
	if err := sqlx.GetContext(ctx, q, &row, query, tenant, value); err != nil {
		return Organization{}, fault(err)
	}
	return row.organization()
}

// OrganizationUse is what hangs on an organization.
type OrganizationUse struct {
	Children int64 `db:"children"` // organizations right below it
	Members  int64 `db:"members"`  // owners too
	Owners   int64 `db:"owners"`
	Secrets  int64 `db:"secrets"` // that are live
}

// OrganizationUse counts what hangs on an organization; nothing for one that is
// not there.
func (s *Store) OrganizationUse(ctx context.Context, tenant, id string, at time.Time) (OrganizationUse, error) {
	use, err := organizationUse(ctx, s.read, tenant, id, at)
	return use, fault(err)
}

func organizationUse(ctx context.Context, q sqlx.QueryerContext, tenant, id string, at time.Time) (OrganizationUse, error) {
	var use OrganizationUse
	err := sqlx.GetContext(ctx, q, &use, `
SELECT (SELECT count(*) FROM organizations WHERE parent_id = $1 AND tenant_id = $2) AS children,
       (SELECT count(*) FROM organization_members WHERE organization_id = $1 AND tenant_id = $2) AS members,
       (SELECT count(*) FROM organization_members WHERE organization_id = $1 AND tenant_id = $2 AND role = 'owner') AS owners,
       (SELECT count(*) FROM client_secrets WHERE owner_id = $1 AND tenant_id = $2
           AND (expires_at IS NULL OR expires_at > $3)) AS secrets`, id, tenant, at.UTC())
	return use, err
}

// DeleteOrganization takes an organization, its members, its client and its
// secrets away when decide lets it. The errors are ErrNotFound, ErrChanged, and
// decide's own unaltered.
func (s *Store) DeleteOrganization(ctx context.Context, tenant, id string, decide func(Organization, OrganizationUse) (Act, error)) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		n, err := s.organization(ctx, tx, organizationQuery+`n.id = $2`+s.dialect.forUpdate(), tenant, id)
		if err != nil {
			return err
		}
		// From here on nothing can be put below it and nobody into it: that needs
		// its row.
		use, err := organizationUse(ctx, tx, tenant, id, s.now())
		if err != nil {
			return err
		}
		act, err := decide(n, use)
		if err != nil {
			return err
		}
		if err := act.By.expects(n.Revision); err != nil {
			return err
		}
		if err := spendSecrets(ctx, tx, tenant, OfClient, id); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM organizations WHERE id = $1 AND tenant_id = $2`, id, tenant); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM clients WHERE id = $1 AND tenant_id = $2`, id, tenant); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// MemberOf returns which of these organizations, named by their global ids, an
// active user belongs to: as a member or owner of it or of one below it. The way
// up ends at an organization that is disabled.
func (s *Store) MemberOf(ctx context.Context, tenant, user string, globalIDs []string) ([]string, error) {
	list, err := json.Marshal(nonNil(globalIDs))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	stmt, err := s.stmt(ctx, s.read, s.dialect.memberOfQuery())
	if err != nil {
		return nil, fault(err)
	}
	var found []string
	err = stmt.SelectContext(ctx, &found, tenant, user, string(list))
	return found, fault(err)
}

func (d dialect) memberOfQuery() string {
	return `
WITH RECURSIVE up (tenant_id, id, global_id, parent_id) AS (
    SELECT n.tenant_id, n.id, n.global_id, n.parent_id
      FROM organization_members m
      JOIN users u ON u.id = m.user_id AND u.tenant_id = m.tenant_id AND u.status = 'active'
      JOIN organizations n ON n.id = m.organization_id AND n.tenant_id = m.tenant_id
      JOIN clients c ON c.id = n.id AND c.tenant_id = n.tenant_id AND NOT c.disabled
     WHERE m.user_id = $2 AND m.tenant_id = $1
` + upwards + `)
SELECT global_id FROM up WHERE global_id IN (SELECT value FROM ` + d.jsonEach() + `($3)) ORDER BY global_id`
}

// upwards goes from the organizations up to their parents, as far as those are
// enabled.
const upwards = `    UNION
    SELECT n.tenant_id, n.id, n.global_id, n.parent_id
      FROM up JOIN organizations n ON n.id = up.parent_id AND n.tenant_id = up.tenant_id
      JOIN clients c ON c.id = n.id AND c.tenant_id = n.tenant_id AND NOT c.disabled
`

// Ancestors returns the global ids of an organization and those above it, itself
// first, up to the first that is disabled. It returns nothing for one that is
// disabled itself or not there.
func (s *Store) Ancestors(ctx context.Context, tenant, globalID string) ([]string, error) {
	stmt, err := s.stmt(ctx, s.read, `
WITH RECURSIVE up (tenant_id, id, global_id, parent_id) AS (
    SELECT n.tenant_id, n.id, n.global_id, n.parent_id
      FROM organizations n JOIN clients c ON c.id = n.id AND c.tenant_id = n.tenant_id AND NOT c.disabled
     WHERE n.global_id = $2 AND n.tenant_id = $1
`+upwards+`)
SELECT global_id FROM up ORDER BY length(global_id) DESC`)
	if err != nil {
		return nil, fault(err)
	}
	var found []string
	err = stmt.SelectContext(ctx, &found, tenant, globalID)
	return found, fault(err)
}
