//go:build linux

package faults

import (
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// newStandby makes a copy of a running Postgres that follows it, and starts it.
func newStandby(t *testing.T, primary *server) *server {
	t.Helper()
	bin, owner := postgresBin(t), serverOwner(t)
	home, err := os.MkdirTemp(folder, "standby-")
	if err != nil {
		t.Fatal(err)
	}
	if owner != nil {
		if err := os.Chown(home, int(owner.Uid), int(owner.Gid)); err != nil {
			t.Fatal(err)
		}
	}
	s := &server{address: freeAddress(t), password: primary.password, data: filepath.Join(home, "data")}
	as := func(name string, arguments ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), arguments...)
		cmd.Dir, cmd.Env = home, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C", "PGPASSWORD=" + primary.password}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
		return cmd
	}
	_, from, _ := net.SplitHostPort(primary.address)
	output, err := as("pg_basebackup", "-h", "127.0.0.1", "-p", from, "-U", "postgres", "-D", s.data,
		"--write-recovery-conf", "--wal-method=stream", "--checkpoint=fast", "--no-sync").CombinedOutput()
	if err != nil {
		t.Fatalf("pg_basebackup: %v\n%s", err, output)
	}
	_, port, _ := net.SplitHostPort(s.address)
	s.command = func() *exec.Cmd {
		return as("postgres", "-D", s.data, "-k", home, "-p", port, "-c", "listen_addresses=127.0.0.1",
			"-c", "max_connections=40", "-c", "jit=off", "-c", "shared_buffers=32MB")
	}
	s.start(t)
	eventually(t, time.Minute, "a standby that answers", func() error { return s.sql("SELECT 1") })
	t.Cleanup(func() { s.end(t, syscall.SIGQUIT) })
	return s
}

// followedBy has whoever commits at the primary wait for its standby from now on.
func (s *server) followedBy(t *testing.T) {
	t.Helper()
	for _, statement := range []string{"ALTER SYSTEM SET synchronous_standby_names = '*'", "SELECT pg_reload_conf()"} {
		if err := s.sql(statement); err != nil {
			t.Fatal(err)
		}
	}
	eventually(t, time.Minute, "a synchronous standby", func() error {
		return s.sql("DO $$ BEGIN IF NOT EXISTS (SELECT 1 FROM pg_stat_replication WHERE sync_state = 'sync') THEN RAISE 'not yet'; END IF; END $$")
	})
}

// crash ends a Postgres as if its machine had gone: the processes that serve
// connections, which outlive their parent by a moment, together with it.
func (s *server) crash(t *testing.T) {
	t.Helper()
	pid := s.cmd.Process.Pid
	children, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%d/children", pid, pid))
	if err != nil {
		t.Error(err)
	}
	s.end(t, syscall.SIGKILL)
	for text := range strings.FieldsSeq(string(children)) {
		child, err := strconv.Atoi(text)
		if err != nil {
			t.Error(err)
			continue
		}
		if err := syscall.Kill(child, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
			t.Error(err)
		}
	}
}
