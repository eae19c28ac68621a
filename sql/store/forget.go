package store

import (
	"context"
	"maps"
	"sync"
)

// oldRows are rows of one table that have had their time, whichever tenant's:
// this is housekeeping, and every row keeps its own tenant.
type oldRows struct {
	table string
	key   string // the columns of its primary key
	since string // what is compared with a time, and has an index: rows below it are old
	and   string // a further condition, from “ AND” on; its parameters begin with $3
	at    bool   // rows of the very moment are old, too
}

// drop deletes the oldest of them from before a time, at most limit, and returns
// how many. Rows that somebody else is about to change or to delete are left to
// the next round, so that instances that drop at once do not wait for each other.
func (s *Store) drop(ctx context.Context, old oldRows, before any, limit int, args ...any) (int, error) {
	result, err := s.write.ExecContext(ctx, s.dialect.dropQuery(old), append([]any{before, limit}, args...)...)
	if err != nil {
		return 0, fault(err)
	}
	n, err := result.RowsAffected()
	s.dropped.count(old.table, n)
	return int(n), fault(err)
}

func (d dialect) dropQuery(old oldRows) string {
	condition := old.since + ` < $1` + old.and
	if old.at {
		condition = old.since + ` <= $1` + old.and
	}
	// Materialized, or PostgreSQL may run the inner query more than once and
	// go beyond the limit.
	return `
WITH old AS MATERIALIZED (
    SELECT ` + old.key + ` FROM ` + old.table + ` WHERE ` + condition + ` ORDER BY ` + old.since + ` LIMIT $2` + d.skipLocked(old.table) + `)
DELETE FROM ` + old.table + ` WHERE (` + old.key + `) IN (SELECT ` + old.key + ` FROM old) AND ` + condition
}

// dropEach is drop for several tables. It returns the largest of the numbers.
func (s *Store) dropEach(ctx context.Context, tables []oldRows, before any, limit int) (int, error) {
	most := 0
	for _, old := range tables {
		n, err := s.drop(ctx, old, before, limit)
		if err != nil {
			return most, err
		}
		most = max(most, n)
	}
	return most, nil
}

// dropped counts, by table, the rows that were deleted because their time was
// over. What goes with them by a foreign key is not counted.
type dropped struct {
	mu   sync.Mutex
	rows map[string]int64
}

// EndingTables names the tables whose rows are deleted when their time is over.
func EndingTables() []string {
	return []string{
		"access_tokens",
		"admin_attempts",
		"admin_sessions",
		"admin_tickets",
		"alerts",
		"api_connection_secrets",
		"api_keys",
		"audit_log",
		"authorization_codes",
		"claim_counts",
		"client_secrets",
		"client_tokens",
		"drift_people",
		"idempotency",
		"integration_keys",
		"job_parts",
		"jobs",
		"journal",
		"kv_sessions",
		"refresh_tokens",
		"revoked_tokens",
		"scim_tokens",
		"sign_in_counts",
		"sign_ins",
		"signing_keys",
		"token_changes",
		"token_grants",
		"unknown_names",
		"used_assertions",
		"used_tokens",
		"webhook_attempts",
		"webhook_deliveries",
		"webhook_events",
		"webhook_secrets",
	}
}

func newDropped() *dropped {
	d := &dropped{rows: map[string]int64{}}
	for _, table := range EndingTables() {
		d.rows[table] = 0
	}
	return d
}

func (d *dropped) count(table string, rows int64) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.rows[table] += rows
}

// Dropped says how many rows this process has deleted because their time was
// over, by table; each of EndingTables is there.
func (s *Store) Dropped() map[string]int64 {
	s.dropped.mu.Lock()
	defer s.dropped.mu.Unlock()
	return maps.Clone(s.dropped.rows)
}
