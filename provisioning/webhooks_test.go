package provisioning_test

import (
	"errors"
	"fmt"
	"maps"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	standardwebhooks "github.com/standard-webhooks/standard-webhooks/libraries/go"

	"usher/provisioning"
	"usher/sql/store"
)

// verified checks a delivery as a receiver does, with the library that receivers
// use. The world's clock is not the library's, so the age is not looked at.
func verified(t testing.TB, d delivered, secret string) error {
	t.Helper()
	hook, err := standardwebhooks.NewWebhook(secret)
	if err != nil {
		t.Fatalf("the library does not take the secret: %v", err)
	}
	return hook.VerifyIgnoringTimestamp([]byte(d.body), d.header)
}

// TestWebhookDelivery: what arrives is signed as receivers expect it, once, and
// only to those who want it.
func TestWebhookDelivery(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		h.add(t, "https://other.example/", provisioning.EventGroupDeleted)
		signIn := h.enter(t, h.anna(claims{"groups": []string{"staff"}, "meta": map[string]any{"plan": "gold"}}))
		got := h.work(t)
		if diff := cmp.Diff([]string{"membership.added", "user.created"}, types(t, got)); diff != "" {
			t.Fatalf("events (-want +got):\n%s", diff)
		}
		for _, d := range got {
			if err := verified(t, d, h.Secret); err != nil {
				t.Errorf("signature: %v", err)
			}
			if err := verified(t, delivered{header: d.header, body: d.body + " "}, h.Secret); err == nil {
				t.Error("a changed payload is verified")
			}
			if d.url != hookURL || d.header.Get("Content-Type") != "application/json" || !strings.HasPrefix(d.header.Get("Webhook-Id"), "msg_") {
				t.Errorf("got %+v, want a delivery to %s", d, hookURL)
			}
			if e := d.event(t); e.Data["user_id"] != signIn.UserID || e.Data["integration_id"] != h.Installed.ID || e.Data["reference"] != "ref-1" || !e.Timestamp.Equal(h.clock.now()) {
				t.Errorf("got %+v, want what sign-in %s did", e, signIn.UserID)
			}
			if strings.Contains(d.body, "anna") || strings.Contains(d.body, "gold") {
				t.Errorf("payload %s: it says something personal", d.body)
			}
			if r := h.report(t, d.header.Get("Webhook-Id")); r.State != store.DeliveryDelivered || len(r.Log) != 1 || r.Log[0].Status != 204 || r.Payload != d.body {
				t.Errorf("report: got %+v, want one attempt with 204", r)
			}
		}
		if again := h.work(t); len(again) > 0 {
			t.Errorf("a second round: got %v, want nothing", again)
		}
		if n := len(h.db.Rows(t, "SELECT id FROM webhook_outbox")); n > 0 {
			t.Errorf("outbox: got %d rows, want none", n)
		}
	})
}

// TestWebhookEvents is every event with the act that makes it.
func TestWebhookEvents(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		ctx := t.Context()
		must := func(err error) {
			t.Helper()
			if err != nil {
				t.Fatal(err)
			}
		}
		user := h.enter(t, h.anna(nil)).UserID
		other := h.bareUser(t, "berta@example.com")
		h.work(t)
		name := "Other name"
		var made provisioning.Group
		for _, step := range []struct {
			name string
			do   func()
			want []string // type and what the data has beside ids and reference
		}{
			{"profile and meta", func() {
				h.clock.advance(time.Second)
				h.enter(t, h.anna(claims{"name": "Anna B.", "meta": map[string]any{"plan": "gold"}}))
			}, []string{"user.updated changed=[meta name]"}},
			{"groups", func() {
				h.clock.advance(time.Second)
				h.enter(t, h.anna(claims{"groups": []string{"staff", "readers"}}))
			}, []string{"membership.added group=readers", "membership.added group=staff"}},
			{"a group less", func() {
				h.clock.advance(time.Second)
				h.enter(t, h.anna(claims{"groups": []string{"staff"}}))
			}, []string{"membership.removed group=readers"}},
			{"in a group by hand as well", func() {
				groups, _, err := h.svc.Groups(ctx, h.tenant, "", "", 10)
				must(err)
				for _, g := range groups {
					if g.ExternalID == "staff" {
						must(h.svc.SetMember(ctx, h.tenant, g.ID, user, false, byAPI))
					}
				}
			}, nil},
			{"credits", func() {
				h.clock.advance(time.Second)
				h.enter(t, h.anna(claims{"groups": []string{"staff"}, "credits": []any{
					grant("o1", 1), grant("o2", 77),
				}}))
			}, []string{"credit.granted credit_id=1 order_id=o1", "credit.granted credit_id=77 order_id=o2 parked=true"}},
			{"a group", func() {
				var err error
				made, err = h.svc.AddGroup(ctx, h.tenant, "fresh", "Fresh", byAPI)
				must(err)
			}, []string{"group.created group=fresh"}},
			{"a group's name", func() {
				_, err := h.svc.ChangeGroup(ctx, h.tenant, made.ID, provisioning.GroupSettings{Name: &name}, byAPI)
				must(err)
			}, []string{"group.updated group=fresh"}},
			{"a group less in the catalogue", func() { must(h.svc.DeleteGroup(ctx, h.tenant, made.ID, byAPI)) }, []string{"group.deleted group=fresh"}},
			{"disabled", func() { must(h.svc.SetDisabled(ctx, h.tenant, user, true, byAPI)) }, []string{"user.disabled"}},
			{"disabled again", func() { must(h.svc.SetDisabled(ctx, h.tenant, user, true, byAPI)) }, nil},
			{"enabled", func() { must(h.svc.SetDisabled(ctx, h.tenant, user, false, byAPI)) }, []string{"user.enabled"}},
			{"merged", func() {
				_, err := h.svc.Merge(ctx, h.tenant, user, other, "", byAPI)
				must(err)
			}, []string{"user.merged merged_user_id=" + other}},
			{"erased", func() { must(h.svc.Erase(ctx, h.tenant, user, byAPI)) }, []string{"user.erased"}},
			{"an integration's name", func() {
				_, err := h.svc.ChangeIntegration(ctx, h.tenant, h.Installed.ID, provisioning.Settings{Name: &name}, byAPI)
				must(err)
			}, []string{"integration.updated changed=[name]"}},
			{"a key", func() {
				_, _, err := h.svc.AddKey(ctx, h.tenant, h.Installed.ID, provisioning.NewKey{}, byAPI)
				must(err)
			}, []string{"integration.updated changed=[keys]"}},
			{"an integration more", func() { h.install(t, provisioning.Settings{}) }, []string{"integration.installed"}},
			{"an integration less", func() { must(h.svc.Remove(ctx, h.tenant, h.Installed.ID, byAPI)) }, []string{"integration.removed"}},
		} {
			step.do()
			got := []string{}
			for _, d := range h.work(t) {
				got = append(got, told(d.event(t)))
			}
			slices.Sort(got)
			if step.want == nil {
				step.want = []string{}
			}
			if diff := cmp.Diff(step.want, got); diff != "" {
				t.Errorf("%s (-want +got):\n%s", step.name, diff)
			}
		}
	})
}

// TestWebhookErasedBeforeTold: of who was erased before anybody was told of a
// change, only what is not personal is told.
func TestWebhookErasedBeforeTold(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		user := h.enter(t, h.anna(claims{"groups": []string{"staff"}})).UserID
		if err := h.svc.Erase(t.Context(), h.tenant, user, byAPI); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"user.created", "user.erased"}, types(t, h.work(t))); diff != "" {
			t.Errorf("events (-want +got):\n%s", diff)
		}
	})
}

// TestWebhookOutbox: what is not committed is not told, what nobody wants is not
// kept, and of a change that was committed before a crash it is told afterwards.
func TestWebhookOutbox(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		h.refused(t, h.anna(claims{"iat": h.clock.now().Add(-time.Hour).Unix()}), provisioning.TokenTooOld)
		if _, err := h.svc.AddGroup(t.Context(), h.tenant, "staff", "Again", byAPI); !errors.Is(err, provisioning.ErrTaken) {
			t.Fatalf("AddGroup: got %v, want ErrTaken", err)
		}
		if got := h.work(t); len(got) > 0 {
			t.Errorf("after what was refused: got %v, want nothing", types(t, got))
		}
		h.enter(t, h.anna(nil))
		if n := len(h.db.Rows(t, "SELECT id FROM webhook_outbox")); n != 1 {
			t.Fatalf("outbox: got %d rows, want 1", n)
		}
		other := &receiver{} // of the instance that is started after the crash
		if err := h.webhooks(h.db.Open(t, h.clock.now), other).WorkOff(t.Context()); err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{"user.created"}, types(t, other.taken())); diff != "" {
			t.Errorf("after a crash (-want +got):\n%s", diff)
		}
		off := true
		if _, err := h.hooks.Change(t.Context(), h.tenant.ID, h.Webhook.ID, provisioning.WebhookWish{Disabled: &off}, byAPI); err != nil {
			t.Fatal(err)
		}
		h.enter(t, h.anna(claims{"sub": "berta-1", "email": "berta@example.com"}))
		if rows := h.db.Rows(t, "SELECT what FROM webhook_outbox"); len(rows) > 0 {
			t.Errorf("outbox with nobody to tell: got %v, want nothing", rows)
		}
	})
}

// TestWebhookSchedule: failures are repeated after the pauses of Standard
// Webhooks, with the same id and payload and a new timestamp, then given up; a
// resent one begins anew.
func TestWebhookSchedule(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		h.to.answers(func(delivered) (*http.Response, error) {
			return answering(500, "no\x00 good\xff", "Set-Cookie", "a=b"), nil
		})
		id := h.test(t)
		first := h.work(t)
		if len(first) != 1 {
			t.Fatalf("first attempt: got %d, want 1", len(first))
		}
		for i, pause := range []time.Duration{
			5 * time.Second, 5 * time.Minute, 30 * time.Minute, 2 * time.Hour, 5 * time.Hour, 10 * time.Hour, 14 * time.Hour,
			20 * time.Hour, 24 * time.Hour,
		} {
			h.clock.advance(pause - time.Millisecond)
			if early := h.work(t); len(early) > 0 {
				t.Fatalf("attempt %d: made before %v were over", i+2, pause)
			}
			h.clock.advance(pause/10 + time.Second)
			again := h.work(t)
			if len(again) != 1 || again[0].body != first[0].body || again[0].header.Get("Webhook-Id") != id {
				t.Fatalf("attempt %d: got %v, want the same again", i+2, again)
			}
			if again[0].header.Get("Webhook-Timestamp") == first[0].header.Get("Webhook-Timestamp") {
				t.Errorf("attempt %d: the timestamp is that of the first", i+2)
			}
			if err := verified(t, again[0], h.Secret); err != nil {
				t.Errorf("attempt %d: %v", i+2, err)
			}
		}
		r := h.report(t, id)
		if r.State != store.DeliveryFailed || r.Attempts != 10 || len(r.Log) != 10 || r.FinishedAt == nil {
			t.Fatalf("got %+v, want 10 attempts, given up", r.WebhookDelivery)
		}
		if a := r.Log[0]; a.Status != 500 || a.Fault != provisioning.FaultStatus || a.Answer != "no\uFFFD good\uFFFD" {
			t.Errorf("attempt: got %+v", a)
		}
		h.to.answers(nil)
		if err := h.hooks.Resend(t.Context(), h.tenant.ID, h.Webhook.ID, id, byAPI); err != nil {
			t.Fatal(err)
		}
		if got := h.work(t); len(got) != 1 || got[0].body != first[0].body {
			t.Errorf("resent: got %v, want the same again", got)
		}
		if r := h.report(t, id); r.State != store.DeliveryDelivered || r.Attempts != 11 {
			t.Errorf("resent: got %+v, want delivered with the 11th", r.WebhookDelivery)
		}
	})
}

// TestWebhookRoll: both secrets sign during the overlap, then the new one alone;
// without an overlap the old one is destroyed.
func TestWebhookRoll(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		signedBy := func(name string, secrets map[string]bool) {
			t.Helper()
			h.test(t)
			got := h.work(t)
			if len(got) != 1 {
				t.Fatalf("%s: got %d deliveries, want 1", name, len(got))
			}
			for secret, want := range secrets {
				if err := verified(t, got[0], secret); (err == nil) != want {
					t.Errorf("%s: verified by %.10s…: got %v, want %v", name, secret, err, want)
				}
			}
		}
		roll := func(after time.Duration) provisioning.Webhook {
			t.Helper()
			rolled, err := h.hooks.Roll(t.Context(), h.tenant.ID, h.Webhook.ID, after, byAPI)
			if err != nil {
				t.Fatal(err)
			}
			return rolled
		}
		first := h.Secret
		second := roll(time.Hour)
		signedBy("overlap", map[string]bool{first: true, second.Secret: true})
		if len(second.Secrets) != 2 {
			t.Errorf("secrets: got %d, want 2", len(second.Secrets))
		}
		h.clock.advance(time.Hour)
		signedBy("after it", map[string]bool{first: false, second.Secret: true})
		third := roll(0)
		signedBy("at once", map[string]bool{first: false, second.Secret: false, third.Secret: true})
		if n := len(h.db.Rows(t, "SELECT id FROM webhook_secrets")); n != 1 {
			t.Errorf("kept secrets: got %d, want 1", n)
		}
		for range provisioning.MaxWebhookSecrets - 1 {
			roll(time.Hour)
		}
		before := h.db.Dump(t, h.tenant.ID)
		if _, err := h.hooks.Roll(t.Context(), h.tenant.ID, h.Webhook.ID, time.Hour, byAPI); !isInvalid(err) {
			t.Errorf("one secret too many: got %v, want an *Invalid", err)
		}
		if diff := cmp.Diff(before, h.db.Dump(t, h.tenant.ID)); diff != "" {
			t.Errorf("it left something (-before +after):\n%s", diff)
		}
		if last := roll(0); len(last.Secrets) != 1 {
			t.Errorf("rolled at once: got %d secrets, want 1", len(last.Secrets))
		}
		for _, after := range []time.Duration{-1, provisioning.MaxRollAfter + 1} {
			if _, err := h.hooks.Roll(t.Context(), h.tenant.ID, h.Webhook.ID, after, byAPI); !isInvalid(err) {
				t.Errorf("Roll(%v): got %v, want an *Invalid", after, err)
			}
		}
		if rows := strings.Join(h.db.Rows(t, "SELECT action, detail FROM audit_log"), "\n"); strings.Contains(rows, "whsec_") || strings.Contains(rows, "of-the-receiver") {
			t.Errorf("audit log: it holds a secret:\n%s", rows)
		}
	})
}

// told is what an event says beside whom and by whose request.
func told(e event) string {
	text := e.Type
	for _, name := range slices.Sorted(maps.Keys(e.Data)) {
		if name != "user_id" && name != "integration_id" && name != "reference" && name != "group_id" {
			text += fmt.Sprintf(" %s=%v", name, e.Data[name])
		}
	}
	return text
}
