package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// RefreshToken is a token with which a client gets new ones. The token itself is
// not kept.
type RefreshToken struct {
	Digest    []byte // SHA-256 of the token
	GrantID   string
	CreatedAt time.Time
	ExpiresAt time.Time
	UsedAt    *time.Time // since then its successor has its place; nil = not used
	Successor []byte     // sealed; nil = none, or kept no longer
}

const refreshTokenQuery = `
SELECT k.digest, k.grant_id, k.created_at, k.expires_at, k.used_at, k.successor, ` + found + `
  FROM refresh_tokens k
  JOIN token_grants g ON g.id = k.grant_id AND g.tenant_id = k.tenant_id
  LEFT JOIN clients c ON c.id = g.client AND c.tenant_id = g.tenant_id` + grantTables + `
 WHERE k.digest = $2 AND k.tenant_id = $3`

// RefreshToken returns a refresh token and its grant, whatever has become of
// either, or ErrNotFound.
func (s *Store) RefreshToken(ctx context.Context, tenant string, digest []byte, at time.Time) (RefreshToken, Found, error) {
	stmt, err := s.stmt(ctx, s.read, refreshTokenQuery)
	if err != nil {
		return RefreshToken{}, Found{}, fault(err)
	}
	var row struct {
		foundRow
		Digest    []byte     `db:"digest"`
		GrantID   string     `db:"grant_id"`
		CreatedAt time.Time  `db:"created_at"`
		ExpiresAt time.Time  `db:"expires_at"`
		UsedAt    *time.Time `db:"used_at"`
		Successor []byte     `db:"successor"`
	}
	if err := stmt.GetContext(ctx, &row, at.UTC(), digest, tenant); err != nil {
		return RefreshToken{}, Found{}, fault(err)
	}
	f, err := row.found(tenant)
	return RefreshToken{
		Digest: row.Digest, GrantID: row.GrantID, CreatedAt: row.CreatedAt, ExpiresAt: row.ExpiresAt,
		UsedAt: row.UsedAt, Successor: row.Successor,
	}, f, err
}

func addRefreshToken(ctx context.Context, tx *sqlx.Tx, tenant string, k RefreshToken) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO refresh_tokens (tenant_id, digest, grant_id, created_at, expires_at) VALUES ($1, $2, $3, $4, $5)`,
		tenant, k.Digest, k.GrantID, k.CreatedAt.UTC(), k.ExpiresAt.UTC())
	return err
}

// RotateRefreshToken uses a refresh token up for its sealed successor, and writes
// what is given with it; or returns ErrNotFound when it was used already, or has
// ended.
func (s *Store) RotateRefreshToken(ctx context.Context, tenant string, digest []byte, at time.Time, successor []byte, given Given) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, `
UPDATE refresh_tokens SET used_at = $1, successor = $2
 WHERE digest = $3 AND tenant_id = $4 AND used_at IS NULL AND expires_at > $1`, at.UTC(), successor, digest, tenant)
		if err := some(result, err); err != nil {
			return err
		}
		return s.give(ctx, tx, tenant, given)
	})
}

// RevokeByRefreshToken ends the family of a client's refresh token, also of one
// that was used. That there is none is no error.
func (s *Store) RevokeByRefreshToken(ctx context.Context, tenant string, digest []byte, client string, at time.Time) error {
	_, err := s.write.ExecContext(ctx, `
UPDATE token_grants SET revoked_at = $1
 WHERE tenant_id = $2 AND revoked_at IS NULL
   AND id = (SELECT g.family FROM refresh_tokens k JOIN token_grants g ON g.id = k.grant_id AND g.tenant_id = k.tenant_id
              WHERE k.digest = $3 AND k.tenant_id = $2 AND g.client = $4)`, at.UTC(), tenant, digest, client)
	return fault(err)
}
