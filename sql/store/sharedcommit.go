package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"sync"

	"github.com/jmoiron/sqlx"
)

// sharedCommits lets small writes that come at the same time share a transaction of
// the SQLite file. One transaction at a time can write there, and beginning and
// committing it costs more than what a sign-in writes in it: locks, and every
// page that changed.
//
// A write that finds nobody at work leads, in the goroutine of its caller: it lets
// go first what is ready to run, which takes no time where nothing is, and then
// goes with those that have come by then. Whoever comes later waits, and the one
// that came first leads the next ones.
type sharedCommits struct {
	store *Store

	mu      sync.Mutex
	busy    bool // somebody leads, or holds
	waiting []*write
	holder  chan struct{} // closed when it is the turn of whoever wants to hold; nil = nobody does
	on      *sharedConn   // nil until something was written
}

// maxShared is how many writes share a transaction at most, so that the first
// of them does not wait long for the last.
const maxShared = 64

// write is what one caller wants written.
type write struct {
	ctx  context.Context // of the caller; asked before the write begins, not while it runs
	do   func(tx *sharedTx) error
	turn chan bool // gets true for one that is to lead, and false when err is there
	err  error
}

var errWriteBroken = errors.New("store: the transaction broke off")

// inShared runs do in a transaction that others may be in as well, and commits
// it when do returns nil. An error of do, or of another one in the transaction,
// undoes everything, and then each is done again in a transaction of its own:
// do must not build on an earlier run, and its effects are seen by those after
// it before they are committed.
//
// What do does is short, and SQLite waits for nothing once the transaction has
// begun, so that nothing calls it off. When ctx ends before that, do is not run.
func (s *Store) inShared(ctx context.Context, do func(tx *sharedTx) error) error {
	start := s.watch.start()
	err := fault(s.shared.write(ctx, do))
	s.watch.done(ctx, CallTransaction, start, err)
	return err
}

func (c *sharedCommits) write(ctx context.Context, do func(tx *sharedTx) error) error {
	mine := &write{ctx: ctx, do: do}
	c.mu.Lock()
	if !c.busy {
		c.busy = true
		c.mu.Unlock()
		c.lead(mine)
		return mine.err
	}
	mine.turn = make(chan bool, 1)
	c.waiting = append(c.waiting, mine)
	c.mu.Unlock()
	leads := false
	select {
	case leads = <-mine.turn:
	case <-ctx.Done():
		if c.leave(mine) {
			return ctx.Err()
		}
		leads = <-mine.turn
	}
	if leads {
		c.lead(mine)
	}
	return mine.err
}

// leave takes one that waits out of the line, unless it has its turn.
func (c *sharedCommits) leave(mine *write) bool {
	c.mu.Lock()
	defer c.mu.Unlock()
	i := slices.Index(c.waiting, mine)
	if i < 0 {
		return false
	}
	c.waiting = slices.Delete(c.waiting, i, i+1)
	return true
}

// lead does a write, the caller's, and those that wait, and answers these. In the
// end the next ones have their turn.
func (c *sharedCommits) lead(mine *write) {
	runtime.Gosched()
	together := append([]*write{mine}, c.take(maxShared-1)...)
	for _, one := range together {
		one.err = errWriteBroken // if one of them panics
	}
	defer func() {
		for _, one := range together[1:] {
			one.turn <- false
		}
		c.next()
	}()
	c.run(together)
}

// take takes up to n out of the line, those first that came first.
func (c *sharedCommits) take(n int) []*write {
	c.mu.Lock()
	defer c.mu.Unlock()
	n = min(n, len(c.waiting))
	first := c.waiting[:n:n]
	c.waiting = c.waiting[n:]
	return first
}

// hold waits until nobody writes here, and keeps it so until next is called. Only
// one at a time may want to.
func (c *sharedCommits) hold() {
	c.mu.Lock()
	if !c.busy {
		c.busy = true
		c.mu.Unlock()
		return
	}
	turn := make(chan struct{})
	c.holder = turn
	c.mu.Unlock()
	<-turn
}

// next gives the turn to whoever wants to hold, or else to those that wait.
func (c *sharedCommits) next() {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.holder != nil {
		close(c.holder)
		c.holder = nil
		return
	}
	if len(c.waiting) == 0 {
		c.busy, c.waiting = false, nil
		return
	}
	first := c.waiting[0]
	c.waiting = c.waiting[1:]
	first.turn <- true
}

func (c *sharedCommits) run(together []*write) {
	willing := make([]*write, 0, len(together))
	for _, one := range together {
		if one.err = one.ctx.Err(); one.err == nil {
			one.err = errWriteBroken
			willing = append(willing, one)
		}
	}
	if len(willing) == 0 {
		return
	}
	// Values of the first one's context do for all: the database asks for none.
	ctx := context.WithoutCancel(willing[0].ctx)
	err := c.inOne(ctx, willing)
	if len(willing) == 1 || err == nil || passing(err) {
		for _, one := range willing {
			one.err = err
		}
		return
	}
	for i, one := range willing {
		one.err = c.inOne(ctx, willing[i:i+1])
	}
}

// inOne does the writes in one transaction, or none of them.
func (c *sharedCommits) inOne(ctx context.Context, together []*write) error {
	conn, err := c.store.writer(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }() // only gives it back
	err = conn.Raw(func(raw any) error {
		on, err := c.connection(raw)
		if err != nil {
			return err
		}
		return on.transact(func(tx *sharedTx) error {
			for _, one := range together {
				if err := one.do(tx); err != nil {
					return err
				}
			}
			return nil
		})
	})
	if err == nil {
		c.store.wrote(ctx, len(together))
	}
	return err
}

// connection is the driver's connection raw with what was prepared on it.
func (c *sharedCommits) connection(raw any) (*sharedConn, error) {
	conn, ok := raw.(driver.ConnPrepareContext)
	if !ok {
		return nil, fmt.Errorf("store: %T takes no context", raw)
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.on == nil || c.on.conn != conn {
		c.on = &sharedConn{conn: conn, prepared: map[string]sharedStmt{}}
	}
	return c.on, nil
}

// close lets go of what was prepared, before the connection is closed.
func (c *sharedCommits) close() error {
	c.mu.Lock()
	on := c.on
	c.on = nil
	c.mu.Unlock()
	if on == nil {
		return nil
	}
	conn, err := c.store.writer(context.Background())
	if err != nil {
		return err
	}
	err = conn.Raw(func(raw any) error {
		if raw != on.conn {
			return nil // that one is closed
		}
		return on.close()
	})
	return errors.Join(err, conn.Close())
}

// writer waits for the connection that writes, which a longer transaction may
// have. Only this wait is bounded by time: a context that ends would cost each
// statement a goroutine that looks out for it.
func (s *Store) writer(ctx context.Context) (*sqlx.Conn, error) {
	ctx, cancel := context.WithTimeout(ctx, statementTimeout)
	defer cancel()
	return s.write.Connx(ctx)
}
