package store_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// TestRenew: a server that refuses to write is left, by every connection, without
// a restart.
func TestRenew(t *testing.T) {
	t.Parallel()
	if !testenv.HasPostgres() || testenv.UsesPooler() { // whose connections are not ours to fence
		return
	}
	for name, tt := range map[string]struct {
		target string
		// reading: what was read on a connection of before is no more believed.
		reading bool
	}{
		"the server that takes writes is wanted": {"&target_session_attrs=read-write", true},
		"any server":                             {"", false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			db := storetest.New(t, testenv.Postgres)
			db.Open(t, time.Now)
			s := db.OpenAt(t, db.Address()+tt.target, time.Now, store.Options{Connections: 1})
			write := func() error {
				_, err := s.ForgetJobParts(context.WithoutCancel(t.Context()), 1)
				return err
			}
			if err := write(); err != nil {
				t.Fatal(err)
			}
			at, err := s.TokenChanges(t.Context(), store.TokenPosition{})
			if err != nil {
				t.Fatal(err)
			}
			s.Fence(t)
			if got := s.Links(); got != 3 {
				t.Errorf("got %d connections, want one for each pool", got)
			}
			found, err := s.TokenChanges(t.Context(), at.To)
			if tt.reading {
				if !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("reading from a server that takes no writes: got %v, want %v", err, store.ErrUnavailable)
				}
			} else {
				if err != nil || found.Lost {
					t.Errorf("reading from the only server: got %+v, %v, want nothing lost", found, err)
				}
				if err := write(); !errors.Is(err, store.ErrUnavailable) {
					t.Errorf("writing: got %v, want %v", err, store.ErrUnavailable)
				}
			}
			if got := s.Links(); got != 0 {
				t.Errorf("got %d connections after the server has refused, want none", got)
			}
			if err := write(); err != nil {
				t.Errorf("writing afterwards: got %v, want success", err)
			}
			if found, err = s.TokenChanges(t.Context(), at.To); err != nil || !found.Lost {
				t.Errorf("reading afterwards: got %+v, %v, want what was remembered lost", found, err)
			}
		})
	}
}
