package store

import (
	"context"
	"time"
)

// ended are things whose end stands in their row, and which are kept for a while
// after it, so that people see what has become of them. Only what has ended for
// good is among them: nothing of it can come back to life.
func ended() []oldRows {
	return []oldRows{
		{table: "jobs", key: "id, tenant_id", since: "finished_at"},
		{table: "alerts", key: "id, tenant_id", since: "changed_at", and: " AND state = 'closed'"},
		{table: "unknown_names", key: "integration_id, kind, name, tenant_id", since: "last_seen"},
		{table: "client_secrets", key: "id, tenant_id", since: "expires_at"},
		{table: "api_connection_secrets", key: "id, tenant_id", since: "expires_at"},
		{table: "webhook_secrets", key: "id, tenant_id", since: "expires_at"},
		{table: "scim_tokens", key: "id, tenant_id", since: "coalesce(revoked_at, expires_at)"},
		{table: "api_keys", key: "id, tenant_id", since: "coalesce(revoked_at, expires_at)"},
		{table: "integration_keys", key: "id, tenant_id", since: "retires_at"},
	}
}

// ForgetEnded deletes, of all tenants, jobs that were over before a time, alerts
// that were closed, unknown names that were not seen since, and secrets and keys
// that had expired or were revoked or retired: at most limit of each kind. It
// returns the largest of the numbers.
func (s *Store) ForgetEnded(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.dropEach(ctx, ended(), before.UTC(), limit)
}

// ForgetSignInCounts deletes a tenant's counts of hours before a time, the
// oldest first, at most limit, and returns how many.
func (s *Store) ForgetSignInCounts(ctx context.Context, tenant string, before time.Time, limit int) (int, error) {
	return s.drop(ctx, oldRows{
		table: "sign_in_counts", key: "tenant_id, hour, integration_id, key_id, reason", since: "hour", and: " AND tenant_id = $3",
	}, HourOf(before), limit, tenant)
}
