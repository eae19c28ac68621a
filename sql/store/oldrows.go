package store

import (
	"context"
	"time"
)

// CountOldSignIns says how many entries of the sign-in log ForgetSignIns would
// drop in the end, counted up to limit.
func (s *Store) CountOldSignIns(ctx context.Context, tenant string, before time.Time, limit int) (int, error) {
	return s.countOld(ctx, `
SELECT count(*) FROM (SELECT 1 FROM sign_ins WHERE tenant_id = $1 AND id < $2 LIMIT $3) AS old`, tenant, logFloor(before), limit)
}

// CountOldJournal is CountOldSignIns for the users' journals.
func (s *Store) CountOldJournal(ctx context.Context, tenant string, before time.Time, limit int) (int, error) {
	return s.countOld(ctx, `
SELECT count(*) FROM (SELECT 1 FROM journal WHERE tenant_id = $1 AND at < $2 LIMIT $3) AS old`, tenant, before.UTC(), limit)
}

// CountOldAudit is CountOldSignIns for the audit log. Its rows are in the order
// of time, so that the oldest ones are enough to look at.
func (s *Store) CountOldAudit(ctx context.Context, tenant string, before time.Time, limit int) (int, error) {
	return s.countOld(ctx, `
SELECT count(*) FROM (SELECT at FROM audit_log WHERE tenant_id = $1 ORDER BY seq LIMIT $3) AS oldest WHERE at < $2`,
		tenant, before.UnixMicro(), limit)
}

func (s *Store) countOld(ctx context.Context, query string, args ...any) (int, error) {
	var n int
	err := s.read.GetContext(ctx, &n, query, args...)
	return n, fault(err)
}

// CountOldWebhooks is CountOldSignIns for events of webhooks.
func (s *Store) CountOldWebhooks(ctx context.Context, tenant string, before time.Time, limit int) (int, error) {
	return s.countOld(ctx, `
SELECT count(*) FROM (SELECT 1 FROM webhook_events WHERE tenant_id = $1 AND created_at < $2 LIMIT $3) AS old`,
		tenant, before.UTC(), limit)
}
