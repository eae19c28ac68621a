package store

import (
	"context"
	"time"
)

// CloseUnguarded closes the alerts, of every tenant, of integrations that are no
// longer guarded.
func (s *Store) CloseUnguarded(ctx context.Context) error {
	_, err := s.write.ExecContext(ctx, `
UPDATE alerts SET state = 'closed', changed_at = $1
 WHERE state <> 'closed' AND NOT EXISTS (
       SELECT 1 FROM integrations n
        WHERE n.tenant_id = alerts.tenant_id AND n.id = alerts.integration_id AND n.drift_guard AND n.removed_at IS NULL)`,
		s.now().UTC())
	return fault(err)
}

// ForgetClaimCounts deletes, of every tenant, counts of claims from before a
// period, at most limit, and returns how many.
func (s *Store) ForgetClaimCounts(ctx context.Context, period int64, limit int) (int, error) {
	return s.drop(ctx, oldClaimCounts, period, limit)
}

// ForgetDriftPeople deletes people who were counted before a time for no alert,
// of every tenant, at most limit, and returns how many.
func (s *Store) ForgetDriftPeople(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.drop(ctx, oldDriftPeople, before.UTC(), limit)
}

var (
	oldClaimCounts = oldRows{table: "claim_counts", key: "integration_id, period, tenant_id", since: "period"}
	oldDriftPeople = oldRows{table: "drift_people", key: "integration_id, user_id, tenant_id", since: "at", and: `
   AND NOT EXISTS (
       SELECT 1 FROM alerts a
        WHERE a.tenant_id = drift_people.tenant_id AND a.integration_id = drift_people.integration_id
          AND a.state <> 'closed')`}
)
