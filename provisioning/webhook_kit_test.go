package provisioning_test

import (
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// receiver stands for applications that are told of changes. It is a Caller, so
// that no connection is made.
type receiver struct {
	mu     sync.Mutex
	got    []delivered
	answer func(r delivered) (*http.Response, error) // nil = 204
}

// delivered is a request as it arrived.
type delivered struct {
	url    string
	header http.Header
	body   string
}

// answering is an answer of a receiver.
func answering(status int, body string, header ...string) *http.Response {
	h := http.Header{}
	for i := 0; i+1 < len(header); i += 2 {
		h.Set(header[i], header[i+1])
	}
	return &http.Response{StatusCode: status, Header: h, Body: io.NopCloser(strings.NewReader(body))}
}

func (r *receiver) Do(request *http.Request) (*http.Response, error) {
	body, err := io.ReadAll(request.Body)
	if err != nil {
		return nil, err
	}
	d := delivered{url: request.URL.String(), header: request.Header, body: string(body)}
	r.mu.Lock()
	r.got = append(r.got, d)
	answer := r.answer
	r.mu.Unlock()
	if answer == nil {
		return answering(http.StatusNoContent, ""), nil
	}
	return answer(d)
}

// answers sets what is answered from now on.
func (r *receiver) answers(answer func(r delivered) (*http.Response, error)) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.answer = answer
}

// taken returns what has arrived since it was last asked.
func (r *receiver) taken() []delivered {
	r.mu.Lock()
	defer r.mu.Unlock()
	got := r.got
	r.got = nil
	return got
}

// event is what a payload says.
type event struct {
	Type      string         `json:"type"`
	Timestamp time.Time      `json:"timestamp"`
	Data      map[string]any `json:"data"`
}

func (d delivered) event(t testing.TB) event {
	t.Helper()
	var e event
	if err := json.Unmarshal([]byte(d.body), &e); err != nil {
		t.Fatalf("payload %q: %v", d.body, err)
	}
	return e
}

// types are the types of what has arrived, sorted.
func types(t testing.TB, got []delivered) []string {
	t.Helper()
	kinds := []string{}
	for _, d := range got {
		kinds = append(kinds, d.event(t).Type)
	}
	slices.Sort(kinds)
	return kinds
}

// webhooks makes the webhooks of one instance.
func (w *world) webhooks(st *store.Store, to provisioning.Caller) *provisioning.Webhooks {
	return provisioning.NewWebhooks(st, w.sealer, to, w.clock.now, slog.New(slog.NewTextHandler(io.Discard, nil)))
}

// hooked is a place with an endpoint that wants everything.
type hooked struct {
	*place
	hooks *provisioning.Webhooks
	to    *receiver
	provisioning.Webhook
}

const hookURL = "https://app.example/hooks?key=of-the-receiver"

func (p *place) hook(t testing.TB) *hooked {
	t.Helper()
	h := &hooked{place: p, to: &receiver{}}
	h.hooks = p.webhooks(p.store, h.to)
	h.Webhook = h.add(t, hookURL, provisioning.EveryEvent)
	return h
}

func (h *hooked) add(t testing.TB, url string, types ...string) provisioning.Webhook {
	t.Helper()
	w, err := h.hooks.Add(t.Context(), h.tenant.ID, provisioning.WebhookWish{URL: &url, Types: &types}, byAPI)
	if err != nil {
		t.Fatalf("Add: %v", err)
	}
	return w
}

// work does what is due now, and returns what has arrived.
func (h *hooked) work(t testing.TB) []delivered {
	t.Helper()
	if err := h.hooks.WorkOff(t.Context()); err != nil {
		t.Fatalf("WorkOff: %v", err)
	}
	return h.to.taken()
}

// eachHooked is eachPlace with an endpoint.
func eachHooked(t *testing.T, test func(t *testing.T, h *hooked)) {
	t.Helper()
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) { test(t, p.hook(t)) })
}

// report is a delivery to the endpoint.
func (h *hooked) report(t testing.TB, event string) provisioning.DeliveryReport {
	t.Helper()
	d, err := h.hooks.Delivery(t.Context(), h.tenant.ID, h.Webhook.ID, event)
	if err != nil {
		t.Fatalf("Delivery(%s): %v", event, err)
	}
	return d
}

// test sends a test event.
func (h *hooked) test(t testing.TB) string {
	t.Helper()
	id, err := h.hooks.Test(t.Context(), h.tenant.ID, h.Webhook.ID, byAPI)
	if err != nil {
		t.Fatalf("Test: %v", err)
	}
	return id
}
