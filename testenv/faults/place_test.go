//go:build linux

package faults

import (
	"crypto/rand"
	"errors"
	"flag"
	"fmt"
	"net"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/testenv"
)

var long = flag.Bool("long", false, "run the long form: more rounds, and the rows that take long")

// What all tests share, from before the first to after the last.
var (
	program string // the built Usher
	folder  string // everything of this run; goes at its end
)

// haveServers reports whether the rows of Postgres and Redis run.
func haveServers() bool { return testenv.HasPostgres() && testenv.HasRedis() }

func TestMain(m *testing.M) {
	flag.Parse()
	os.Exit(func() int {
		// The tests wait for most of their time: more of them fit than there are
		// processors.
		err := flag.Set("test.parallel", "3")
		if err != nil {
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		if folder, err = os.MkdirTemp("/tmp", "usher-faults-"); err != nil { // the user postgres has to get through
			fmt.Fprintln(os.Stderr, err)
			return 1
		}
		defer os.RemoveAll(folder)
		program = filepath.Join(folder, "usher")
		build := exec.Command("go", "build", "-tags", "nomsgpack", "-o", program, "usher/server")
		build.Env = append(os.Environ(), "CGO_ENABLED=0")
		output, err := build.CombinedOutput()
		if err = errors.Join(err, os.Chmod(folder, 0o711)); err != nil {
			fmt.Fprintf(os.Stderr, "building Usher: %v\n%s", err, output)
			return 1
		}
		code := m.Run()
		report()
		return code
	}())
}

// server is a Postgres or a Redis of a test's own, which can be killed and
// started again on the same port.
type server struct {
	address  string // 127.0.0.1:port
	password string
	data     string // Postgres: the cluster
	command  func() *exec.Cmd
	cmd      *exec.Cmd
	ended    chan struct{}
}

// start starts the server and waits until it takes connections.
func (s *server) start(t *testing.T) {
	t.Helper()
	s.cmd = s.command()
	log, err := os.OpenFile(filepath.Join(folder, filepath.Base(s.cmd.Path)+".log"), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	s.cmd.Stdout, s.cmd.Stderr = log, log
	dieWithUs(s.cmd)
	if err := s.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	s.ended = ended
	go func() {
		_ = s.cmd.Wait()
		close(ended)
	}()
	eventually(t, time.Minute, "a server that answers", func() error {
		conn, err := net.DialTimeout("tcp", s.address, time.Second)
		if err != nil {
			return err
		}
		return conn.Close()
	})
}

// dieWithUs has the kernel end the process when the test ends without doing so.
func dieWithUs(cmd *exec.Cmd) {
	if cmd.SysProcAttr == nil {
		cmd.SysProcAttr = &syscall.SysProcAttr{}
	}
	cmd.SysProcAttr.Pdeathsig = syscall.SIGKILL
}

// end signals the server and waits until it is gone.
func (s *server) end(t *testing.T, signal syscall.Signal) {
	t.Helper()
	if err := s.cmd.Process.Signal(signal); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	select {
	case <-s.ended:
	case <-time.After(time.Minute):
		t.Fatalf("got a server that does not end at %s", signal)
	}
}

// newRedis starts a Redis that writes nothing to disk.
func newRedis(t *testing.T) *server {
	t.Helper()
	s := &server{address: freeAddress(t), password: strings.ToLower(rand.Text())}
	_, port, _ := net.SplitHostPort(s.address)
	s.command = func() *exec.Cmd {
		cmd := exec.Command("redis-server", "-")
		cmd.Dir = folder
		cmd.Stdin = strings.NewReader(fmt.Sprintf("bind 127.0.0.1\nport %s\nrequirepass %s\nsave \"\"\nappendonly no\n", port, s.password))
		return cmd
	}
	s.start(t)
	t.Cleanup(func() { s.end(t, syscall.SIGKILL) })
	return s
}

// redisCLI gives the Redis a command and returns its answer.
func (s *server) redisCLI(t *testing.T, words ...string) string {
	t.Helper()
	_, port, _ := net.SplitHostPort(s.address)
	cmd := exec.Command("redis-cli", append([]string{"-p", port}, words...)...)
	cmd.Env = []string{"REDISCLI_AUTH=" + s.password}
	output, err := cmd.CombinedOutput()
	if err != nil {
		t.Fatalf("redis-cli %v: %v\n%s", words, err, output)
	}
	return strings.TrimSpace(string(output))
}

// postgresBin is the folder of the newest Postgres here.
func postgresBin(t *testing.T) string {
	t.Helper()
	if path, err := exec.LookPath("postgres"); err == nil {
		// A link to postgres alone says nothing of where the others are.
		if path, err = filepath.EvalSymlinks(path); err != nil {
			t.Fatal(err)
		}
		return filepath.Dir(path)
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin")
	if len(found) == 0 {
		t.Fatal("got no Postgres, want one in PATH or below /usr/lib/postgresql")
	}
	return found[len(found)-1]
}

// newPostgres makes a cluster and starts it. It flushes its log as in earnest.
func newPostgres(t *testing.T) *server {
	t.Helper()
	bin, owner := postgresBin(t), serverOwner(t)
	home, err := os.MkdirTemp(folder, "postgres-")
	if err != nil {
		t.Fatal(err)
	}
	s := &server{address: freeAddress(t), password: strings.ToLower(rand.Text()), data: filepath.Join(home, "data")}
	secret := filepath.Join(home, "password")
	if err := os.WriteFile(secret, []byte(s.password), 0o600); err != nil {
		t.Fatal(err)
	}
	if owner != nil {
		for _, path := range []string{home, secret} {
			if err := os.Chown(path, int(owner.Uid), int(owner.Gid)); err != nil {
				t.Fatal(err)
			}
		}
	}
	as := func(name string, arguments ...string) *exec.Cmd {
		cmd := exec.Command(filepath.Join(bin, name), arguments...)
		cmd.Dir, cmd.Env = home, []string{"PATH=" + os.Getenv("PATH"), "LC_ALL=C"}
		cmd.SysProcAttr = &syscall.SysProcAttr{Credential: owner}
		return cmd
	}
	output, err := as("initdb", "-D", s.data, "-U", "postgres", "--pwfile", secret, "--auth=password",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions").CombinedOutput()
	if err != nil {
		t.Fatalf("initdb: %v\n%s", err, output)
	}
	_, port, _ := net.SplitHostPort(s.address)
	s.command = func() *exec.Cmd {
		return as("postgres", "-D", s.data, "-k", home, "-p", port, "-c", "listen_addresses=127.0.0.1",
			"-c", "max_connections=40", "-c", "deadlock_timeout=100ms", "-c", "jit=off", "-c", "shared_buffers=32MB")
	}
	s.start(t)
	eventually(t, time.Minute, "a Postgres that takes statements", func() error { return s.sql("SELECT 1") })
	t.Cleanup(func() { s.end(t, syscall.SIGQUIT) })
	return s
}

// serverOwner is who runs Postgres, which refuses to run as root; nil is
// ourselves.
func serverOwner(t *testing.T) *syscall.Credential {
	t.Helper()
	if os.Geteuid() != 0 {
		return nil
	}
	for _, name := range []string{"postgres", "nobody"} {
		if account, err := user.Lookup(name); err == nil {
			uid, uidErr := strconv.ParseUint(account.Uid, 10, 32)
			gid, gidErr := strconv.ParseUint(account.Gid, 10, 32)
			if uidErr == nil && gidErr == nil {
				return &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
			}
		}
	}
	t.Fatal("got no user postgres or nobody, want one: Postgres does not run as root")
	return nil
}

// freeAddress is a loopback address of the test's own: servers are killed and
// started again there.
func freeAddress(t *testing.T) string {
	t.Helper()
	return net.JoinHostPort("127.0.0.1", strconv.Itoa(testenv.FreePort(t)))
}

// again is how soon somebody tries again whom a fault has met: one link may not
// come more often for long.
const again = 100 * time.Millisecond

// eventually asks until there is no error, and returns how long that took.
func eventually(t *testing.T, within time.Duration, want string, ask func() error) time.Duration {
	t.Helper()
	begun := time.Now()
	tick := time.NewTicker(again)
	defer tick.Stop()
	for {
		err := ask()
		took := time.Since(begun)
		if err == nil {
			return took
		}
		if took > within {
			t.Fatalf("got %v after %s, want %s", err, took.Round(time.Millisecond), want)
		}
		<-tick.C
	}
}

// twice starts a second instance on the same stores. People come to the two by turns.
func (w *world) twice(t *testing.T) {
	t.Helper()
	second := w.usher.twin()
	second.start(t)
	t.Cleanup(func() { second.stop(t) })
	w.doors = []*door{&w.usher.door, &second.door}
}
