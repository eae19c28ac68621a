package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// Group is a group of a tenant.
type Group struct {
	ID          string    `json:"id" db:"id"`
	ExternalID  string    `json:"external_id" db:"external_id"` // what tokens name
	Name        string    `json:"name" db:"name"`
	Description string    `json:"description" db:"description"`
	CreatedAt   time.Time `json:"-" db:"created_at"`
}

// Credit is a row of a tenant's catalogue of credits.
type Credit struct {
	ID        int64     `db:"id"` // 1…2^53−1, what tokens name
	Name      string    `db:"name"`
	CreatedAt time.Time `db:"created_at"`
}

// AddGroup writes a new group, or returns ErrTaken. People whose last token
// named it while it was unknown get it at their next sign-in.
func (s *Store) AddGroup(ctx context.Context, tenant string, g Group, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := catalogChanged(ctx, tx, tenant); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `
INSERT INTO groups (tenant_id, id, external_id, name, description, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			tenant, g.ID, g.ExternalID, g.Name, g.Description, g.CreatedAt)
		if err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// AddCredit writes a new credit, or returns ErrTaken. Grants parked for it
// take effect with it.
func (s *Store) AddCredit(ctx context.Context, tenant string, c Credit, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := catalogChanged(ctx, tx, tenant); err != nil {
			return err
		}
		_, err := tx.ExecContext(ctx, `INSERT INTO credits (tenant_id, id, name, created_at) VALUES ($1, $2, $3, $4)`,
			tenant, c.ID, c.Name, c.CreatedAt)
		if err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// catalogChanged makes every token that named something unknown be compared
// again: those written already, and those being planned right now. It comes
// first in its transaction: sign-ins lock the tenant's row first as well.
func catalogChanged(ctx context.Context, tx *sqlx.Tx, tenant string) error {
	if _, err := tx.ExecContext(ctx,
		`UPDATE tenants SET catalog_revision = catalog_revision + 1 WHERE id = $1`, tenant); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx,
		`UPDATE identities SET fingerprint = NULL WHERE tenant_id = $1 AND unresolved`, tenant)
	return err
}

// Groups returns a tenant's groups with an external id after the given one,
// in that order, at most limit.
func (s *Store) Groups(ctx context.Context, tenant, after string, limit int) ([]Group, error) {
	var groups []Group
	err := s.read.SelectContext(ctx, &groups, `
SELECT id, external_id, name, description, created_at
  FROM groups WHERE tenant_id = $1 AND external_id > $2 ORDER BY external_id LIMIT $3`, tenant, after, limit)
	return groups, fault(err)
}

// Credits returns a tenant's credits with an id above the given one, in that
// order, at most limit.
func (s *Store) Credits(ctx context.Context, tenant string, after int64, limit int) ([]Credit, error) {
	var credits []Credit
	err := s.read.SelectContext(ctx, &credits, `
SELECT id, name, created_at FROM credits WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3`, tenant, after, limit)
	return credits, fault(err)
}
