package provisioning

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

const (
	// MaxWebhooks is how many endpoints a tenant can have: each change is told
	// to all of them.
	MaxWebhooks = 50
	// webhooksPage bounds a page of deliveries.
	webhooksPage = 50
)

// Caller makes requests to addresses that administrators have chosen. It
// follows no redirects, and decides which addresses may be called at all.
type Caller interface {
	Do(r *http.Request) (*http.Response, error)
}

// Webhooks tell applications of changes, by requests that are signed as
// Standard Webhooks has it.
//
//	change ─ trigger ─▸ outbox ─ drain ─▸ events, deliveries ─ attempts ─▸ endpoint
//
// The outbox is written in the transaction of the change, so that no change goes
// untold and nothing is told that did not happen. The rest is done by Run, on any
// instance; a delivery arrives at least once, and in no order.
type Webhooks struct {
	store  *store.Store
	sealer *Sealer
	caller Caller
	now    func() time.Time
	log    *slog.Logger
	calls  func(scheme string, address netip.Addr) bool // see Calls; nil = any

	nudge chan struct{} // gets a value, if it has room, when there may be work
	slots *webhookSlots
	tally webhookTally
}

// NewWebhooks makes the webhooks of st. Run has to be running on some instance
// for deliveries to be made.
func NewWebhooks(st *store.Store, sealer *Sealer, caller Caller, now func() time.Time, log *slog.Logger) *Webhooks {
	return &Webhooks{
		store: st, sealer: sealer, caller: caller, now: now, log: log, nudge: make(chan struct{}, 1), slots: newWebhookSlots(),
	}
}

// Calls says which addresses the Caller refuses whatever happens, so that an
// endpoint that names one by its number is refused when it is made. Names are
// looked at when they are called. It has to be said before the first request.
func (w *Webhooks) Calls(calls func(scheme string, address netip.Addr) bool) { w.calls = calls }

// The records of webhooks, under the names of this package.
type (
	WebhookEndpoint = store.WebhookEndpoint
	WebhookSecret   = store.WebhookSecret
	WebhookDelivery = store.WebhookDelivery
	WebhookAttempt  = store.WebhookAttempt
	WebhookEvent    = store.WebhookEvent
)

// The states of a delivery, and why an endpoint is disabled.
const (
	DeliveryWaiting   = store.DeliveryWaiting
	DeliveryDelivered = store.DeliveryDelivered
	DeliveryFailed    = store.DeliveryFailed
	WebhookByHand     = store.WebhookByHand
	WebhookGone       = store.WebhookGone
	WebhookFailing    = store.WebhookFailing
)

// WebhookWish is a wish for an endpoint; nil keeps what is.
type WebhookWish struct {
	URL         *string
	Description *string
	Types       *[]string // names of event types, or EveryEvent alone
	Disabled    *bool
}

// Webhook is an endpoint with what deliveries to it are signed with.
type Webhook struct {
	WebhookEndpoint
	Secrets []WebhookSecret // live ones, oldest first
	Secret  string          // the new secret in clear, once: from Add and Roll
}

// List returns a tenant's endpoints, oldest first, without their secrets.
func (w *Webhooks) List(ctx context.Context, tenant string) ([]WebhookEndpoint, error) {
	return w.store.Webhooks(ctx, tenant)
}

// Get returns one endpoint, or ErrNotFound.
func (w *Webhooks) Get(ctx context.Context, tenant, id string) (Webhook, error) {
	if !store.IsID(id) {
		return Webhook{}, ErrNotFound
	}
	e, err := w.store.Webhook(ctx, tenant, id)
	if err != nil {
		return Webhook{}, err
	}
	secrets, err := w.store.WebhookSecrets(ctx, tenant, id)
	secrets = slices.DeleteFunc(secrets, func(k WebhookSecret) bool { return !k.Live(w.now()) })
	return Webhook{WebhookEndpoint: e, Secrets: secrets}, err
}

// Add makes an endpoint with its first secret, which is returned in clear, this
// once. The error joins an *Invalid for each field that cannot be accepted.
func (w *Webhooks) Add(ctx context.Context, tenant string, wish WebhookWish, by By) (Webhook, error) {
	id, err := store.NewID()
	if err != nil {
		return Webhook{}, err
	}
	now := w.moment()
	e := WebhookEndpoint{TenantID: tenant, ID: id, Types: []string{}, Revision: 1, CreatedAt: now, UpdatedAt: now}
	var errs []error
	if wish.URL == nil {
		errs = append(errs, invalid("url", "the address to which events are sent"))
	}
	if wish.Types == nil {
		errs = append(errs, invalid("types", "the types of events that are sent, or %s for all", EveryEvent))
	}
	errs = append(errs, wish.apply(&e, now), w.checkReach(wish))
	if err := errors.Join(errs...); err != nil {
		return Webhook{}, err
	}
	first, secret, err := w.newSecret(e)
	if err != nil {
		return Webhook{}, err
	}
	act := webhookAct(by, "webhook_added", id, map[string]any{
		"origin": webhookHost(e.URL), "types": e.Types, "secret": first.ID,
	})
	act.SecretOf = first.ID
	err = w.store.AddWebhook(ctx, e, first, MaxWebhooks, act)
	if errors.Is(err, store.ErrFull) {
		return Webhook{}, invalid("url", "a tenant can have %d endpoints, and has them: delete one first", MaxWebhooks)
	}
	if err != nil {
		return Webhook{}, err
	}
	return Webhook{WebhookEndpoint: e, Secrets: []WebhookSecret{first}, Secret: secret}, nil
}

// moment is the time to the microsecond, which both databases keep.
func (w *Webhooks) moment() time.Time { return w.now().UTC().Truncate(time.Microsecond) }

// webhookAct names the endpoint and not its address, which may hold a secret.
func webhookAct(by By, action, id string, detail map[string]any) store.Act {
	return act(by, action, "webhook "+id, detail)
}

// apply edits e, or says everything that is wrong with the wish.
func (w WebhookWish) apply(e *WebhookEndpoint, now time.Time) error {
	var errs []error
	if w.URL != nil {
		address, err := checkWebhookURL(*w.URL)
		errs = append(errs, err)
		e.URL = address
	}
	if w.Description != nil {
		text, err := checkDescription(*w.Description)
		errs = append(errs, err)
		e.Description = text
	}
	if w.Types != nil {
		types, err := checkEventTypes(*w.Types)
		errs = append(errs, err)
		e.Types = types
	}
	if w.Disabled != nil {
		switch {
		case *w.Disabled && e.DisabledAt == nil:
			e.DisabledAt, e.DisabledReason = &now, store.WebhookByHand
		case !*w.Disabled && e.DisabledAt != nil:
			// It gets its days to prove itself again.
			e.DisabledAt, e.DisabledReason, e.FailingSince, e.HeldUntil = nil, "", nil, nil
		}
	}
	return errors.Join(errs...)
}

// checkEventTypes returns the types in the order in which they are shown, each
// once.
func checkEventTypes(types []string) ([]string, error) {
	if slices.Contains(types, EveryEvent) {
		if len(types) > 1 {
			return nil, invalid("types", "%s alone, or types one by one", EveryEvent)
		}
		return []string{EveryEvent}, nil
	}
	var chosen, names []string
	for _, t := range eventTypes {
		names = append(names, t.Name)
		if slices.Contains(types, t.Name) {
			chosen = append(chosen, t.Name)
		}
	}
	if len(chosen) == 0 || slices.ContainsFunc(types, func(t string) bool { return !slices.Contains(names, t) }) {
		return nil, invalid("types", "at least one of %s; or %s for all", strings.Join(names, ", "), EveryEvent)
	}
	return chosen, nil
}

// Change changes what wish names. The errors are ErrNotFound, ErrChanged and
// *Invalid, which may be joined.
func (w *Webhooks) Change(ctx context.Context, tenant, id string, wish WebhookWish, by By) (Webhook, error) {
	if !store.IsID(id) {
		return Webhook{}, ErrNotFound
	}
	err := w.store.ChangeWebhook(ctx, tenant, id, func(e *WebhookEndpoint, _ []WebhookSecret) (store.WebhookChange, error) {
		before := *e
		if err := errors.Join(wish.apply(e, w.moment()), w.checkReach(wish)); err != nil {
			return store.WebhookChange{}, err
		}
		detail := map[string]any{}
		if before.URL != e.URL {
			detail["origin"] = map[string]any{"from": webhookHost(before.URL), "to": webhookHost(e.URL)}
		}
		noteChange(detail, "description", before.Description, e.Description)
		if !slices.Equal(before.Types, e.Types) {
			detail["types"] = map[string]any{"from": before.Types, "to": e.Types}
		}
		noteChange(detail, "disabled", before.DisabledAt != nil, e.DisabledAt != nil)
		return store.WebhookChange{Act: changed(by, "webhook_changed", "webhook "+id, detail)}, nil
	})
	if err != nil {
		return Webhook{}, err
	}
	w.wake() // what has waited for an endpoint that was disabled
	return w.Get(ctx, tenant, id)
}

// Delete takes an endpoint away. What waits for it is not sent. The errors are
// ErrNotFound and ErrChanged.
func (w *Webhooks) Delete(ctx context.Context, tenant, id string, by By) error {
	e, err := w.Get(ctx, tenant, id)
	if err != nil {
		return err
	}
	return w.store.DeleteWebhook(ctx, tenant, id, webhookAct(by, "webhook_deleted", id, map[string]any{"origin": webhookHost(e.URL)}))
}
