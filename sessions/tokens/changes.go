package tokens

import (
	"context"
	"sync"

	"usher/sql/store"
)

// changes says whether an answer that is remembered still holds, by what has
// changed in the database since it was read there. ADR 0016 has the argument.
type changes struct {
	read func(ctx context.Context, since store.TokenPosition) (store.TokenChanges, error)

	mu      sync.Mutex
	next    *reading // that those wait for who come while one is under way; nil = nobody
	reading bool

	to, swept store.TokenPosition // of the last reading, and of the last sweep
	// turn is the number of the last reading, and seen in which one a change was
	// last found. Nothing is known about changes before the turn floor.
	turn, floor, last turn
	seen              map[store.TokenChange]turn
}

// turn numbers readings. An answer of a turn was read from the database after that
// reading began, and before the next one came to an end.
type turn uint64

// maxSeen is how many changes are told apart; then everything that is older is
// forgotten at once.
const maxSeen = 10_000

// reading is one reading and those who wait for it.
type reading struct {
	done chan struct{}
	err  error // set before done is closed
}

// catchUp returns when everything is known that had changed when it was called:
// after a reading that began later. Readings follow one another, and everybody who
// comes while one is under way shares the next. The error is a fault of the
// database, or ctx's.
func (c *changes) catchUp(ctx context.Context) error {
	c.mu.Lock()
	if c.next == nil {
		c.next = &reading{done: make(chan struct{})}
	}
	mine := c.next
	if !c.reading {
		c.reading = true
		go c.readOn()
	}
	c.mu.Unlock()
	select {
	case <-mine.done:
		return mine.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// readOn reads for those who wait, until nobody does. None of them can call a
// reading off for the others: it ends by the time-outs of the database.
func (c *changes) readOn() {
	for {
		c.mu.Lock()
		mine := c.next
		if c.next = nil; mine == nil {
			c.reading = false
			c.mu.Unlock()
			return
		}
		since := c.to
		c.mu.Unlock()
		found, err := c.read(context.Background(), since)
		if err == nil {
			c.note(found)
		}
		mine.err = err
		close(mine.done)
	}
}

// note takes in what a reading has found.
func (c *changes) note(found store.TokenChanges) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.turn++
	c.to = found.To
	if found.Lost || len(c.seen)+len(found.List) > maxSeen {
		c.floor, c.seen = c.turn, nil
	}
	if len(found.List) == 0 {
		return
	}
	if c.seen == nil {
		c.seen = map[store.TokenChange]turn{}
	}
	c.last = c.turn
	for _, one := range found.List {
		c.seen[one] = c.turn
	}
}

// now is the turn of an answer that is read from the database from here on.
func (c *changes) now() turn {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.turn
}

// untouched reports whether nothing that an answer of a turn hangs on was found
// changed since. Who asks has caught up.
func (c *changes) untouched(of turn, tenant string, subjects []string) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	if of < c.floor {
		return false
	}
	if of >= c.last {
		return true
	}
	for _, subject := range subjects {
		if c.seen[store.TokenChange{TenantID: tenant, Subject: subject}] > of {
			return false
		}
	}
	return true
}

// sweptTo is the position of the last reading at the last call of sweepTo.
func (c *changes) sweptTo() store.TokenPosition {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.swept
}

func (c *changes) sweepTo() {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.swept = c.to
}
