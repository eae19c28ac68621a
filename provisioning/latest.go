package provisioning

import (
	"context"
	"fmt"
	"sync"
	"time"

	"usher/sql/store"
)

// loadTime bounds one load, whoever waits for it.
const loadTime = 3 * time.Second

// latest keeps a value that is loaded again when it has grown too old. There is
// at most one load at a time, and nobody waits for it longer than they want:
// a database that hangs must not line everybody up behind it.
type latest[T any] struct {
	load func(context.Context) (T, error)
	now  func() time.Time

	mu     sync.Mutex
	loaded bool
	value  T
	at     time.Time // when the load of value began; zero = to be loaded again
	failed time.Time // when the last load failed; zero = it did not
	flight *flight[T]
}

type flight[T any] struct {
	done  chan struct{} // closed when the rest is set
	value T
	at    time.Time
	err   error
}

// get returns a value that was loaded no longer than life ago. Errors are those
// of the load, or wrap ErrUnavailable when ctx ends first.
func (l *latest[T]) get(ctx context.Context, life time.Duration) (value T, err error) {
	l.mu.Lock()
	if l.young(life) {
		defer l.mu.Unlock()
		return l.value, nil
	}
	began := l.now()
	f := l.start(ctx)
	l.mu.Unlock()
	if value, err = f.wait(ctx); err != nil || began.Sub(f.at) < life {
		return value, err
	}
	// The load was under way, and had begun too long before. Whichever is now the
	// last one began after this call.
	l.mu.Lock()
	if l.young(l.now().Sub(began)) {
		defer l.mu.Unlock()
		return l.value, nil
	}
	f = l.start(ctx)
	l.mu.Unlock()
	return f.wait(ctx)
}

func (f *flight[T]) wait(ctx context.Context) (value T, err error) {
	select {
	case <-f.done:
		return f.value, f.err
	case <-ctx.Done():
		return value, fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
}

// getAnyway is get, but goes on with the old value, if there is one, when a
// load fails, has just failed, or takes longer than patience.
func (l *latest[T]) getAnyway(ctx context.Context, life, patience time.Duration) (T, error) {
	l.mu.Lock()
	old, have := l.value, l.loaded
	if l.young(life) || (have && l.now().Sub(l.failed) < life) {
		l.mu.Unlock()
		return old, nil
	}
	l.mu.Unlock()
	if have {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, patience)
		defer cancel()
	}
	value, err := l.get(ctx, life)
	if err != nil && have {
		return old, nil
	}
	return value, err
}

// forget makes the next get load, for a change made by this process.
func (l *latest[T]) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.at, l.failed = time.Time{}, time.Time{}
	l.flight = nil // what is being loaded may be from before the change
}

func (l *latest[T]) young(life time.Duration) bool {
	return l.loaded && !l.at.IsZero() && l.now().Sub(l.at) < life
}

// start joins the load under way, or begins one.
func (l *latest[T]) start(ctx context.Context) *flight[T] {
	if l.flight != nil {
		return l.flight
	}
	// What is loaded is as new as the moment at which loading began.
	f := &flight[T]{done: make(chan struct{}), at: l.now()}
	l.flight = f
	loading, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTime)
	go func() {
		defer cancel()
		f.value, f.err = l.load(loading)
		l.land(f)
	}()
	return f
}

func (l *latest[T]) land(f *flight[T]) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.flight == f {
		l.flight = nil
		if f.err == nil {
			l.loaded, l.value, l.at, l.failed = true, f.value, f.at, time.Time{}
		} else {
			l.failed = l.now()
		}
	}
	close(f.done)
}
