package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// Whose sessions have to end.
const (
	EndingOfUser        = "user"
	EndingOfIntegration = "integration"
)

// Ending says that sessions have to end. The database and the session store
// have no transaction in common, so it is written in the transaction of what
// ends them, and is there until the session store is known to have heard of it.
type Ending struct {
	TenantID string    `db:"tenant_id"`
	Subject  string    `db:"subject"` // the id of the user or the integration
	Kind     string    `db:"kind"`    // EndingOfUser or EndingOfIntegration
	Number   int64     `db:"number"`  // the user's session epoch, the integration's generation
	At       time.Time `db:"at"`
}

// owe writes that sessions have to end.
func (s *Store) owe(ctx context.Context, tx *sqlx.Tx, tenant, kind, subject string, number int64) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO endings (tenant_id, subject, kind, number, at) VALUES ($1, $2, $3, $4, $5)
ON CONFLICT (subject, tenant_id) DO UPDATE SET number = excluded.number, at = excluded.at`,
		tenant, subject, kind, number, s.now().UTC())
	return err
}

// Endings returns what was written before a time, of all tenants, the oldest
// first, at most limit.
func (s *Store) Endings(ctx context.Context, before time.Time, limit int) ([]Ending, error) {
	var endings []Ending
	err := s.read.SelectContext(ctx, &endings, `
SELECT tenant_id, subject, kind, number, at FROM endings WHERE at < $1 ORDER BY at LIMIT $2`, before.UTC(), limit)
	return endings, fault(err)
}

// Owed returns the ending of a user's or an integration's sessions that is
// written, or ErrNotFound.
func (s *Store) Owed(ctx context.Context, tenant, subject string) (Ending, error) {
	var e Ending
	err := s.read.GetContext(ctx, &e, `
SELECT tenant_id, subject, kind, number, at FROM endings WHERE subject = $1 AND tenant_id = $2`, subject, tenant)
	return e, fault(err)
}

// Owes reports whether an ending of a user's or an integration's sessions is
// written.
func (s *Store) Owes(ctx context.Context, tenant, subject string) (bool, error) {
	var owes bool
	err := s.read.GetContext(ctx, &owes, `
SELECT EXISTS (SELECT 1 FROM endings WHERE subject = $1 AND tenant_id = $2)`, subject, tenant)
	return owes, fault(err)
}

// Ended forgets an ending that the session store knows, unless a later one has
// taken its place.
func (s *Store) Ended(ctx context.Context, e Ending) error {
	_, err := s.write.ExecContext(ctx, `
DELETE FROM endings WHERE tenant_id = $1 AND subject = $2 AND number = $3`, e.TenantID, e.Subject, e.Number)
	return fault(err)
}
