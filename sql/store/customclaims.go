package store

import (
	"context"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
)

// Values of CustomClaim.Type.
const (
	ClaimText    = "text"
	ClaimNumber  = "number"
	ClaimBoolean = "boolean"
	ClaimDate    = "date" // YYYY-MM-DD
	ClaimURL     = "url"  // http or https
)

// CustomClaim is something that a tenant says of its people beyond what every
// tenant can.
type CustomClaim struct {
	TenantID    string    `db:"tenant_id" json:"-"`
	Name        string    `db:"name" json:"name"` // unique in the tenant; it never changes
	DisplayName string    `db:"display_name" json:"display_name"`
	Type        string    `db:"type" json:"type"`           // it never changes
	MetaPath    string    `db:"meta_path" json:"meta_path"` // members of users.meta with dots between; "" = none
	Revision    int64     `db:"revision" json:"-"`          // grows with every change
	CreatedAt   time.Time `db:"created_at" json:"-"`
	UpdatedAt   time.Time `db:"updated_at" json:"-"`
}

const customClaimColumns = `tenant_id, name, display_name, type, meta_path, revision, created_at, updated_at`

// AddCustomClaim writes a custom claim; limit is how many a tenant may have. The
// errors are ErrTaken and ErrFull.
func (s *Store) AddCustomClaim(ctx context.Context, claim CustomClaim, limit int, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var there int
		if err := tx.GetContext(ctx, &there, `
SELECT count(*) FROM (SELECT 1 FROM custom_claims WHERE tenant_id = $1 LIMIT $2) AS known`, claim.TenantID, limit); err != nil {
			return err
		}
		if there >= limit {
			return ErrFull
		}
		if _, err := tx.NamedExecContext(ctx, `
INSERT INTO custom_claims (`+customClaimColumns+`)
VALUES (:tenant_id, :name, :display_name, :type, :meta_path, :revision, :created_at, :updated_at)`, claim); err != nil {
			return err
		}
		return s.record(ctx, tx, claim.TenantID, act)
	})
}

// CustomClaims returns a tenant's custom claims by name, at most limit.
func (s *Store) CustomClaims(ctx context.Context, tenant string, limit int) ([]CustomClaim, error) {
	var claims []CustomClaim
	err := s.read.SelectContext(ctx, &claims, `
SELECT `+customClaimColumns+` FROM custom_claims WHERE tenant_id = $1 ORDER BY name LIMIT $2`, tenant, limit)
	return claims, fault(err)
}

// CustomClaim returns one custom claim, or ErrNotFound.
func (s *Store) CustomClaim(ctx context.Context, tenant, name string) (CustomClaim, error) {
	claim, err := oneCustomClaim(ctx, s.read, tenant, name, "")
	return claim, fault(err)
}

func oneCustomClaim(ctx context.Context, q sqlx.QueryerContext, tenant, name, lock string) (CustomClaim, error) {
	var claim CustomClaim
	err := sqlx.GetContext(ctx, q, &claim,
		`SELECT `+customClaimColumns+` FROM custom_claims WHERE name = $1 AND tenant_id = $2`+lock, name, tenant)
	return claim, err
}

// holdCustomClaims returns which of these custom claims exist, and keeps those
// from being deleted until the commit.
func (s *Store) holdCustomClaims(ctx context.Context, tx *sqlx.Tx, tenant string, names []string) ([]string, error) {
	return s.hold(ctx, tx, "custom_claims", tenant, names)
}

// holdIdentityScopes does the same of identity scopes.
func (s *Store) holdIdentityScopes(ctx context.Context, tx *sqlx.Tx, tenant string, names []string) ([]string, error) {
	return s.hold(ctx, tx, "identity_scopes", tenant, names)
}

// ChangeCustomClaim lets change edit the display name and the path of a custom
// claim; an act without an action writes nothing. The errors are ErrNotFound,
// ErrChanged, and change's own unaltered.
func (s *Store) ChangeCustomClaim(ctx context.Context, tenant, name string, change func(*CustomClaim) (Act, error)) (CustomClaim, error) {
	var claim CustomClaim
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		var err error
		if claim, err = oneCustomClaim(ctx, tx, tenant, name, s.dialect.forUpdate()); err != nil {
			return err
		}
		revision := claim.Revision
		act, err := change(&claim)
		if err != nil {
			return err
		}
		if err := act.By.expects(revision); err != nil || act.nothing() {
			return err
		}
		claim.Revision, claim.UpdatedAt = revision+1, s.now().UTC().Truncate(time.Microsecond)
		if _, err := tx.NamedExecContext(ctx, `
UPDATE custom_claims SET display_name = :display_name, meta_path = :meta_path, revision = :revision, updated_at = :updated_at
 WHERE name = :name AND tenant_id = :tenant_id`, claim); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return claim, err
}

// CustomClaimUse is what hangs on a custom claim.
type CustomClaimUse struct {
	Claim   CustomClaim
	Scopes  []IdentityScope // that have it, by name
	Clients []Client        // that require it
	Values  int64           // entered ones
}

// CustomClaimUse says what hangs on a custom claim, with at most limit of the
// clients in the order of their client ids, or returns ErrNotFound.
func (s *Store) CustomClaimUse(ctx context.Context, tenant, name string, limit int) (CustomClaimUse, error) {
	use := CustomClaimUse{}
	var err error
	if use.Claim, err = s.CustomClaim(ctx, tenant, name); err != nil {
		return use, err
	}
	if use.Scopes, err = s.scopesWith(ctx, s.read, tenant, name, ""); err != nil {
		return use, fault(err)
	}
	if use.Clients, err = s.clientsWith(ctx, s.read, tenant, listOfRequiredClaims, []string{name}, "client_id", limit, ""); err != nil {
		return use, fault(err)
	}
	use.Values, err = countValues(ctx, s.read, tenant, name)
	return use, fault(err)
}

// scopesWith returns the identity scopes that have a claim, by name.
func (s *Store) scopesWith(ctx context.Context, q sqlx.QueryerContext, tenant, claim, lock string) ([]IdentityScope, error) {
	each, column := s.dialect.jsonEach(), `claims`
	if s.dialect == postgres {
		column = `CAST(claims AS json)`
	}
	var rows []identityScopeRow
	err := sqlx.SelectContext(ctx, q, &rows, `
SELECT `+identityScopeColumns+` FROM identity_scopes
 WHERE tenant_id = $1 AND EXISTS (SELECT 1 FROM `+each+`(`+column+`) AS has WHERE has.value = $2)
 ORDER BY name`+lock, tenant, claim)
	if err != nil {
		return nil, err
	}
	return identityScopesOf(rows)
}

func countValues(ctx context.Context, q sqlx.QueryerContext, tenant, claim string) (int64, error) {
	var n int64
	err := sqlx.GetContext(ctx, q, &n, `SELECT count(*) FROM claim_values WHERE claim = $1 AND tenant_id = $2`, claim, tenant)
	return n, err
}

// DeleteCustomClaim takes a custom claim away with its entered values, from the
// identity scopes that have it and from the clients that require it. decide gets
// them. The errors are ErrNotFound, ErrChanged, and decide's own unaltered.
func (s *Store) DeleteCustomClaim(ctx context.Context, tenant, name string, decide func(CustomClaimUse) (Act, error)) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var use CustomClaimUse
		var err error
		// From here on nothing gets it: that needs its row.
		if use.Claim, err = oneCustomClaim(ctx, tx, tenant, name, s.dialect.forUpdate()); err != nil {
			return err
		}
		if use.Scopes, err = s.scopesWith(ctx, tx, tenant, name, s.dialect.forUpdate()); err != nil {
			return err
		}
		use.Clients, err = s.clientsWith(ctx, tx, tenant, listOfRequiredClaims, []string{name}, "id", everyRow, s.dialect.forUpdate())
		if err != nil {
			return err
		}
		if use.Values, err = countValues(ctx, tx, tenant, name); err != nil {
			return err
		}
		act, err := decide(use)
		if err != nil {
			return err
		}
		if err := act.By.expects(use.Claim.Revision); err != nil {
			return err
		}
		gone := func(has string) bool { return has == name }
		for _, scope := range use.Scopes {
			scope.Claims = slices.DeleteFunc(scope.Claims, gone)
			if err := s.saveIdentityScope(ctx, tx, &scope); err != nil {
				return err
			}
		}
		for _, c := range use.Clients {
			c.RequiredClaims = slices.DeleteFunc(c.RequiredClaims, gone)
			if err := s.saveClient(ctx, tx, &c); err != nil {
				return err
			}
		}
		// Its values go with it (ON DELETE CASCADE).
		if _, err := tx.ExecContext(ctx, `DELETE FROM custom_claims WHERE name = $1 AND tenant_id = $2`, name, tenant); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}
