//go:build linux

package faults

import (
	"path/filepath"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"
)

// TestStopped stops the program politely while people sign in over connections
// that they keep: what it has taken is answered whole.
func TestStopped(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	u := newUsher("USHER_DATA_DIR=" + data)
	u.start(t)
	l := open(t, u, 32)
	rounds := map[bool]int{false: 3, true: 30}[*long]
	answered := 0
	for range rounds {
		var signalled atomic.Bool
		timer := time.AfterFunc(200*time.Millisecond, func() {
			signalled.Store(true)
			_ = u.cmd.Process.Signal(syscall.SIGTERM)
		})
		s := stopped(t, l, &signalled)
		timer.Stop()
		answered += s
		<-u.ended
		if code := u.cmd.ProcessState.ExitCode(); code != 0 {
			t.Errorf("got exit code %d, want 0; the log ends:\n%s", code, u.lastWords())
		}
		u.client.CloseIdleConnections()
		u.start(t)
		l.settle(t)
		l.live(t)
		l.scan(t, database{"sqlite", "file:" + filepath.Join(data, "usher.db") + "?_pragma=busy_timeout(5000)"})
	}
	u.stop(t)
	for _, v := range l.violations {
		t.Error(v)
	}
	reported(line{fault: "SIGTERM under load", runs: rounds, seen: "no answer cut", violations: len(l.violations)})
	if answered == 0 {
		t.Error("got no answer before the end, want load")
	}
}

// stopped has everybody sign in until the program takes no more requests. Each
// uses a connection of their own. A connection that ends without a byte of an
// answer was closed before its request was read, as it may be between two
// requests; one that ends after a first byte is a cut answer.
func stopped(t *testing.T, l *ledger, signalled *atomic.Bool) int {
	t.Helper()
	var answered atomic.Int64
	var group sync.WaitGroup
	for _, p := range l.people {
		group.Go(func() {
			c, err := dial(l.usher.address)
			if err != nil {
				return
			}
			defer c.close()
			for {
				k := p.next()
				a, begun := c.get(p.at.host, "/auth/callback/jwt-auth?token="+k.text)
				switch {
				case a.err == nil && a.status == 303:
					k.state, p.cookie = acknowledged, a.cookie()
					answered.Add(1)
				case begun:
					l.violate("got an answer that was cut (%v)", a.err)
					k.state = unknown
					return
				case a.err == nil:
					l.violate("got %v while stopping", a)
					return
				default:
					if !signalled.Load() {
						l.violate("got %v before the signal", a.err)
					}
					k.state = unknown
					return
				}
			}
		})
	}
	group.Wait()
	return int(answered.Load())
}
