package store

import (
	"context"
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
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
	GrantID   string    `db:"-"` // whose person's it is; "" = the client's own
}

// AddAccessToken writes a client's own token, or returns ErrNotFound when its
// client is gone or disabled by now.
func (s *Store) AddAccessToken(ctx context.Context, t AccessToken) error {
	stmt, err := s.stmt(ctx, s.write, `
INSERT INTO access_tokens (tenant_id, digest, id, client, scope, created_at, expires_at)
SELECT c.tenant_id, $1, $2, c.id, $3, $4, $5
  FROM clients c WHERE c.id = $6 AND c.tenant_id = $7 AND NOT c.disabled`)
	if err != nil {
		return fault(err)
	}
	return fault(some(stmt.ExecContext(ctx, t.Digest, t.ID, t.Scope, t.CreatedAt.UTC(), t.ExpiresAt.UTC(), t.Client, t.TenantID)))
}

// addPersonsToken writes a token of a grant, or returns ErrNotFound when there is
// no such grant.
func addPersonsToken(ctx context.Context, tx *sqlx.Tx, t AccessToken) error {
	return some(tx.ExecContext(ctx, `
INSERT INTO access_tokens (tenant_id, digest, id, client, scope, created_at, expires_at,
                           user_id, integration_id, generation, session_epoch, grant_id)
SELECT g.tenant_id, $1, $2, g.client, $3, $4, $5, g.user_id, g.integration_id, g.generation, g.session_epoch, g.id
  FROM token_grants g WHERE g.id = $6 AND g.tenant_id = $7`,
		t.Digest, t.ID, t.Scope, t.CreatedAt.UTC(), t.ExpiresAt.UTC(), t.GrantID, t.TenantID))
}

// some turns a statement that has changed no row into ErrNotFound.
func some(result sql.Result, err error) error {
	if err != nil {
		return err
	}
	n, err := result.RowsAffected()
	if err == nil && n == 0 {
		err = ErrNotFound
	}
	return err
}

// LiveToken is what a token is worth at an API connection at a moment.
type LiveToken struct {
	AccessToken
	ClientID string // the client's public name
	// Allowed are the scopes of the connection that the client may have now: what
	// was granted may have been taken away since. A scope that was made after the
	// token only bears the name of one that it was given.
	Allowed []string
	Grant   *TokenGrant // of the person for whom it is; nil = the client's own
}

// liveRow is a LiveToken as it is read, the lists as JSON.
type liveRow struct {
	AccessToken
	grantRow
	ClientID string  `db:"client_id"`
	Of       string  `db:"api_scopes"` // the client's
	At       *string `db:"at_scopes"`  // the connection's; nil = none
}

func (r liveRow) token() (LiveToken, error) {
	t := LiveToken{AccessToken: r.AccessToken, ClientID: r.ClientID}
	var err error
	if t.Grant, err = r.grant(t.TenantID); err != nil || r.At == nil {
		return t, err
	}
	var of []string
	err = json.Unmarshal([]byte(r.Of), &of)
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

// grantOfToken joins a token t with the grant that it comes from, if any.
const grantOfToken = `
  LEFT JOIN token_grants g ON g.id = t.grant_id AND g.tenant_id = t.tenant_id` + grantTables

// tokenLives is the condition under which a token t is live at the time $1,
// beside its client.
const tokenLives = `t.expires_at > $1 AND t.revoked_at IS NULL
   AND (t.grant_id IS NULL OR g.expires_at > $1 AND ` + grantLives + `)`

// LiveAccessToken returns what a token is worth at an API connection, or
// ErrNotFound: it has run out or been taken back, its client is disabled or gone,
// or its grant is not live.
func (s *Store) LiveAccessToken(ctx context.Context, tenant string, digest []byte, connection string, at time.Time) (LiveToken, error) {
	return s.liveToken(ctx, s.dialect.liveAccessTokenQuery(), at.UTC(), connection, digest, tenant)
}

func (d dialect) liveAccessTokenQuery() string {
	return `
SELECT t.tenant_id, t.digest, t.id, t.client, t.scope, t.created_at, t.expires_at,
       c.client_id, c.api_scopes, ` + d.scopesAt("$2", "t.created_at") + `, ` + grantColumns + `
  FROM access_tokens t JOIN clients c ON c.id = t.client AND c.tenant_id = t.tenant_id` + grantOfToken + `
 WHERE t.digest = $3 AND t.tenant_id = $4 AND NOT c.disabled AND ` + tokenLives
}

// LiveJWT returns what a client's own JWT is worth at an API connection that was
// made, not after a moment, for the client of a name, or ErrNotFound: it was taken
// back, or that client is disabled or gone. A client of the same name that was
// made later is another one. Of the AccessToken only TenantID and Client are
// filled.
func (s *Store) LiveJWT(ctx context.Context, tenant, id, clientID, connection string, made time.Time) (LiveToken, error) {
	return s.liveToken(ctx, `
SELECT c.tenant_id, c.id AS client, c.client_id, c.api_scopes, `+s.dialect.scopesAt("$1", "$2")+`
  FROM clients c
 WHERE c.client_id = $3 AND c.tenant_id = $4 AND NOT c.disabled AND c.created_at <= $2
   AND NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.id = $5 AND r.tenant_id = c.tenant_id)`,
		connection, made.UTC(), clientID, tenant, id)
}

// LivePersonsJWT is LiveJWT for a JWT of a grant, which has to be live at a time.
// The scopes may not be younger than the grant either.
func (s *Store) LivePersonsJWT(ctx context.Context, tenant, id, grant, connection string, made, at time.Time) (LiveToken, error) {
	return s.liveToken(ctx, s.dialect.livePersonsJWTQuery(), connection, made.UTC(), grant, tenant, at.UTC(), id)
}

func (d dialect) livePersonsJWTQuery() string {
	return `
SELECT c.tenant_id, c.id AS client, c.client_id, c.api_scopes, ` + d.scopesAt("$1", "$2 AND a.created_at <= g.created_at") + `, ` + grantColumns + `
  FROM token_grants g JOIN clients c ON c.id = g.client AND c.tenant_id = g.tenant_id` + grantTables + `
 WHERE g.id = $3 AND g.tenant_id = $4 AND g.expires_at > $5 AND NOT c.disabled AND ` + grantLives + `
   AND NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.id = $6 AND r.tenant_id = g.tenant_id)`
}

func (s *Store) liveToken(ctx context.Context, query string, args ...any) (LiveToken, error) {
	stmt, err := s.stmt(ctx, s.read, query)
	if err != nil {
		return LiveToken{}, fault(err)
	}
	var row liveRow
	if err := stmt.GetContext(ctx, &row, args...); err != nil {
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
	return s.dropEach(ctx, []oldRows{
		{table: "access_tokens", key: "digest, tenant_id", since: "expires_at"},
		{table: "revoked_tokens", key: "id, tenant_id", since: "expires_at"},
	}, before.UTC(), limit)
}
