package store

import (
	"context"

	"github.com/jmoiron/sqlx"
)

// ForgetUsedTokens deletes up to limit used tokens that cannot arrive any
// more, and returns how many it deleted.
//
// The rows also tell whether a newer token was used. Under a max-age every
// older token is too old by then as well; without one an older token may still
// be good, so the newest iat is first kept with the identity.
func (s *Store) ForgetUsedTokens(ctx context.Context, limit int) (int, error) {
	var deleted int64
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		now := s.now().UTC()
		// The subquery crosses tenants on purpose: this is housekeeping, and
		// every row keeps its own tenant.
		const due = `
SELECT tenant_id, integration_id, token_key FROM used_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2`
		_, err := tx.ExecContext(ctx, `
UPDATE identities
   SET applied_at = (SELECT max(t.issued_at) FROM used_tokens t
                      WHERE t.tenant_id = identities.tenant_id AND t.identity_id = identities.id)
 WHERE (tenant_id, id) IN (
        SELECT t.tenant_id, t.identity_id
          FROM used_tokens t
          JOIN (`+due+`) d ON d.tenant_id = t.tenant_id AND d.integration_id = t.integration_id
               AND d.token_key = t.token_key
          JOIN integrations n ON n.tenant_id = t.tenant_id AND n.id = t.integration_id AND n.max_age = 0)
   AND coalesce(applied_at, 0) < coalesce((SELECT max(t.issued_at) FROM used_tokens t
                      WHERE t.tenant_id = identities.tenant_id AND t.identity_id = identities.id), 0)`, now, limit)
		if err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, `
DELETE FROM used_tokens WHERE (tenant_id, integration_id, token_key) IN (`+due+`)`, now, limit)
		if err != nil {
			return err
		}
		deleted, err = result.RowsAffected()
		return err
	})
	return int(deleted), err
}
