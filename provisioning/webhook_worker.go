package provisioning

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"time"

	"usher/sql/store"
)

const (
	// webhookPause is between two looks for what is to be told. It bounds how
	// late a first attempt is while nothing else happens.
	webhookPause = time.Second
	// drainBatch is how many changes one transaction turns into events.
	drainBatch = 200
	// attemptTime bounds one attempt, and webhookLease is how long a delivery is
	// held for it: when an instance dies, another one repeats the attempt then.
	attemptTime  = 15 * time.Second
	webhookLease = time.Minute
	// attemptGrace is how long attempts under way may still take when the process
	// is to end. What takes longer is broken off, and repeated elsewhere.
	attemptGrace = 3 * time.Second
	// endTime bounds the recording of an attempt's end.
	endTime = 5 * time.Second
	// gaugePause is between two looks at how long things have waited.
	gaugePause = 30 * time.Second
)

// wake has Run look at once.
func (w *Webhooks) wake() {
	select {
	case w.nudge <- struct{}{}:
	default: // it will look anyway
	}
}

// Run tells endpoints of changes until ctx ends. Attempts under way are then
// finished, or given back.
func (w *Webhooks) Run(ctx context.Context) {
	attempts, breakOff := context.WithCancel(context.WithoutCancel(ctx))
	defer breakOff()
	tick := time.NewTicker(webhookPause)
	defer tick.Stop()
	gauge := time.NewTicker(gaugePause)
	defer gauge.Stop()
	var under sync.WaitGroup
	for {
		if err := w.look(ctx, attempts, &under); err != nil && ctx.Err() == nil {
			w.log.Warn("looking for webhooks to send failed; the next round tries again", slog.Any("error", err))
		}
		select {
		case <-ctx.Done():
			grace := time.AfterFunc(attemptGrace, breakOff)
			defer grace.Stop()
			under.Wait()
			return
		case <-w.nudge:
		case <-tick.C:
		case <-gauge.C:
			w.measure(ctx)
		}
	}
}

// look turns changes into deliveries and starts attempts for those that are due,
// as far as there is room.
func (w *Webhooks) look(ctx, attempts context.Context, under *sync.WaitGroup) error {
	if err := w.drain(ctx); err != nil {
		return err
	}
	_, err := w.start(ctx, attempts, under)
	return err
}

// WorkOff does everything that is due now, and waits until it is done. It is for
// those who cannot wait for Run, and for tests.
func (w *Webhooks) WorkOff(ctx context.Context) error {
	for {
		if err := w.drain(ctx); err != nil {
			return err
		}
		var under sync.WaitGroup
		started, err := w.start(ctx, ctx, &under)
		under.Wait()
		if err != nil {
			return err
		}
		if started == 0 {
			return ctx.Err()
		}
	}
}

// drain turns what the outbox has into events and their deliveries.
func (w *Webhooks) drain(ctx context.Context) error {
	for ctx.Err() == nil {
		waits, err := w.store.OutboxWaits(ctx)
		if err != nil || !waits {
			return err
		}
		taken, err := w.store.DrainOutbox(ctx, drainBatch, func(changes []store.OutboxChange) ([]WebhookEvent, error) {
			return eventsOf(changes, w.moment(), func(c store.OutboxChange, err error) {
				w.log.Error("a change is told to nobody: it cannot be read",
					slog.String("tenant", c.TenantID), slog.String("change", c.ID), slog.String("what", c.What), slog.Any("error", err))
			})
		})
		if err != nil || taken < drainBatch {
			return err
		}
	}
	return ctx.Err()
}

// start starts attempts for what is due, as far as there is room, and returns
// how many. They run under the context attempts and in under.
func (w *Webhooks) start(ctx, attempts context.Context, under *sync.WaitGroup) (started int, err error) {
	due, err := w.store.WebhooksDue(ctx)
	if err != nil {
		return 0, err
	}
	for _, e := range due {
		room := w.slots.take(e.ID, e.FailingSince != nil)
		if room == 0 {
			continue
		}
		lease, err := store.NewID()
		if err != nil {
			return started, err
		}
		claimed, err := w.store.ClaimDeliveries(ctx, e.TenantID, e.ID, lease, webhookLease, room)
		w.slots.free(e.ID, e.FailingSince != nil, room-len(claimed))
		if err != nil {
			return started, err
		}
		started += len(claimed)
		for _, d := range claimed {
			under.Go(func() {
				defer w.wake() // there may be more for this endpoint
				defer w.slots.free(e.ID, e.FailingSince != nil, 1)
				w.attempt(attempts, d, lease)
			})
		}
	}
	return started, nil
}

// attempt makes one attempt and records it. A delivery that it cannot record
// stays held until the lease ends, and is made again.
func (w *Webhooks) attempt(ctx context.Context, d WebhookDelivery, lease string) {
	end, err := w.deliver(ctx, d)
	record, cancel := context.WithTimeout(context.WithoutCancel(ctx), endTime)
	defer cancel()
	switch {
	case errors.Is(err, ErrNotFound): // endpoint or event are gone
		err = w.store.DropDelivery(record, d)
	case err != nil && ctx.Err() != nil: // broken off
		err = w.store.ReleaseDelivery(record, d, lease, w.now())
	case err != nil && !Unavailable(err): // no secret that opens; somebody has to look
		err = errors.Join(err, w.store.ReleaseDelivery(record, d, lease, w.now().Add(webhookLease)))
	case err == nil:
		if err = w.store.EndDelivery(record, lease, end); err == nil {
			w.tally.count(end)
		}
	}
	if err != nil {
		w.log.Warn("an attempt to deliver an event could not be made or recorded; it is repeated",
			slog.String("tenant", d.TenantID), slog.String("endpoint", d.EndpointID), slog.String("event", d.EventID), slog.Any("error", err))
	}
}

const (
	// Attempts under way in a process, to one endpoint, and to endpoints that
	// fail: these get one each and half of all, as they may take their whole
	// time, so that those who answer never wait for those who do not.
	maxAttempts        = 16
	maxAttemptsOfOne   = 2
	maxAttemptsFailing = maxAttempts / 2
)

// webhookSlots are the attempts that may be under way. It is safe for concurrent
// use.
type webhookSlots struct {
	mu         sync.Mutex
	all        int
	failing    int
	byEndpoint map[string]int
}

func newWebhookSlots() *webhookSlots { return &webhookSlots{byEndpoint: map[string]int{}} }

// take takes as many slots for an endpoint as it may have, and returns how many.
func (s *webhookSlots) take(endpoint string, failing bool) int {
	s.mu.Lock()
	defer s.mu.Unlock()
	room := min(maxAttemptsOfOne-s.byEndpoint[endpoint], maxAttempts-s.all)
	if failing {
		room = min(1-s.byEndpoint[endpoint], room, maxAttemptsFailing-s.failing)
	}
	room = max(room, 0)
	s.change(endpoint, failing, room)
	return room
}

// free gives slots back, as what they were taken for.
func (s *webhookSlots) free(endpoint string, failing bool, n int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.change(endpoint, failing, -n)
}

func (s *webhookSlots) change(endpoint string, failing bool, by int) {
	s.all += by
	if failing {
		s.failing += by
	}
	if s.byEndpoint[endpoint] += by; s.byEndpoint[endpoint] == 0 {
		delete(s.byEndpoint, endpoint)
	}
}
