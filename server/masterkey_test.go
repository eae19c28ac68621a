package main

import (
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"usher/provisioning"
)

// TestAnotherMasterKey: data that was made under another master key is not
// served with half of its keys unusable.
func TestAnotherMasterKey(t *testing.T) {
	t.Parallel()
	folder := t.TempDir()
	w := world{environ: []string{"USHER_DATA_DIR=" + folder}}
	i := launch(t, w)
	i.install(t, nil)
	i.stop()
	i.exited()
	if err := os.WriteFile(filepath.Join(folder, masterKeyFile), []byte(provisioning.NewMasterKey()), 0o600); err != nil {
		t.Fatal(err)
	}
	output := newOutput()
	code := run(t.Context(), []string{"serve"}, append(w.environ, "USHER_LISTEN=127.0.0.1:0"), io.Discard, output)
	if code != exitFailed || !strings.Contains(output.String(), "master key does not open") {
		t.Errorf("got exit code %d and %q, want 1 and the reason", code, output)
	}
}
