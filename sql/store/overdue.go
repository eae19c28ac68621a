package store

import (
	"context"
	"time"
)

// SignInLog is how a tenant's sign-in log stands.
type SignInLog struct {
	Oldest     time.Time        // when its oldest entry came; zero = it has none
	Suppressed map[string]int64 // attempts since a time that were counted and not kept, by the detail of their rows
}

// SignInLogSince reads how a tenant's sign-in log stands.
func (s *Store) SignInLogSince(ctx context.Context, tenant string, since time.Time) (SignInLog, error) {
	log := SignInLog{Suppressed: map[string]int64{}}
	var oldest []time.Time
	if err := s.read.SelectContext(ctx, &oldest,
		`SELECT at FROM sign_ins WHERE tenant_id = $1 ORDER BY id LIMIT 1`, tenant); err != nil {
		return log, fault(err)
	}
	if len(oldest) > 0 {
		log.Oldest = oldest[0].UTC()
	}
	var sums []struct {
		Detail string `db:"detail"`
		Count  int64  `db:"count"`
	}
	err := s.read.SelectContext(ctx, &sums, `
SELECT detail, CAST(sum(count) AS bigint) AS count FROM sign_ins
 WHERE tenant_id = $1 AND outcome = 'suppressed' AND outcome <> 'signed_in' AND id >= $2 GROUP BY detail`,
		tenant, logFloor(since))
	for _, sum := range sums {
		log.Suppressed[sum.Detail] = sum.Count
	}
	return log, fault(err)
}

// WaitingJobs returns when a tenant's jobs were made that nobody has worked on
// since a time, oldest first, at most limit.
func (s *Store) WaitingJobs(ctx context.Context, tenant string, since time.Time, limit int) ([]time.Time, error) {
	var made []time.Time
	err := s.read.SelectContext(ctx, &made, `
SELECT created_at FROM jobs
 WHERE tenant_id = $1 AND state IN ('queued', 'running') AND created_at < $2 AND (lease_until IS NULL OR lease_until < $2)
 ORDER BY id LIMIT $3`, tenant, since.UTC(), limit)
	return made, fault(err)
}

// OpenTickets counts a tenant's tickets of a kind that have not ended.
func (s *Store) OpenTickets(ctx context.Context, tenant, kind string) (int, error) {
	var n int
	err := s.read.GetContext(ctx, &n, `
SELECT count(*) FROM admin_tickets WHERE tenant_id = $1 AND kind = $2 AND expires_at > $3`, tenant, kind, s.now().UTC())
	return n, fault(err)
}
