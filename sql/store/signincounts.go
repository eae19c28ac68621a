package store

import (
	"context"
	"time"
)

// SignInCount is how many attempts of one kind an hour has seen.
type SignInCount struct {
	TenantID      string `db:"tenant_id"`
	Hour          int64  `db:"hour"`           // hours since 1970
	IntegrationID string `db:"integration_id"` // NobodysID = unknown
	KeyID         string `db:"key_id"`         // "" = unknown
	Reason        string `db:"reason"`         // "" = signed in
	Count         int64  `db:"count"`
	NewUsers      int64  `db:"new_users"`
	LastAt        int64  `db:"last_at"` // microseconds since 1970
}

// NobodysID is the nil UUID, which stands for an unknown integration.
const NobodysID = "00000000-0000-0000-0000-000000000000"

// HourOf is the hour that a moment belongs to.
func HourOf(at time.Time) int64 { return at.Unix() / 3600 }

// Start is when the hour began.
func (c SignInCount) Start() time.Time { return time.Unix(c.Hour*3600, 0).UTC() }

// SignInCounts returns a tenant's counts from the hour of one moment up to
// another moment, summed over the keys.
func (s *Store) SignInCounts(ctx context.Context, tenant string, from, to time.Time) ([]SignInCount, error) {
	var rows []SignInCount
	err := s.read.SelectContext(ctx, &rows, `
SELECT hour, integration_id, reason, CAST(sum(count) AS bigint) AS count, CAST(sum(new_users) AS bigint) AS new_users,
       max(last_at) AS last_at
  FROM sign_in_counts WHERE tenant_id = $1 AND hour >= $2 AND hour < $3
 GROUP BY hour, integration_id, reason ORDER BY hour`, tenant, HourOf(from), HourOf(to.Add(time.Hour-1)))
	return rows, fault(err)
}

// KeyUse is what was done with a key.
type KeyUse struct {
	LastUsed time.Time // to sign somebody in; zero = not
	SignIns  int64
	Refused  int64
}

// KeyUsage returns the use of a tenant's keys, by their ids, since the hour of
// a moment.
func (s *Store) KeyUsage(ctx context.Context, tenant string, since time.Time) (map[string]KeyUse, error) {
	var rows []SignInCount
	err := s.read.SelectContext(ctx, &rows, `
SELECT key_id, reason, CAST(sum(count) AS bigint) AS count, max(last_at) AS last_at
  FROM sign_in_counts WHERE tenant_id = $1 AND hour >= $2 AND key_id <> ''
 GROUP BY key_id, reason`, tenant, HourOf(since))
	if err != nil {
		return nil, fault(err)
	}
	uses := map[string]KeyUse{}
	for _, row := range rows {
		use := uses[row.KeyID]
		if row.Reason == "" {
			use.SignIns, use.LastUsed = row.Count, time.UnixMicro(row.LastAt).UTC()
		} else {
			use.Refused += row.Count
		}
		uses[row.KeyID] = use
	}
	return uses, nil
}
