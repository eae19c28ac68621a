package provisioning

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"usher/sql/store"
)

func TestLatest(t *testing.T) {
	t.Parallel()
	errDown := errors.New("down")
	// fixture loads 1, 2, 3, …; down makes it fail, hang makes it wait for its
	// context.
	type fixture struct {
		latest[int]
		loads      atomic.Int64
		down, hang atomic.Bool
	}
	open := func() *fixture {
		f := &fixture{}
		f.now = time.Now
		f.load = func(ctx context.Context) (int, error) {
			n := f.loads.Add(1)
			if f.hang.Load() {
				<-ctx.Done()
				return 0, ctx.Err()
			}
			if f.down.Load() {
				return 0, errDown
			}
			return int(n), nil
		}
		return f
	}
	get := func(t *testing.T, f *fixture, life time.Duration, want int) {
		t.Helper()
		got, err := f.get(t.Context(), life)
		if err != nil || got != want {
			t.Errorf("got %d, %v, want %d", got, err, want)
		}
	}

	t.Run("grows old", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := open()
			get(t, f, time.Second, 1)
			get(t, f, time.Second, 1)
			time.Sleep(time.Second) // synctest's clock: no waiting
			get(t, f, time.Minute, 1)
			get(t, f, time.Second, 2)
			f.forget()
			get(t, f, time.Minute, 3)
		})
	})
	t.Run("one load for many", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := open()
			f.load = func(context.Context) (int, error) {
				time.Sleep(time.Second)
				return int(f.loads.Add(1)), nil
			}
			var wait sync.WaitGroup
			for range 20 {
				wait.Go(func() { get(t, f, time.Second, 1) })
			}
			wait.Wait()
			if got := f.loads.Load(); got != 1 {
				t.Errorf("got %d loads, want 1", got)
			}
		})
	})
	t.Run("a load from before a change is not kept", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := open()
			f.load = func(context.Context) (int, error) {
				n := f.loads.Add(1)
				time.Sleep(time.Second)
				return int(n), nil
			}
			var wait sync.WaitGroup
			wait.Go(func() { get(t, f, time.Minute, 1) })
			synctest.Wait()
			f.forget()
			get(t, f, time.Minute, 2)
			wait.Wait()
			get(t, f, time.Minute, 2)
		})
	})
	t.Run("a load under way that began too long ago", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := open()
			f.load = func(context.Context) (int, error) {
				n := f.loads.Add(1)
				time.Sleep(time.Second)
				return int(n), nil
			}
			var wait sync.WaitGroup
			wait.Go(func() { get(t, f, time.Minute, 1) })
			time.Sleep(500 * time.Millisecond)
			wait.Go(func() { get(t, f, time.Second, 1) }) // new enough
			for range 20 {
				wait.Go(func() { get(t, f, 200*time.Millisecond, 2) })
			}
			wait.Wait()
			if got := f.loads.Load(); got != 2 {
				t.Errorf("got %d loads, want 2", got)
			}
		})
	})
	t.Run("nobody waits longer than they want", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := open()
			get(t, f, time.Second, 1)
			time.Sleep(time.Minute)
			f.hang.Store(true)
			ctx, cancel := context.WithTimeout(t.Context(), 10*time.Millisecond)
			defer cancel()
			if _, err := f.get(ctx, time.Second); !errors.Is(err, store.ErrUnavailable) {
				t.Errorf("get: got %v, want ErrUnavailable", err)
			}
			began := time.Now()
			got, err := f.getAnyway(t.Context(), time.Second, 250*time.Millisecond)
			if took := time.Since(began); got != 1 || err != nil || took != 250*time.Millisecond {
				t.Errorf("getAnyway: got %d, %v after %v, want the old value after 250ms", got, err, took)
			}
			time.Sleep(loadTime) // the load has given up
			began = time.Now()
			got, err = f.getAnyway(t.Context(), 5*time.Second, 250*time.Millisecond)
			if took := time.Since(began); got != 1 || err != nil || took != 0 {
				t.Errorf("getAnyway after a failure: got %d, %v after %v, want the old value at once", got, err, took)
			}
		})
	})
	t.Run("down", func(t *testing.T) {
		t.Parallel()
		synctest.Test(t, func(t *testing.T) {
			f := open()
			f.down.Store(true)
			if _, err := f.getAnyway(t.Context(), time.Second, time.Second); !errors.Is(err, errDown) {
				t.Errorf("nothing loaded yet: got %v, want %v", err, errDown)
			}
			f.down.Store(false)
			time.Sleep(time.Second)
			get(t, f, time.Second, 2)
			time.Sleep(time.Minute)
			f.down.Store(true)
			for range 3 {
				if got, err := f.getAnyway(t.Context(), time.Second, time.Second); got != 2 || err != nil {
					t.Errorf("got %d, %v, want the old value", got, err)
				}
			}
			if got := f.loads.Load(); got != 3 {
				t.Errorf("got %d loads, want 3: not again for every request", got)
			}
			f.down.Store(false)
			time.Sleep(time.Second)
			if got, err := f.getAnyway(t.Context(), time.Second, time.Second); got != 4 || err != nil {
				t.Errorf("up again: got %d, %v, want 4", got, err)
			}
			time.Sleep(time.Minute)
			f.down.Store(true)
			if got, err := f.getAnyway(t.Context(), time.Minute, time.Second); got != 4 || err != nil {
				t.Errorf("down again: got %d, %v, want the old value", got, err)
			}
			f.down.Store(false)
			f.forget() // by a change made here, which must show at once
			if got, err := f.getAnyway(t.Context(), time.Minute, time.Second); got != 6 || err != nil {
				t.Errorf("after a change: got %d, %v, want 6", got, err)
			}
		})
	})
}
