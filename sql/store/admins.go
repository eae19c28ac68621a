package store

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// ErrLastOwner means that a tenant would be left without an owner who can sign
// in.
var ErrLastOwner = errors.New("a tenant needs an owner")

// RoleOwner is the one role that the store knows of: see ErrLastOwner.
const RoleOwner = "owner"

// Administrator is an account of somebody who runs a tenant.
type Administrator struct {
	TenantID string `db:"tenant_id"`
	ID       string `db:"id"` // UUIDv7
	Email    string `db:"email"`
	EmailKey string `db:"email_key"` // as compared
	Name     string `db:"name"`
	Role     string `db:"role"`
	Operator bool   `db:"operator"` // an owner at every tenant
	Disabled bool   `db:"disabled"`
	// Password is a hash as a PHC string; "" = there is none.
	Password  string     `db:"password"`
	CreatedAt time.Time  `db:"created_at"`
	JoinedAt  *time.Time `db:"joined_at"` // nil = invited, and has never been in
}

const adminColumns = `tenant_id, id, email, email_key, name, role, operator, disabled, password, created_at, joined_at`

// ableOwner reports whether the account can run its tenant today.
func (a Administrator) ableOwner() bool {
	return a.Role == RoleOwner && !a.Disabled && a.JoinedAt != nil
}

// Revision stands for what can be changed of the account: another number means
// another state.
func (a Administrator) Revision() int64 {
	sum := sha256.Sum256(fmt.Appendf(nil, "%s %q %q %t %t", a.ID, a.Name, a.Role, a.Operator, a.Disabled))
	return int64(binary.BigEndian.Uint64(sum[:8]) >> 1)
}

// AddAdmin writes a new account and the link that lets its owner in. It
// returns ErrTaken when the tenant has an account with this address.
func (s *Store) AddAdmin(ctx context.Context, a Administrator, link *Ticket, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := insertAdmin(ctx, tx, a); err != nil {
			return err
		}
		if link != nil {
			if err := insertTicket(ctx, tx, *link); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, a.TenantID, act)
	})
}

// AddFirstOwner takes the setup ticket and writes the tenant's first owner.
// Of several at once one succeeds; the others, and every ticket from then on,
// get ErrNotFound.
func (s *Store) AddFirstOwner(ctx context.Context, a Administrator, digest []byte, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := s.takeTicket(ctx, tx, a.TenantID, digest, TicketSetup); err != nil {
			return err
		}
		// Another ticket may be redeemed beside this one: both meet here.
		var tenant string
		if err := tx.GetContext(ctx, &tenant, `SELECT id FROM tenants WHERE id = $1`+s.dialect.forUpdate(), a.TenantID); err != nil {
			return err
		}
		exists, err := hasOwner(ctx, tx, a.TenantID)
		if err != nil {
			return err
		}
		if exists {
			return ErrNotFound
		}
		if _, err := tx.ExecContext(ctx, `DELETE FROM admin_tickets WHERE tenant_id = $1 AND kind = $2`,
			a.TenantID, TicketSetup); err != nil {
			return err
		}
		if err := insertAdmin(ctx, tx, a); err != nil {
			return err
		}
		return s.record(ctx, tx, a.TenantID, act)
	})
}

func insertAdmin(ctx context.Context, tx *sqlx.Tx, a Administrator) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO admins (`+adminColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)`,
		a.TenantID, a.ID, a.Email, a.EmailKey, a.Name, a.Role, a.Operator, a.Disabled, a.Password, a.CreatedAt, a.JoinedAt)
	return err
}

// HasOwner reports whether the tenant has an owner, be it an invited one.
func (s *Store) HasOwner(ctx context.Context, tenant string) (bool, error) {
	exists, err := hasOwner(ctx, s.read, tenant)
	return exists, fault(err)
}

func hasOwner(ctx context.Context, db sqlx.QueryerContext, tenant string) (bool, error) {
	var exists bool
	err := sqlx.GetContext(ctx, db, &exists, `SELECT EXISTS (SELECT 1 FROM admins WHERE tenant_id = $1 AND role = $2)`, tenant, RoleOwner)
	return exists, err
}

// Admin returns an account of the tenant.
func (s *Store) Admin(ctx context.Context, tenant, id string) (Administrator, error) {
	var a Administrator
	err := s.read.GetContext(ctx, &a, `SELECT `+adminColumns+` FROM admins WHERE tenant_id = $1 AND id = $2`, tenant, id)
	return a, fault(err)
}

// AdminByEmail returns the account of the tenant that has this address.
func (s *Store) AdminByEmail(ctx context.Context, tenant, emailKey string) (Administrator, error) {
	var a Administrator
	err := s.read.GetContext(ctx, &a, `
SELECT `+adminColumns+` FROM admins WHERE email_key = $1 AND tenant_id = $2`, emailKey, tenant)
	return a, fault(err)
}

// AdminAt returns the account that may sign in at the tenant with this
// address: an operator's of any tenant, or the tenant's own.
func (s *Store) AdminAt(ctx context.Context, tenant, emailKey string) (Administrator, error) {
	var a Administrator
	err := s.read.GetContext(ctx, &a, `
SELECT `+adminColumns+` FROM admins WHERE email_key = $1 AND (tenant_id = $2 OR operator)
 ORDER BY operator DESC, created_at, id LIMIT 1`, emailKey, tenant)
	return a, fault(err)
}

// Admins returns a tenant's accounts with an id after the given one, oldest
// first, at most limit.
func (s *Store) Admins(ctx context.Context, tenant, after string, limit int) ([]Administrator, error) {
	if after == "" {
		after = ManualSource // before every id
	}
	var all []Administrator
	err := s.read.SelectContext(ctx, &all, `
SELECT `+adminColumns+` FROM admins WHERE tenant_id = $1 AND id > $2 ORDER BY id LIMIT $3`, tenant, after, limit)
	return all, fault(err)
}

// ChangeAdmin reads an account under a lock, lets change work on it, and
// writes role, operator, disabled, name and password. change returns the act,
// or an error that ends it all; it may run more than once. A new password and
// a disabled account end every session but the one to keep (nil = none), and
// every link. Without a tenant's last owner it is ErrLastOwner.
func (s *Store) ChangeAdmin(ctx context.Context, tenant, id string, keep []byte, change func(a *Administrator) (Act, error)) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		before, others, err := s.lockAdmin(ctx, tx, tenant, id)
		if err != nil {
			return err
		}
		after := before
		act, err := change(&after)
		if err != nil {
			return err
		}
		if err := act.By.expects(before.Revision()); err != nil {
			return err
		}
		if before.ableOwner() && !after.ableOwner() && others == 0 {
			return ErrLastOwner
		}
		if _, err := tx.ExecContext(ctx, `
UPDATE admins SET role = $1, operator = $2, disabled = $3, name = $4, password = $5 WHERE tenant_id = $6 AND id = $7`,
			after.Role, after.Operator, after.Disabled, after.Name, after.Password, tenant, id); err != nil {
			return err
		}
		if after.Disabled || after.Password != before.Password {
			if err := s.shutOut(ctx, tx, tenant, id, keep); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// RemoveAdmin takes an account away with its sessions, links and passkeys.
// allow sees it first, and returns the act. Without a tenant's last owner it is
// ErrLastOwner.
func (s *Store) RemoveAdmin(ctx context.Context, tenant, id string, allow func(a Administrator) (Act, error)) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		a, others, err := s.lockAdmin(ctx, tx, tenant, id)
		if err != nil {
			return err
		}
		act, err := allow(a)
		if err != nil {
			return err
		}
		if err := act.By.expects(a.Revision()); err != nil {
			return err
		}
		if a.ableOwner() && others == 0 {
			return ErrLastOwner
		}
		if err := s.shutOut(ctx, tx, tenant, id, nil); err != nil {
			return err
		}
		for _, statement := range []string{
			`DELETE FROM admin_passkeys WHERE tenant_id = $1 AND admin_id = $2`,
			`DELETE FROM admins WHERE tenant_id = $1 AND id = $2`,
		} {
			if _, err := tx.ExecContext(ctx, statement, tenant, id); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// lockAdmin reads an account and counts the other owners who can sign in. All
// of these rows stay as they are until the commit, so that two owners cannot
// take the role from one another.
func (s *Store) lockAdmin(ctx context.Context, tx *sqlx.Tx, tenant, id string) (a Administrator, others int, err error) {
	var rows []Administrator
	err = tx.SelectContext(ctx, &rows, `
SELECT `+adminColumns+` FROM admins WHERE tenant_id = $1 AND (id = $2 OR role = $3) ORDER BY id`+s.dialect.forUpdate(),
		tenant, id, RoleOwner)
	if err != nil {
		return a, 0, err
	}
	found := false
	for _, row := range rows {
		switch {
		case row.ID == id:
			a, found = row, true
		case row.ableOwner():
			others++
		}
	}
	if !found {
		return a, 0, ErrNotFound
	}
	return a, others, nil
}

// shutOut ends an account's sessions, but for the one to keep, and its links.
func (s *Store) shutOut(ctx context.Context, tx *sqlx.Tx, tenant, id string, keep []byte) error {
	if keep == nil {
		keep = []byte{}
	}
	if _, err := tx.ExecContext(ctx, `DELETE FROM admin_sessions WHERE home_id = $1 AND admin_id = $2 AND digest <> $3`,
		tenant, id, keep); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `DELETE FROM admin_tickets WHERE tenant_id = $1 AND admin_id = $2`, tenant, id)
	return err
}

// RehashAdmin writes the same password's hash of other parameters, unless the
// password has been changed meanwhile.
func (s *Store) RehashAdmin(ctx context.Context, tenant, id, before, after string) error {
	_, err := s.write.ExecContext(ctx, `UPDATE admins SET password = $1 WHERE tenant_id = $2 AND id = $3 AND password = $4`,
		after, tenant, id, before)
	return fault(err)
}
