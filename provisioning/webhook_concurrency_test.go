package provisioning_test

import (
	"context"
	"fmt"
	"net/http"
	"sync"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// TestWebhookWorkersTogether: of two instances at once each event reaches each
// endpoint once, and never more than two of one instance at a time.
func TestWebhookWorkersTogether(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		const events, perEndpoint = 40, 2
		var mu sync.Mutex
		under := map[string]int{}
		h := p.hook(t)
		second := h.add(t, "https://second.example/", provisioning.EveryEvent)
		busy := func() *receiver {
			to := &receiver{}
			to.answers(func(d delivered) (*http.Response, error) {
				key := fmt.Sprintf("%p %s", to, d.url)
				mu.Lock()
				under[key]++
				if under[key] > perEndpoint {
					t.Errorf("%s: %d attempts at once, want at most %d", d.url, under[key], perEndpoint)
				}
				mu.Unlock()
				defer func() {
					mu.Lock()
					under[key]--
					mu.Unlock()
				}()
				return answering(200, "ok"), nil
			})
			return to
		}
		receivers := [2]*receiver{busy(), busy()}
		instances := [2]*provisioning.Webhooks{h.webhooks(h.store, receivers[0]), h.webhooks(h.db.Open(t, h.clock.now), receivers[1])}
		together(events, func(i int) {
			if _, err := h.svc.AddGroup(context.WithoutCancel(t.Context()), h.tenant, fmt.Sprintf("g%d", i), "Group", byAPI); err != nil {
				t.Error(err)
			}
			if i%4 == 0 {
				if err := instances[i/4%2].WorkOff(t.Context()); err != nil {
					t.Error(err)
				}
			}
		})
		together(2, func(i int) {
			if err := instances[i].WorkOff(t.Context()); err != nil {
				t.Error(err)
			}
		})
		seen := map[string]int{}
		for _, r := range receivers {
			for _, d := range r.taken() {
				seen[d.url+" "+d.header.Get("Webhook-Id")]++
			}
		}
		if len(seen) != 2*events {
			t.Errorf("got %d deliveries, want %d", len(seen), 2*events)
		}
		for what, n := range seen {
			if n != 1 {
				t.Errorf("%s: got it %d times, want once", what, n)
			}
		}
		rows := h.db.Rows(t, "SELECT endpoint_id, state, count(*) FROM webhook_deliveries GROUP BY endpoint_id, state ORDER BY endpoint_id")
		if len(rows) != 2 || rows[1] != fmt.Sprintf("%s|delivered|%d", second.ID, events) {
			t.Errorf("deliveries: got %v, want %d delivered to each", rows, events)
		}
	})
}

// TestWebhookLease: what an instance held that died is delivered by another one
// when the lease is over, not before.
func TestWebhookLease(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		id := h.test(t)
		lease := newID(t)
		claimed, err := h.store.ClaimDeliveries(t.Context(), h.tenant.ID, h.Webhook.ID, lease, time.Minute, 5)
		if err != nil || len(claimed) != 1 {
			t.Fatalf("ClaimDeliveries: got %v, %v, want one", claimed, err)
		}
		if got := h.work(t); len(got) > 0 {
			t.Fatalf("while it is held: got %v, want nothing", got)
		}
		h.clock.advance(time.Minute)
		if got := h.work(t); len(got) != 1 || got[0].header.Get("Webhook-Id") != id {
			t.Fatalf("after the lease: got %v, want %s", got, id)
		}
		// The one that was slow comes back: what the other has done stays.
		late := store.DeliveryEnd{
			Attempt: store.WebhookAttempt{
				TenantID: h.tenant.ID, ID: newID(t), EventID: id, EndpointID: h.Webhook.ID, At: h.clock.now(), Fault: provisioning.FaultTimeout,
			},
			State: store.DeliveryFailed,
		}
		if err := h.store.EndDelivery(t.Context(), lease, late); err != nil {
			t.Fatal(err)
		}
		if r := h.report(t, id); r.State != store.DeliveryDelivered || r.Attempts != 1 || len(r.Log) != 2 {
			t.Errorf("got %+v, want it delivered and both attempts told", r)
		}
	})
}

// TestWebhookDeadEndpoint: those who never answer do not hold up those who do.
func TestWebhookDeadEndpoint(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		hang, arrived := make(chan struct{}), make(chan string, 100)
		var dead []provisioning.Webhook
		for i := range 12 {
			dead = append(dead, h.add(t, fmt.Sprintf("https://dead-%d.example/", i), provisioning.EventUserErased))
		}
		h.to.answers(func(delivered) (*http.Response, error) { return answering(500, ""), nil })
		for _, w := range dead { // known to fail from now on
			if _, err := h.hooks.Test(t.Context(), h.tenant.ID, w.ID, byAPI); err != nil {
				t.Fatal(err)
			}
		}
		h.work(t)
		h.to.answers(func(d delivered) (*http.Response, error) {
			if d.url != hookURL {
				<-hang
			}
			arrived <- d.url
			return answering(200, ""), nil
		})
		for _, w := range dead {
			for range 3 {
				if _, err := h.hooks.Test(t.Context(), h.tenant.ID, w.ID, byAPI); err != nil {
					t.Fatal(err)
				}
			}
		}
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { h.hooks.Run(ctx) })
		for range 5 {
			h.test(t)
		}
		for range 5 {
			if url := <-arrived; url != hookURL {
				t.Errorf("got a delivery to %s while it hangs", url)
			}
		}
		close(hang)
		stop()
		running.Wait() // what is under way is finished first
		if n := len(h.db.Rows(t, "SELECT event_id FROM webhook_deliveries WHERE lease IS NOT NULL")); n > 0 {
			t.Errorf("after the end: %d deliveries are still held, want none", n)
		}
	})
}

// TestWebhookBrokenOff: attempts that outlast the grace of a stop are given back
// and do not count.
func TestWebhookBrokenOff(t *testing.T) {
	eachHooked(t, func(t *testing.T, h *hooked) {
		begun := make(chan struct{}, 1)
		hooks := h.webhooks(h.store, &receiverFunc{func(r *http.Request) (*http.Response, error) {
			begun <- struct{}{}
			<-r.Context().Done()
			return nil, r.Context().Err()
		}})
		id := h.test(t)
		ctx, stop := context.WithCancel(t.Context())
		var running sync.WaitGroup
		running.Go(func() { hooks.Run(ctx) })
		<-begun
		stop()
		running.Wait()
		if r := h.report(t, id); r.State != store.DeliveryWaiting || r.Attempts != 0 || len(r.Log) != 0 {
			t.Errorf("got %+v, want it waiting and no attempt counted", r)
		}
		if got := h.work(t); len(got) != 1 {
			t.Errorf("another instance: got %v, want the delivery", got)
		}
	})
}
