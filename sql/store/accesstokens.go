package store

import (
	"context"
	"time"
)

// AccessToken is an access token that is looked up at every use. The token
// itself is not kept.
type AccessToken struct {
	TenantID  string    `db:"tenant_id"`
	Digest    []byte    `db:"digest"` // SHA-256 of the token
	ID        string    `db:"id"`     // UUIDv7, its jti
	Client    string    `db:"client"` // the id of the client's row
	Scope     string    `db:"scope"`  // what was granted, with spaces between the names
	CreatedAt time.Time `db:"created_at"`
	ExpiresAt time.Time `db:"expires_at"`
}

// AddAccessToken writes a token, or returns ErrNotFound when its client is gone
// or disabled by now.
func (s *Store) AddAccessToken(ctx context.Context, t AccessToken) error {
	stmt, err := s.stmt(ctx, s.write, `
INSERT INTO access_tokens (tenant_id, digest, id, client, scope, created_at, expires_at)
SELECT c.tenant_id, $1, $2, c.id, $3, $4, $5
  FROM clients c WHERE c.id = $6 AND c.tenant_id = $7 AND NOT c.disabled`)
	if err != nil {
		return fault(err)
	}
	result, err := stmt.ExecContext(ctx, t.Digest, t.ID, t.Scope, t.CreatedAt.UTC(), t.ExpiresAt.UTC(), t.Client, t.TenantID)
	if err != nil {
		return fault(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		if err == nil {
			err = ErrNotFound
		}
		return fault(err)
	}
	return nil
}

// LiveToken is what a client may still do with a token of its own.
type LiveToken struct {
	AccessToken
	ClientID string `db:"client_id"` // the client's public name
	Allowed  string `db:"allowed"`   // the API scopes that the client may have now, as JSON
}

// LiveAccessToken returns a token that is good at a time, or ErrNotFound: it has
// neither run out nor been taken back, and its client is enabled.
func (s *Store) LiveAccessToken(ctx context.Context, tenant string, digest []byte, at time.Time) (LiveToken, error) {
	stmt, err := s.stmt(ctx, s.read, `
SELECT t.tenant_id, t.digest, t.id, t.client, t.scope, t.created_at, t.expires_at, c.client_id, c.api_scopes AS allowed
  FROM access_tokens t JOIN clients c ON c.id = t.client AND c.tenant_id = t.tenant_id
 WHERE t.digest = $1 AND t.tenant_id = $2 AND t.expires_at > $3 AND t.revoked_at IS NULL AND NOT c.disabled`)
	if err != nil {
		return LiveToken{}, fault(err)
	}
	var t LiveToken
	return t, fault(stmt.GetContext(ctx, &t, digest, tenant, at.UTC()))
}

// RevokeAccessToken takes a token back that was given to a client. That there is
// no such token is no error.
func (s *Store) RevokeAccessToken(ctx context.Context, tenant string, digest []byte, client string, at time.Time) error {
	_, err := s.write.ExecContext(ctx, `
UPDATE access_tokens SET revoked_at = $1 WHERE digest = $2 AND tenant_id = $3 AND client = $4 AND revoked_at IS NULL`,
		at.UTC(), digest, tenant, client)
	return fault(err)
}

// RevokeJWT notes that a JWT is taken back; afterwards, until its end, it is not
// live any more.
func (s *Store) RevokeJWT(ctx context.Context, tenant, id string, at, expires time.Time) error {
	_, err := s.write.ExecContext(ctx, `
INSERT INTO revoked_tokens (tenant_id, id, revoked_at, expires_at) VALUES ($1, $2, $3, $4) ON CONFLICT (id, tenant_id) DO NOTHING`,
		tenant, id, at.UTC(), expires.UTC())
	return fault(err)
}

// ForgetAccessTokens deletes tokens and revocations that nobody needs after a
// time, of all tenants, at most limit of each kind, and returns the larger of
// the two numbers.
func (s *Store) ForgetAccessTokens(ctx context.Context, before time.Time, limit int) (int, error) {
	most := 0
	for _, query := range []string{`
DELETE FROM access_tokens WHERE (digest, tenant_id) IN
    (SELECT digest, tenant_id FROM access_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`, `
DELETE FROM revoked_tokens WHERE (id, tenant_id) IN
    (SELECT id, tenant_id FROM revoked_tokens WHERE expires_at < $1 ORDER BY expires_at LIMIT $2)`} {
		result, err := s.write.ExecContext(ctx, query, before.UTC(), limit)
		if err != nil {
			return 0, fault(err)
		}
		n, err := result.RowsAffected()
		if err != nil {
			return 0, fault(err)
		}
		most = max(most, int(n))
	}
	return most, nil
}
