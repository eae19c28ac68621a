package provisioning_test

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
	"usher/sql/store"
)

// TestWebhookBadReceivers: whatever a receiver does, the attempt ends, says why,
// and is repeated.
func TestWebhookBadReceivers(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		receiver := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			switch r.URL.Path {
			case "/redirect":
				http.Redirect(w, r, "/elsewhere", http.StatusTemporaryRedirect)
			case "/huge":
				w.WriteHeader(http.StatusBadRequest)
				for range 1000 {
					if _, err := w.Write([]byte(strings.Repeat("x", 1<<10))); err != nil {
						return
					}
				}
			case "/cut":
				panic(http.ErrAbortHandler)
			default:
				t.Errorf("called %s, which nobody has named", r.URL.Path)
			}
		}))
		defer receiver.Close()
		// Speaks no HTTP at all.
		garbled, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = garbled.Close() }()
		go func() {
			for {
				c, err := garbled.Accept()
				if err != nil {
					return
				}
				_, _ = c.Write([]byte("\x00\x01 not HTTP\r\n\r\n"))
				_ = c.Close()
			}
		}()
		client := &http.Client{CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
		slow := &receiverFunc{func(r *http.Request) (*http.Response, error) {
			if _, bounded := r.Context().Deadline(); !bounded {
				t.Error("an attempt without an end")
			}
			return nil, fmt.Errorf("Post %q: %w", r.URL, context.DeadlineExceeded)
		}}
		for _, tt := range []struct {
			name, url string
			by        provisioning.Caller
			want      provisioning.WebhookAttempt
		}{
			{"redirect", receiver.URL + "/redirect", client, provisioning.WebhookAttempt{Status: 307, Fault: provisioning.FaultRedirect}},
			{"huge", receiver.URL + "/huge", client, provisioning.WebhookAttempt{Status: 400, Fault: provisioning.FaultStatus, Answer: strings.Repeat("x", 1<<10)}},
			{"cut", receiver.URL + "/cut", client, provisioning.WebhookAttempt{Fault: provisioning.FaultNoAnswer}},
			{"garbled", "http://" + garbled.Addr().String(), client, provisioning.WebhookAttempt{Fault: provisioning.FaultNoAnswer}},
			{"not there", "http://127.0.0.1:1", client, provisioning.WebhookAttempt{Fault: provisioning.FaultNoAnswer}},
			{"no TLS", "https://" + garbled.Addr().String(), client, provisioning.WebhookAttempt{Fault: provisioning.FaultTLS}},
			{"slow", "https://slow.example/?key=of-the-receiver", slow, provisioning.WebhookAttempt{Fault: provisioning.FaultTimeout}},
			{"no name", "https://nobody.example/", failing(&net.DNSError{Err: "no such host", Name: "nobody.example"}), provisioning.WebhookAttempt{Fault: provisioning.FaultName}},
			{"no trust", "https://self.example/", failing(&tls.CertificateVerificationError{Err: errors.New("x")}), provisioning.WebhookAttempt{Fault: provisioning.FaultTLS}},
			{"not allowed", "https://inside.example/", failing(blocked{}), provisioning.WebhookAttempt{Fault: provisioning.FaultRefused}},
		} {
			hooks := h.webhooks(h.store, tt.by)
			if _, err := hooks.Change(t.Context(), h.tenant.ID, h.Webhook.ID, provisioning.WebhookWish{URL: &tt.url}, byAPI); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			id := h.test(t)
			if err := hooks.WorkOff(t.Context()); err != nil {
				t.Fatalf("%s: %v", tt.name, err)
			}
			r := h.report(t, id)
			if r.State != store.DeliveryWaiting || len(r.Log) != 1 {
				t.Fatalf("%s: got %+v, want one attempt and another to come", tt.name, r)
			}
			got := provisioning.WebhookAttempt{Status: r.Log[0].Status, Fault: r.Log[0].Fault, Answer: r.Log[0].Answer}
			if tt.name == "redirect" {
				got.Answer = ""
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", tt.name, diff)
			}
		}
	})
}

type receiverFunc struct {
	do func(*http.Request) (*http.Response, error)
}

func (f *receiverFunc) Do(r *http.Request) (*http.Response, error) { return f.do(r) }

func failing(err error) provisioning.Caller {
	return &receiverFunc{func(*http.Request) (*http.Response, error) { return nil, fmt.Errorf("dial: %w", err) }}
}

// blocked is what a caller says of an address that it may not call.
type blocked struct{}

func (blocked) Error() string { return "the address may not be called" }
func (blocked) Blocked() bool { return true }

// TestWebhookDisabled: 410 and five days of failures switch an endpoint off, and
// the audit log says so; enabling it sends what has waited.
func TestWebhookDisabled(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		disabled := func() (string, bool) {
			t.Helper()
			e, err := h.hooks.Get(t.Context(), h.tenant.ID, h.Webhook.ID)
			if err != nil {
				t.Fatal(err)
			}
			return e.DisabledReason, e.DisabledAt != nil
		}
		enable := func() {
			t.Helper()
			on := false
			if _, err := h.hooks.Change(t.Context(), h.tenant.ID, h.Webhook.ID, provisioning.WebhookWish{Disabled: &on}, byAPI); err != nil {
				t.Fatal(err)
			}
		}
		h.to.answers(func(delivered) (*http.Response, error) { return answering(410, ""), nil })
		gone := h.test(t)
		h.work(t)
		if reason, off := disabled(); !off || reason != store.WebhookGone {
			t.Fatalf("after 410: got %q %v, want it disabled as gone", reason, off)
		}
		if _, err := h.hooks.Test(t.Context(), h.tenant.ID, h.Webhook.ID, byAPI); !isInvalid(err) {
			t.Errorf("a test of a disabled endpoint: got %v, want an *Invalid", err)
		}
		if err := h.hooks.Resend(t.Context(), h.tenant.ID, h.Webhook.ID, gone, byAPI); !isInvalid(err) {
			t.Errorf("resending to a disabled endpoint: got %v, want an *Invalid", err)
		}
		enable()
		h.to.answers(func(delivered) (*http.Response, error) { return answering(500, ""), nil })
		waiting := h.test(t)
		h.work(t)
		h.clock.advance(5*24*time.Hour - time.Minute)
		h.work(t)
		if reason, off := disabled(); off {
			t.Fatalf("after less than five days: got it disabled as %q", reason)
		}
		h.test(t)
		h.clock.advance(2 * time.Minute)
		h.work(t)
		if reason, off := disabled(); !off || reason != store.WebhookFailing {
			t.Fatalf("after five days: got %q %v, want it disabled as failing", reason, off)
		}
		acts := h.db.Rows(t, "SELECT actor, action, detail FROM audit_log WHERE action = 'webhook_disabled' ORDER BY seq")
		if diff := cmp.Diff([]string{`usher|webhook_disabled|{"reason":"gone"}`, `usher|webhook_disabled|{"reason":"failing"}`}, acts); diff != "" {
			t.Errorf("audit log (-want +got):\n%s", diff)
		}
		h.to.answers(nil)
		h.clock.advance(24 * time.Hour)
		if got := h.work(t); len(got) > 0 {
			t.Errorf("while disabled: got %v, want nothing", got)
		}
		enable()
		if got := h.work(t); len(got) == 0 {
			t.Error("once enabled: got nothing, want what has waited")
		}
		if r := h.report(t, waiting); r.State != store.DeliveryDelivered {
			t.Errorf("what has waited: got %s, want it delivered", r.State)
		}
		n, err := h.hooks.ResendFailed(t.Context(), h.tenant.ID, h.Webhook.ID, epoch, byAPI)
		if err != nil || n != 1 {
			t.Fatalf("ResendFailed: got %d, %v, want the one that was given up", n, err)
		}
		if got := h.work(t); len(got) != 1 || got[0].header.Get("Webhook-Id") != gone {
			t.Errorf("resent: got %v, want %s", got, gone)
		}
		if n, err := h.hooks.ResendFailed(t.Context(), h.tenant.ID, h.Webhook.ID, epoch, byAPI); err != nil || n != 0 {
			t.Errorf("ResendFailed again: got %d, %v, want none", n, err)
		}
	})
}

// TestWebhookRetryAfter: a receiver that asks for a pause gets it, for all
// deliveries and within bounds.
func TestWebhookRetryAfter(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		for _, tt := range []struct {
			status int
			header string
			want   time.Duration // until then nothing arrives
		}{
			{503, epoch.Add(3 * time.Hour).Format(http.TimeFormat), 3 * time.Hour}, // first: the clock moves
			{429, "3600", time.Hour},
			{429, "999999999", 24 * time.Hour},
			{429, "99999999999999999999", 24 * time.Hour},
			{503, "soon", 5 * time.Second},
			{500, "3600", 5 * time.Second},
			{429, "-1", 5 * time.Second},
		} {
			h.to.answers(func(delivered) (*http.Response, error) {
				return answering(tt.status, "", "Retry-After", tt.header), nil
			})
			h.test(t)
			h.work(t)
			h.to.answers(nil)
			h.clock.advance(tt.want - 2*time.Second)
			if tt.want > time.Minute {
				h.test(t) // new ones wait as well
			}
			if got := h.work(t); len(got) > 0 {
				t.Errorf("%d %q: got a delivery before %v were over", tt.status, tt.header, tt.want)
			}
			h.clock.advance(4 * time.Second)
			if got := h.work(t); len(got) == 0 {
				t.Errorf("%d %q: got no delivery after %v", tt.status, tt.header, tt.want)
			}
			h.clock.advance(time.Hour)
			h.work(t)
		}
	})
}

// TestWebhookWishes: what cannot be accepted names its field and changes
// nothing.
func TestWebhookWishes(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		before := h.db.Dump(t, h.tenant.ID)
		for field, wishes := range map[string][]provisioning.WebhookWish{
			"url": {
				{Types: pointer([]string{"*"})},
				{URL: pointer("http://app.example/"), Types: pointer([]string{"*"})},
				{URL: pointer("https://user:pass@app.example/"), Types: pointer([]string{"*"})},
				{URL: pointer("https://app.example/#part"), Types: pointer([]string{"*"})},
				{URL: pointer("ftp://app.example/"), Types: pointer([]string{"*"})},
				{URL: pointer("https://app.example/\nx"), Types: pointer([]string{"*"})},
				{URL: pointer("https://app.example/" + strings.Repeat("x", 2000)), Types: pointer([]string{"*"})},
				{URL: pointer("app.example"), Types: pointer([]string{"*"})},
				{URL: pointer("https:///x"), Types: pointer([]string{"*"})},
			},
			"types": {
				{URL: pointer(hookURL)},
				{URL: pointer(hookURL), Types: pointer([]string{})},
				{URL: pointer(hookURL), Types: pointer([]string{"user.created", "user.imagined"})},
				{URL: pointer(hookURL), Types: pointer([]string{"*", "user.created"})},
				{URL: pointer(hookURL), Types: pointer([]string{"webhook.test"})},
			},
			"description": {
				{URL: pointer(hookURL), Types: pointer([]string{"*"}), Description: pointer("\x00")},
			},
		} {
			for _, wish := range wishes {
				_, err := h.hooks.Add(t.Context(), h.tenant.ID, wish, byAPI)
				if !isInvalid(err) || !strings.HasPrefix(err.Error(), field+":") {
					t.Errorf("Add(%+v): got %v, want an *Invalid for %s", wish, err, field)
				}
				if wish.URL != nil && strings.Contains(err.Error(), "pass") && !strings.Contains(err.Error(), "password") {
					t.Errorf("Add(%+v): %v quotes the address", wish, err)
				}
			}
		}
		if diff := cmp.Diff(before, h.db.Dump(t, h.tenant.ID)); diff != "" {
			t.Errorf("refused wishes left something (-before +after):\n%s", diff)
		}
		for range provisioning.MaxWebhooks - 1 {
			h.add(t, hookURL, "user.created")
		}
		_, err := h.hooks.Add(t.Context(), h.tenant.ID, provisioning.WebhookWish{URL: pointer(hookURL), Types: pointer([]string{"*"})}, byAPI)
		if !isInvalid(err) {
			t.Errorf("one too many: got %v, want an *Invalid", err)
		}
	})
}

// TestWebhookOfOthers: nothing of one tenant is told to another, or can be
// reached by it.
func TestWebhookOfOthers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		mine, theirs := w.place(t, provisioning.Settings{}).hook(t), w.place(t, provisioning.Settings{}).hook(t)
		mine.enter(t, mine.anna(nil))
		id := mine.test(t)
		if got := mine.work(t); len(got) != 2 {
			t.Errorf("mine: got %v, want two", types(t, got))
		}
		if got := theirs.work(t); len(got) > 0 {
			t.Errorf("theirs: got %v, want nothing", types(t, got))
		}
		ctx, hooks, at := t.Context(), theirs.hooks, theirs.tenant.ID
		for name, try := range map[string]func() error{
			"Get": func() error { _, err := hooks.Get(ctx, at, mine.Webhook.ID); return err },
			"Change": func() error {
				_, err := hooks.Change(ctx, at, mine.Webhook.ID, provisioning.WebhookWish{Description: pointer("x")}, byAPI)
				return err
			},
			"Delete":     func() error { return hooks.Delete(ctx, at, mine.Webhook.ID, byAPI) },
			"Roll":       func() error { _, err := hooks.Roll(ctx, at, mine.Webhook.ID, 0, byAPI); return err },
			"Test":       func() error { _, err := hooks.Test(ctx, at, mine.Webhook.ID, byAPI); return err },
			"Deliveries": func() error { _, _, err := hooks.Deliveries(ctx, at, mine.Webhook.ID, "", ""); return err },
			"Delivery":   func() error { _, err := hooks.Delivery(ctx, at, mine.Webhook.ID, id); return err },
			"of mine":    func() error { _, err := hooks.Delivery(ctx, at, theirs.Webhook.ID, id); return err },
			"Resend":     func() error { return hooks.Resend(ctx, at, mine.Webhook.ID, id, byAPI) },
			"my event":   func() error { return hooks.Resend(ctx, at, theirs.Webhook.ID, id, byAPI) },
			"Failed":     func() error { _, err := hooks.ResendFailed(ctx, at, mine.Webhook.ID, epoch, byAPI); return err },
		} {
			if err := try(); !errors.Is(err, provisioning.ErrNotFound) {
				t.Errorf("%s: got %v, want ErrNotFound", name, err)
			}
		}
	})
}

// TestWebhookAdministration changes and deletes an endpoint beside a tenant
// that has the same rows.
func TestWebhookAdministration(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		for range 3 {
			h.test(t)
		}
		h.work(t)
		h.mirror(t)
		ctx, at, id := t.Context(), h.tenant.ID, h.Webhook.ID
		changed, err := h.hooks.Change(ctx, at, id, provisioning.WebhookWish{
			URL: pointer("HTTPS://App.Example:443/new?a=b"), Types: pointer([]string{"user.erased", "user.created", "user.created"}),
			Description: pointer("For the shop"),
		}, byAPI)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"https://app.example/new?a=b", "user.created user.erased", "For the shop"},
			[]string{changed.URL, strings.Join(changed.Types, " "), changed.Description}); diff != "" {
			t.Errorf("changed (-want +got):\n%s", diff)
		}
		by := byAPI
		by.IfMatch = []int64{1}
		if _, err := h.hooks.Change(ctx, at, id, provisioning.WebhookWish{Description: pointer("y")}, by); !errors.Is(err, provisioning.ErrChanged) {
			t.Errorf("with an old revision: got %v, want ErrChanged", err)
		}
		if _, err := h.hooks.Roll(ctx, at, id, time.Hour, byAPI); err != nil {
			t.Fatal(err)
		}
		deliveries, next, err := h.hooks.Deliveries(ctx, at, id, store.DeliveryDelivered, "")
		if err != nil || len(deliveries) != 3 || next != "" {
			t.Fatalf("Deliveries: got %d, %q, %v, want 3", len(deliveries), next, err)
		}
		older, _, err := h.hooks.Deliveries(ctx, at, id, "", deliveries[1].EventID)
		if err != nil || len(older) != 1 || older[0].EventID != deliveries[2].EventID {
			t.Errorf("before the second: got %v, %v, want the oldest", older, err)
		}
		for _, wrong := range [][2]string{{"sent", ""}, {"", "msg_x"}} {
			if _, _, err := h.hooks.Deliveries(ctx, at, id, wrong[0], wrong[1]); !isInvalid(err) {
				t.Errorf("Deliveries(%q): got %v, want an *Invalid", wrong, err)
			}
		}
		if err := h.hooks.Resend(ctx, at, id, deliveries[0].EventID, byAPI); err != nil {
			t.Fatal(err)
		}
		if err := h.hooks.Delete(ctx, at, id, byAPI); err != nil {
			t.Fatal(err)
		}
		if n := h.count(t, "webhook_secrets"); n != 0 {
			t.Errorf("secrets of a deleted endpoint: got %d, want none", n)
		}
		h.clock.advance(31 * 24 * time.Hour)
		if _, err := h.store.ForgetWebhooks(ctx, at, h.clock.now().AddDate(0, 0, -30), 100); err != nil {
			t.Fatal(err)
		}
		for _, table := range []string{"webhook_events", "webhook_deliveries", "webhook_attempts"} {
			if n := h.count(t, table); n != 0 {
				t.Errorf("%s after 30 days: got %d, want none", table, n)
			}
		}
	})
}
