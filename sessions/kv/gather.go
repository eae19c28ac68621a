package kv

import (
	"context"
	"sync"

	"github.com/redis/go-redis/v9"
)

// gatherer lets the commands of calls that come at the same time travel
// together. A round trip costs both sides several system calls, whatever is in
// it; on a busy server that is most of what a check costs.
//
// As long as fewer than flights are under way, a call leaves at once and alone,
// so that nobody waits for company. Otherwise it waits for the next one that
// returns and leaves with everybody who has come until then.
type gatherer struct {
	send func(ctx context.Context, cmds []redis.Cmder)

	mu      sync.Mutex
	flying  int
	waiting []*errand
}

const (
	// flights is how many round trips are under way at once. With more of them
	// each carries less; with one alone a slow answer would hold up everybody.
	flights = 3
	// maxFlight is how many calls travel together at most, so that the first of
	// them does not wait long for the last.
	maxFlight = 128
)

// errand is the commands of one call, which stay in order and together.
type errand struct {
	cmds []redis.Cmder
	done chan struct{} // closed when each command has its answer or its error
}

// do sends commands and returns when each has its answer or its error. When ctx
// ends before, it returns ctx's error, and the commands must not be looked at:
// they may be under way.
func (g *gatherer) do(ctx context.Context, cmds []redis.Cmder) error {
	g.mu.Lock()
	if g.flying < flights {
		g.flying++
		g.mu.Unlock()
		defer g.land()
		g.send(ctx, cmds)
		return nil
	}
	mine := &errand{cmds, make(chan struct{})}
	g.waiting = append(g.waiting, mine)
	g.mu.Unlock()
	select {
	case <-mine.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// land ends a flight; when somebody is waiting, the next one takes its place.
func (g *gatherer) land() {
	if next := g.board(); next != nil {
		go func() {
			for ; next != nil; next = g.board() {
				g.fly(next)
			}
		}()
	}
}

// board takes those who wait, or ends the flight when there are none.
func (g *gatherer) board() []*errand {
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) == 0 {
		g.flying--
		g.waiting = nil
		return nil
	}
	n := min(len(g.waiting), maxFlight)
	next := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	return next
}

// fly sends what several calls wait for. None of them can call it off for the
// others: it ends by the time-outs of the connection.
func (g *gatherer) fly(together []*errand) {
	var cmds []redis.Cmder
	for _, one := range together {
		cmds = append(cmds, one.cmds...)
	}
	g.send(context.Background(), cmds)
	for _, one := range together {
		close(one.done)
	}
}
