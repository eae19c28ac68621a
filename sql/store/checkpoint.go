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
// something is always left. The commit that finds largestLog pages in it
// carries over what is left while nobody writes.
const (
	checkpointAfter = 2000   // writes, of some pages each
	largestLog      = 16_384 // pages of 4 KiB
)

// checkpoints counts writes until the next one is due.
type checkpoints struct {
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
		_ = s.checkpoint(ctx)
		c.mu.Lock()
		defer c.mu.Unlock()
		c.busy = false
	})
}

// checkpoint carries over what is in the log now, and waits for nobody.
func (s *Store) checkpoint(ctx context.Context) error {
	_, err := s.read.ExecContext(ctx, `PRAGMA wal_checkpoint(PASSIVE)`)
	return err
}

// wait waits for the one under way.
func (c *checkpoints) wait() { c.running.Wait() }
