package store

import (
	"os"
	"path/filepath"
	"testing"
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
