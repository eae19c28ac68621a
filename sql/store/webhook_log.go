package store

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// WebhookDeliveries returns deliveries to an endpoint from before the event with
// the id before ("" = from the newest on), newest first, at most limit. state ""
// = any.
func (s *Store) WebhookDeliveries(ctx context.Context, tenant, endpoint, state, before string, limit int) ([]WebhookDelivery, error) {
	query, args := `
SELECT `+deliveryColumns+` FROM webhook_deliveries WHERE tenant_id = $1 AND endpoint_id = $2`, []any{tenant, endpoint}
	for _, column := range []struct{ is, value string }{{"state =", state}, {"event_id <", before}} {
		if column.value != "" {
			args = append(args, column.value)
			query += fmt.Sprintf(" AND %s $%d", column.is, len(args))
		}
	}
	args = append(args, limit)
	query += fmt.Sprintf(" ORDER BY event_id DESC LIMIT $%d", len(args))
	var deliveries []WebhookDelivery
	err := s.read.SelectContext(ctx, &deliveries, query, args...)
	return deliveries, fault(err)
}

// WebhookDelivery returns one delivery, or ErrNotFound.
func (s *Store) WebhookDelivery(ctx context.Context, tenant, endpoint, event string) (WebhookDelivery, error) {
	var d WebhookDelivery
	err := s.read.GetContext(ctx, &d, `
SELECT `+deliveryColumns+` FROM webhook_deliveries WHERE event_id = $1 AND endpoint_id = $2 AND tenant_id = $3`,
		event, endpoint, tenant)
	return d, fault(err)
}

// WebhookAttempts returns the newest attempts of a delivery, newest first, at
// most limit.
func (s *Store) WebhookAttempts(ctx context.Context, tenant, endpoint, event string, limit int) ([]WebhookAttempt, error) {
	var attempts []WebhookAttempt
	err := s.read.SelectContext(ctx, &attempts, `
SELECT `+attemptColumns+` FROM webhook_attempts
 WHERE event_id = $1 AND endpoint_id = $2 AND tenant_id = $3 ORDER BY id DESC LIMIT $4`, event, endpoint, tenant, limit)
	return attempts, fault(err)
}

// Resend has a delivery made again, from the first try on. An attempt under way
// counts no more. It returns ErrNotFound.
func (s *Store) Resend(ctx context.Context, tenant, endpoint, event string, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		result, err := tx.ExecContext(ctx, requeue+` AND event_id = $5`, s.now().UTC(), endpoint, tenant, nil, event)
		if err != nil {
			return err
		}
		if n, err := result.RowsAffected(); err != nil {
			return err
		} else if n == 0 {
			return ErrNotFound
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// requeue makes deliveries to an endpoint due; $4 is no lease.
const requeue = `
UPDATE webhook_deliveries SET state = 'waiting', tries = 0, next_at = $1, lease = $4, finished_at = NULL
 WHERE endpoint_id = $2 AND tenant_id = $3`

// ResendFailed has deliveries made again that were given up, of events from a
// time on, at most limit, oldest first, and returns how many. done gets that
// number for the act; without any nothing is recorded.
func (s *Store) ResendFailed(ctx context.Context, tenant, endpoint string, since time.Time, limit int, done func(n int) Act) (int, error) {
	resent := 0
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := oneWebhook(ctx, tx, tenant, endpoint, s.dialect.forShare()); err != nil {
			return err
		}
		result, err := tx.ExecContext(ctx, requeue+` AND state = 'failed' AND event_id `+s.dialect.among(`
        SELECT d.event_id FROM webhook_deliveries d
         WHERE d.endpoint_id = $2 AND d.tenant_id = $3 AND d.state = 'failed' AND d.created_at >= $5
         ORDER BY d.event_id LIMIT $6`), s.now().UTC(), endpoint, tenant, nil, since.UTC(), limit)
		if err != nil {
			return err
		}
		n, err := result.RowsAffected()
		if resent = int(n); err != nil || n == 0 {
			return err
		}
		return s.record(ctx, tx, tenant, done(resent))
	})
	return resent, err
}

// ForgetWebhooks deletes a tenant's events from before a time, the oldest first,
// with their deliveries and attempts, and returns how many events: at most limit,
// and those of the same moment as the last of them.
func (s *Store) ForgetWebhooks(ctx context.Context, tenant string, before time.Time, limit int) (int, error) {
	gone := map[string]int64{}
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		// A bound in time, not a count, makes the statements speak of the same
		// events.
		last, condition := before.UTC(), "created_at < $2"
		err := tx.GetContext(ctx, &last, `
SELECT created_at FROM webhook_events WHERE tenant_id = $1 AND created_at < $2 ORDER BY created_at LIMIT 1 OFFSET $3`,
			tenant, last, limit-1)
		if err == nil {
			condition = "created_at <= $2"
		} else if !errors.Is(fault(err), ErrNotFound) {
			return err
		}
		old := s.dialect.among(`SELECT id FROM webhook_events WHERE tenant_id = $1 AND ` + condition)
		for _, step := range []struct{ table, rows string }{
			{"webhook_attempts", "event_id " + old},
			{"webhook_deliveries", "event_id " + old},
			{"webhook_events", condition},
		} {
			result, err := tx.ExecContext(ctx, `DELETE FROM `+step.table+` WHERE tenant_id = $1 AND `+step.rows, tenant, last.UTC())
			if err != nil {
				return err
			}
			if gone[step.table], err = result.RowsAffected(); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return 0, err
	}
	for table, n := range gone {
		s.dropped.count(table, n)
	}
	return int(gone["webhook_events"]), nil
}
