package store

import (
	"context"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
)

// OutboxChange is a change of which endpoints have yet to be told. A trigger
// has written it in the transaction of the change.
type OutboxChange struct {
	TenantID      string    `db:"tenant_id"`
	ID            string    `db:"id"`
	At            time.Time `db:"at"`
	Source        string    `db:"source"` // one of the Outbox… sources
	What          string    `db:"what"`   // a code of the journal or the audit log; of groups "insert", "update" or "delete"
	Object        string    `db:"object"` // the id of the user or the group; of an act what the audit log says
	IntegrationID *string   `db:"integration_id"`
	Actor         *string   `db:"actor"` // who made a change of the journal that no token made; nil as with Detail
	Reference     string    `db:"reference"`
	// Detail is a JSON object. That of the journal is nil when the entry has
	// gone: the person was erased.
	Detail *string `db:"detail"`
}

// Where a change was seen.
const (
	OutboxJournal = "journal"
	OutboxAudit   = "audit"
	OutboxGroups  = "groups"
)

// WebhookEvent is what endpoints are told.
type WebhookEvent struct {
	TenantID  string    `db:"tenant_id"`
	ID        string    `db:"id"` // the webhook-id
	Type      string    `db:"type"`
	Payload   string    `db:"payload"` // what is sent, byte by byte
	CreatedAt time.Time `db:"created_at"`
}

const webhookEventColumns = `tenant_id, id, type, payload, created_at`

// OutboxWaits reports whether there are changes to be told. It only looks.
func (s *Store) OutboxWaits(ctx context.Context) (bool, error) {
	var waits bool
	err := s.read.GetContext(ctx, &waits, `SELECT EXISTS (SELECT 1 FROM webhook_outbox)`)
	return waits, fault(err)
}

// DrainOutbox takes changes out of the outbox, of every tenant, at most limit,
// and writes the events that they make with a delivery for each endpoint that
// wants them, all in one transaction. It returns how many it took. Of several
// instances at once each takes others.
func (s *Store) DrainOutbox(ctx context.Context, limit int, events func([]OutboxChange) ([]WebhookEvent, error)) (int, error) {
	taken := 0
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		var changes []OutboxChange
		if err := tx.SelectContext(ctx, &changes, `
SELECT o.tenant_id, o.id, o.at, o.source, o.what, o.object, o.integration_id, o.reference,
       CASE WHEN o.source = 'journal'
            THEN (SELECT j.detail FROM journal j WHERE j.id = `+s.dialect.asID("o.id")+` AND j.tenant_id = o.tenant_id)
            ELSE o.detail END AS detail,
       CASE WHEN o.source = 'journal'
            THEN (SELECT j.actor FROM journal j WHERE j.id = `+s.dialect.asID("o.id")+` AND j.tenant_id = o.tenant_id) END AS actor
  FROM webhook_outbox o ORDER BY o.id LIMIT $1`+s.dialect.skipLocked("o"), limit); err != nil {
			return err
		}
		taken = len(changes)
		made, err := events(changes)
		if err != nil {
			return err
		}
		if err := s.publish(ctx, tx, made); err != nil {
			return err
		}
		for _, c := range changes {
			if _, err := tx.ExecContext(ctx, `DELETE FROM webhook_outbox WHERE id = $1 AND tenant_id = $2`, c.ID, c.TenantID); err != nil {
				return err
			}
		}
		return nil
	})
	return taken, err
}

// publish writes events with their deliveries. What nobody wants is not
// written.
func (s *Store) publish(ctx context.Context, tx *sqlx.Tx, events []WebhookEvent) error {
	known := map[string][]WebhookEndpoint{}
	for _, event := range events {
		endpoints, ok := known[event.TenantID]
		if !ok {
			var err error
			if endpoints, err = webhooks(ctx, tx, event.TenantID); err != nil {
				return err
			}
			known[event.TenantID] = endpoints
		}
		written := false
		for _, e := range endpoints {
			if e.DisabledAt != nil || !slices.Contains(e.Types, "*") && !slices.Contains(e.Types, event.Type) {
				continue
			}
			if !written {
				if err := addWebhookEvent(ctx, tx, event); err != nil {
					return err
				}
				written = true
			}
			if err := s.addDelivery(ctx, tx, event, e.ID); err != nil {
				return err
			}
		}
	}
	return nil
}

func addWebhookEvent(ctx context.Context, tx *sqlx.Tx, event WebhookEvent) error {
	_, err := tx.NamedExecContext(ctx, `
INSERT INTO webhook_events (`+webhookEventColumns+`) VALUES (:tenant_id, :id, :type, :payload, :created_at)`, event)
	return err
}

func (s *Store) addDelivery(ctx context.Context, tx *sqlx.Tx, event WebhookEvent, endpoint string) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO webhook_deliveries (tenant_id, event_id, endpoint_id, type, state, attempts, tries, next_at, created_at)
VALUES ($1, $2, $3, $4, 'waiting', 0, 0, $5, $5)`, event.TenantID, event.ID, endpoint, event.Type, s.now().UTC())
	return err
}

// PublishTo sends one event to one endpoint, whatever types it wants, or
// returns ErrNotFound.
func (s *Store) PublishTo(ctx context.Context, endpoint string, event WebhookEvent, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if _, err := oneWebhook(ctx, tx, event.TenantID, endpoint, s.dialect.forShare()); err != nil {
			return err
		}
		if err := addWebhookEvent(ctx, tx, event); err != nil {
			return err
		}
		if err := s.addDelivery(ctx, tx, event, endpoint); err != nil {
			return err
		}
		return s.record(ctx, tx, event.TenantID, act)
	})
}
