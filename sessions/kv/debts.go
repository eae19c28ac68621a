package kv

import (
	"context"
	"sync"
	"time"
)

const (
	// maxDebts bounds the endings that are remembered.
	maxDebts = 10_000
	// debtPause is between two tries, and debtTime how long one may take.
	debtPause = time.Second
	debtTime  = 3 * time.Second
	// debtTries is how often one is tried at least: about an hour of a replica
	// that hangs. Redis itself lets go of it after repl-timeout, a minute.
	debtTries = 3600
)

// debts are endings that no replica has confirmed. They are repeated until one
// has, at whichever server is the master then: so what a failover brings back
// ends again at once, unless this process has ended as well.
type debts struct {
	pay func(ctx context.Context, steps []step) error // does the steps again

	mu     sync.Mutex
	owed   [][]step
	paying bool
	over   context.Context // ends with the store
	end    context.CancelFunc
	done   sync.WaitGroup
}

func newDebts(pay func(ctx context.Context, steps []step) error) *debts {
	d := &debts{pay: pay}
	d.over, d.end = context.WithCancel(context.Background())
	return d
}

// add remembers an ending, and has it repeated from now on.
func (d *debts) add(steps []step) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.over.Err() != nil || len(d.owed) >= maxDebts {
		return
	}
	d.owed = append(d.owed, steps)
	if !d.paying {
		d.paying = true
		d.done.Go(d.run)
	}
}

// run tries until nothing is owed, or the store is closed.
func (d *debts) run() {
	tick := time.NewTicker(debtPause)
	defer tick.Stop()
	for try := 0; ; try++ {
		select {
		case <-d.over.Done():
			return
		case <-tick.C:
		}
		d.mu.Lock()
		owed := d.owed
		d.owed = nil
		d.mu.Unlock()
		left := owed
		for len(left) > 0 && d.once(left[0]) == nil {
			left = left[1:]
		}
		d.mu.Lock()
		if d.owed = append(left, d.owed...); try >= debtTries {
			d.owed = nil
		}
		if len(d.owed) == 0 {
			d.paying = false
			d.mu.Unlock()
			return
		}
		d.mu.Unlock()
	}
}

func (d *debts) once(steps []step) error {
	ctx, cancel := context.WithTimeout(d.over, debtTime)
	defer cancel()
	return d.pay(ctx, steps)
}

// close forgets what is owed.
func (d *debts) close() {
	d.mu.Lock()
	d.end() // from here on nothing is added
	d.mu.Unlock()
	d.done.Wait()
}
