// Command launch runs a command, usually "go test", beside a private Postgres
// and a private Redis, and with a browser and two reverse proxies at hand:
//
//	go run ./testenv/launch -- go test -race -shuffle=on ./...
//
// What happens, one printed line a step:
//
//	find     each need: DATABASE_URL or REDIS_URL when given, else a program on this machine
//	install  what is missing, with apt-get, when root on Debian or Ubuntu; else say what to install
//	start    private servers on free loopback ports, in a temporary folder
//	run      the command, with the addresses in its environment
//	stop     the servers, and remove the folder, however the command ended; with
//	         -data the databases stay in a folder of their own
//
// The command sees DATABASE_URL, REDIS_URL, CHROMIUM, NGINX, CADDY, HAPROXY, PGBOUNCER and
// USHER_TEST_SERVERS=required, by which package testenv knows that nothing
// may be left out. With -partners it also sees USHER_TEST_PYTHON, _RUBY, _PHP and
// _NODE, as far as they are to be had. A server named by DATABASE_URL or REDIS_URL is neither
// started nor stopped.
//
// The exit code is the command's own; 1 when something is missing or does not
// start, 2 for wrong usage, 128+n when signal n ended the run. Launch also stops when
// the process that started it goes away, because "go run" does not pass
// SIGTERM on.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"runtime"
	"slices"
	"strings"
	"syscall"
	"time"
)

func main() {
	// The kernel ends the children of a launcher that was killed, and for
	// that it watches the thread that started them: this one must stay.
	runtime.LockOSThread()
	os.Exit(launch(os.Args[1:], os.Stderr))
}

// Exit codes of launch itself.
const (
	exitFailed = 1
	exitUsage  = 2
	exitSignal = 128 // plus the signal's number
)

// options is the parsed command line.
type options struct {
	with    []string // names of needs
	install bool     // install what is missing
	durable bool     // Postgres syncs its commits to disk, and has a quarter of the memory
	data    string   // folder in which Postgres's data stays; "" = they are removed
	partner bool     // find what partners run their signing code with
	command []string
}

func parse(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("launch", flag.ContinueOnError)
	flags.SetOutput(out)
	with := flags.String("with", "postgres,redis,chromium,nginx,caddy,haproxy,pgbouncer,cc", "what the command needs")
	noInstall := flags.Bool("no-install", false, "say what is missing, install nothing")
	flags.BoolVar(&o.partner, "partners", false, "find, or install, what partners sign links with: Python, Ruby, PHP, Node.js")
	flags.BoolVar(&o.durable, "durable", false, "let Postgres sync its commits to disk and take a quarter of the memory, for measurements")
	flags.StringVar(&o.data, "data", "", "leave Postgres's data in this `folder`, and go on with them the next time")
	flags.Usage = func() {
		fmt.Fprintln(out, "usage: go run ./testenv/launch [flags] -- command [arguments]")
		flags.PrintDefaults()
	}
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	o.install = !*noInstall
	o.command = flags.Args()
	for name := range strings.SplitSeq(*with, ",") {
		if name = strings.TrimSpace(name); name != "" {
			o.with = append(o.with, name)
		}
	}
	if len(o.command) == 0 {
		flags.Usage()
		return o, errors.New("no command given")
	}
	return o, nil
}

// launch does everything of the package comment and returns the exit code.
func launch(args []string, out io.Writer) int {
	say := newSpeaker(out)
	o, err := parse(args, out)
	if errors.Is(err, flag.ErrHelp) {
		return 0
	}
	if err != nil {
		say("%v", err)
		return exitUsage
	}
	ctx, cancel := context.WithCancelCause(context.Background())
	defer cancel(nil)
	signals := make(chan os.Signal, 4)
	signal.Notify(signals, syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer signal.Stop(signals)
	go cancelOn(ctx, cancel, signals, os.Getppid)

	code, err := run(ctx, o, say)
	if caught := (stopped{}); errors.As(context.Cause(ctx), &caught) {
		say("stopped by %v", caught.signal)
		return exitSignal + int(caught.signal)
	}
	if err != nil {
		for line := range strings.SplitSeq(err.Error(), "\n") {
			say("%s", line)
		}
	}
	return code
}

// run finds, installs, starts, runs and stops. The error is for what launch
// itself could not do; a command that fails is a code and no error.
func run(ctx context.Context, o options, say speaker) (code int, err error) {
	found, err := prepare(ctx, o, say)
	if err != nil {
		return exitFailed, err
	}
	env := []string{"USHER_TEST_SERVERS=required"}
	for name, variable := range map[string]string{"chromium": "CHROMIUM", "nginx": "NGINX", "caddy": "CADDY", "haproxy": "HAPROXY", "pgbouncer": "PGBOUNCER"} {
		if path := found[name]; path != "" {
			env = append(env, variable+"="+path)
		}
	}
	if o.partner {
		env = append(env, prepareLanguages(ctx, o, say)...)
	}

	owner, err := serverOwner()
	if err != nil {
		return exitFailed, err
	}
	folder, err := temporaryFolder(owner)
	if err != nil {
		return exitFailed, err
	}
	var started []*server
	defer func() {
		for _, s := range slices.Backward(started) {
			s.stop(say)
		}
		if removeErr := os.RemoveAll(folder); removeErr != nil {
			err = errors.Join(err, removeErr)
			code = max(code, exitFailed)
		}
	}()

	if path := found["postgres"]; path != "" {
		place, err := clusterPlace(ctx, path, folder, o.data, owner, say)
		if err != nil {
			return exitFailed, err
		}
		s, url, err := startPostgres(ctx, path, folder, place, owner, o.durable, say)
		if err != nil {
			return exitFailed, err
		}
		started = append(started, s)
		env = append(env, "DATABASE_URL="+url)
	}
	if path := found["redis"]; path != "" {
		s, url, err := startRedis(ctx, path, folder, owner, say)
		if err != nil {
			return exitFailed, err
		}
		started = append(started, s)
		env = append(env, "REDIS_URL="+url)
	}
	say("running %s", strings.Join(o.command, " "))
	begun := time.Now()
	code, err = runCommand(ctx, o.command, append(os.Environ(), env...))
	say("the command ended with code %d after %s", code, time.Since(begun).Round(100*time.Millisecond))
	return code, err
}

// A speaker prints one line of progress.
type speaker func(format string, args ...any)

func newSpeaker(out io.Writer) speaker {
	return func(format string, args ...any) { fmt.Fprintf(out, "launch: "+format+"\n", args...) }
}

// stopped is the cause of a context that a signal cancelled.
type stopped struct{ signal syscall.Signal }

func (s stopped) Error() string { return "stopped by " + s.signal.String() }

// cancelOn cancels at the first signal, or when the parent process is no
// longer the one that it was at the start.
func cancelOn(ctx context.Context, cancel context.CancelCauseFunc, signals <-chan os.Signal, parent func() int) {
	first := parent()
	tick := time.NewTicker(500 * time.Millisecond)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case s := <-signals:
			number, _ := s.(syscall.Signal)
			cancel(stopped{number})
			return
		case <-tick.C:
			if parent() != first {
				cancel(stopped{syscall.SIGTERM})
				return
			}
		}
	}
}
