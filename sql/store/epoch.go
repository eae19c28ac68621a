package store

import "context"

// ActiveEpoch returns the session epoch of a user who may be signed in, or
// ErrNotFound.
func (s *Store) ActiveEpoch(ctx context.Context, tenant, user string) (int64, error) {
	var epoch int64
	err := s.read.GetContext(ctx, &epoch,
		`SELECT session_epoch FROM users WHERE id = $1 AND tenant_id = $2 AND status = '`+StatusActive+`'`, user, tenant)
	return epoch, fault(err)
}
