package store

import (
	"context"
	"time"
)

// UsedAssertion is an assertion with which a client has proven who it is.
type UsedAssertion struct {
	TenantID  string
	Client    string    // the id of its row
	Digest    []byte    // SHA-256 of the jti
	ExpiresAt time.Time // afterwards it proves nothing in any case
}

// UseAssertion notes that an assertion was used, or returns ErrTaken when it was
// before.
func (s *Store) UseAssertion(ctx context.Context, a UsedAssertion) error {
	result, err := s.write.ExecContext(ctx, `
INSERT INTO used_assertions (tenant_id, client, digest, expires_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (digest, client, tenant_id) DO NOTHING`, a.TenantID, a.Client, a.Digest, a.ExpiresAt.UTC())
	if err != nil {
		return fault(err)
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		return ErrTaken
	}
	return fault(err)
}

// ForgetAssertions deletes used assertions that have ended before a time, of all
// tenants, at most limit, and returns how many.
func (s *Store) ForgetAssertions(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.drop(ctx, oldRows{table: "used_assertions", key: "digest, client, tenant_id", since: "expires_at"}, before.UTC(), limit)
}
