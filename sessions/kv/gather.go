package kv

import (
	"context"
	"runtime"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// gatherer lets the commands of calls that come at the same time travel
// together. A round trip costs both sides several system calls, whatever is in
// it; on a busy server that is most of what a check costs.
//
// While none is under way, a call leaves at once, alone or with those who were about
// to call. Otherwise it waits for the one that returns and leaves with everybody who
// has come until then; and when that one takes longer than patience, another leaves
// beside it.
//
// Before each departure the processor is yielded once. On a server with nothing else to
// do that takes no time; on a busy one those who are ready to run get as far as this
// first, and come along.
type gatherer struct {
	send func(ctx context.Context, cmds []redis.Cmder)

	mu      sync.Mutex
	flying  int
	waiting []*errand
	alarm   *time.Timer // that lets those who wait leave; nil = it was never set
	spare   sync.Pool   // of *errand
}

const (
	// flights is how many round trips are under way at once. With one alone a
	// slow answer would hold up everybody.
	flights = 3
	// patience is how long whoever waits does so for a round trip that is under
	// way: longer than one to a server near by, shorter than anybody notices.
	patience = 250 * time.Microsecond
	// unasked is how long whoever waits does so before looking whether its context
	// has ended: longer than nearly all answers take. Contexts that make their
	// timer when they are first asked for their end need not.
	unasked = 20 * time.Millisecond
	// maxFlight is how many calls travel together at most, so that the first of
	// them does not wait long for the last.
	maxFlight = 128
)

// errand is the commands of one call, which stay in order and together.
type errand struct {
	cmds []redis.Cmder
	done chan struct{} // gets its value when each command has its answer or its error
	bell *time.Timer   // see unasked
}

// unwatched is a context for what ends by a time-out of the connection, or by the
// deadline if that is earlier: nobody waits for its end.
type unwatched struct{ context.Context }

func (unwatched) Done() <-chan struct{} { return nil }

// do sends commands and returns when each has its answer or its error. When ctx
// ends before, it returns ctx's error, and the commands must not be looked at:
// they may be under way.
func (g *gatherer) do(ctx context.Context, cmds []redis.Cmder) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	g.mu.Lock()
	free := g.flying == 0
	if free {
		g.flying++
		g.mu.Unlock()
		runtime.Gosched()
		g.mu.Lock()
		if len(g.waiting) == 0 {
			g.mu.Unlock()
			defer g.land()
			g.send(unwatched{ctx}, cmds)
			return nil
		}
	}
	mine := g.wait(cmds)
	g.mu.Unlock()
	if free {
		g.land()
	}
	if err := mine.await(ctx); err != nil {
		return err
	}
	mine.cmds = nil
	g.spare.Put(mine)
	return nil
}

// await returns when the errand is done or ctx has ended.
func (e *errand) await(ctx context.Context) error {
	e.bell.Reset(unasked)
	defer e.bell.Stop()
	select {
	case <-e.done:
		return nil
	case <-e.bell.C:
	}
	select {
	case <-e.done:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// wait lines up an errand. The first in the line sets the alarm.
func (g *gatherer) wait(cmds []redis.Cmder) *errand {
	mine, ok := g.spare.Get().(*errand)
	if !ok {
		mine = &errand{done: make(chan struct{}, 1), bell: time.NewTimer(unasked)}
	}
	mine.cmds = cmds
	g.waiting = append(g.waiting, mine)
	switch {
	case len(g.waiting) > 1:
	case g.alarm == nil:
		g.alarm = time.AfterFunc(patience, g.relieve)
	default:
		g.alarm.Reset(patience)
	}
	return mine
}

// relieve takes those who wait along beside what is under way, if there may be
// another flight.
func (g *gatherer) relieve() {
	g.mu.Lock()
	if len(g.waiting) == 0 || g.flying >= flights {
		g.mu.Unlock()
		return
	}
	g.flying++
	g.mu.Unlock()
	g.flyOn(g.board())
}

// land ends a flight; when somebody is waiting, the next one takes its place.
func (g *gatherer) land() {
	if next := g.board(); next != nil {
		go g.flyOn(next)
	}
}

// flyOn flies until nobody is waiting.
func (g *gatherer) flyOn(next []*errand) {
	for ; next != nil; next = g.board() {
		g.fly(next)
		runtime.Gosched()
	}
}

// board takes those who wait, or ends the flight when there are none. Whoever is
// left behind by a full one may have waited for long.
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
	if len(g.waiting) > 0 {
		g.alarm.Reset(patience)
	}
	return next
}

// fly sends what several calls wait for. None of them can call it off for the
// others: it ends by the time-outs of the connection.
func (g *gatherer) fly(together []*errand) {
	cmds := make([]redis.Cmder, 0, 2*len(together))
	for _, one := range together {
		cmds = append(cmds, one.cmds...)
	}
	g.send(context.Background(), cmds)
	for _, one := range together {
		one.done <- struct{}{}
	}
}
