package store

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// flown is one flight, held until it is let go.
type flown struct {
	questions []string
	land      chan error
}

// heldGatherer returns a gatherer whose flights arrive in a channel and wait to
// be let go, and what it has lost. The answer to a question is "of" it.
func heldGatherer() (g *gatherer[string, string], sent chan flown, lost chan string) {
	sent, lost = make(chan flown, 100), make(chan string, 100)
	fly := func(questions []string) error {
		one := flown{questions, make(chan error, 1)}
		sent <- one
		return <-one.land
	}
	return &gatherer[string, string]{
		flights: 2, patience: time.Millisecond, seats: 4,
		alone: func(_ context.Context, q string) (string, error) { return "of " + q, fly([]string{q}) },
		together: func(qs []string) ([]string, error) {
			answers := make([]string, len(qs))
			for i, q := range qs {
				answers[i] = "of " + q
			}
			return answers, fly(qs)
		},
		lost: func(q, a string, _ error) { lost <- q + ": " + a },
	}, sent, lost
}

// TestGathered: while one is under way, whoever comes waits for it and leaves with
// the others, as long as there are seats.
func TestGathered(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, sent, _ := heldGatherer()
		var calls sync.WaitGroup
		call := func(q string, alone bool) {
			calls.Go(func() {
				if got, together, err := g.do(t.Context(), q); got != "of "+q || together == alone || err != nil {
					t.Errorf("%s: got %q, together %v, error %v", q, got, together, err)
				}
			})
			synctest.Wait()
		}
		call("x", true)
		x := <-sent
		for _, q := range []string{"a", "b", "c", "d", "e", "f"} {
			call(q, false)
		}
		if len(sent) != 0 {
			t.Fatalf("got %d flights beside the first, want none", len(sent))
		}
		x.land <- nil
		first := <-sent
		if diff := cmp.Diff([]string{"a", "b", "c", "d"}, first.questions); diff != "" {
			t.Errorf("the first flight (-want +got):\n%s", diff)
		}
		first.land <- nil
		second := <-sent
		if diff := cmp.Diff([]string{"e", "f"}, second.questions); diff != "" {
			t.Errorf("the second flight (-want +got):\n%s", diff)
		}
		second.land <- nil
		calls.Wait()
		synctest.Wait()
		if g.flying != 0 || len(g.waiting) != 0 {
			t.Errorf("got %d flights and %d who wait, want none", g.flying, len(g.waiting))
		}
		g.always = true
		call("z", false)
		(<-sent).land <- nil
		calls.Wait()
	})
}

// TestGatheredPatience: a flight that takes long holds up nobody for longer than
// patience, as long as there may be another; nor does one that is full.
func TestGatheredPatience(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, sent, _ := heldGatherer()
		g.flights = 3
		var calls sync.WaitGroup
		begun := time.Now()
		call := func(q string) {
			calls.Go(func() {
				if got, _, err := g.do(t.Context(), q); got != "of "+q || err != nil {
					t.Errorf("%s: got %q, error %v", q, got, err)
				}
			})
			synctest.Wait()
		}
		call("x")
		under := []flown{<-sent}
		for _, q := range []string{"a", "b", "c", "d", "e"} {
			call(q)
		}
		for n, want := range [][]string{{"a", "b", "c", "d"}, {"e"}} {
			if len(sent) != 0 {
				t.Errorf("flight %d: it left at once, want it after %v", n, g.patience)
			}
			one := <-sent
			if diff := cmp.Diff(want, one.questions); diff != "" {
				t.Errorf("flight %d (-want +got):\n%s", n, diff)
			}
			if got, want := time.Since(begun), time.Duration(n+1)*g.patience; got != want {
				t.Errorf("flight %d: got it after %v, want %v", n, got, want)
			}
			under = append(under, one)
		}
		call("f")
		<-time.After(10 * g.patience)
		if len(sent) != 0 {
			t.Errorf("got more flights than %d", g.flights)
		}
		under[1].land <- nil
		last := <-sent
		if diff := cmp.Diff([]string{"f"}, last.questions); diff != "" {
			t.Errorf("the last flight (-want +got):\n%s", diff)
		}
		under[0].land <- nil
		under[2].land <- nil
		last.land <- nil
		calls.Wait()
		synctest.Wait()
		if g.flying != 0 || len(g.waiting) != 0 {
			t.Errorf("got %d flights and %d who wait, want none", g.flying, len(g.waiting))
		}
	})
}

// TestGatheredGivesUp: who gives up before the flight does not travel, and of who
// gives up during the flight the answer is told. Nobody else is held up.
func TestGatheredGivesUp(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, sent, lost := heldGatherer()
		g.flights, g.always = 1, true
		var calls sync.WaitGroup
		patient := func(q string) {
			calls.Go(func() {
				if got, _, err := g.do(t.Context(), q); got != "of "+q || err != nil {
					t.Errorf("%s: got %q, error %v", q, got, err)
				}
			})
			synctest.Wait()
		}
		impatient := func(q string) context.CancelFunc {
			ctx, cancel := context.WithCancel(t.Context())
			calls.Go(func() {
				if _, _, err := g.do(ctx, q); !errors.Is(err, context.Canceled) {
					t.Errorf("%s: got error %v, want that of the context", q, err)
				}
			})
			synctest.Wait()
			return cancel
		}
		patient("a")
		first := <-sent
		leave := impatient("b")
		patient("c")
		leaveLate := impatient("d")
		leave()
		synctest.Wait()
		first.land <- nil
		second := <-sent
		if diff := cmp.Diff([]string{"c", "d"}, second.questions); diff != "" {
			t.Errorf("other company (-want +got):\n%s", diff)
		}
		leaveLate()
		synctest.Wait()
		second.land <- nil
		calls.Wait()
		synctest.Wait()
		if len(lost) != 1 || <-lost != "d: of d" {
			t.Error("got another answer lost than that of d")
		}
	})
}

// TestGatheredFails: the error of a flight is everybody's, and the next one is
// under way all the same.
func TestGatheredFails(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		g, sent, _ := heldGatherer()
		g.flights, g.always = 1, true
		broken := errors.New("broken")
		var calls sync.WaitGroup
		call := func(q string, want error) {
			calls.Go(func() {
				if _, together, err := g.do(t.Context(), q); !errors.Is(err, want) || !together {
					t.Errorf("%s: got together %v, error %v, want %v", q, together, err, want)
				}
			})
			synctest.Wait()
		}
		call("a", broken)
		call("b", broken)
		call("c", broken)
		(<-sent).land <- broken
		(<-sent).land <- broken
		call("d", nil)
		(<-sent).land <- nil
		calls.Wait()
	})
}

// TestGatheredCrowd: many at once, each with its own answer, and nobody is left
// behind.
func TestGatheredCrowd(t *testing.T) {
	t.Parallel()
	g, _, _ := heldGatherer()
	g.alone = func(_ context.Context, q string) (string, error) { return "of " + q, nil }
	g.together = func(qs []string) ([]string, error) {
		answers := make([]string, len(qs))
		for i, q := range qs {
			answers[i] = "of " + q
		}
		return answers, nil
	}
	var calls sync.WaitGroup
	for i := range 50 {
		calls.Go(func() {
			for n := range 200 {
				q := fmt.Sprintf("%d-%d", i, n%3)
				if got, _, err := g.do(t.Context(), q); got != "of "+q || err != nil {
					t.Errorf("%s: got %q, error %v", q, got, err)
				}
			}
		})
	}
	calls.Wait()
}
