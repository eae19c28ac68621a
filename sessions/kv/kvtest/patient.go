package kvtest

import (
	"context"
	"errors"
	"time"

	"usher/sessions/kv"
)

// Patience is how long the stores of tests wait for an answer: a server that others
// keep from the processor for half a second is no fault that they look for.
const Patience = 30 * time.Second

// patient repeats an ending that no replica has confirmed, as its contract allows:
// one on a busy machine may not answer in time.
type patient struct{ kv.Store }

// tries is how often an ending is asked for; each waits for the replica.
const tries = 20

func confirmed(end func() error) error {
	var err error
	for range tries {
		if err = end(); !errors.Is(err, kv.ErrUnconfirmed) {
			break
		}
	}
	return err
}

func (p patient) Delete(ctx context.Context, tenant, user string, keys ...kv.Key) error {
	return confirmed(func() error { return p.Store.Delete(ctx, tenant, user, keys...) })
}

func (p patient) Retire(ctx context.Context, tenant, user string, epoch int64) error {
	return confirmed(func() error { return p.Store.Retire(ctx, tenant, user, epoch) })
}

func (p patient) Raise(ctx context.Context, tenant, integration string, generation int64) error {
	return confirmed(func() error { return p.Store.Raise(ctx, tenant, integration, generation) })
}
