package store

import (
	"context"
	"errors"
)

// CatalogChanged makes every token that named something unknown be compared
// again. It comes before the rows that are new.
func (b *Batch) CatalogChanged(ctx context.Context) error {
	return fault(catalogChanged(ctx, b.tx, b.tenant))
}

// ImportOutcome is what became of one row of an import.
type ImportOutcome string

// The outcomes.
const (
	ImportAdded   ImportOutcome = "added"
	ImportChanged ImportOutcome = "changed"
	ImportSame    ImportOutcome = "same"
)

// ImportGroup writes a group, or renames the one that has its external id. An
// empty description leaves what is there.
func (b *Batch) ImportGroup(ctx context.Context, g Group) (ImportOutcome, error) {
	var known Group
	err := fault(b.tx.GetContext(ctx, &known, `
SELECT id, external_id, name, description, created_at FROM groups WHERE tenant_id = $1 AND external_id = $2`+b.lock,
		b.tenant, g.ExternalID))
	switch {
	case errors.Is(err, ErrNotFound):
		_, err := b.tx.ExecContext(ctx, `
INSERT INTO groups (tenant_id, id, external_id, name, description, created_at) VALUES ($1, $2, $3, $4, $5, $6)`,
			b.tenant, g.ID, g.ExternalID, g.Name, g.Description, g.CreatedAt)
		return ImportAdded, fault(err)
	case err != nil:
		return "", err
	}
	if g.Description == "" {
		g.Description = known.Description
	}
	if g.Name == known.Name && g.Description == known.Description {
		return ImportSame, nil
	}
	_, err = b.tx.ExecContext(ctx, `UPDATE groups SET name = $1, description = $2, revision = revision + 1 WHERE tenant_id = $3 AND id = $4`,
		g.Name, g.Description, b.tenant, known.ID)
	return ImportChanged, fault(err)
}

// ImportCredit writes a credit, or renames the one that has its id.
func (b *Batch) ImportCredit(ctx context.Context, c Credit) (ImportOutcome, error) {
	var name string
	err := fault(b.tx.GetContext(ctx, &name, `SELECT name FROM credits WHERE tenant_id = $1 AND id = $2`+b.lock, b.tenant, c.ID))
	switch {
	case errors.Is(err, ErrNotFound):
		_, err := b.tx.ExecContext(ctx, `INSERT INTO credits (tenant_id, id, name, created_at) VALUES ($1, $2, $3, $4)`,
			b.tenant, c.ID, c.Name, c.CreatedAt)
		return ImportAdded, fault(err)
	case err != nil:
		return "", err
	case name == c.Name:
		return ImportSame, nil
	}
	_, err = b.tx.ExecContext(ctx, `UPDATE credits SET name = $1, revision = revision + 1 WHERE tenant_id = $2 AND id = $3`, c.Name, b.tenant, c.ID)
	return ImportChanged, fault(err)
}
