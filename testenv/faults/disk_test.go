//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"os/exec"
	"path/filepath"
	"testing"
	"time"
)

// TestDiskFull gives the program no room for another byte in its files.
func TestDiskFull(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	u := newUsher("USHER_DATA_DIR=" + data)
	u.start(t)
	l := open(t, u, 16)
	for _, p := range l.people {
		l.present(p, p.next())
	}
	room := func(soft string) {
		output, err := exec.Command("prlimit", "--pid", fmt.Sprint(u.cmd.Process.Pid), "--fsize="+soft+":").CombinedOutput()
		if err != nil {
			t.Fatalf("prlimit: %v\n%s", err, output)
		}
	}
	room("4096")
	stop := make(chan struct{})
	time.AfterFunc(lasts, func() { close(stop) })
	s := l.rush(l.people, workers, stop)
	if s.count["sign-in"][http.StatusServiceUnavailable] == 0 || s.count["sign-in"][http.StatusServiceUnavailable] != sum(s.count["sign-in"]) {
		t.Errorf("got %v, want every sign-in answered 503", s)
	}
	if s.slowest > 3*time.Second+slack {
		t.Errorf("got an answer after %s, want each within 3 s", s.slowest)
	}
	room("unlimited")
	recovered := (&world{ledger: l}).ready(t, 10*time.Second)
	l.settle(t)
	l.live(t)
	l.replay(t)
	l.scan(t, database{"sqlite", "file:" + filepath.Join(data, "usher.db") + "?_pragma=busy_timeout(5000)"})
	u.command(t, "audit", "verify")
	for _, v := range l.violations {
		t.Error(v)
	}
	if t.Failed() {
		t.Logf("the log ends:\n%s", u.lastWords())
	}
	u.stop(t)
	reported(line{fault: "the disk of SQLite is full", runs: s.total(), seen: s.String(), slowest: s.slowest, recovered: recovered, violations: len(l.violations)})
}

func sum(counts map[int]int) int {
	n := 0
	for _, count := range counts {
		n += count
	}
	return n
}
