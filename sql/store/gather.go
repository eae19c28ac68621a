package store

import (
	"context"
	"runtime"
	"slices"
	"sync"
	"time"
)

// gatherer lets calls that come at the same time share a statement. A round
// trip costs both sides system calls, a commit and the start of an executor,
// whatever is in it; on a busy server that is most of what a small statement
// costs.
//
// While none is under way, a call leaves at once and alone. Otherwise it waits for
// the one that returns and leaves with everybody who has come until then; and when
// that one takes longer than patience, another leaves beside it.
type gatherer[Q, A any] struct {
	alone    func(ctx context.Context, q Q) (A, error)
	together func(qs []Q) ([]A, error) // an answer for each question, in their order
	// lost is told of a flight whose answer somebody was too impatient to
	// wait for.
	lost func(q Q, a A, err error)

	flights  int           // how many are under way at once at most
	patience time.Duration // how long whoever waits does so for one that is under way
	seats    int           // how many calls travel together at most
	always   bool          // nobody leaves alone

	mu      sync.Mutex
	flying  int
	waiting []*passenger[Q, A]
	alarm   *time.Timer // that lets those who wait leave; nil = it was never set
}

// passenger is one call that waits.
type passenger[Q, A any] struct {
	question Q
	done     chan struct{} // closed when answer and err are there

	answer A
	err    error

	// Under the gatherer's lock.
	landed bool
	left   bool // without waiting for the answer
}

// do answers q. When ctx ends before, it returns ctx's error; then the question
// is not asked any more, or it is under way and lost is told of the answer.
// The error is that of the whole flight when together is true.
func (g *gatherer[Q, A]) do(ctx context.Context, q Q) (answer A, together bool, err error) {
	g.mu.Lock()
	free := g.flying == 0
	if free {
		g.flying++
	}
	if free && !g.always {
		g.mu.Unlock()
		defer g.land()
		answer, err = g.alone(ctx, q)
		return answer, false, err
	}
	mine := &passenger[Q, A]{question: q, done: make(chan struct{})}
	g.waiting = append(g.waiting, mine)
	if len(g.waiting) == 1 && !free {
		g.wake()
	}
	g.mu.Unlock()
	if free {
		g.land()
	}
	select {
	case <-mine.done:
	case <-ctx.Done():
		if g.leave(mine) {
			return answer, true, ctx.Err()
		}
		<-mine.done
	}
	return mine.answer, true, mine.err
}

// leave lets a passenger go who does not want to wait. It returns false when
// the answer has come just now.
func (g *gatherer[Q, A]) leave(p *passenger[Q, A]) bool {
	g.mu.Lock()
	defer g.mu.Unlock()
	if p.landed {
		return false
	}
	p.left = true
	return true
}

// wake sets the alarm for whoever waits from now on, under the lock.
func (g *gatherer[Q, A]) wake() {
	if g.alarm == nil {
		g.alarm = time.AfterFunc(g.patience, g.relieve)
		return
	}
	g.alarm.Reset(g.patience)
}

// relieve takes those who wait along beside what is under way, if there may be
// another flight. Otherwise the next that lands takes them.
func (g *gatherer[Q, A]) relieve() {
	g.mu.Lock()
	if len(g.waiting) == 0 || g.flying >= g.flights {
		g.mu.Unlock()
		return
	}
	g.flying++
	g.mu.Unlock()
	g.flyOn(g.board())
}

// land ends a flight; when somebody is waiting, the next one takes its place.
func (g *gatherer[Q, A]) land() {
	if next := g.board(); len(next) > 0 {
		go g.flyOn(next)
	}
}

// flyOn flies until nobody is waiting.
func (g *gatherer[Q, A]) flyOn(next []*passenger[Q, A]) {
	for ; len(next) > 0; next = g.board() {
		g.fly(next)
		runtime.Gosched() // those who are ready to run get as far as this first, and come along
	}
}

// board takes those who wait, or ends the flight when there are none. Whoever is
// left behind by a full one may have waited for long.
func (g *gatherer[Q, A]) board() []*passenger[Q, A] {
	g.mu.Lock()
	defer g.mu.Unlock()
	g.waiting = slices.DeleteFunc(g.waiting, func(p *passenger[Q, A]) bool { return p.left })
	n := min(len(g.waiting), g.seats)
	next := g.waiting[:n:n]
	g.waiting = g.waiting[n:]
	if n == 0 {
		g.flying--
		g.waiting = nil
	}
	if len(g.waiting) > 0 {
		g.wake()
	}
	return next
}

// fly asks what several calls wait for. None of them can call it off for the
// others.
func (g *gatherer[Q, A]) fly(passengers []*passenger[Q, A]) {
	questions := make([]Q, len(passengers))
	for i, p := range passengers {
		questions[i] = p.question
	}
	answers, err := g.together(questions)
	g.mu.Lock()
	for i, p := range passengers {
		p.landed, p.err = true, err
		if err == nil {
			p.answer = answers[i]
		}
	}
	g.mu.Unlock()
	for _, p := range passengers {
		if p.left { // which nothing changes any more, as it has landed
			g.lost(p.question, p.answer, p.err)
		}
		close(p.done)
	}
}
