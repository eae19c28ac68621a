package store

import (
	"context"
	"time"

	"github.com/jmoiron/sqlx"
)

// Kinds of tickets.
const (
	TicketSetup  = "setup"  // makes the first account
	TicketInvite = "invite" // lets somebody choose name and password
	TicketReset  = "reset"  // lets somebody choose another password
	TicketAdding = "passkey_adding"
	TicketSignIn = "passkey_sign_in"
)

// Ticket is something that is good once. Whoever redeems it holds the text of
// which the digest is the SHA-256.
type Ticket struct {
	TenantID  string    `db:"tenant_id"` // the account's, or where somebody signs in
	Digest    []byte    `db:"digest"`
	Kind      string    `db:"kind"`
	AdminID   *string   `db:"admin_id"` // nil = nobody yet
	Data      string    `db:"data"`
	CreatedAt time.Time `db:"created_at"`
	ExpiresAt time.Time `db:"expires_at"`
}

const ticketColumns = `tenant_id, digest, kind, admin_id, data, created_at, expires_at`

func insertTicket(ctx context.Context, tx sqlx.ExecerContext, t Ticket) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO admin_tickets (`+ticketColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
		t.TenantID, t.Digest, t.Kind, t.AdminID, t.Data, t.CreatedAt, t.ExpiresAt)
	return err
}

// AddTicket writes a ticket that is no act of an administrator.
func (s *Store) AddTicket(ctx context.Context, t Ticket) error {
	return fault(insertTicket(ctx, s.write, t))
}

// AddLink writes a ticket of an account in place of those of the same kind
// that it has.
func (s *Store) AddLink(ctx context.Context, t Ticket, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := tx.ExecContext(ctx, `DELETE FROM admin_tickets WHERE tenant_id = $1 AND admin_id = $2 AND kind = $3`,
			t.TenantID, t.AdminID, t.Kind); err != nil {
			return err
		}
		if err := insertTicket(ctx, tx, t); err != nil {
			return err
		}
		return s.record(ctx, tx, t.TenantID, act)
	})
}

// TicketByDigest returns a ticket that has not ended and leaves it good.
func (s *Store) TicketByDigest(ctx context.Context, tenant string, digest []byte) (Ticket, error) {
	var t Ticket
	err := s.read.GetContext(ctx, &t, `
SELECT `+ticketColumns+` FROM admin_tickets WHERE digest = $1 AND tenant_id = $2 AND expires_at > $3`,
		digest, tenant, s.now().UTC())
	return t, fault(err)
}

// TakeTicket redeems a ticket: of several at once, one gets it.
func (s *Store) TakeTicket(ctx context.Context, tenant string, digest []byte, kind string) (Ticket, error) {
	t, err := s.takeTicket(ctx, s.write, tenant, digest, kind)
	return t, fault(err)
}

func (s *Store) takeTicket(ctx context.Context, db sqlx.QueryerContext, tenant string, digest []byte, kind string) (Ticket, error) {
	var t Ticket
	err := sqlx.GetContext(ctx, db, &t, `
DELETE FROM admin_tickets WHERE digest = $1 AND tenant_id = $2 AND kind = $3 AND expires_at > $4
RETURNING `+ticketColumns, digest, tenant, kind, s.now().UTC())
	return t, err
}

// AcceptLink redeems the link of an invitation or a reset: change sets
// password and name. Every session of the account ends.
func (s *Store) AcceptLink(ctx context.Context, tenant string, digest []byte, kind string,
	change func(a *Administrator) (Act, error),
) (Administrator, error) {
	var a Administrator
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		ticket, err := s.takeTicket(ctx, tx, tenant, digest, kind)
		if err != nil {
			return err
		}
		if err := tx.GetContext(ctx, &a, `
SELECT `+adminColumns+` FROM admins WHERE tenant_id = $1 AND id = $2 AND NOT disabled`+s.dialect.forUpdate(),
			tenant, ticket.AdminID); err != nil {
			return err
		}
		act, err := change(&a)
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `UPDATE admins SET name = $1, password = $2, joined_at = $3 WHERE tenant_id = $4 AND id = $5`,
			a.Name, a.Password, a.JoinedAt, tenant, a.ID); err != nil {
			return err
		}
		if err := s.shutOut(ctx, tx, tenant, a.ID, nil); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return a, err
}

// sweepRows is how many rows a statement of SweepAdmins deletes at most.
const sweepRows = 1000

// SweepAdmins deletes what has ended of all tenants: sessions, tickets and
// counts of attempts. Nothing depends on it but the room they take.
func (s *Store) SweepAdmins(ctx context.Context) error {
	for {
		n, err := s.dropEach(ctx, []oldRows{
			{table: "admin_sessions", key: "digest, tenant_id", since: "expires_at", at: true},
			{table: "admin_tickets", key: "digest, tenant_id", since: "expires_at", at: true},
			{table: "admin_attempts", key: "bucket, tenant_id", since: "expires_at", at: true},
		}, s.now().UTC(), sweepRows)
		if err != nil || n < sweepRows {
			return err
		}
	}
}

// CountAttempt counts one more try in a bucket, and returns how many there
// were in its window, which begins with the first and ends at until.
func (s *Store) CountAttempt(ctx context.Context, tenant string, bucket []byte, window time.Duration) (count int64, until time.Time, err error) {
	now := s.now().UTC()
	err = s.write.QueryRowxContext(ctx, `
INSERT INTO admin_attempts (tenant_id, bucket, count, expires_at) VALUES ($1, $2, 1, $3)
ON CONFLICT (bucket, tenant_id) DO UPDATE SET
	count = CASE WHEN admin_attempts.expires_at <= $4 THEN 1 ELSE admin_attempts.count + 1 END,
	expires_at = CASE WHEN admin_attempts.expires_at <= $4 THEN excluded.expires_at ELSE admin_attempts.expires_at END
RETURNING count, expires_at`, tenant, bucket, now.Add(window), now).Scan(&count, &until)
	return count, until, fault(err)
}

// ForgetAttempts empties a bucket.
func (s *Store) ForgetAttempts(ctx context.Context, tenant string, bucket []byte) error {
	_, err := s.write.ExecContext(ctx, `DELETE FROM admin_attempts WHERE bucket = $1 AND tenant_id = $2`, bucket, tenant)
	return fault(err)
}
