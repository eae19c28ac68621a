package store

import (
	"context"
	"errors"

	"github.com/jmoiron/sqlx"
)

// ClientNeeds names what must be there for a client that wants it.
type ClientNeeds struct {
	APIScopes      []string
	IdentityScopes []string // of the tenant's own: every tenant has the built-in ones
	RequiredClaims []string
	Integration    string // the id of an installed one; "" = none
	User           string // the id of one who was neither erased nor merged; "" = none
}

// holdNeeds returns what there is of it, and keeps that, but for the integration,
// from being deleted until the commit.
func (s *Store) holdNeeds(ctx context.Context, tx *sqlx.Tx, tenant string, needs ClientNeeds) (known ClientNeeds, err error) {
	// The order of deletions: custom claims, identity scopes, API scopes.
	if known.RequiredClaims, err = s.holdCustomClaims(ctx, tx, tenant, needs.RequiredClaims); err != nil {
		return ClientNeeds{}, err
	}
	if known.IdentityScopes, err = s.holdIdentityScopes(ctx, tx, tenant, needs.IdentityScopes); err != nil {
		return ClientNeeds{}, err
	}
	if known.APIScopes, err = s.holdAPIScopes(ctx, tx, tenant, needs.APIScopes); err != nil {
		return ClientNeeds{}, err
	}
	known.Integration, err = s.found(ctx, tx, needs.Integration,
		`SELECT id FROM integrations WHERE id = $1 AND tenant_id = $2 AND removed_at IS NULL`, tenant)
	if err != nil {
		return ClientNeeds{}, err
	}
	known.User, err = s.found(ctx, tx, needs.User,
		`SELECT id FROM users WHERE id = $1 AND tenant_id = $2 AND status NOT IN ('erased', 'merged')`+s.dialect.forShare(), tenant)
	if err != nil {
		return ClientNeeds{}, err
	}
	return known, nil
}

// found returns an id when a query finds it, and "" when not.
func (s *Store) found(ctx context.Context, tx *sqlx.Tx, id, query, tenant string) (string, error) {
	if id == "" {
		return "", nil
	}
	var there string
	err := tx.GetContext(ctx, &there, query, id, tenant)
	if errors.Is(fault(err), ErrNotFound) {
		return "", nil
	}
	return there, err
}

// deleteClientsOf takes the programs of one person away, with their secrets.
func deleteClientsOf(ctx context.Context, tx *sqlx.Tx, tenant, user string) error {
	var ids []string
	if err := tx.SelectContext(ctx, &ids, `SELECT id FROM clients WHERE user_id = $1 AND tenant_id = $2 ORDER BY id`, user, tenant); err != nil {
		return err
	}
	for _, id := range ids {
		if err := spendSecrets(ctx, tx, tenant, OfClient, id); err != nil {
			return err
		}
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM clients WHERE user_id = $1 AND tenant_id = $2`, user, tenant)
	return err
}

// moveClients gives the programs of one person to another, whom they act for from
// then on.
func (s *Store) moveClients(ctx context.Context, tx *sqlx.Tx, tenant, keep, gone string) error {
	_, err := tx.ExecContext(ctx, `
UPDATE clients SET user_id = $1, revision = revision + 1, updated_at = $2 WHERE user_id = $3 AND tenant_id = $4`,
		keep, s.now().UTC(), gone, tenant)
	return err
}
