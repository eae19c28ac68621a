package store

import "context"

// CountUsers returns how many users the tenant has.
func (l *Look) CountUsers(ctx context.Context) (int64, error) {
	var n int64
	err := l.tx.GetContext(ctx, &n, `SELECT count(*) FROM users WHERE tenant_id = $1`, l.tenant)
	return n, fault(err)
}

// UserIDs returns the ids of users after the given one ("" = from the first),
// in that order, at most limit.
func (l *Look) UserIDs(ctx context.Context, after string, limit int) ([]string, error) {
	if after == "" {
		after = ManualSource // before every id
	}
	var ids []string
	err := l.tx.SelectContext(ctx, &ids, `
SELECT id FROM users WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3`, l.tenant, after, limit)
	return ids, fault(err)
}

// Holders returns those users, from one id to another, who have a membership or
// a grant that an integration gave.
func (l *Look) Holders(ctx context.Context, integration, from, to string) ([]string, error) {
	var ids []string
	err := l.tx.SelectContext(ctx, &ids, `
SELECT u.id FROM users u
 WHERE u.tenant_id = $1 AND u.id >= $2 AND u.id <= $3
   AND (EXISTS (SELECT 1 FROM group_members m WHERE m.tenant_id = $1 AND m.user_id = u.id AND m.source = $4)
     OR EXISTS (SELECT 1 FROM grants g WHERE g.tenant_id = $1 AND g.user_id = u.id AND g.integration_id = $4
                   AND g.revoked_at IS NULL))
 ORDER BY u.id`, l.tenant, from, to, integration)
	return ids, fault(err)
}
