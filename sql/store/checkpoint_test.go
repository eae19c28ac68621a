package store

import (
	"os"
	"path/filepath"
	"testing"
	"testing/synctest"
	"time"
)

// TestCheckpoint: after many small writes the file has them, without what lies
// beside it and while the store is open.
func TestCheckpoint(t *testing.T) {
	t.Parallel()
	s := notes(t)
	for n := range checkpointAfter {
		if err := s.inShared(t.Context(), note{n: n, parent: n}.write); err != nil {
			t.Fatal(err)
		}
	}
	s.checkpoints.wait()
	var path string
	if err := s.read.GetContext(t.Context(), &path, `SELECT file FROM pragma_database_list WHERE name = 'main'`); err != nil {
		t.Fatal(err)
	}
	content, err := os.ReadFile(path) //nolint:gosec // our own file
	if err != nil {
		t.Fatal(err)
	}
	alone := filepath.Join(t.TempDir(), "alone.db")
	if err := os.WriteFile(alone, content, 0o600); err != nil {
		t.Fatal(err)
	}
	copied, err := OpenSQLite(alone, time.Now)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := copied.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if got := len(copied.noted(t)); got != checkpointAfter {
		t.Errorf("got %d notes in the file, want all %d", got, checkpointAfter)
	}
}

// TestLogBeginsAnew: a long log begins anew although others go on writing, and
// not while somebody reads an old state.
func TestLogBeginsAnew(t *testing.T) {
	t.Parallel()
	s := notes(t)
	s.checkpoints.longest = 1
	stop, done := make(chan struct{}), make(chan int)
	go func() {
		for n := 0; ; n++ {
			select {
			case <-stop:
				done <- n
				return
			default:
			}
			if err := s.inShared(t.Context(), note{n: n, parent: n}.write); err != nil {
				t.Errorf("writing meanwhile: %v", err)
			}
		}
	}()
	anew, longest := 0, int64(0)
	for anew < 3 {
		s.carryOver(t.Context())
		pages, _ := s.checkpoint(t.Context())
		if pages < longest {
			anew, longest = anew+1, 0
		}
		longest = max(longest, pages)
	}
	close(stop)
	n := <-done

	old, err := s.read.BeginTxx(t.Context(), s.dialect.snapshot())
	if err != nil {
		t.Fatal(err)
	}
	defer old.Rollback() //nolint:errcheck // ended below
	var seen int
	if err := old.GetContext(t.Context(), &seen, `SELECT count(*) FROM notes`); err != nil || seen != n {
		t.Fatalf("got %d notes, error %v, want %d", seen, err, n)
	}
	for range 3 {
		if err := s.inShared(t.Context(), note{n: n, parent: n}.write); err != nil {
			t.Fatal(err)
		}
		n++
	}
	s.carryOver(t.Context())
	if _, all := s.checkpoint(t.Context()); all {
		t.Error("all is in the file, want what came after the old state left out")
	}
	if err := old.Rollback(); err != nil {
		t.Fatal(err)
	}
	s.carryOver(t.Context())
	if pages, all := s.checkpoint(t.Context()); !all {
		t.Errorf("of %d pages some are not in the file, want all", pages)
	}
	if got := len(s.noted(t)); got != n {
		t.Errorf("got %d notes, want all %d", got, n)
	}
}

// TestHold: nothing is written while somebody holds, and everything afterwards.
func TestHold(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		s := notes(t)
		var holds, held bool
		errs := afterAnother(t, s, func() {
			go func() {
				s.shared.hold()
				holds = true
				synctest.Wait()
				held = len(s.noted(t)) == 0
				s.shared.next()
			}()
			synctest.Wait()
			if holds {
				t.Error("it holds while another one writes")
			}
		}, note{ctx: t.Context(), n: 1, parent: 1}, note{ctx: t.Context(), n: 2, parent: 2})
		for _, err := range errs {
			if err != nil {
				t.Errorf("got error %v, want none", err)
			}
		}
		if !holds || !held {
			t.Errorf("it held: %t, and nothing was written meanwhile: %t; want both", holds, held)
		}
		if got := len(s.noted(t)); got != 2 {
			t.Errorf("got %d notes afterwards, want 2", got)
		}
		s.shared.hold() // nobody is there
		s.shared.next()
		if err := s.inShared(t.Context(), func(*sharedTx) error { return nil }); err != nil {
			t.Errorf("afterwards: %v", err)
		}
	})
}
