package tokens

import (
	"context"
	"time"
)

// replayKept is how long what has ended is still known, so that showing a used
// refresh token again is noticed.
const replayKept = 24 * time.Hour

// Sweep deletes what has run out. What fails now is deleted in the next round.
func (t *Tokens) Sweep(ctx context.Context) {
	now := t.now()
	for _, one := range []struct {
		forget func(ctx context.Context, before time.Time, limit int) (int, error)
		before time.Time
	}{
		{t.store.ForgetClientTokens, now},
		// By another instance's clock they may not have ended yet.
		{t.store.ForgetAssertions, now.Add(-clockSkew)},
		{t.store.ForgetAccessTokens, now.Add(-clockSkew)},
		{t.store.ForgetSuccessors, now.Add(-refreshGrace - clockSkew)},
		{t.store.ForgetTokenGrants, now.Add(-replayKept)},
	} {
		for ctx.Err() == nil {
			if n, err := one.forget(ctx, one.before, sweepBatch); err != nil || n < sweepBatch {
				break
			}
		}
	}
	t.sweepChanges(ctx)
}

// sweepChanges deletes the changes that were there at the last sweep: everybody
// has read them since.
func (t *Tokens) sweepChanges(ctx context.Context) {
	for ctx.Err() == nil {
		if n, err := t.store.ForgetTokenChanges(ctx, t.changes.sweptTo(), sweepBatch); err != nil || n < sweepBatch {
			break
		}
	}
	if t.changes.catchUp(ctx) == nil {
		t.changes.sweepTo()
	}
}
