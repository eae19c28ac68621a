package store

import "context"

// Holdings is what hangs on an integration.
type Holdings struct {
	// People are the users whom it knows, at most the limit; More says that
	// there are others, and that all other numbers are lower bounds.
	People int64 `db:"people"`
	More   bool
	// OnlyWayIn are those of them who are active and whom no other installed
	// integration knows.
	OnlyWayIn   int64 `db:"only_way_in"`
	Memberships int64 `db:"memberships"` // of groups, with it as the source
	Grants      int64 `db:"grants"`      // of credits, not revoked
}

// Holdings counts what hangs on an integration, looking at no more people than
// limit: what it costs does not grow with the tenant.
func (s *Store) Holdings(ctx context.Context, tenant, integration string, limit int) (Holdings, error) {
	var h Holdings
	// Not prepared: the plan has to fit the sizes that the tables have now.
	err := s.read.GetContext(ctx, &h, holdingsQuery, tenant, integration, limit+1)
	if h.People > int64(limit) {
		h.People, h.More = int64(limit), true
	}
	return h, fault(err)
}

const holdingsQuery = `
WITH mine AS (
    SELECT DISTINCT user_id FROM identities WHERE integration_id = $2 AND tenant_id = $1 ORDER BY user_id LIMIT $3
)
SELECT (SELECT count(*) FROM mine) AS people,
       (SELECT count(*) FROM mine
         WHERE (SELECT status FROM users WHERE tenant_id = $1 AND id = mine.user_id) = 'active'
           AND NOT EXISTS (SELECT 1 FROM identities o
                WHERE o.user_id = mine.user_id AND o.tenant_id = $1 AND o.integration_id <> $2
                  AND EXISTS (SELECT 1 FROM integrations n
                       WHERE n.id = o.integration_id AND n.tenant_id = $1 AND n.removed_at IS NULL))) AS only_way_in,
       (SELECT coalesce(sum((SELECT count(*) FROM group_members m
                WHERE m.user_id = mine.user_id AND m.tenant_id = $1 AND m.source = $2)), 0) FROM mine) AS memberships,
       (SELECT coalesce(sum((SELECT count(*) FROM grants g
                WHERE g.user_id = mine.user_id AND g.integration_id = $2 AND g.tenant_id = $1
                  AND g.revoked_at IS NULL)), 0) FROM mine) AS grants`

// PeopleOf returns users whom an integration knows, at most limit.
func (s *Store) PeopleOf(ctx context.Context, tenant, integration string, limit int) ([]string, error) {
	var users []string
	err := s.read.SelectContext(ctx, &users, `
SELECT DISTINCT user_id FROM identities WHERE integration_id = $2 AND tenant_id = $1 ORDER BY user_id LIMIT $3`,
		tenant, integration, limit)
	return users, fault(err)
}
