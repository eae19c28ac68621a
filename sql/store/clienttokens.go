package store

import (
	"context"
	"time"
)

// ClientToken is an access token of a partner's server. The token itself is not
// kept.
type ClientToken struct {
	TenantID      string    `db:"tenant_id"`
	Digest        []byte    `db:"digest"` // SHA-256 of the token
	IntegrationID string    `db:"integration_id"`
	KeyID         string    `db:"key_id"` // with whose secret it was asked for
	Scope         string    `db:"scope"`
	CreatedAt     time.Time `db:"created_at"`
	ExpiresAt     time.Time `db:"expires_at"`
}

// AddClientToken writes a token, or returns ErrNotFound when its integration is
// not installed or its key is not live at the time of its making.
func (s *Store) AddClientToken(ctx context.Context, t ClientToken) error {
	result, err := s.write.ExecContext(ctx, `
INSERT INTO client_tokens (tenant_id, digest, integration_id, key_id, scope, created_at, expires_at)
SELECT n.tenant_id, $1, n.id, k.id, $2, $3, $4
  FROM integrations n JOIN integration_keys k ON k.integration_id = n.id AND k.tenant_id = n.tenant_id
 WHERE n.id = $5 AND n.tenant_id = $6 AND n.removed_at IS NULL AND k.id = $7
   AND (k.retires_at IS NULL OR k.retires_at > $3)`,
		t.Digest, t.Scope, t.CreatedAt.UTC(), t.ExpiresAt.UTC(), t.IntegrationID, t.TenantID, t.KeyID)
	if err != nil {
		return fault(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		if err == nil {
			err = ErrNotFound
		}
		return err
	}
	return nil
}

// LiveClientToken returns a token that is good at a time, or ErrNotFound: it has
// not run out, its integration is installed, and its key is not retired.
func (s *Store) LiveClientToken(ctx context.Context, tenant string, digest []byte, at time.Time) (ClientToken, error) {
	stmt, err := s.stmt(ctx, s.read, `
SELECT t.tenant_id, t.digest, t.integration_id, t.key_id, t.scope, t.created_at, t.expires_at
  FROM client_tokens t
  JOIN integrations n ON n.id = t.integration_id AND n.tenant_id = t.tenant_id
  JOIN integration_keys k ON k.id = t.key_id AND k.tenant_id = t.tenant_id
 WHERE t.digest = $1 AND t.tenant_id = $2 AND t.expires_at > $3
   AND n.removed_at IS NULL AND (k.retires_at IS NULL OR k.retires_at > $3)`)
	if err != nil {
		return ClientToken{}, fault(err)
	}
	var t ClientToken
	return t, fault(stmt.GetContext(ctx, &t, digest, tenant, at.UTC()))
}

// ForgetClientTokens deletes tokens that have run out before a time, of all
// tenants, at most limit, and returns how many.
func (s *Store) ForgetClientTokens(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.drop(ctx, oldRows{table: "client_tokens", key: "digest, tenant_id", since: "expires_at"}, before.UTC(), limit)
}
