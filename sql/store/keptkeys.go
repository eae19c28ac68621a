package store

import (
	"context"

	"github.com/jmoiron/sqlx"
)

// KeptKey returns a key of the installation as it is sealed, or ErrNotFound.
func (s *Store) KeptKey(ctx context.Context, name string) ([]byte, error) {
	var sealed []byte
	err := s.write.GetContext(ctx, &sealed, `SELECT sealed FROM kept_keys WHERE name = $1`, name)
	return sealed, fault(err)
}

// KeepKey keeps a key where there is none of that name yet.
func (s *Store) KeepKey(ctx context.Context, name string, sealed []byte) error {
	_, err := s.write.ExecContext(ctx, `
INSERT INTO kept_keys (name, sealed, created_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`,
		name, sealed, s.now().UTC())
	return fault(err)
}

// ResealKey puts one form of a kept key in the place of another, and records the
// act in a tenant's log; it reports false when the key has changed since.
func (s *Store) ResealKey(ctx context.Context, name string, old, next []byte, tenant string, act Act) (changed bool, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		done, err := tx.ExecContext(ctx, `UPDATE kept_keys SET sealed = $1 WHERE name = $2 AND sealed = $3`, next, name, old)
		if err != nil {
			return err
		}
		n, err := done.RowsAffected()
		if changed = n > 0; err != nil || !changed {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return changed, err
}

// HasTombstones reports whether anybody was ever erased, in any tenant.
func (s *Store) HasTombstones(ctx context.Context) (bool, error) {
	var found bool
	err := s.read.GetContext(ctx, &found, `SELECT EXISTS (SELECT 1 FROM tombstones)`)
	return found, fault(err)
}
