package provisioning

import (
	"context"
	"sync"
	"time"
)

const (
	// maxUnspent bounds the tokens that wait to be given back; more are lost,
	// and their links count as used.
	maxUnspent = 4096
	// unspendPause is between two tries while the database is down.
	unspendPause = time.Second
	// forgetPause is between two rounds of the work that is done each minute.
	forgetPause = time.Minute
	// analyzePause is between two looks for tables that have grown.
	analyzePause = 5 * time.Second
)

// Run does what may happen later, until ctx ends: it writes the sign-in log,
// gives tokens back after faults, forgets used tokens that cannot arrive any
// more, ends sessions that should have ended, works on jobs, and drops what is
// kept for long enough.
func (s *Service) Run(ctx context.Context) {
	var beside sync.WaitGroup
	defer beside.Wait()
	beside.Go(func() { s.signIns.run(ctx) })
	beside.Go(func() { s.runJobs(ctx) }) // a batch must not hold up the rest
	beside.Go(func() { s.retain(ctx) })
	tick := time.NewTicker(forgetPause)
	defer tick.Stop()
	grown := time.NewTicker(analyzePause)
	defer grown.Stop()
	counted := time.NewTicker(unknownPause)
	defer counted.Stop()
	erased := time.NewTicker(blankPause)
	defer erased.Stop()
	climbed := time.NewTicker(rungPause)
	defer climbed.Stop()
	for {
		select {
		case <-ctx.Done():
			last, cancel := context.WithTimeout(context.WithoutCancel(ctx), spendTime)
			s.WriteUnknown(last)
			cancel()
			return
		case <-erased.C:
			s.signIns.blank(ctx)
		case <-climbed.C:
			s.signIns.writeRungs(ctx)
		case <-counted.C:
			s.WriteUnknown(ctx)
		case u := <-s.unspent.queue:
			s.giveBack(ctx, u)
		case <-tick.C:
			s.FinishEndings(ctx)
			s.WatchClaims(ctx)
			s.ForgetSpent(ctx)
		case <-grown.C:
			// Only speed depends on it, and the server does it too.
			_ = s.store.AnalyzeGrown(ctx)
		}
	}
}
