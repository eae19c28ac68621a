package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// process is a server that the benchmark has started.
type process struct {
	cmd     *exec.Cmd
	in      io.Writer     // its standard input
	address string        // host:port
	metrics string        // host:port of the counters; "" = there are none
	beside  []*process    // others that answer the same requests
	log     string        // path of its standard error
	ready   time.Duration // from the start to the first answer
	ended   chan struct{}
}

// startLimit is how long a server may take to answer; stopLimit how long it
// may take to stop.
const (
	startLimit = 30 * time.Second
	stopLimit  = 30 * time.Second
)

// startProcess runs a program that will listen on address, and waits until it
// answers there to GET ready. Its log goes to a file in folder, as it would in
// earnest.
func startProcess(ctx context.Context, folder, program, address, ready string, env []string, arguments ...string) (*process, error) {
	name := filepath.Base(program)
	path := filepath.Join(folder, name+"-"+address[strings.LastIndexByte(address, ':')+1:]+".log")
	log, err := os.OpenFile(path, os.O_WRONLY|os.O_CREATE|os.O_APPEND, 0o600) //nolint:gosec // in our own folder
	if err != nil {
		return nil, err
	}
	defer log.Close()
	p := &process{
		cmd:     exec.CommandContext(ctx, program, arguments...), //nolint:gosec // built by us
		address: address, log: path, ended: make(chan struct{}),
	}
	p.cmd.Dir, p.cmd.Env, p.cmd.Stderr = folder, env, log
	p.cmd.Cancel = func() error { return p.cmd.Process.Signal(syscall.SIGTERM) }
	p.cmd.WaitDelay = stopLimit
	if p.in, err = p.cmd.StdinPipe(); err != nil {
		return nil, err
	}
	begun := time.Now()
	if err := p.cmd.Start(); err != nil {
		return nil, err
	}
	go func() {
		_ = p.cmd.Wait() // read from its log
		close(p.ended)
	}()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(startLimit)
	for {
		select {
		case <-p.ended:
			return nil, fmt.Errorf("%s did not start:\n%s", name, p.lastWords())
		case <-limit:
			return nil, errors.Join(fmt.Errorf("%s did not start in %s:\n%s", name, startLimit, p.lastWords()), p.stop())
		case <-tick.C:
		}
		if p.answers(ready) {
			p.ready = time.Since(begun)
			return p, nil
		}
	}
}

func (p *process) answers(target string) bool {
	c, err := dial(p.address)
	if err != nil {
		return false
	}
	defer c.close()
	if err := c.conn.SetDeadline(time.Now().Add(exchangeLimit)); err != nil {
		return false
	}
	status, err := c.do(get(publicHost, target, "", ""))
	return err == nil && status == 200
}

// freeAddress is a loopback address that was free a moment ago.
func freeAddress() (string, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return "", err
	}
	return listener.Addr().String(), listener.Close()
}

// stop ends the process politely and waits for it; nil has ended.
func (p *process) stop() error {
	if p == nil {
		return nil
	}
	if err := p.cmd.Process.Signal(syscall.SIGTERM); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return err
	}
	select {
	case <-p.ended:
		return nil
	case <-time.After(stopLimit):
		return fmt.Errorf("%s does not stop", filepath.Base(p.cmd.Path))
	}
}

// forget empties its log, lest writing it to disk disturb the databases.
func (p *process) forget() error { return os.Truncate(p.log, 0) }

// lastWords is the end of its log.
func (p *process) lastWords() string {
	text, err := os.ReadFile(p.log)
	if err != nil {
		return err.Error()
	}
	return string(text[max(0, len(text)-2000):])
}

func (p *process) pid() int { return p.cmd.Process.Pid }
