package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// AuthorizationCode is a code that a client redeems for tokens. The code itself
// is not kept.
type AuthorizationCode struct {
	Digest      []byte // SHA-256 of the code
	GrantID     string
	RedirectURI string
	Challenge   string // PKCE, method S256; "" = none
	Nonce       string // "" = none
	ExpiresAt   time.Time
	UsedAt      *time.Time // nil = not
}

// Found is a code or a refresh token's grant as it is now.
type Found struct {
	Grant TokenGrant
	Live  bool // the grant is
}

// foundRow is a Found as it is read.
type foundRow struct {
	grantRow
	Live bool `db:"live"`
}

func (r foundRow) found(tenant string) (Found, error) {
	g, err := r.grant(tenant)
	if err != nil {
		return Found{}, err
	}
	return Found{Grant: *g, Live: r.Live}, nil
}

// found are the columns of foundRow at the time $1.
const found = grantColumns + `, coalesce(g.expires_at > $1 AND NOT c.disabled AND ` + grantLives + `, false) AS live`

// AuthorizationCode returns a code and its grant, whatever has become of either,
// or ErrNotFound.
func (s *Store) AuthorizationCode(ctx context.Context, tenant string, digest []byte, at time.Time) (AuthorizationCode, Found, error) {
	stmt, err := s.stmt(ctx, s.read, `
SELECT k.digest, k.grant_id, k.redirect_uri, k.challenge, k.nonce, k.expires_at, k.used_at, `+found+`
  FROM authorization_codes k
  JOIN token_grants g ON g.id = k.grant_id AND g.tenant_id = k.tenant_id
  LEFT JOIN clients c ON c.id = g.client AND c.tenant_id = g.tenant_id`+grantTables+`
 WHERE k.digest = $2 AND k.tenant_id = $3`)
	if err != nil {
		return AuthorizationCode{}, Found{}, fault(err)
	}
	var row struct {
		foundRow
		Digest      []byte     `db:"digest"`
		GrantID     string     `db:"grant_id"`
		RedirectURI string     `db:"redirect_uri"`
		Challenge   string     `db:"challenge"`
		Nonce       string     `db:"nonce"`
		ExpiresAt   time.Time  `db:"expires_at"`
		UsedAt      *time.Time `db:"used_at"`
	}
	if err := stmt.GetContext(ctx, &row, at.UTC(), digest, tenant); err != nil {
		return AuthorizationCode{}, Found{}, fault(err)
	}
	f, err := row.found(tenant)
	return AuthorizationCode{
		Digest: row.Digest, GrantID: row.GrantID, RedirectURI: row.RedirectURI, Challenge: row.Challenge, Nonce: row.Nonce,
		ExpiresAt: row.ExpiresAt, UsedAt: row.UsedAt,
	}, f, err
}

func addCode(ctx context.Context, tx *sqlx.Tx, tenant string, k AuthorizationCode) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO authorization_codes (tenant_id, digest, grant_id, redirect_uri, challenge, nonce, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, $7)`, tenant, k.Digest, k.GrantID, k.RedirectURI, k.Challenge, k.Nonce, k.ExpiresAt.UTC())
	return err
}

// RedeemCode uses a code up, sets the end of its grant, and writes what is given
// for it; or returns ErrNotFound when the code is not good any more.
func (s *Store) RedeemCode(ctx context.Context, tenant string, k AuthorizationCode, at, end time.Time, given Given) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, `
UPDATE authorization_codes SET used_at = $1 WHERE digest = $2 AND tenant_id = $3 AND used_at IS NULL AND expires_at > $1`,
			at.UTC(), k.Digest, tenant)
		if err := some(result, err); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
UPDATE token_grants SET expires_at = $1 WHERE id = $2 AND tenant_id = $3`, end.UTC(), k.GrantID, tenant); err != nil {
			return err
		}
		return s.give(ctx, tx, tenant, given)
	})
}
