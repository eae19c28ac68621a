package kv

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/redis/go-redis/v9"
)

// flight is one sending, held until it is let go.
type flight struct {
	names []string
	land  chan struct{}
}

// held returns a gatherer whose flights arrive in a channel and wait to be let
// go. A command's answer is its own name.
func held() (*gatherer, chan flight) {
	sent := make(chan flight, 100)
	return &gatherer{send: func(_ context.Context, cmds []redis.Cmder) {
		one := flight{land: make(chan struct{})}
		for _, cmd := range cmds {
			one.names = append(one.names, cmd.Name())
		}
		sent <- one
		<-one.land
		for _, cmd := range cmds {
			cmd.(*redis.StringCmd).SetVal("of " + cmd.Name()) //nolint:forcetypeassert // as named makes them
		}
	}}, sent
}

func named(ctx context.Context, names ...string) []redis.Cmder {
	var cmds []redis.Cmder
	for _, name := range names {
		cmds = append(cmds, redis.NewStringCmd(ctx, name))
	}
	return cmds
}

// TestGathered: while a flight is under way, whoever comes waits for the next
// one and leaves together with the others, each call's commands in order.
func TestGathered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, sent := held()
		var calls sync.WaitGroup
		call := func(names ...string) {
			calls.Go(func() {
				cmds := named(t.Context(), names...)
				if err := g.do(t.Context(), cmds); err != nil {
					t.Errorf("%v: %v", names, err)
				}
				for i, cmd := range cmds {
					if got, want := cmd.(*redis.StringCmd).Val(), "of "+names[i]; got != want { //nolint:forcetypeassert // as named makes them
						t.Errorf("got answer %q, want %q", got, want)
					}
				}
			})
			synctest.Wait()
		}
		var alone []flight
		for i := range flights {
			call(fmt.Sprint("alone", i))
			alone = append(alone, <-sent)
		}
		call("a1", "a2")
		call("b1")
		call("c1", "c2")
		if len(sent) != 0 {
			t.Fatalf("got %d flights more than %d", len(sent), flights)
		}
		close(alone[0].land)
		together := <-sent
		if diff := cmp.Diff([]string{"a1", "a2", "b1", "c1", "c2"}, together.names); diff != "" {
			t.Errorf("not what waited (-want +got):\n%s", diff)
		}
		close(together.land)
		for _, one := range alone[1:] {
			close(one.land)
		}
		calls.Wait()
		synctest.Wait()
		if g.flying != 0 || len(g.waiting) != 0 {
			t.Errorf("got %d flights and %d who wait, want none", g.flying, len(g.waiting))
		}
	})
}

// TestGatheredPatience: a round trip that takes long holds up nobody for longer than
// patience, as long as there may be another.
func TestGatheredPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, sent := held()
		var calls sync.WaitGroup
		begun := time.Now()
		var under []flight
		for n := range flights {
			calls.Go(func() {
				if err := g.do(t.Context(), named(t.Context(), fmt.Sprint(n))); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
			if n > 0 && len(sent) > 0 {
				t.Errorf("call %d: got a flight at once, want none before %v", n, patience)
			}
			under = append(under, <-sent)
			if waited := time.Since(begun); waited != time.Duration(n)*patience {
				t.Errorf("call %d: got a flight after %v, want %v", n, waited, time.Duration(n)*patience)
			}
		}
		for _, one := range under {
			close(one.land)
		}
		calls.Wait()
		synctest.Wait()
		if g.flying != 0 || len(g.waiting) != 0 {
			t.Errorf("got %d flights and %d who wait, want none", g.flying, len(g.waiting))
		}
	})
}

// unaskable is a context that must not be asked for its end.
type unaskable struct {
	context.Context
	t *testing.T
}

func (u unaskable) Done() <-chan struct{} {
	u.t.Error("got asked for the end of the context, want it left alone: the answer came soon")
	return u.Context.Done()
}

// TestGatheredAsksLate: who gets an answer soon never asks its context for its end,
// alone or together with others; a request would have to make its timer for that.
func TestGatheredAsksLate(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, sent := held()
		hold := g.send
		g.send = func(ctx context.Context, cmds []redis.Cmder) {
			_ = ctx.Done() // as the client does for each connection
			hold(ctx, cmds)
		}
		var calls sync.WaitGroup
		call := func(name string) {
			calls.Go(func() {
				if err := g.do(unaskable{t.Context(), t}, named(t.Context(), name)); err != nil {
					t.Error(err)
				}
			})
			synctest.Wait()
		}
		call("alone")
		alone := <-sent
		call("in company")
		close(alone.land)
		next := <-sent
		time.Sleep(unasked / 2) // of the test's own clock
		close(next.land)
		calls.Wait()
	})
}

// TestGatheredGivesUp: who does not want to wait any more leaves, a moment later; the others are
// not held up by it, and its commands still travel.
func TestGatheredGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, sent := held()
		var calls sync.WaitGroup
		var under []flight
		for range flights {
			calls.Go(func() { _ = g.do(t.Context(), named(t.Context(), "first")) })
			under = append(under, <-sent)
		}
		ctx, cancel := context.WithCancel(t.Context())
		calls.Go(func() {
			if err := g.do(ctx, named(ctx, "impatient")); !errors.Is(err, context.Canceled) {
				t.Errorf("got error %v, want that of the context", err)
			}
		})
		synctest.Wait()
		calls.Go(func() {
			if err := g.do(t.Context(), named(t.Context(), "patient")); err != nil {
				t.Error(err)
			}
		})
		synctest.Wait()
		cancel()
		time.Sleep(unasked) // of the test's own clock
		synctest.Wait()
		close(under[0].land)
		next := <-sent
		if diff := cmp.Diff([]string{"impatient", "patient"}, next.names); diff != "" {
			t.Errorf("other company (-want +got):\n%s", diff)
		}
		close(next.land)
		for _, one := range under[1:] {
			close(one.land)
		}
		calls.Wait()
	})
}

// TestGatheredCrowd: many at once, each with its own answer, and nobody is left
// behind.
func TestGatheredCrowd(t *testing.T) {
	t.Parallel()
	g := &gatherer{send: func(_ context.Context, cmds []redis.Cmder) {
		for _, cmd := range cmds {
			cmd.(*redis.StringCmd).SetVal("of " + cmd.Name()) //nolint:forcetypeassert // as named makes them
		}
	}}
	var calls sync.WaitGroup
	for i := range 50 {
		calls.Go(func() {
			for n := range 200 {
				name := fmt.Sprintf("%d-%d", i, n)
				cmds := named(t.Context(), name)
				if err := g.do(t.Context(), cmds); err != nil || cmds[0].(*redis.StringCmd).Val() != "of "+name { //nolint:forcetypeassert // as named makes them
					t.Errorf("%s: got %v and error %v", name, cmds[0], err)
					return
				}
			}
		})
	}
	calls.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	if len(g.waiting) != 0 {
		t.Errorf("got %d who wait, want none", len(g.waiting))
	}
}

// TestGatheredInCrowd: of many who come and go at the same time each gets its own
// answer, whether it leads, comes along at once or waits; in the end nobody is under way.
func TestGatheredInCrowd(t *testing.T) {
	t.Parallel()
	g := &gatherer{send: func(_ context.Context, cmds []redis.Cmder) {
		runtime.Gosched()
		for _, cmd := range cmds {
			cmd.(*redis.StringCmd).SetVal("of " + cmd.Name()) //nolint:forcetypeassert // as named makes them
		}
	}}
	var calls sync.WaitGroup
	for caller := range 16 {
		calls.Go(func() {
			for n := range 500 {
				name := fmt.Sprint(caller, ".", n)
				cmds := named(t.Context(), name)
				if err := g.do(t.Context(), cmds); err != nil {
					t.Error(err)
					return
				}
				if got, want := cmds[0].(*redis.StringCmd).Val(), "of "+name; got != want { //nolint:forcetypeassert // as named makes them
					t.Errorf("got answer %q, want %q", got, want)
					return
				}
			}
		})
	}
	calls.Wait()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for {
		g.mu.Lock()
		flying, waiting := g.flying, len(g.waiting)
		g.mu.Unlock()
		if flying == 0 && waiting == 0 {
			return
		}
		if ctx.Err() != nil {
			t.Fatalf("got %d flights and %d who wait, want none", flying, waiting)
		}
		runtime.Gosched() // the last flight has answered, and is about to end
	}
}
