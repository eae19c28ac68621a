package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
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
	ClientID string // the client's public name
	// Allowed are the scopes of the connection that the client may have now: what
	// was granted may have been taken away since. A scope that was made after the
	// token only bears the name of one that it was given.
	Allowed []string
}

// liveRow is a LiveToken as it is read, the lists as JSON.
type liveRow struct {
	AccessToken
	ClientID string  `db:"client_id"`
	Of       string  `db:"api_scopes"` // the client's
	At       *string `db:"at_scopes"`  // the connection's; nil = none
}

func (r liveRow) token() (LiveToken, error) {
	t := LiveToken{AccessToken: r.AccessToken, ClientID: r.ClientID}
	if r.At == nil {
		return t, nil
	}
	var of []string
	err := json.Unmarshal([]byte(r.Of), &of)
	if err == nil {
		err = json.Unmarshal([]byte(*r.At), &t.Allowed)
	}
	if err != nil {
		return LiveToken{}, fmt.Errorf("store: scopes of a client: %w", err)
	}
	t.Allowed = slices.DeleteFunc(t.Allowed, func(name string) bool { return !slices.Contains(of, name) })
	return t, nil
}

// scopesAt is liveRow.At for a connection and a token that was made at a moment.
func (d dialect) scopesAt(connection, made string) string {
	return `(SELECT ` + d.jsonArray() + `(a.name) FROM api_scopes a
          WHERE a.connection_id = ` + connection + ` AND a.tenant_id = c.tenant_id AND a.created_at <= ` + made + `) AS at_scopes`
}

// LiveAccessToken returns what a token is worth at an API connection, or
// ErrNotFound: it has run out or been taken back, or its client is disabled or
// gone.
func (s *Store) LiveAccessToken(ctx context.Context, tenant string, digest []byte, connection string, at time.Time) (LiveToken, error) {
	stmt, err := s.stmt(ctx, s.read, `
SELECT t.tenant_id, t.digest, t.id, t.client, t.scope, t.created_at, t.expires_at,
       c.client_id, c.api_scopes, `+s.dialect.scopesAt("$1", "t.created_at")+`
  FROM access_tokens t JOIN clients c ON c.id = t.client AND c.tenant_id = t.tenant_id
 WHERE t.digest = $2 AND t.tenant_id = $3 AND t.expires_at > $4 AND t.revoked_at IS NULL AND NOT c.disabled`)
	if err != nil {
		return LiveToken{}, fault(err)
	}
	var row liveRow
	if err := stmt.GetContext(ctx, &row, connection, digest, tenant, at.UTC()); err != nil {
		return LiveToken{}, fault(err)
	}
	return row.token()
}

// LiveJWT returns what a JWT is worth at an API connection that was made, not
// after a moment, for the client of a name, or ErrNotFound: it was taken back, or
// that client is disabled or gone. A client of the same name that was made later
// is another one. Of the AccessToken only TenantID and Client are filled.
func (s *Store) LiveJWT(ctx context.Context, tenant, id, clientID, connection string, made time.Time) (LiveToken, error) {
	stmt, err := s.stmt(ctx, s.read, `
SELECT c.tenant_id, c.id AS client, c.client_id, c.api_scopes, `+s.dialect.scopesAt("$1", "$2")+`
  FROM clients c
 WHERE c.client_id = $3 AND c.tenant_id = $4 AND NOT c.disabled AND c.created_at <= $2
   AND NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.id = $5 AND r.tenant_id = c.tenant_id)`)
	if err != nil {
		return LiveToken{}, fault(err)
	}
	var row liveRow
	if err := stmt.GetContext(ctx, &row, connection, made.UTC(), clientID, tenant, id); err != nil {
		return LiveToken{}, fault(err)
	}
	return row.token()
}

// ScopeConnection is an API scope, and where it counts.
type ScopeConnection struct {
	Scope      string    `db:"scope"`
	CreatedAt  time.Time `db:"created_at"` // the scope
	Connection string    `db:"connection"` // the API connection's name
}

// ScopeConnections returns where API scopes count, by their names; those that do
// not exist are left out.
func (s *Store) ScopeConnections(ctx context.Context, tenant string, scopes []string) ([]ScopeConnection, error) {
	names, err := json.Marshal(nonNil(scopes))
	if err != nil {
		return nil, fmt.Errorf("store: names of scopes: %w", err)
	}
	stmt, err := s.stmt(ctx, s.read, `
SELECT a.name AS scope, a.created_at, n.name AS connection
  FROM api_scopes a JOIN api_connections n ON n.id = a.connection_id AND n.tenant_id = a.tenant_id
 WHERE a.tenant_id = $1 AND a.name `+s.dialect.among(`SELECT value FROM `+s.dialect.jsonEach()+`($2)`)+` ORDER BY a.name`)
	if err != nil {
		return nil, fault(err)
	}
	var list []ScopeConnection
	return list, fault(stmt.SelectContext(ctx, &list, tenant, string(names)))
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
