package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// AdminSession is one signed-in browser of an administrator.
type AdminSession struct {
	TenantID  string    `db:"tenant_id"` // where it is signed in
	Digest    []byte    `db:"digest"`    // SHA-256 of the cookie
	HomeID    string    `db:"home_id"`   // the account's tenant
	AdminID   string    `db:"admin_id"`
	Method    string    `db:"method"` // "password", "passkey", "oidc" or "link"
	UserAgent string    `db:"user_agent"`
	Network   string    `db:"network"`
	CreatedAt time.Time `db:"created_at"`
	SeenAt    time.Time `db:"seen_at"` // within some minutes
	ExpiresAt time.Time `db:"expires_at"`
}

const adminSessionColumns = `tenant_id, digest, home_id, admin_id, method, user_agent, network, created_at, seen_at, expires_at`

// OpenAdminSession writes a session and takes the one away that the browser
// had (nil = none). allow sees the account under a lock: one that has been
// disabled, or has another password by now, gets no session.
func (s *Store) OpenAdminSession(ctx context.Context, session AdminSession, replaces []byte,
	allow func(a Administrator) (Act, error),
) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var a Administrator
		if err := tx.GetContext(ctx, &a, `
SELECT `+adminColumns+` FROM admins WHERE tenant_id = $1 AND id = $2`+s.dialect.forUpdate(),
			session.HomeID, session.AdminID); err != nil {
			return err
		}
		act, err := allow(a)
		if err != nil {
			return err
		}
		if replaces != nil {
			if _, err := tx.ExecContext(ctx, `DELETE FROM admin_sessions WHERE digest = $1 AND tenant_id = $2`,
				replaces, session.TenantID); err != nil {
				return err
			}
		}
		if _, err := tx.ExecContext(ctx, `
INSERT INTO admin_sessions (`+adminSessionColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10)`,
			session.TenantID, session.Digest, session.HomeID, session.AdminID, session.Method, session.UserAgent,
			session.Network, session.CreatedAt, session.SeenAt, session.ExpiresAt); err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE admins SET joined_at = $1 WHERE tenant_id = $2 AND id = $3 AND joined_at IS NULL`,
			session.CreatedAt, session.HomeID, session.AdminID); err != nil {
			return err
		}
		return s.record(ctx, tx, session.TenantID, act)
	})
}

// AdminSession returns a session that was seen after seenAfter and has not
// ended, with its account as it is now. The account is enabled, and may be at
// this tenant.
func (s *Store) AdminSession(ctx context.Context, tenant string, digest []byte, seenAfter time.Time) (AdminSession, Administrator, error) {
	stmt, err := s.stmt(ctx, s.read, `
SELECT s.tenant_id, s.digest, s.home_id, s.admin_id, s.method, s.user_agent, s.network, s.created_at, s.seen_at,
       s.expires_at,
       a.tenant_id AS "a.tenant_id", a.id AS "a.id", a.email AS "a.email", a.email_key AS "a.email_key",
       a.name AS "a.name", a.role AS "a.role", a.operator AS "a.operator", a.disabled AS "a.disabled",
       a.password AS "a.password", a.created_at AS "a.created_at", a.joined_at AS "a.joined_at"
  FROM admin_sessions s JOIN admins a ON a.id = s.admin_id AND a.tenant_id = s.home_id
 WHERE s.digest = $1 AND s.tenant_id = $2 AND s.expires_at > $3 AND s.seen_at > $4
   AND NOT a.disabled AND (a.tenant_id = s.tenant_id OR a.operator)`)
	if err != nil {
		return AdminSession{}, Administrator{}, fault(err)
	}
	var row struct {
		AdminSession
		Admin Administrator `db:"a"`
	}
	err = stmt.GetContext(ctx, &row, digest, tenant, s.now().UTC(), seenAfter)
	return row.AdminSession, row.Admin, fault(err)
}

// SeeAdminSession records that a session was used.
func (s *Store) SeeAdminSession(ctx context.Context, tenant string, digest []byte, at time.Time) error {
	_, err := s.write.ExecContext(ctx, `UPDATE admin_sessions SET seen_at = $1 WHERE digest = $2 AND tenant_id = $3`,
		at, digest, tenant)
	return fault(err)
}

// AdminSessions returns the sessions of an account that have not ended, at
// whatever tenant, the last used first, at most limit.
func (s *Store) AdminSessions(ctx context.Context, home, admin string, seenAfter time.Time, limit int) ([]AdminSession, error) {
	var all []AdminSession
	err := s.read.SelectContext(ctx, &all, `
SELECT `+adminSessionColumns+` FROM admin_sessions
 WHERE admin_id = $1 AND home_id = $2 AND expires_at > $3 AND seen_at > $4 ORDER BY seen_at DESC LIMIT $5`,
		admin, home, s.now().UTC(), seenAfter, limit)
	return all, fault(err)
}

// EndAdminSession takes a session away. It is no error when it has ended.
func (s *Store) EndAdminSession(ctx context.Context, tenant string, digest []byte) error {
	_, err := s.write.ExecContext(ctx, `DELETE FROM admin_sessions WHERE digest = $1 AND tenant_id = $2`, digest, tenant)
	return fault(err)
}

// EndAdminSessions takes every session of an account away but the one to keep,
// and returns how many there were.
func (s *Store) EndAdminSessions(ctx context.Context, home, admin string, keep []byte, act Act) (ended int64, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, `DELETE FROM admin_sessions WHERE admin_id = $1 AND home_id = $2 AND digest <> $3`,
			admin, home, keep)
		if err != nil {
			return err
		}
		if ended, err = result.RowsAffected(); err != nil {
			return err
		}
		return s.record(ctx, tx, home, act)
	})
	return ended, err
}
