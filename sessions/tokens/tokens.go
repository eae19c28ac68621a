package tokens

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"usher/sql/store"
)

// Tokens gives out tokens and knows them again. It is safe for concurrent use.
type Tokens struct {
	store  *store.Store
	sealer Sealer
	now    func() time.Time
	log    *slog.Logger

	rings    sync.Map // by tenant: *ring
	clients  clientCache
	failures failures

	changes changes
	callers remembered[callerKey, knownCaller]
	answers remembered[answerKey, knownAnswer]
	uses    remembered[string, time.Time] // by secret: when last noted
}

// New makes Tokens over a store. sealer keeps private keys.
func New(st *store.Store, sealer Sealer, now func() time.Time, log *slog.Logger) *Tokens {
	return &Tokens{store: st, sealer: sealer, now: now, log: log, changes: changes{read: st.TokenChanges}}
}

const (
	// sweepPause is between two rounds of dropping what has run out, and
	// sweepBatch how many rows one statement deletes.
	sweepPause = 5 * time.Minute
	sweepBatch = 1000
	// keyPause is between two looks at the age of signing keys.
	keyPause = time.Minute
)

// Run deletes what has run out and renews signing keys that have grown old, until
// ctx ends.
func (t *Tokens) Run(ctx context.Context) {
	swept := time.NewTicker(sweepPause)
	defer swept.Stop()
	keys := time.NewTicker(keyPause)
	defer keys.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-swept.C:
			t.Sweep(ctx)
		case <-keys.C:
			t.TendKeys(ctx)
		}
	}
}
