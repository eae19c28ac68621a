package main

import (
	"bytes"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"time"
)

const (
	startLimit  = 60 * time.Second // from the start of a server to its first answer
	stopLimit   = 10 * time.Second // from the polite signal to the next stronger one
	askEvery    = 20 * time.Millisecond
	portRetries = 5 // times that somebody else may take the free port first
)

// server is a process that we started and must stop.
type server struct {
	name     string
	cmd      *exec.Cmd
	log      string           // path of its output
	end      []syscall.Signal // polite first
	patience time.Duration    // between one signal and the next stronger one
	ended    chan struct{}    // closed when the process is gone and cmd.ProcessState says how
}

// errEnded says that a server ended before it answered.
var errEnded = errors.New("ended before it answered")

// startOnFreePort starts what build returns for a free port, and waits until
// ask, which must not be content with some other server on that port, finds
// it ready. When somebody took the port in between, it tries another one.
func startOnFreePort(
	ctx context.Context, o owner, name, log string, end []syscall.Signal,
	build func(port int) *exec.Cmd, ask func(ctx context.Context, port int) error,
) (*server, int, error) {
	var err error
	for range portRetries {
		var port int
		if port, err = freePort(); err != nil {
			return nil, 0, err
		}
		s := &server{name: name, cmd: build(port), log: log, end: end, patience: stopLimit, ended: make(chan struct{})}
		if err = s.start(o); err != nil {
			return nil, 0, err
		}
		err = s.await(ctx, func(ctx context.Context) error { return ask(ctx, port) })
		if err == nil {
			return s, port, nil
		}
		s.stop(func(string, ...any) {})
		if !errors.Is(err, errEnded) {
			break
		}
	}
	return nil, 0, err
}

func (s *server) start(o owner) error {
	output, err := os.Create(s.log)
	if err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	defer output.Close()
	s.cmd.Stdout, s.cmd.Stderr = output, output
	detach(s.cmd, o, s.end[0])
	if err := s.cmd.Start(); err != nil {
		return fmt.Errorf("%s: %w", s.name, err)
	}
	go func() {
		_ = s.cmd.Wait() // read from ProcessState
		close(s.ended)
	}()
	return nil
}

// await asks until the server answers, ends, or has had its time.
func (s *server) await(ctx context.Context, ask func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	tick := time.NewTicker(askEvery)
	defer tick.Stop()
	for {
		err := ask(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-s.ended:
			return fmt.Errorf("%s %w (%v):\n%s", s.name, errEnded, s.cmd.ProcessState, s.lastWords())
		case <-ctx.Done():
			return fmt.Errorf("%s does not answer: %w:\n%s", s.name, err, s.lastWords())
		case <-tick.C:
		}
	}
}

// stop ends the server, with stronger signals while it does not listen. A
// server that is already gone has broken down during the run: that is said.
func (s *server) stop(say speaker) {
	select {
	case <-s.ended:
		say("%s ended by itself (%v):\n%s", s.name, s.cmd.ProcessState, s.lastWords())
		return
	default:
	}
	begun := time.Now()
	for _, strength := range append(s.end, syscall.SIGKILL) {
		if err := s.cmd.Process.Signal(strength); err != nil && !errors.Is(err, os.ErrProcessDone) {
			say("%s: %v", s.name, err)
		}
		select {
		case <-s.ended:
			say("%s stopped in %s", s.name, time.Since(begun).Round(time.Millisecond))
			return
		case <-time.After(s.patience):
		}
	}
	say("%s (process %d) does not stop", s.name, s.cmd.Process.Pid)
}

func (s *server) lastWords() string {
	text, err := os.ReadFile(s.log)
	if err != nil {
		return err.Error()
	}
	return tail(text)
}

// tail returns the last lines of text.
func tail(text []byte) string {
	lines := bytes.Split(bytes.TrimSpace(text), []byte("\n"))
	return string(bytes.Join(lines[max(0, len(lines)-12):], []byte("\n")))
}

// freePort returns a loopback port that was free a moment ago.
func freePort() (int, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return 0, fmt.Errorf("free port: %w", err)
	}
	address := listener.Addr().String()
	if err := listener.Close(); err != nil {
		return 0, fmt.Errorf("free port: %w", err)
	}
	_, port, err := net.SplitHostPort(address)
	if err != nil {
		return 0, fmt.Errorf("free port: %w", err)
	}
	return strconv.Atoi(port)
}

// temporaryFolder makes a folder that the servers' owner can pass through,
// wherever TMPDIR points.
func temporaryFolder(o owner) (string, error) {
	base := os.TempDir()
	if o != nil && !open(base) {
		base = "/tmp"
	}
	folder, err := os.MkdirTemp(base, "usher-test-")
	if err != nil {
		return "", err
	}
	if o != nil {
		err = os.Chmod(folder, 0o711)
	}
	return folder, err
}

// open reports whether every folder on the way to path lets everybody pass.
func open(path string) bool {
	for path = filepath.Clean(path); ; path = filepath.Dir(path) {
		info, err := os.Stat(path)
		if err != nil || info.Mode().Perm()&0o001 == 0 {
			return false
		}
		if path == filepath.Dir(path) {
			return true
		}
	}
}

// makeFolder makes a folder that only the servers' owner can read.
func makeFolder(o owner, path string) error {
	if err := os.Mkdir(path, 0o700); err != nil {
		return err
	}
	return giveTo(o, path)
}

// password returns 130 random bits in lower case.
func password() string { return strings.ToLower(rand.Text()) }
