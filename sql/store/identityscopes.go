package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
)

// IdentityScope is a bundle of claims about a person, which a client can ask for.
type IdentityScope struct {
	TenantID    string
	Name        string // unique in the tenant, also among its API scopes; it never changes
	DisplayName string
	Claims      []string // names, sorted; not of BuiltIn ones
	BuiltIn     bool     // every tenant has it, and nobody can change it: no row
	Revision    int64    // grows with every change
	CreatedAt   time.Time
	UpdatedAt   time.Time
}

const identityScopeColumns = `tenant_id, name, display_name, claims, revision, created_at, updated_at`

// identityScopeRow is an IdentityScope as it is stored.
type identityScopeRow struct {
	TenantID    string    `db:"tenant_id"`
	Name        string    `db:"name"`
	DisplayName string    `db:"display_name"`
	Claims      string    `db:"claims"`
	Revision    int64     `db:"revision"`
	CreatedAt   time.Time `db:"created_at"`
	UpdatedAt   time.Time `db:"updated_at"`
}

func (r identityScopeRow) scope() (IdentityScope, error) {
	scope := IdentityScope{
		TenantID: r.TenantID, Name: r.Name, DisplayName: r.DisplayName, Revision: r.Revision,
		CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
	}
	if err := json.Unmarshal([]byte(r.Claims), &scope.Claims); err != nil {
		return IdentityScope{}, fmt.Errorf("store: claims of an identity scope: %w", err)
	}
	return scope, nil
}

func (scope IdentityScope) row() (identityScopeRow, error) {
	claims, err := json.Marshal(nonNil(scope.Claims))
	if err != nil {
		return identityScopeRow{}, fmt.Errorf("store: claims of an identity scope: %w", err)
	}
	return identityScopeRow{
		TenantID: scope.TenantID, Name: scope.Name, DisplayName: scope.DisplayName, Claims: string(claims),
		Revision: scope.Revision, CreatedAt: scope.CreatedAt, UpdatedAt: scope.UpdatedAt,
	}, nil
}

func identityScopesOf(rows []identityScopeRow) ([]IdentityScope, error) {
	scopes := make([]IdentityScope, 0, len(rows))
	for _, row := range rows {
		scope, err := row.scope()
		if err != nil {
			return nil, err
		}
		scopes = append(scopes, scope)
	}
	return scopes, nil
}

// AddIdentityScope writes an identity scope, once check has seen which of the
// custom claims that it names exist; limit is how many a tenant may have. The
// errors are ErrTaken for its name, also when an API scope has it, ErrFull, and
// check's own unaltered.
func (s *Store) AddIdentityScope(ctx context.Context, scope IdentityScope, limit int, check func(known []string) error, act Act) error {
	row, err := scope.row()
	if err != nil {
		return err
	}
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		known, err := s.holdCustomClaims(ctx, tx, scope.TenantID, scope.Claims)
		if err != nil {
			return err
		}
		if err := check(known); err != nil {
			return err
		}
		if err := s.lockScopeNames(ctx, tx, scope.TenantID); err != nil {
			return err
		}
		var there, taken int
		if err := tx.GetContext(ctx, &there, `
SELECT count(*) FROM (SELECT 1 FROM identity_scopes WHERE tenant_id = $1 LIMIT $2) AS known`, scope.TenantID, limit); err != nil {
			return err
		}
		if there >= limit {
			return ErrFull
		}
		if err := tx.GetContext(ctx, &taken, `
SELECT count(*) FROM api_scopes WHERE name = $1 AND tenant_id = $2`, scope.Name, scope.TenantID); err != nil {
			return err
		}
		if taken > 0 {
			return ErrTaken
		}
		if _, err := tx.NamedExecContext(ctx, `
INSERT INTO identity_scopes (`+identityScopeColumns+`)
VALUES (:tenant_id, :name, :display_name, :claims, :revision, :created_at, :updated_at)`, row); err != nil {
			return err
		}
		return s.record(ctx, tx, scope.TenantID, act)
	})
}

// lockScopeNames makes those who add scopes to a tenant wait for one another:
// API scopes and identity scopes share their names, and no index spans both.
func (s *Store) lockScopeNames(ctx context.Context, tx *sqlx.Tx, tenant string) error {
	var id string
	return tx.GetContext(ctx, &id, `SELECT id FROM tenants WHERE id = $1`+s.dialect.forChange(), tenant)
}

// IdentityScopes returns a tenant's identity scopes by name, at most limit.
func (s *Store) IdentityScopes(ctx context.Context, tenant string, limit int) ([]IdentityScope, error) {
	var rows []identityScopeRow
	err := s.read.SelectContext(ctx, &rows, `
SELECT `+identityScopeColumns+` FROM identity_scopes WHERE tenant_id = $1 ORDER BY name LIMIT $2`, tenant, limit)
	if err != nil {
		return nil, fault(err)
	}
	return identityScopesOf(rows)
}

// IdentityScope returns one identity scope, or ErrNotFound.
func (s *Store) IdentityScope(ctx context.Context, tenant, name string) (IdentityScope, error) {
	scope, err := oneIdentityScope(ctx, s.read, tenant, name, "")
	return scope, fault(err)
}

func oneIdentityScope(ctx context.Context, q sqlx.QueryerContext, tenant, name, lock string) (IdentityScope, error) {
	var row identityScopeRow
	err := sqlx.GetContext(ctx, q, &row,
		`SELECT `+identityScopeColumns+` FROM identity_scopes WHERE name = $1 AND tenant_id = $2`+lock, name, tenant)
	if err != nil {
		return IdentityScope{}, err
	}
	return row.scope()
}

// ChangeIdentityScope lets change edit the display name and the claims of an
// identity scope; claims are the custom ones that it wants to name, of which it
// gets those that exist. An act without an action writes nothing. The errors are
// ErrNotFound, ErrChanged, and change's own unaltered.
func (s *Store) ChangeIdentityScope(ctx context.Context, tenant, name string, claims []string,
	change func(scope *IdentityScope, known []string) (Act, error),
) (IdentityScope, error) {
	var scope IdentityScope
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		// The order of deletions: custom claims, identity scopes, clients.
		known, err := s.holdCustomClaims(ctx, tx, tenant, claims)
		if err != nil {
			return err
		}
		if scope, err = oneIdentityScope(ctx, tx, tenant, name, s.dialect.forUpdate()); err != nil {
			return err
		}
		revision := scope.Revision
		act, err := change(&scope, known)
		if err != nil {
			return err
		}
		if err := act.By.expects(revision); err != nil || act.nothing() {
			return err
		}
		if err := s.saveIdentityScope(ctx, tx, &scope); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return scope, err
}

// saveIdentityScope writes what can change of an identity scope, with a new
// revision.
func (s *Store) saveIdentityScope(ctx context.Context, tx *sqlx.Tx, scope *IdentityScope) error {
	scope.Revision, scope.UpdatedAt = scope.Revision+1, s.now().UTC().Truncate(time.Microsecond)
	row, err := scope.row()
	if err != nil {
		return err
	}
	_, err = tx.NamedExecContext(ctx, `
UPDATE identity_scopes SET display_name = :display_name, claims = :claims, revision = :revision, updated_at = :updated_at
 WHERE name = :name AND tenant_id = :tenant_id`, row)
	return err
}

// DeleteIdentityScope takes an identity scope away, from every client that may
// ask for it as well. decide gets it and those clients. The errors are
// ErrNotFound, ErrChanged, and decide's own unaltered.
func (s *Store) DeleteIdentityScope(ctx context.Context, tenant, name string,
	decide func(IdentityScope, []Client) (Act, error),
) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		// From here on no client gets it: that needs its row.
		scope, err := oneIdentityScope(ctx, tx, tenant, name, s.dialect.forUpdate())
		if err != nil {
			return err
		}
		clients, err := s.clientsWith(ctx, tx, tenant, listOfIdentityScopes, []string{name}, "id", everyRow, s.dialect.forUpdate())
		if err != nil {
			return err
		}
		act, err := decide(scope, clients)
		if err != nil {
			return err
		}
		if err := act.By.expects(scope.Revision); err != nil {
			return err
		}
		for _, c := range clients {
			c.IdentityScopes = slices.DeleteFunc(c.IdentityScopes, func(has string) bool { return has == name })
			if err := s.saveClient(ctx, tx, &c); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM identity_scopes WHERE name = $1 AND tenant_id = $2`, name, tenant); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// ClientsWithIdentityScope returns the clients that may ask for an identity
// scope, in the order of their client ids, at most limit.
func (s *Store) ClientsWithIdentityScope(ctx context.Context, tenant, name string, limit int) ([]Client, error) {
	clients, err := s.clientsWith(ctx, s.read, tenant, listOfIdentityScopes, []string{name}, "client_id", limit, "")
	return clients, fault(err)
}
