package testenv

import (
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// RedisNode is a Redis or a Sentinel of a test's own, which can be killed and
// started again on the same port.
type RedisNode struct {
	Port     int
	Password string
	folder   string
	settings string // lines of its configuration; in a file, which a Sentinel writes to
	sentinel bool

	mu    sync.Mutex
	cmd   *exec.Cmd // nil = it does not run
	ended chan struct{}
}

// redisPatience is how long a test waits for servers to do what they do by
// themselves: start, agree, fail over.
const redisPatience = time.Minute

// newRedisNode makes the settings and starts the server, which ends with the
// test.
func newRedisNode(t testing.TB, port int, password string, sentinel bool, lines ...string) *RedisNode {
	t.Helper()
	n := &RedisNode{Port: port, Password: password, folder: t.TempDir(), sentinel: sentinel}
	n.settings = filepath.Join(n.folder, "redis.conf")
	text := fmt.Sprintf("bind 127.0.0.1\nport %d\ndir %s\n", port, n.folder)
	if !sentinel {
		text += fmt.Sprintf("save \"\"\nappendonly no\nrequirepass %s\nmasterauth %s\nrepl-diskless-sync-delay 0\n", password, password)
	}
	if err := os.WriteFile(n.settings, []byte(text+strings.Join(lines, "\n")+"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { n.Kill(t) })
	n.Start(t)
	return n
}

// NewRedis starts a single Redis; more are lines of its redis.conf.
func NewRedis(t testing.TB, more ...string) *RedisNode {
	t.Helper()
	password := redisPassword()
	return newRedisNode(t, FreePort(t), password, false, more...)
}

// NewReplica starts a Redis that follows another one, and waits until it has
// what that has.
func NewReplica(t testing.TB, of *RedisNode, more ...string) *RedisNode {
	t.Helper()
	lines := append([]string{fmt.Sprintf("replicaof 127.0.0.1 %d", of.Port)}, more...)
	n := newRedisNode(t, FreePort(t), of.Password, false, lines...)
	n.awaitFollowing(t, of)
	return n
}

// awaitFollowing waits until n says that it follows master, and master that n does:
// it says so only when n has first confirmed something, a moment later.
func (n *RedisNode) awaitFollowing(t testing.TB, master *RedisNode) {
	t.Helper()
	for node, line := range map[*RedisNode]string{n: "connected", master: strconv.Itoa(n.Port)} {
		awaitRedis(t, "a replica that follows", func() error {
			role, err := node.Ask("ROLE")
			if err == nil && !strings.Contains(role, "\n"+line+"\n") {
				err = fmt.Errorf("no line %q in role %q", line, role)
			}
			return err
		})
	}
}

// Address is where it listens.
func (n *RedisNode) Address() string { return net.JoinHostPort("127.0.0.1", strconv.Itoa(n.Port)) }

// URL is the address of a single Redis.
func (n *RedisNode) URL() string {
	return fmt.Sprintf("redis://default:%s@%s/0", n.Password, n.Address())
}

// Start starts the server, if it does not run, and waits until it answers.
func (n *RedisNode) Start(t testing.TB) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd != nil {
		return
	}
	log, err := os.OpenFile(filepath.Join(n.folder, "log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	arguments := []string{n.settings}
	if n.sentinel {
		arguments = append(arguments, "--sentinel")
	}
	cmd := exec.Command(redisServer(t), arguments...)
	cmd.Stdout, cmd.Stderr = log, log
	dieWithTest(cmd)
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	n.cmd, n.ended = cmd, ended
	awaitRedis(t, "a Redis that answers at "+n.Address(), func() error {
		select {
		case <-ended:
			words, _ := os.ReadFile(filepath.Join(n.folder, "log"))
			t.Fatalf("got the end of the Redis at %s, want it to run:\n%s", n.Address(), words)
		default:
		}
		_, err := n.Ask("PING")
		return err
	})
}

// runs reports whether the server has been started and not been killed.
func (n *RedisNode) runs() bool {
	n.mu.Lock()
	defer n.mu.Unlock()
	return n.cmd != nil
}

// Kill ends the server as a power cut does.
func (n *RedisNode) Kill(t testing.TB) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.cmd == nil {
		return
	}
	if err := n.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Errorf("killing the Redis at %s: %v", n.Address(), err)
	}
	<-n.ended
	n.cmd = nil
}

// Hang stops the server in its tracks, until GoOn: connections stay, and nothing
// is answered.
func (n *RedisNode) Hang(t testing.TB) { n.signal(t, syscall.SIGSTOP) }

// GoOn ends Hang.
func (n *RedisNode) GoOn(t testing.TB) { n.signal(t, syscall.SIGCONT) }

func (n *RedisNode) signal(t testing.TB, signal syscall.Signal) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	if err := n.cmd.Process.Signal(signal); err != nil {
		t.Fatalf("the Redis at %s: %v", n.Address(), err)
	}
}

// Must gives the server a command and returns its answer as text, a line for
// each part.
func (n *RedisNode) Must(t testing.TB, words ...string) string {
	t.Helper()
	answer, err := n.Ask(words...)
	if err != nil {
		t.Fatalf("redis at %s: %s: %v", n.Address(), words[0], err)
	}
	return answer
}

// redisServer is the path of the server's program.
func redisServer(t testing.TB) string {
	t.Helper()
	for _, name := range []string{"redis-server", "valkey-server"} {
		if path, err := exec.LookPath(name); err == nil {
			return path
		}
	}
	t.Fatal("got no redis-server in PATH, want one: this test starts servers of its own")
	return ""
}

func redisPassword() string { return strings.ToLower(rand.Text()) }

// awaitRedis asks until there is no error.
func awaitRedis(t testing.TB, want string, ask func() error) time.Duration {
	t.Helper()
	begun := time.Now()
	tick := time.NewTicker(20 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		took := time.Since(begun)
		if err == nil {
			return took
		}
		if took > redisPatience {
			t.Fatalf("got %v after %s, want %s", err, took.Round(time.Millisecond), want)
		}
		<-tick.C
	}
}
