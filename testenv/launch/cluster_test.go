package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/testenv"
)

// TestDataStay finds in the second run what the first one has left.
func TestDataStay(t *testing.T) {
	t.Parallel()
	if !testenv.HasPostgres() {
		return
	}
	folder, err := os.MkdirTemp("/tmp", "usher-data-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(folder) })
	if err := os.Chmod(folder, 0o755); err != nil { //nolint:gosec // Postgres may run as another user
		t.Fatal(err)
	}
	var urls []string
	for range 2 {
		cmd, temporary := launcher(t, "-no-install", "-with=postgres", "-data="+folder, "--", "sh", "-c", "echo $DATABASE_URL")
		code, stdout, stderr := finish(t, cmd)
		if code != 0 {
			t.Fatalf("got code %d:\n%s", code, stderr)
		}
		if left := leftIn(t, temporary); len(left) > 0 {
			t.Errorf("got %v left behind, want nothing", left)
		}
		secret, _, _ := strings.Cut(stdout, "@")
		urls = append(urls, secret)
	}
	if urls[0] != urls[1] || urls[0] == "" {
		t.Errorf("got another password the second time, want the same cluster")
	}
	if found, err := filepath.Glob(filepath.Join(folder, "postgres-*", "PG_VERSION")); err != nil || len(found) != 1 {
		t.Errorf("got clusters %v, %v, want one", found, err)
	}
}
