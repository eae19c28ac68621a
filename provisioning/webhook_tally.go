package provisioning

import (
	"context"
	"sync"
	"time"

	"usher/sql/store"
)

// Results of attempts, for metrics.
const (
	WebhookDelivered = "delivered"
	WebhookRetried   = "failed"   // it is tried again
	WebhookGivenUp   = "given_up" // it was the last attempt
)

// WebhookResults lists them.
func WebhookResults() []string { return []string{WebhookDelivered, WebhookRetried, WebhookGivenUp} }

// webhookTally counts attempts by result. The zero value is ready; it is safe
// for concurrent use.
type webhookTally struct {
	mu       sync.Mutex
	results  map[string]int64
	disabled int64
	oldest   time.Time
}

func (t *webhookTally) count(end store.DeliveryEnd) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.results == nil {
		t.results = map[string]int64{}
	}
	result := WebhookRetried
	switch end.State {
	case store.DeliveryDelivered:
		result = WebhookDelivered
	case store.DeliveryFailed:
		result = WebhookGivenUp
	}
	t.results[result]++
	if end.Disable != "" {
		t.disabled++
	}
}

// measure looks how long something has waited that could be done at once.
func (w *Webhooks) measure(ctx context.Context) {
	oldest, err := w.store.WebhooksWaitSince(ctx)
	if err != nil { // counted as a fault of the database
		return
	}
	w.tally.mu.Lock()
	defer w.tally.mu.Unlock()
	w.tally.oldest = oldest
}

// WebhookState is what this process has seen of webhooks.
type WebhookState struct {
	Attempts map[string]int64 // by result, since the start
	Disabled int64            // endpoints that this process has switched off
	Waiting  time.Duration    // how long something has waited that could be done at once
}

// State says how it goes, without asking the database.
func (w *Webhooks) State() WebhookState {
	w.tally.mu.Lock()
	defer w.tally.mu.Unlock()
	state := WebhookState{Attempts: map[string]int64{}, Disabled: w.tally.disabled}
	for _, result := range WebhookResults() {
		state.Attempts[result] = w.tally.results[result]
	}
	if !w.tally.oldest.IsZero() {
		state.Waiting = max(w.now().Sub(w.tally.oldest), 0)
	}
	return state
}
