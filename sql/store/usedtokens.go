package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// UsedUnderRemoved reports whether a token was used under an integration that
// has been removed since.
func (s *Store) UsedUnderRemoved(ctx context.Context, tenant string, key Hex) (bool, error) {
	var used bool
	err := s.read.GetContext(ctx, &used, `
SELECT EXISTS (SELECT 1 FROM used_tokens WHERE tenant_id = $1 AND token_key = $2 AND integration_id IN
    (SELECT id FROM integrations WHERE tenant_id = $1 AND removed_at IS NOT NULL))`, tenant, []byte(key))
	return used, fault(err)
}

// ForgetUsedTokens deletes used tokens that cannot arrive any more, looking at
// about limit of them, the oldest first, and returns at how many it has looked.
// tolerance is the largest leeway that an integration may have.
//
// The present limits of the integration count, not those under which a token
// was used: after a loosening it stays remembered for longer.
//
// The rows also tell whether a newer token was used. So under a max-age a row
// stays until every older token is too old as well, even if its own exp is
// over. Without one an older token may still be good for ever: then the newest
// iat is kept with the identity.
func (s *Store) ForgetUsedTokens(ctx context.Context, tolerance time.Duration, limit int) (int, error) {
	var seen, gone int64
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		now := s.now().UnixMicro()
		// The statements cross tenants on purpose: this is housekeeping, and
		// every row keeps its own tenant. A bound in time, not a count, makes
		// them all speak of the same rows.
		var due *int64
		err := tx.GetContext(ctx, &due, `
SELECT max(expires_at) FROM
    (SELECT expires_at FROM used_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2) AS oldest`, now, limit)
		if err != nil || due == nil {
			return err
		}
		const ends = `
CASE WHEN n.max_age > 0 AND t.issued_at IS NOT NULL THEN t.issued_at + n.max_age * 1000000 + $2 ELSE t.not_after END`
		steps := []struct {
			statement string
			args      []any
		}{
			{`
UPDATE used_tokens AS t SET expires_at = ` + ends + `
  FROM integrations AS n
 WHERE t.expires_at <= $1 AND n.tenant_id = t.tenant_id AND n.id = t.integration_id
   AND coalesce(` + ends + ` >= $3, true)`, []any{*due, tolerance.Microseconds(), now}},
			{`
UPDATE identities
   SET applied_at = (SELECT max(t.issued_at) FROM used_tokens t
                      WHERE t.tenant_id = identities.tenant_id AND t.identity_id = identities.id)
 WHERE (tenant_id, id) IN (
        SELECT t.tenant_id, t.identity_id
          FROM used_tokens t
          JOIN integrations n ON n.tenant_id = t.tenant_id AND n.id = t.integration_id
         WHERE t.expires_at <= $1 AND n.max_age = 0)
   AND coalesce(applied_at, 0) < coalesce((SELECT max(t.issued_at) FROM used_tokens t
                      WHERE t.tenant_id = identities.tenant_id AND t.identity_id = identities.id), 0)`, []any{*due}},
			{`
DELETE FROM used_tokens WHERE expires_at <= $1`, []any{*due}},
		}
		seen, gone = 0, 0
		for i, step := range steps {
			result, err := tx.ExecContext(ctx, step.statement, step.args...)
			if err != nil {
				return err
			}
			if i == 1 { // identities, not used tokens
				continue
			}
			n, err := result.RowsAffected()
			if err != nil {
				return err
			}
			seen += n
			gone = n // the last step's
		}
		return nil
	})
	if err == nil {
		s.dropped.count("used_tokens", gone)
	}
	return int(seen), err
}
