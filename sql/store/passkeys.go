package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// Passkey is a WebAuthn credential of an administrator.
type Passkey struct {
	TenantID     string     `db:"tenant_id"` // the account's
	ID           string     `db:"id"`        // UUIDv7
	AdminID      string     `db:"admin_id"`
	Host         string     `db:"host"` // the relying party's id
	CredentialID []byte     `db:"credential_id"`
	PublicKey    []byte     `db:"public_key"` // COSE_Key (RFC 9052 §7)
	SignCount    int64      `db:"sign_count"`
	Backup       bool       `db:"backup"` // may be on several devices
	Name         string     `db:"name"`
	CreatedAt    time.Time  `db:"created_at"`
	UsedAt       *time.Time `db:"used_at"`
}

const passkeyColumns = `tenant_id, id, admin_id, host, credential_id, public_key, sign_count, backup, name, created_at, used_at`

// AddPasskey writes a new passkey.
func (s *Store) AddPasskey(ctx context.Context, p Passkey, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `
INSERT INTO admin_passkeys (`+passkeyColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
			p.TenantID, p.ID, p.AdminID, p.Host, p.CredentialID, p.PublicKey, p.SignCount, p.Backup, p.Name, p.CreatedAt,
			p.UsedAt); err != nil {
			return err
		}
		return s.record(ctx, tx, p.TenantID, act)
	})
}

// Passkeys returns an account's passkeys, oldest first.
func (s *Store) Passkeys(ctx context.Context, tenant, admin string) ([]Passkey, error) {
	var all []Passkey
	err := s.read.SelectContext(ctx, &all, `
SELECT `+passkeyColumns+` FROM admin_passkeys WHERE admin_id = $1 AND tenant_id = $2 ORDER BY id`, admin, tenant)
	return all, fault(err)
}

// PasskeyAt returns the passkey with which somebody signs in at a host of the
// tenant. Its account is the tenant's own, or an operator's.
func (s *Store) PasskeyAt(ctx context.Context, tenant, host string, credential []byte) (Passkey, error) {
	var p Passkey
	err := s.read.GetContext(ctx, &p, `
SELECT p.tenant_id, p.id, p.admin_id, p.host, p.credential_id, p.public_key, p.sign_count, p.backup, p.name, p.created_at,
       p.used_at
  FROM admin_passkeys p JOIN admins a ON a.id = p.admin_id AND a.tenant_id = p.tenant_id
 WHERE p.credential_id = $1 AND p.host = $2 AND (a.tenant_id = $3 OR a.operator)`, credential, host, tenant)
	return p, fault(err)
}

// UsePasskey records a sign-in. It is ErrNotFound when the passkey is gone, or
// has been used with a count that is not below this one; authenticators that
// do not count say 0 always (WebAuthn §6.1.1).
func (s *Store) UsePasskey(ctx context.Context, p Passkey, count int64, at time.Time) error {
	result, err := s.write.ExecContext(ctx, `
UPDATE admin_passkeys SET sign_count = $1, used_at = $2
 WHERE id = $3 AND tenant_id = $4 AND (sign_count < $1 OR (sign_count = 0 AND $1 = 0))`, count, at, p.ID, p.TenantID)
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

// RemovePasskey takes an account's passkey away.
func (s *Store) RemovePasskey(ctx context.Context, tenant, admin, id string, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM admin_passkeys WHERE id = $1 AND tenant_id = $2 AND admin_id = $3`,
			id, tenant, admin)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil || n == 0 {
			if err == nil {
				err = ErrNotFound
			}
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}
