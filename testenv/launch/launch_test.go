package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// asLauncher makes this test binary be the launcher, so that tests can run
// and signal a real one.
const asLauncher = "TESTENV_LAUNCH"

func TestMain(m *testing.M) {
	if os.Getenv(asLauncher) != "" {
		main()
	}
	os.Exit(m.Run())
}

// launcher prepares a launcher with its own TMPDIR, without servers given.
func launcher(t *testing.T, args ...string) (cmd *exec.Cmd, folder string) {
	t.Helper()
	folder = t.TempDir()
	cmd = exec.CommandContext(t.Context(), os.Args[0], args...)
	cmd.Env = append(os.Environ(), asLauncher+"=1", "TMPDIR="+folder, "DATABASE_URL=", "REDIS_URL=")
	return cmd, folder
}

// finish runs cmd and returns its exit code and what it printed.
func finish(t *testing.T, cmd *exec.Cmd) (code int, stdout, stderr string) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd.Stdout, cmd.Stderr = &out, &errOut
	if err := cmd.Run(); err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), out.String(), errOut.String()
}

func leftIn(t *testing.T, folder string) []string {
	t.Helper()
	left, err := filepath.Glob(filepath.Join(folder, "*"))
	if err != nil {
		t.Fatal(err)
	}
	return left
}

func TestParse(t *testing.T) {
	t.Parallel()
	all := []string{"postgres", "redis", "chromium", "nginx", "caddy", "haproxy", "pgbouncer", "cc"}
	for _, test := range []struct {
		args []string
		want options
	}{
		{[]string{"--", "go", "test", "-race"}, options{with: all, install: true, command: []string{"go", "test", "-race"}}},
		{[]string{"-no-install", "true"}, options{with: all, command: []string{"true"}}},
		{[]string{"-with", "redis, cc", "-durable", "--", "x"}, options{with: []string{"redis", "cc"}, install: true, durable: true, command: []string{"x"}}},
		{[]string{"-with=", "x"}, options{install: true, command: []string{"x"}}},
	} {
		got, err := parse(test.args, io.Discard)
		if err != nil {
			t.Errorf("parse(%q): %v", test.args, err)
		}
		if diff := cmp.Diff(test.want, got, cmp.AllowUnexported(options{})); diff != "" {
			t.Errorf("parse(%q): -want +got:\n%s", test.args, diff)
		}
	}
	for _, args := range [][]string{nil, {"--"}, {"-unknown", "x"}} {
		if got, err := parse(args, io.Discard); err == nil {
			t.Errorf("parse(%q): got %+v, want an error", args, got)
		}
	}
}

func TestExitCodes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		args []string
		want int
	}{
		{"the command's success", []string{"-with=", "--", "true"}, 0},
		{"the command's own code", []string{"-with=", "--", "sh", "-c", "exit 7"}, 7},
		{"the command's death", []string{"-with=", "--", "sh", "-c", "kill -KILL $$"}, 137},
		{"no command", []string{"-with="}, exitUsage},
		{"an unknown need", []string{"-with=teapot", "--", "true"}, exitFailed},
		{"an unknown command", []string{"-with=", "--", "/no/such/command"}, exitFailed},
		{"help", []string{"-h"}, 0},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			cmd, folder := launcher(t, test.args...)
			if got, _, stderr := finish(t, cmd); got != test.want {
				t.Errorf("got code %d, want %d:\n%s", got, test.want, stderr)
			}
			if left := leftIn(t, folder); len(left) > 0 {
				t.Errorf("got %v left behind, want nothing", left)
			}
		})
	}
}

func TestOneLineForEachMissingThing(t *testing.T) {
	t.Parallel()
	cmd, _ := launcher(t, "-no-install", "-with=redis,chromium,cc", "--", "true")
	cmd.Env = append(cmd.Env, "PATH="+t.TempDir(), "CHROMIUM=", "CC=")
	code, _, stderr := finish(t, cmd)
	lines := strings.Split(strings.TrimSpace(stderr), "\n")
	if code != exitFailed || len(lines) != 3 {
		t.Fatalf("got code %d and %d lines, want 1 and 3:\n%s", code, len(lines), stderr)
	}
	for i, want := range []string{"redis is missing: install", "chromium is missing: install", "cc is missing: install"} {
		if !strings.Contains(lines[i], want) {
			t.Errorf("got line %q, want %q in it", lines[i], want)
		}
	}
}

func TestGivenServersAreHandedOn(t *testing.T) {
	t.Parallel()
	cmd, _ := launcher(t, "-no-install", "-with=postgres,redis", "--", "sh", "-c", "echo $DATABASE_URL $REDIS_URL $USHER_TEST_SERVERS")
	cmd.Env = append(cmd.Env, "PATH=/usr/bin:/bin", "DATABASE_URL=postgres://a/b", "REDIS_URL=redis://c")
	code, got, stderr := finish(t, cmd)
	if want := "postgres://a/b redis://c required\n"; code != 0 || got != want {
		t.Errorf("got code %d, %q, want 0, %q:\n%s", code, got, want, stderr)
	}
}

func TestSignalsReachTheCommandAndItsChildren(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		signal syscall.Signal
		want   int
	}{{syscall.SIGTERM, 143}, {syscall.SIGINT, 130}} {
		t.Run(test.signal.String(), func(t *testing.T) {
			t.Parallel()
			// cat has the other end of the pipe: reading it to its end
			// shows that the children are gone as well.
			cmd, folder := launcher(t, "-with=", "--", "sh", "-c", "sleep 600 & sleep 600 & echo started; wait")
			output, err := cmd.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := cmd.Start(); err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(output, make([]byte, len("started\n"))); err != nil {
				t.Fatal(err)
			}
			if err := cmd.Process.Signal(test.signal); err != nil {
				t.Fatal(err)
			}
			if rest, err := io.ReadAll(output); err != nil || len(rest) > 0 {
				t.Errorf("got %q, %v, want the end", rest, err)
			}
			var exit *exec.ExitError
			if err := cmd.Wait(); !errors.As(err, &exit) || exit.ExitCode() != test.want {
				t.Errorf("got %v, want code %d", err, test.want)
			}
			if left := leftIn(t, folder); len(left) > 0 {
				t.Errorf("got %v left behind, want nothing", left)
			}
		})
	}
}

func TestCancelWhenTheParentIsGone(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	parents := make(chan int, 1)
	parents <- 42
	parent := func() int {
		select {
		case p := <-parents:
			return p
		default:
			return 1
		}
	}
	var watch sync.WaitGroup
	watch.Go(func() { cancelOn(ctx, cancel, nil, parent) })
	watch.Wait()
	if got, want := context.Cause(ctx), error(stopped{syscall.SIGTERM}); !errors.Is(got, want) {
		t.Errorf("got cause %v, want %v", got, want)
	}
}

func TestServerThatEndsAtOnceIsTriedAgain(t *testing.T) {
	t.Parallel()
	owner, err := serverOwner()
	if err != nil {
		t.Fatal(err)
	}
	folder, err := temporaryFolder(owner)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { os.RemoveAll(folder) })
	var ports []int
	build := func(port int) *exec.Cmd {
		ports = append(ports, port)
		if len(ports) < 3 {
			return exec.Command("sh", "-c", "echo the port is taken; exit 1")
		}
		return exec.Command("sleep", "600")
	}
	ask := func(context.Context, int) error {
		if len(ports) < 3 {
			return errors.New("no answer")
		}
		return nil
	}
	s, port, err := startOnFreePort(t.Context(), owner, "sleeper", filepath.Join(folder, "log"), []syscall.Signal{syscall.SIGTERM}, build, ask)
	if err != nil {
		t.Fatal(err)
	}
	s.stop(t.Logf)
	if len(ports) != 3 || port != ports[2] {
		t.Errorf("got port %d after %v, want the third", port, ports)
	}

	never := func(int) *exec.Cmd { return exec.Command("sh", "-c", "echo the disk is full; exit 1") }
	_, _, err = startOnFreePort(t.Context(), owner, "sleeper", filepath.Join(folder, "log"), []syscall.Signal{syscall.SIGTERM}, never,
		func(context.Context, int) error { return errors.New("no answer") })
	if err == nil || !strings.Contains(err.Error(), "the disk is full") {
		t.Errorf("got %v, want the server's last words", err)
	}
}

func TestStopUsesStrongerSignals(t *testing.T) {
	t.Parallel()
	for name, end := range map[string][]syscall.Signal{
		"the second signal works": {syscall.SIGINT, syscall.SIGTERM},
		"only SIGKILL works":      {syscall.SIGINT},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := &server{
				name: "stubborn", log: filepath.Join(t.TempDir(), "log"),
				cmd: exec.Command("sh", "-c", "trap '' INT; echo ready; exec sleep 600"),
				end: end, patience: 20 * time.Millisecond, ended: make(chan struct{}),
			}
			if err := s.start(nil); err != nil {
				t.Fatal(err)
			}
			ready := func(context.Context) error {
				if s.lastWords() != "ready" {
					return errors.New("not ready")
				}
				return nil
			}
			if err := s.await(t.Context(), ready); err != nil {
				t.Fatal(err)
			}
			s.stop(t.Logf)
			select {
			case <-s.ended:
			default:
				t.Error("got a running process, want it gone")
			}
		})
	}
}

func TestOpen(t *testing.T) {
	t.Parallel()
	closed := filepath.Join(t.TempDir(), "closed")
	if err := os.MkdirAll(filepath.Join(closed, "inner"), 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(closed, 0o700); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{"/": true, closed: false, filepath.Join(closed, "inner"): false, "/no/such/folder": false} {
		if got := open(path); got != want {
			t.Errorf("open(%q): got %v, want %v", path, got, want)
		}
	}
}

func TestVersionOf(t *testing.T) {
	t.Parallel()
	for folder, want := range map[string]int{"/usr/lib/postgresql/15/bin": 15, "/usr/lib/postgresql/9.6/bin": 0, "/usr/bin": 0} {
		if got := versionOf(folder); got != want {
			t.Errorf("versionOf(%q): got %d, want %d", folder, got, want)
		}
	}
}
