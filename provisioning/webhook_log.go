package provisioning

import (
	"context"
	"slices"
	"time"

	"usher/sql/store"
)

const (
	// attemptsShown bounds the attempts of a delivery that are shown.
	attemptsShown = 100
	// MaxResent is how many deliveries one call has made again.
	MaxResent = 10_000
)

// Deliveries lists deliveries to an endpoint, the newest event first, from
// before the given event on; next is the before of the following page, "" on the
// last. state "" = any. The errors are ErrNotFound and *Invalid.
func (w *Webhooks) Deliveries(ctx context.Context, tenant, endpoint, state, before string) (deliveries []WebhookDelivery, next string, err error) {
	states := []string{"", store.DeliveryWaiting, store.DeliveryDelivered, store.DeliveryFailed}
	if !slices.Contains(states, state) {
		return nil, "", invalid("state", "%s, %s or %s", states[1], states[2], states[3])
	}
	if before != "" && !isEventID(before) {
		return nil, "", invalid("after", "the id of an event")
	}
	if _, err := w.Get(ctx, tenant, endpoint); err != nil {
		return nil, "", err
	}
	deliveries, err = w.store.WebhookDeliveries(ctx, tenant, endpoint, state, before, webhooksPage+1)
	if len(deliveries) > webhooksPage {
		deliveries = deliveries[:webhooksPage]
		next = deliveries[webhooksPage-1].EventID
	}
	return deliveries, next, err
}

// DeliveryReport is a delivery with what is known about it.
type DeliveryReport struct {
	WebhookDelivery
	Payload string           // what is sent
	Log     []WebhookAttempt // newest first, the newest 100 at most
}

// Delivery returns one delivery with its attempts, or ErrNotFound.
func (w *Webhooks) Delivery(ctx context.Context, tenant, endpoint, event string) (DeliveryReport, error) {
	if !store.IsID(endpoint) || !isEventID(event) {
		return DeliveryReport{}, ErrNotFound
	}
	// A deleted endpoint's are on their way out.
	if _, err := w.store.Webhook(ctx, tenant, endpoint); err != nil {
		return DeliveryReport{}, err
	}
	d, err := w.store.WebhookDelivery(ctx, tenant, endpoint, event)
	if err != nil {
		return DeliveryReport{}, err
	}
	sent, err := w.store.WebhookEvent(ctx, tenant, event)
	if err != nil {
		return DeliveryReport{}, err
	}
	log, err := w.store.WebhookAttempts(ctx, tenant, endpoint, event, attemptsShown)
	return DeliveryReport{WebhookDelivery: d, Payload: sent.Payload, Log: log}, err
}

// Test sends an event of the type webhook.test to an endpoint, whatever it
// wants, and returns the event's id. The errors are ErrNotFound and *Invalid, for
// an endpoint that is disabled.
func (w *Webhooks) Test(ctx context.Context, tenant, endpoint string, by By) (string, error) {
	e, err := w.Get(ctx, tenant, endpoint)
	if err != nil {
		return "", err
	}
	if e.DisabledAt != nil {
		return "", errDisabledWebhook()
	}
	now := w.moment()
	event, err := newEvent(tenant, EventTest, now, now, eventData{EndpointID: endpoint, Reference: by.Reference})
	if err != nil {
		return "", err
	}
	err = w.store.PublishTo(ctx, endpoint, event, webhookAct(by, "webhook_tested", endpoint, map[string]any{"event": event.ID}))
	if err != nil {
		return "", err
	}
	w.wake()
	return event.ID, nil
}

func errDisabledWebhook() error {
	return invalid("disabled", "enable the endpoint first: nothing is sent to it")
}

// Resend makes a delivery again, from the first attempt on, whatever came of it
// before. The errors are ErrNotFound and *Invalid, for an endpoint that is
// disabled.
func (w *Webhooks) Resend(ctx context.Context, tenant, endpoint, event string, by By) error {
	e, err := w.Get(ctx, tenant, endpoint)
	if err != nil {
		return err
	}
	if !isEventID(event) {
		return ErrNotFound
	}
	if e.DisabledAt != nil {
		return errDisabledWebhook()
	}
	err = w.store.Resend(ctx, tenant, endpoint, event, webhookAct(by, "webhook_resent", endpoint, map[string]any{"event": event}))
	if err == nil {
		w.wake()
	}
	return err
}

// ResendFailed makes every delivery again that was given up, of events from a
// time on, at most MaxResent of them, and returns how many. The errors are
// ErrNotFound and *Invalid, for an endpoint that is disabled.
func (w *Webhooks) ResendFailed(ctx context.Context, tenant, endpoint string, since time.Time, by By) (int, error) {
	e, err := w.Get(ctx, tenant, endpoint)
	if err != nil {
		return 0, err
	}
	if e.DisabledAt != nil {
		return 0, errDisabledWebhook()
	}
	n, err := w.store.ResendFailed(ctx, tenant, endpoint, since, MaxResent, func(n int) store.Act {
		return webhookAct(by, "webhook_failures_resent", endpoint, map[string]any{"since": since.UTC(), "count": n})
	})
	if n > 0 {
		w.wake()
	}
	return n, err
}
