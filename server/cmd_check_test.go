package main

import (
	"encoding/json"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// TestCheck: every fault at once with its fix, exit code 4, and nobody is asked.
func TestCheck(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0") //nolint:noctx // a test's own
	if err != nil {
		t.Fatal(err)
	}
	asked := make(chan struct{}, 1)
	go func() {
		if conn, err := listener.Accept(); err == nil {
			_ = conn.Close()
			asked <- struct{}{}
		}
	}()
	defer func() { _ = listener.Close() }()
	folder := t.TempDir()
	good := world{environ: []string{
		"DATABASE_URL=postgres://usher:s3cret-of-the-database@" + listener.Addr().String() + "/usher",
		"REDIS_URL=redis://" + listener.Addr().String(),
		"USHER_MASTER_KEY=" + strings.Repeat("0123456789abcdef", 4),
		"USHER_DATA_DIR=" + filepath.Join(folder, "data"),
	}}
	said, _ := command(t, good, exitOK, "check")
	if !strings.Contains(said, "every setting is good") || strings.Contains(said, "s3cret") {
		t.Errorf("got %q, want that it is good, and no secret", said)
	}
	select {
	case <-asked:
		t.Error("a store was asked")
	default:
	}

	bad := world{environ: append(good.environ[:2:2], "USHER_MASTER_KEY=short", "USHER_TRUSTED_PROXIES=nobody", "USHER_ENV=production")}
	said, _ = command(t, bad, exitCheckFailed, "check", "--json")
	var report struct {
		Verdict  verdict
		Findings []finding
	}
	if err := json.Unmarshal([]byte(said), &report); err != nil {
		t.Fatal(err)
	}
	var named []string
	for _, f := range report.Findings {
		if f.Verdict == failing && f.Fix != "" {
			named = append(named, f.Found)
		}
	}
	all := strings.Join(named, "\n")
	for _, want := range []string{"USHER_MASTER_KEY", "USHER_TRUSTED_PROXIES", "USHER_PUBLIC_URL"} {
		if !strings.Contains(all, want) {
			t.Errorf("got %q, want a fault of %s with its fix", all, want)
		}
	}

	// Well formed, and wrong on this machine.
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	wrong := world{environ: []string{"USHER_DATA_DIR=" + file}}
	if said, _ := command(t, wrong, exitCheckFailed, "check"); !strings.Contains(said, "is not a folder") {
		t.Errorf("got %q, want what is wrong with the folder", said)
	}
	if got := contents(t, folder); len(got) != 0 {
		t.Errorf("got files %v, want none made", got)
	}
}
