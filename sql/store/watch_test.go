package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
)

// TestWatch: each call is told once, with its kind and whether the database was
// unavailable; what a client calls off is no fault of the database.
func TestWatch(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		type call struct {
			Kind        string
			Unavailable bool
		}
		var got []call
		s.Watch(func(kind string, took time.Duration, unavailable bool) {
			if took < 0 {
				t.Errorf("got a call of %v, want no less than nothing", took)
			}
			got = append(got, call{kind, unavailable})
		})
		told := func(what string, want ...call) {
			t.Helper()
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("%s: got calls that differ (-want +got):\n%s", what, diff)
			}
			got = nil
		}
		statement, transaction := call{store.CallStatement, false}, call{store.CallTransaction, false}
		ctx := t.Context()
		if err := s.Ping(ctx); err != nil {
			t.Fatal(err)
		}
		told("ping", statement)
		if _, err := s.Profile(ctx, store.NobodysID, store.NobodysID); !errors.Is(err, store.ErrNotFound) {
			t.Fatalf("got error %v, want ErrNotFound", err)
		}
		told("a prepared statement that finds nothing", statement)
		if err := s.Record(ctx, store.NobodysID, store.Act{}); err == nil {
			t.Fatal("got no error for a tenant that does not exist, want one")
		}
		told("a transaction that is refused", transaction)

		late, cancel := context.WithDeadline(ctx, time.Now().Add(-time.Second))
		defer cancel()
		if err := s.Ping(late); !errors.Is(err, store.ErrUnavailable) {
			t.Fatalf("got error %v, want ErrUnavailable", err)
		}
		told("out of time", call{store.CallStatement, true})
		gone, leave := context.WithCancel(ctx)
		leave()
		if err := s.Ping(gone); err == nil {
			t.Fatal("got no error for a call that was called off, want one")
		}
		told("called off")
	})
}

// TestPools: every pool is listed once, with its bound.
func TestPools(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		if err := s.Ping(t.Context()); err != nil {
			t.Fatal(err)
		}
		got := map[string]int{}
		open := 0
		for _, pool := range s.Pools() {
			got[pool.Name] = pool.Max
			open += pool.InUse + pool.Idle
		}
		want := map[string]int{"write": 8, "fast": 8}
		if s.Embedded() {
			want = map[string]int{"write": 1, "read": 4}
		}
		if diff := cmp.Diff(want, got); diff != "" || open == 0 {
			t.Errorf("got %d connections in pools that differ (-want +got):\n%s", open, diff)
		}
	})
}
