package store

import (
	"context"
	"sync"
)

// SQLite appends what is written to a log beside the file, and carries it over
// into the file when the log is long: copies of pages, and two flushes to disk.
// By itself it does that within a commit, which then takes as long as the disk
// does. We do it beside the commits, after each checkpointAfter small writes.
//
// The log begins anew only when all of it has been carried over, and under load
// something is always left. When it is longer than largestLog, small writes wait
// until that is carried over as well. It is little then: what came while the last
// of two rounds went on.
const (
	checkpointAfter = 2000   // writes, of some pages each
	largestLog      = 32_768 // pages of 4 KiB

	// hugeLog is when SQLite does it within a commit after all: where writes are
	// not small, and not counted.
	hugeLog = 2 * largestLog
)

// checkpoints counts writes until the next one is due.
type checkpoints struct {
	longest int64 // pages that the log may have, see largestLog

	mu      sync.Mutex
	writes  int
	running sync.WaitGroup
	busy    bool
}

// wrote counts writes that were committed, and carries them over when there are
// many. What fails is done by the next one.
func (s *Store) wrote(ctx context.Context, writes int) {
	c := &s.checkpoints
	c.mu.Lock()
	defer c.mu.Unlock()
	c.writes += writes
	if c.busy || c.writes < checkpointAfter {
		return
	}
	c.writes, c.busy = 0, true
	c.running.Go(func() {
		s.carryOver(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy = false
	})
}

// carryOver carries over what is in the log, and lets it begin anew when it is
// long.
func (s *Store) carryOver(ctx context.Context) {
	if pages, _ := s.checkpoint(ctx); pages <= s.checkpoints.longest {
		return
	}
	if _, all := s.checkpoint(ctx); !all {
		return // somebody reads an old state, and holds it up
	}
	s.shared.hold()
	defer s.shared.next()
	s.checkpoint(ctx)
}

// checkpoint carries over what is in the log now, and waits for nobody. It
// returns how long the log is, and whether all of that is in the file.
func (s *Store) checkpoint(ctx context.Context) (pages int64, all bool) {
	var busy, carried int64
	err := s.read.QueryRowxContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`).Scan(&busy, &pages, &carried)
	return pages, err == nil && busy == 0 && carried == pages
}

// wait waits for the one under way.
func (c *checkpoints) wait() { c.running.Wait() }
