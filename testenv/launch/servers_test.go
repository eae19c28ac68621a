package main

import (
	"fmt"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"

	"usher/testenv"
)

// needed is the private servers that can be tried here.
func needed() []string {
	var names []string
	if testenv.HasPostgres() {
		names = append(names, "postgres")
	}
	if testenv.HasRedis() {
		names = append(names, "redis")
	}
	return names
}

// TestPrivateServers runs three launchers at the same time. Their commands
// succeed, fail and die; each time the servers are up before and gone after.
func TestPrivateServers(t *testing.T) {
	t.Parallel()
	if len(needed()) == 0 {
		return
	}
	var (
		mu   sync.Mutex
		seen = make(map[string]bool)
	)
	for script, want := range map[string]int{"exit 0": 0, "exit 3": 3, "kill -TERM $$": 143} {
		t.Run(script, func(t *testing.T) {
			t.Parallel()
			cmd, folder := launcher(t, "-no-install", "-with="+strings.Join(needed(), ","), "--",
				"sh", "-c", "echo $DATABASE_URL; echo $REDIS_URL; "+script)
			code, stdout, stderr := finish(t, cmd)
			if code != want {
				t.Errorf("got code %d, want %d:\n%s", code, want, stderr)
			}
			if left := leftIn(t, folder); len(left) > 0 {
				t.Errorf("got %v left behind, want nothing", left)
			}
			addresses := strings.Fields(stdout)
			if len(addresses) != len(needed()) {
				t.Fatalf("got addresses %q, want %d", addresses, len(needed()))
			}
			for i, name := range needed() {
				address, err := url.Parse(addresses[i])
				if err != nil {
					t.Fatal(err)
				}
				if word, _ := address.User.Password(); len(word) < 20 || strings.Contains(stderr, word) {
					t.Errorf("%s: got a password of %d characters, want a long one that is not printed", name, len(word))
				}
				if want := fmt.Sprintf("%s answers on %s", name, address.Host); !strings.Contains(stderr, want) {
					t.Errorf("got output %q, want %q in it", stderr, want)
				}
				if want := name + " stopped in"; !strings.Contains(stderr, want) {
					t.Errorf("got output %q, want %q in it", stderr, want)
				}
				mu.Lock()
				if seen[addresses[i]] {
					t.Errorf("got %s twice, want every launch to have its own", address.Host)
				}
				seen[addresses[i]] = true
				mu.Unlock()
			}
		})
	}
}

// TestAskTellsOtherServers holds a port that answers, but not as Postgres or
// Redis would: nothing may take it for its own server.
func TestAskTellsOtherServers(t *testing.T) {
	t.Parallel()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			fmt.Fprint(conn, "-WRONGPASS invalid username-password pair\r\n")
			conn.Close()
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	port := listener.Addr().(*net.TCPAddr).Port
	if err := askRedis(t.Context(), port, "word"); err == nil {
		t.Error("askRedis: got no error, want one")
	}
	if err := askPostgres(t.Context(), "tcp", listener.Addr().String()); err == nil {
		t.Error("askPostgres: got no error, want one")
	}
}
