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

// LiveToken is what a token is worth at an API connection at a moment.
type LiveToken struct {
	AccessToken
	ClientID string `db:"client_id"` // the client's public name
	// Allowed are the scopes of the connection that the client may have now, as
	// a JSON array or null: what was granted may have been taken away since. Those
	// that were made after the token only bear the name of one that it was given.
	Allowed []byte `db:"allowed"`
}

// allowedScopes is LiveToken.Allowed of a client c and a connection, for a token
// that was made before a moment.
func (d dialect) allowedScopes(connection, before string) string {
	return `(SELECT ` + d.jsonArray() + `(a.name)
  FROM client_api_scopes s JOIN api_scopes a ON a.name = s.scope AND a.tenant_id = s.tenant_id
 WHERE s.client_id = c.id AND s.tenant_id = c.tenant_id AND a.connection_id = ` + connection + ` AND a.created_at <= ` + before + `) AS allowed`
}

// LiveAccessToken returns what a token is worth at an API connection, or
// ErrNotFound: it has run out or been taken back, or its client is disabled or
// gone.
func (s *Store) LiveAccessToken(ctx context.Context, tenant string, digest []byte, connection string, at time.Time) (LiveToken, error) {
	stmt, err := s.stmt(ctx, s.read, `
SELECT t.tenant_id, t.digest, t.id, t.client, t.scope, t.created_at, t.expires_at, c.client_id, `+s.dialect.allowedScopes("$1", "t.created_at")+`
  FROM access_tokens t JOIN clients c ON c.id = t.client AND c.tenant_id = t.tenant_id
 WHERE t.digest = $2 AND t.tenant_id = $3 AND t.expires_at > $4 AND t.revoked_at IS NULL AND NOT c.disabled`)
	if err != nil {
		return LiveToken{}, fault(err)
	}
	var t LiveToken
	return t, fault(stmt.GetContext(ctx, &t, connection, digest, tenant, at.UTC()))
}

// LiveJWT returns what a JWT is worth at an API connection that was made for the
// client of a name, not after a moment, or ErrNotFound: it was taken back, or
// that client is disabled or gone. Another client of the same name that was made
// later is another one. Of the token only TenantID and ID are filled.
func (s *Store) LiveJWT(ctx context.Context, tenant, id, clientID, connection string, made time.Time) (LiveToken, error) {
	stmt, err := s.stmt(ctx, s.read, `
SELECT c.tenant_id, `+s.dialect.asID("$1")+` AS id, c.client_id, `+s.dialect.allowedScopes("$2", "$3")+`
  FROM clients c
 WHERE c.client_id = $4 AND c.tenant_id = $5 AND NOT c.disabled AND c.created_at <= $3
   AND NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.id = $1 AND r.tenant_id = c.tenant_id)`)
	if err != nil {
		return LiveToken{}, fault(err)
	}
	var t LiveToken
	return t, fault(stmt.GetContext(ctx, &t, id, connection, made.UTC(), clientID, tenant))
}

// ScopeConnection is an API scope that a client may ask for, and where it counts.
type ScopeConnection struct {
	Scope      string `db:"scope"`
	Connection string `db:"connection"` // the API connection's name
}

// ScopeConnections returns where the API scopes of a client count, by name.
func (s *Store) ScopeConnections(ctx context.Context, tenant, client string) ([]ScopeConnection, error) {
	stmt, err := s.stmt(ctx, s.read, `
SELECT s.scope, n.name AS connection
  FROM client_api_scopes s
  JOIN api_scopes a ON a.name = s.scope AND a.tenant_id = s.tenant_id
  JOIN api_connections n ON n.id = a.connection_id AND n.tenant_id = a.tenant_id
 WHERE s.client_id = $1 AND s.tenant_id = $2 ORDER BY s.scope`)
	if err != nil {
		return nil, fault(err)
	}
	var list []ScopeConnection
	return list, fault(stmt.SelectContext(ctx, &list, client, tenant))
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
