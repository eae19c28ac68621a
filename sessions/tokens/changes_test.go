package tokens

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"

	"usher/sql/store"
)

// told is a reading that is under way, until it is let go.
type told struct {
	since  store.TokenPosition
	answer chan store.TokenChanges
}

// heldChanges are changes whose readings arrive in a channel and wait for an
// answer.
func heldChanges() (*changes, chan told) {
	asked := make(chan told, 100)
	return &changes{read: func(_ context.Context, since store.TokenPosition) (store.TokenChanges, error) {
		one := told{since, make(chan store.TokenChanges)}
		asked <- one
		return <-one.answer, nil
	}}, asked
}

func changed(subjects ...string) (found store.TokenChanges) {
	for _, subject := range subjects {
		found.List = append(found.List, store.TokenChange{TenantID: "T", Subject: subject})
	}
	return found
}

// TestSharedReadings: whoever comes while a reading is under way waits for the
// next one, together with all others.
func TestSharedReadings(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		c, asked := heldChanges()
		var done atomic.Int32
		var calls sync.WaitGroup
		come := func(n int) {
			for range n {
				calls.Go(func() {
					if err := c.catchUp(t.Context()); err != nil {
						t.Error(err)
					}
					done.Add(1)
				})
			}
			synctest.Wait()
		}
		come(1)
		first := <-asked
		come(50)
		if len(asked) != 0 || done.Load() != 0 {
			t.Fatalf("got %d more readings and %d answers while one is under way, want none", len(asked), done.Load())
		}
		first.answer <- store.TokenChanges{}
		synctest.Wait()
		if len(asked) != 1 || done.Load() != 1 {
			t.Fatalf("after the first: got %d readings and %d answers, want 1 and 1", len(asked), done.Load())
		}
		second := <-asked
		leaving, leave := context.WithCancel(t.Context())
		calls.Go(func() {
			if err := c.catchUp(leaving); !errors.Is(err, context.Canceled) {
				t.Errorf("who leaves: got error %v", err)
			}
		})
		synctest.Wait()
		leave()
		second.answer <- store.TokenChanges{}
		synctest.Wait()
		(<-asked).answer <- store.TokenChanges{} // nobody is left who wants it
		calls.Wait()
		if done.Load() != 51 {
			t.Errorf("got %d answers, want 51", done.Load())
		}
	})
}

// TestFailedReading: a fault is everybody's who waits for it, and nobody's after.
func TestFailedReading(t *testing.T) {
	t.Parallel()
	fault := errors.New("down")
	var fail atomic.Bool
	c := &changes{read: func(context.Context, store.TokenPosition) (store.TokenChanges, error) {
		if fail.Load() {
			return changed("a"), fault
		}
		return store.TokenChanges{}, nil
	}}
	fail.Store(true)
	before := c.now()
	if err := c.catchUp(t.Context()); !errors.Is(err, fault) {
		t.Errorf("got error %v, want %v", err, fault)
	}
	if c.now() != before || !c.untouched(before, "T", []string{"a"}) {
		t.Error("something was learnt from a reading that failed")
	}
	fail.Store(false)
	if err := c.catchUp(t.Context()); err != nil {
		t.Error(err)
	}
}

// TestUntouched: an answer holds until something that it hangs on is found changed
// by a reading that ended after the answer was begun.
func TestUntouched(t *testing.T) {
	t.Parallel()
	c := &changes{}
	wants := func(what string, of turn, want bool, subjects ...string) {
		t.Helper()
		if got := c.untouched(of, "T", subjects); got != want {
			t.Errorf("%s: got %v, want %v", what, got, want)
		}
	}
	early := c.now()
	wants("nothing was ever read", early, true, "a")
	c.note(store.TokenChanges{Lost: true})
	wants("lost", early, false, "a")
	of := c.now()
	wants("read after it was lost", of, true, "a", "b")
	c.note(changed("a"))
	wants("changed", of, false, "b", "a")
	wants("beside", of, true, "b")
	if c.untouched(of, "T", []string{"b", "a"}) || !c.untouched(of, "another", []string{"b", "a"}) {
		t.Error("a change counts in one tenant alone")
	}
	again := c.now()
	wants("read again", again, true, "a")
	c.note(changed())
	wants("nothing more", again, true, "a")
	c.note(changed("a"))
	wants("changed again", again, false, "a")
	for n := range 2 * maxSeen / 100 {
		var many []string
		for k := range 100 {
			many = append(many, fmt.Sprint(n, " ", k))
		}
		c.note(changed(many...))
	}
	wants("too much has changed to know", of, false, "b")
	wants("since", c.now(), true, "b")
	if len(c.seen) > maxSeen {
		t.Errorf("got %d changes kept, want %d at most", len(c.seen), maxSeen)
	}
}

// TestRemembered keeps what was used last, and not much more.
func TestRemembered(t *testing.T) {
	t.Parallel()
	var r remembered[int, int]
	if _, ok := r.get(0); ok {
		t.Error("got something out of nothing")
	}
	often := 7
	r.put(-1, &often)
	for n := range 5 * maxRemembered {
		r.put(n, &n)
		if got, ok := r.get(-1); !ok || *got != 7 {
			t.Fatalf("after %d others: got %v, %v for what is used all the time", n, got, ok)
		}
	}
	if got := len(r.young) + len(r.old); got > 2*maxRemembered {
		t.Errorf("got %d kept, want %d at most", got, 2*maxRemembered)
	}
	last := 5*maxRemembered - 1
	if got, ok := r.get(last); !ok || *got != last {
		t.Errorf("the last one: got %v, %v", got, ok)
	}
	if _, ok := r.get(0); ok {
		t.Error("the first one is still there")
	}
}
