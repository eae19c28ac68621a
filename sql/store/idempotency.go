package store

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

// ErrOvertaken means that a later run of the same request has taken over: what
// this one wanted to write is not written.
var ErrOvertaken = errors.New("a repetition of this request has taken over")

// Attempt is one run of a request that carries an Idempotency-Key. It stands
// in By: the act of the request is written only while this run is the latest
// one under its key, and in the same transaction the key counts as acted.
type Attempt struct {
	TenantID string // to whose host the request came
	Key      Hex    // 32 bytes: keyed hash of the key and of who sent it
	ID       string // UUID
}

// Values of KeptRequest.State.
const (
	RequestRunning  = "running"  // nothing has been done yet
	RequestActed    = "acted"    // it was done; the answer is not kept yet, or was lost
	RequestAnswered = "answered" // Answer is what was said
	RequestSpent    = "spent"    // it was done; the answer showed a secret that has been destroyed
)

// KeptRequest is what is remembered of a request under its key.
type KeptRequest struct {
	Attempt
	Actor     string
	Route     string
	Request   Hex // 32 bytes: keyed hash of all that makes it the same request
	State     string
	Answer    []byte    // sealed; nil until answered
	BusyUntil time.Time // a run that has not acted by then can be taken over
	ExpiresAt time.Time // then the key is free again
}

// StartRequest writes r as running unless its key is known, and reports
// whether r may go on. It may as well when the kept request has expired, or
// was given up before it acted. Otherwise the kept one is returned.
func (s *Store) StartRequest(ctx context.Context, r KeptRequest) (kept KeptRequest, mine bool, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, `
INSERT INTO idempotency (tenant_id, key_hash, attempt, actor, route, request_hash, state, answer, busy_until, expires_at)
VALUES ($1, $2, $3, $4, $5, $6, 'running', NULL, $7, $8) ON CONFLICT DO NOTHING`,
			r.TenantID, []byte(r.Key), r.ID, r.Actor, r.Route, []byte(r.Request), r.BusyUntil, r.ExpiresAt)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if mine = n == 1; err != nil || mine {
			return err
		}
		kept = KeptRequest{Attempt: Attempt{TenantID: r.TenantID, Key: r.Key}}
		err = tx.QueryRowxContext(ctx, `
SELECT attempt, actor, route, request_hash, state, answer, busy_until, expires_at
  FROM idempotency WHERE tenant_id = $1 AND key_hash = $2`+s.dialect.forUpdate(), r.TenantID, []byte(r.Key)).
			Scan(&kept.ID, &kept.Actor, &kept.Route, &kept.Request, &kept.State, &kept.Answer, &kept.BusyUntil, &kept.ExpiresAt)
		if err != nil {
			return err
		}
		now := s.now()
		if kept.ExpiresAt.After(now) && (kept.State != RequestRunning || kept.BusyUntil.After(now)) {
			return nil
		}
		mine = true
		_, err = tx.ExecContext(ctx, `
UPDATE idempotency
   SET attempt = $1, actor = $2, route = $3, request_hash = $4, state = 'running', answer = NULL, busy_until = $5,
       expires_at = $6, secret_of = ''
 WHERE tenant_id = $7 AND key_hash = $8`,
			r.ID, r.Actor, r.Route, []byte(r.Request), r.BusyUntil, r.ExpiresAt, r.TenantID, []byte(r.Key))
		return err
	})
	return kept, mine && err == nil, err
}

// acted notes in the transaction of an act that its request has been done, and
// the key whose secret its answer shows ("" = none), or returns ErrOvertaken.
func acted(ctx context.Context, tx *sqlx.Tx, a *Attempt, secretOf string) error {
	if a == nil {
		return nil
	}
	result, err := tx.ExecContext(ctx, `
UPDATE idempotency SET state = 'acted', secret_of = $1 WHERE tenant_id = $2 AND key_hash = $3 AND attempt = $4`,
		secretOf, a.TenantID, []byte(a.Key), a.ID)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil {
		return err
	} else if n == 0 {
		return ErrOvertaken
	}
	return nil
}

// spendAnswers destroys the kept answers that show the secret of a key. The
// requests stay known: a repetition makes nothing.
func spendAnswers(ctx context.Context, tx *sqlx.Tx, tenant, key string) error {
	_, err := tx.ExecContext(ctx, `
UPDATE idempotency SET state = 'spent', answer = NULL
 WHERE secret_of = $1 AND secret_of <> '' AND tenant_id = $2`, key, tenant)
	return err
}

// KeepAnswer keeps the sealed answer of a request that was done, unless the
// secret that it shows has been destroyed by then.
func (s *Store) KeepAnswer(ctx context.Context, a Attempt, sealed []byte) error {
	_, err := s.write.ExecContext(ctx, `
UPDATE idempotency SET state = 'answered', answer = $1
 WHERE tenant_id = $2 AND key_hash = $3 AND attempt = $4 AND state <> 'spent'`,
		sealed, a.TenantID, []byte(a.Key), a.ID)
	return fault(err)
}

// ReleaseRequest frees the key of a request that was refused, unless it has
// acted after all.
func (s *Store) ReleaseRequest(ctx context.Context, a Attempt) error {
	_, err := s.write.ExecContext(ctx, `
DELETE FROM idempotency WHERE tenant_id = $1 AND key_hash = $2 AND attempt = $3 AND state = 'running'`,
		a.TenantID, []byte(a.Key), a.ID)
	return fault(err)
}

// ForgetRequests deletes at most limit requests whose time is over, of every
// tenant, and returns how many.
func (s *Store) ForgetRequests(ctx context.Context, limit int) (int, error) {
	return s.drop(ctx, oldRows{table: "idempotency", key: "key_hash, tenant_id", since: "expires_at"}, s.now().UTC(), limit)
}
