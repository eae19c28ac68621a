package store

import (
	"context"
	"time"
)

// Bearer is whose an access token is that is live.
type Bearer struct {
	AccessToken // of a JWT only TenantID and Client
	Owner       Client
	Grant       *TokenGrant // nil = the client speaks for itself
}

// bearerRow is a Bearer as it is read.
type bearerRow struct {
	clientRow
	grantRow
	Token     *string    `db:"t_id"`
	Scope     *string    `db:"t_scope"`
	CreatedAt *time.Time `db:"t_created_at"`
	ExpiresAt *time.Time `db:"t_expires_at"`
}

func (r bearerRow) bearer() (Bearer, error) {
	c, err := r.client()
	if err != nil {
		return Bearer{}, err
	}
	b := Bearer{AccessToken: AccessToken{TenantID: c.TenantID, Client: c.ID}, Owner: c}
	if b.Grant, err = r.grant(c.TenantID); err != nil || r.Token == nil {
		return b, err
	}
	b.ID, b.Scope, b.CreatedAt, b.ExpiresAt = *r.Token, *r.Scope, *r.CreatedAt, *r.ExpiresAt
	return b, nil
}

// ReferenceBearer returns whose a reference token is, or ErrNotFound when it is
// not live.
func (s *Store) ReferenceBearer(ctx context.Context, tenant string, digest []byte, at time.Time) (Bearer, error) {
	return s.bearer(ctx, `
SELECT `+ownClientColumns+`, `+grantColumns+`,
       t.id AS t_id, t.scope AS t_scope, t.created_at AS t_created_at, t.expires_at AS t_expires_at
  FROM access_tokens t JOIN clients o ON o.id = t.client AND o.tenant_id = t.tenant_id`+grantOfToken+`
 WHERE t.digest = $2 AND t.tenant_id = $3 AND NOT o.disabled AND `+tokenLives, at.UTC(), digest, tenant)
}

// JWTBearer returns whose a client's own JWT is, as LiveJWT finds it.
func (s *Store) JWTBearer(ctx context.Context, tenant, id, clientID string, made time.Time) (Bearer, error) {
	return s.bearer(ctx, `
SELECT `+ownClientColumns+`
  FROM clients o
 WHERE o.client_id = $1 AND o.tenant_id = $2 AND NOT o.disabled AND o.created_at <= $3
   AND NOT EXISTS (SELECT 1 FROM revoked_tokens r WHERE r.id = $4 AND r.tenant_id = o.tenant_id)`,
		clientID, tenant, made.UTC(), id)
}

func (s *Store) bearer(ctx context.Context, query string, args ...any) (Bearer, error) {
	stmt, err := s.stmt(ctx, s.read, query)
	if err != nil {
		return Bearer{}, fault(err)
	}
	var row bearerRow
	if err := stmt.GetContext(ctx, &row, args...); err != nil {
		return Bearer{}, fault(err)
	}
	return row.bearer()
}
