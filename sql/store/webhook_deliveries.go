package store

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

// WebhookDelivery is an event on its way to an endpoint.
type WebhookDelivery struct {
	TenantID   string     `db:"tenant_id"`
	EventID    string     `db:"event_id"`
	EndpointID string     `db:"endpoint_id"`
	Type       string     `db:"type"`  // the event's
	State      string     `db:"state"` // one of the Delivery… states
	Attempts   int        `db:"attempts"`
	Tries      int        `db:"tries"`   // of these, the ones since it was queued last
	NextAt     time.Time  `db:"next_at"` // while waiting: when the next attempt is due
	CreatedAt  time.Time  `db:"created_at"`
	FinishedAt *time.Time `db:"finished_at"`
}

// The states of a delivery.
const (
	DeliveryWaiting   = "waiting"
	DeliveryDelivered = "delivered"
	DeliveryFailed    = "failed" // given up
)

const deliveryColumns = `tenant_id, event_id, endpoint_id, type, state, attempts, tries, next_at, created_at, finished_at`

// WebhookAttempt is one request that carried, or should have carried, an event.
type WebhookAttempt struct {
	TenantID   string    `db:"tenant_id"`
	ID         string    `db:"id"` // UUIDv7
	EventID    string    `db:"event_id"`
	EndpointID string    `db:"endpoint_id"`
	At         time.Time `db:"at"`
	Took       int64     `db:"took"`   // milliseconds
	Status     int       `db:"status"` // of the answer; 0 = there was none
	Fault      string    `db:"fault"`  // why it failed, as a code; "" = it did not
	Answer     string    `db:"answer"` // how the answer's body begins
}

const attemptColumns = `tenant_id, id, event_id, endpoint_id, at, took, status, fault, answer`

// WebhooksDue returns the endpoints, of every tenant, for which an attempt is
// due. It only looks.
func (s *Store) WebhooksDue(ctx context.Context) ([]WebhookEndpoint, error) {
	var rows []webhookRow
	err := s.read.SelectContext(ctx, &rows, `
SELECT `+webhookColumns+` FROM webhook_endpoints e
 WHERE disabled_at IS NULL AND (held_until IS NULL OR held_until <= $1)
   AND EXISTS (SELECT 1 FROM webhook_deliveries d
        WHERE d.endpoint_id = e.id AND d.tenant_id = e.tenant_id AND d.state = 'waiting' AND d.next_at <= $1)`, s.now().UTC())
	if err != nil {
		return nil, fault(err)
	}
	return webhooksOf(rows)
}

// ClaimDeliveries takes deliveries to an endpoint that are due, the longest due
// first, at most limit, and holds them under a lease for the given time. When it
// is over, others may take them.
func (s *Store) ClaimDeliveries(ctx context.Context, tenant, endpoint, lease string, hold time.Duration, limit int) ([]WebhookDelivery, error) {
	now := s.now().UTC()
	var claimed []WebhookDelivery
	err := s.write.SelectContext(ctx, &claimed, `
UPDATE webhook_deliveries SET lease = $1, next_at = $2
 WHERE endpoint_id = $3 AND tenant_id = $4 AND event_id `+s.dialect.among(`
        SELECT d.event_id FROM webhook_deliveries d
         WHERE d.endpoint_id = $3 AND d.tenant_id = $4 AND d.state = 'waiting' AND d.next_at <= $5
         ORDER BY d.next_at, d.event_id LIMIT $6`+s.dialect.skipLocked("d"))+`
RETURNING `+deliveryColumns, lease, now.Add(hold), endpoint, tenant, now, limit)
	return claimed, fault(err)
}

// DeliveryWork is what an attempt needs.
type DeliveryWork struct {
	Endpoint WebhookEndpoint
	Secrets  []WebhookSecret // live ones, oldest first
	Event    WebhookEvent
}

// DeliveryWork reads it as it is now. ErrNotFound means that the endpoint or
// the event has gone.
func (s *Store) DeliveryWork(ctx context.Context, d WebhookDelivery) (DeliveryWork, error) {
	var work DeliveryWork
	var err error
	if work.Endpoint, err = s.Webhook(ctx, d.TenantID, d.EndpointID); err != nil {
		return work, err
	}
	if work.Event, err = s.WebhookEvent(ctx, d.TenantID, d.EventID); err != nil {
		return work, err
	}
	err = s.read.SelectContext(ctx, &work.Secrets, `
SELECT `+webhookSecretColumns+` FROM webhook_secrets
 WHERE endpoint_id = $1 AND tenant_id = $2 AND (expires_at IS NULL OR expires_at > $3) ORDER BY id`,
		d.EndpointID, d.TenantID, s.now().UTC())
	return work, fault(err)
}

// WebhookEvent returns one event, or ErrNotFound.
func (s *Store) WebhookEvent(ctx context.Context, tenant, id string) (WebhookEvent, error) {
	var event WebhookEvent
	err := s.read.GetContext(ctx, &event,
		`SELECT `+webhookEventColumns+` FROM webhook_events WHERE id = $1 AND tenant_id = $2`, id, tenant)
	return event, fault(err)
}

// DeliveryEnd is what has come of an attempt.
type DeliveryEnd struct {
	Attempt WebhookAttempt
	State   string    // of the delivery from now on
	NextAt  time.Time // of a waiting one
	// HoldUntil keeps every delivery from the endpoint until then; zero = not.
	HoldUntil time.Time
	// Disable switches the endpoint off, with a reason and an act; "" = not.
	Disable    string
	DisableAct Act
}

// EndDelivery records an attempt, what becomes of the delivery, and how the
// endpoint stands. When the lease was lost, another attempt may be under way:
// then the delivery stays as that one leaves it.
func (s *Store) EndDelivery(ctx context.Context, lease string, end DeliveryEnd) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		a, now := end.Attempt, s.now().UTC()
		var finished *time.Time
		if end.State != DeliveryWaiting {
			finished = &now
		}
		if _, err := tx.ExecContext(ctx, `
UPDATE webhook_deliveries
   SET state = $1, next_at = $2, finished_at = $3, attempts = attempts + 1, tries = tries + 1, lease = NULL
 WHERE event_id = $4 AND endpoint_id = $5 AND tenant_id = $6 AND lease = $7`,
			end.State, end.NextAt.UTC(), finished, a.EventID, a.EndpointID, a.TenantID, lease); err != nil {
			return err
		}
		if _, err := tx.NamedExecContext(ctx, `
INSERT INTO webhook_attempts (`+attemptColumns+`)
VALUES (:tenant_id, :id, :event_id, :endpoint_id, :at, :took, :status, :fault, :answer)`, a); err != nil {
			return err
		}
		return s.noteWebhook(ctx, tx, end, now)
	})
}

// noteWebhook keeps how an endpoint stands. Where that is so already, which is
// nearly always, its row is not written.
func (s *Store) noteWebhook(ctx context.Context, tx *sqlx.Tx, end DeliveryEnd, now time.Time) error {
	a := end.Attempt
	statement, args := `
UPDATE webhook_endpoints SET failing_since = NULL WHERE id = $1 AND tenant_id = $2 AND failing_since IS NOT NULL`,
		[]any{a.EndpointID, a.TenantID}
	if a.Fault != "" {
		statement = `
UPDATE webhook_endpoints SET failing_since = $3 WHERE id = $1 AND tenant_id = $2 AND failing_since IS NULL`
		args = append(args, a.At.UTC())
	}
	if _, err := tx.ExecContext(ctx, statement, args...); err != nil {
		return err
	}
	if !end.HoldUntil.IsZero() {
		if _, err := tx.ExecContext(ctx, `UPDATE webhook_endpoints SET held_until = $1 WHERE id = $2 AND tenant_id = $3`,
			end.HoldUntil.UTC(), a.EndpointID, a.TenantID); err != nil {
			return err
		}
	}
	if end.Disable == "" {
		return nil
	}
	result, err := tx.ExecContext(ctx, `
UPDATE webhook_endpoints SET disabled_at = $1, disabled_reason = $2, revision = revision + 1
 WHERE id = $3 AND tenant_id = $4 AND disabled_at IS NULL`, now, end.Disable, a.EndpointID, a.TenantID)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 { // somebody was faster
		return err
	}
	return s.record(ctx, tx, a.TenantID, end.DisableAct)
}

// ReleaseDelivery gives a delivery back whose attempt was broken off: it is due
// at a time, and the attempt does not count.
func (s *Store) ReleaseDelivery(ctx context.Context, d WebhookDelivery, lease string, due time.Time) error {
	_, err := s.write.ExecContext(ctx, `
UPDATE webhook_deliveries SET lease = NULL, next_at = $1
 WHERE event_id = $2 AND endpoint_id = $3 AND tenant_id = $4 AND lease = $5`,
		due.UTC(), d.EventID, d.EndpointID, d.TenantID, lease)
	return fault(err)
}

// DropDelivery deletes a delivery that leads nowhere any more.
func (s *Store) DropDelivery(ctx context.Context, d WebhookDelivery) error {
	_, err := s.write.ExecContext(ctx, `
DELETE FROM webhook_deliveries WHERE event_id = $1 AND endpoint_id = $2 AND tenant_id = $3`, d.EventID, d.EndpointID, d.TenantID)
	return fault(err)
}

// WebhooksWaitSince is since when something waits that could be done at once: a
// change in the outbox, or a delivery that is due at an endpoint where the last
// attempt went well. The zero time means that nothing does.
func (s *Store) WebhooksWaitSince(ctx context.Context) (time.Time, error) {
	var oldest time.Time
	note := func(query string, args ...any) error {
		var at time.Time
		err := fault(s.read.GetContext(ctx, &at, query, args...))
		if err == nil && (oldest.IsZero() || at.Before(oldest)) {
			oldest = at
		}
		if errors.Is(err, ErrNotFound) {
			return nil
		}
		return err
	}
	if err := note(`SELECT at FROM webhook_outbox ORDER BY id LIMIT 1`); err != nil {
		return time.Time{}, err
	}
	due, err := s.WebhooksDue(ctx)
	if err != nil {
		return time.Time{}, err
	}
	for _, e := range due {
		if e.FailingSince != nil {
			continue
		}
		if err := note(`
SELECT next_at FROM webhook_deliveries
 WHERE endpoint_id = $1 AND tenant_id = $2 AND state = 'waiting' AND next_at <= $3 ORDER BY next_at LIMIT 1`,
			e.ID, e.TenantID, s.now().UTC()); err != nil {
			return time.Time{}, err
		}
	}
	return oldest, nil
}
