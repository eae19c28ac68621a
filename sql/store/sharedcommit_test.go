package store

import (
	"context"
	"errors"
	"path/filepath"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
)

// notes is an embedded store with a table of numbers in which nothing stands
// twice.
func notes(t *testing.T) *Store {
	t.Helper()
	s, err := OpenSQLite(filepath.Join(t.TempDir(), "usher.db"), time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if _, err := s.write.ExecContext(t.Context(), `
CREATE TABLE notes (n integer PRIMARY KEY, parent integer REFERENCES notes (n) DEFERRABLE INITIALLY DEFERRED)`); err != nil {
		t.Fatal(err)
	}
	return s
}

func (s *Store) noted(t *testing.T) []int {
	t.Helper()
	found := []int{}
	if err := s.read.SelectContext(t.Context(), &found, `SELECT n FROM notes ORDER BY n`); err != nil {
		t.Fatal(err)
	}
	return found
}

// note writes a number, which refers to another one.
type note struct {
	ctx       context.Context
	n, parent int
	fault     error              // after it was written
	begun     func(tx *sharedTx) // nil = nobody wants to know
}

func (n note) write(tx *sharedTx) error {
	if n.begun != nil {
		n.begun(tx)
	}
	_, err := tx.exec(`INSERT INTO notes (n, parent) VALUES ($1, $2)`, n.n, n.parent)
	return errors.Join(err, n.fault)
}

// afterAnother has the writes come, one after the other, while another one is
// under way. It returns their errors when all are done. Before the other one
// ends it calls meanwhile.
func afterAnother(t *testing.T, s *Store, meanwhile func(), writes ...note) []error {
	t.Helper()
	errs := make([]error, len(writes))
	var wait sync.WaitGroup
	end := make(chan struct{})
	wait.Go(func() {
		err := s.inShared(t.Context(), func(*sharedTx) error {
			<-end
			return nil
		})
		if err != nil {
			t.Errorf("the first write: %v", err)
		}
	})
	synctest.Wait()
	for i, one := range writes {
		wait.Go(func() { errs[i] = s.inShared(one.ctx, one.write) })
		synctest.Wait()
	}
	meanwhile()
	synctest.Wait()
	close(end)
	wait.Wait()
	return errs
}

func nothing() {}

// TestSharedCommit: what comes while another write is under way goes in one
// transaction.
func TestSharedCommit(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := notes(t)
		transactions := map[*sharedTx]int{}
		var writes []note
		want := []int{}
		for n := range maxShared + 1 {
			want = append(want, n)
			writes = append(writes, note{ctx: t.Context(), n: n, parent: n, begun: func(tx *sharedTx) { transactions[tx]++ }})
		}
		if err := errors.Join(afterAnother(t, s, nothing, writes...)...); err != nil {
			t.Errorf("got error %v, want none", err)
		}
		if diff := cmp.Diff(want, s.noted(t)); diff != "" {
			t.Errorf("numbers (-want +got):\n%s", diff)
		}
		if len(transactions) != 2 {
			t.Errorf("got %d transactions for %d writes, want one for %d and one for the rest",
				len(transactions), len(writes), maxShared)
		}
	})
}

// TestSharedCommitFaults: whatever happens to one write is its own affair.
func TestSharedCommitFaults(t *testing.T) {
	t.Parallel()
	own := errors.New("of its own")
	for _, test := range []struct {
		name  string
		fault note
		want  func(error) bool
	}{
		{"an error", note{n: 2, parent: 2, fault: own}, func(err error) bool { return errors.Is(err, own) }},
		{"a number that is there", note{n: 1, parent: 1}, func(err error) bool { return errors.Is(err, ErrTaken) }},
		{"a reference that only the commit looks at", note{n: 2, parent: 99}, moved},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			synctest.Test(t, func(t *testing.T) {
				s := notes(t)
				test.fault.ctx = t.Context()
				errs := afterAnother(t, s, nothing,
					note{ctx: t.Context(), n: 1, parent: 1}, test.fault, note{ctx: t.Context(), n: 3, parent: 3})
				if errs[0] != nil || errs[2] != nil || !test.want(errs[1]) {
					t.Errorf("got errors %v, want one for the second alone", errs)
				}
				if diff := cmp.Diff([]int{1, 3}, s.noted(t)); diff != "" {
					t.Errorf("numbers (-want +got):\n%s", diff)
				}
			})
		})
	}
}

// TestSharedCommitLeaves: who gives up while it waits has written nothing, and
// holds up nobody, also when it would have led the others.
func TestSharedCommitLeaves(t *testing.T) {
	t.Parallel()
	for _, gone := range []int{0, 1} {
		synctest.Test(t, func(t *testing.T) {
			s := notes(t)
			ctx, leave := context.WithCancel(t.Context())
			defer leave()
			writes := []note{{ctx: t.Context(), n: 0, parent: 0}, {ctx: t.Context(), n: 1, parent: 1}}
			writes[gone].ctx = ctx
			errs := afterAnother(t, s, leave, writes...)
			if !errors.Is(errs[gone], context.Canceled) || errs[1-gone] != nil {
				t.Errorf("write %d gives up: got errors %v, want one for it alone", gone, errs)
			}
			if diff := cmp.Diff([]int{1 - gone}, s.noted(t)); diff != "" {
				t.Errorf("write %d gives up: numbers (-want +got):\n%s", gone, diff)
			}
		})
	}
}

// TestSharedCommitPanics: a write that panics takes none along that waits.
func TestSharedCommitPanics(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := notes(t)
		func() {
			defer func() {
				if recover() == nil {
					t.Error("got no panic, want that of the write")
				}
			}()
			_ = s.inShared(t.Context(), note{n: 1, parent: 1, begun: func(*sharedTx) { panic("broken") }}.write)
		}()
		if err := s.inShared(t.Context(), note{n: 2, parent: 2}.write); err != nil {
			t.Errorf("the next one: %v", err)
		}
		if diff := cmp.Diff([]int{2}, s.noted(t)); diff != "" {
			t.Errorf("numbers (-want +got):\n%s", diff)
		}
	})
}
