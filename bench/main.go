// Command bench measures Usher beside the limits of the machine, all of them
// in the same run:
//
//	go run ./testenv/launch -durable -with postgres,redis -- go run ./bench
//
// What happens:
//
//	build    the server as "make build" makes it, gin's hello world, and the
//	         textbook transaction
//	load     people: a few by real first sign-ins, all others as the same rows
//	         with other names; some of them sign in, to see that they are as real
//	count    SQL and Redis round trips of single requests, through proxies;
//	         the statements that pgbench will run are taken from there
//	measure  in rounds; each round measures everything once, so that what
//	         else the machine does meets all of them alike
//	weigh    what a request allocates, in a pass of its own
//	report   medians with the lowest and highest round, and the budgets
//
// With -growth it measures instead how the cost grows with what is there.
//
// Usher, gin, the load and the databases are processes of their own. The load
// stays on loopback and is bounded in time, connections and requests. Every
// answer's status is checked; a wrong one ends the run.
//
// DATABASE_URL and REDIS_URL name the servers, which have to run on this
// machine. Each run has a database of its own, which is dropped at the end; with
// -keep the loaded one stays, and the next run begins with a copy of it. The
// sessions stay in Redis until they expire, so give it one that can be thrown
// away. Loading needs a superuser, because foreign keys are not checked.
package main

import (
	"context"
	"encoding/json"
	"errors"
	"flag"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	defer stop()
	switch err := bench(ctx, os.Args[1:]); {
	case err == nil || errors.Is(err, flag.ErrHelp):
	case ctx.Err() != nil:
		say("interrupted; everything that was started has ended")
		os.Exit(1)
	default:
		say("%v", err)
		os.Exit(1)
	}
}

// options is the parsed command line.
type options struct {
	users       int     // people loaded before the first round
	seconds     float64 // length of one measurement
	rounds      int
	connections []int
	quick       bool
	growth      bool // how the cost grows, instead of the table
	keep        bool // the loaded database stays for later runs
	json        bool
	only        *regexp.Regexp // rows to measure; nil = all
	page        string         // path of a page that the results are written into; "" = print them
	profile     string         // path of a CPU profile to write instead of a report; "" = none
	drive       bool           // be the load generator of another bench
}

// wants reports whether a row is to be measured.
func (o options) wants(row string) bool { return o.only == nil || o.only.MatchString(row) }

func parse(args []string, out io.Writer) (options, error) {
	var o options
	flags := flag.NewFlagSet("bench", flag.ContinueOnError)
	flags.SetOutput(out)
	flags.BoolVar(&o.quick, "quick", false, "less of everything: under two minutes")
	flags.BoolVar(&o.growth, "growth", false, "measure how the cost grows with people, groups, sessions and instances, with -users more people than a million too")
	flags.IntVar(&o.users, "users", 0, "`people` loaded before the first round (default 1000000, quick 4000)")
	flags.Float64Var(&o.seconds, "seconds", 0, "`length` of one measurement (default 4, quick 0.6)")
	flags.IntVar(&o.rounds, "rounds", 3, "rounds, each of which measures everything once")
	connections := flags.String("connections", "", "how many connections to measure with (default 1,16, quick 16)")
	only := flags.String("only", "", "measure only rows whose name matches this `expression`")
	flags.StringVar(&o.profile, "profile", "", "measure only one row (-only; else unchanged sign-ins) and write a CPU profile of the server to this `file`, and one of what it allocates beside it")
	flags.BoolVar(&o.keep, "keep", false, "leave the loaded database on the server, and begin with a copy of it the next time")
	flags.StringVar(&o.page, "into", "", "write the results into this `page`, between its marks, instead of printing them")
	flags.BoolVar(&o.json, "json", false, "print the results as JSON")
	flags.BoolVar(&o.drive, "drive", false, "generate load as told on standard input; the benchmark starts itself with this")
	if err := flags.Parse(args); err != nil {
		return o, err
	}
	fallback := struct {
		users   int
		seconds float64
		with    string
	}{1_000_000, 4, "1,16"}
	if o.quick {
		fallback.users, fallback.seconds, fallback.with = 4_000, 0.6, "16"
	}
	if o.users == 0 {
		o.users = fallback.users
	}
	if o.seconds == 0 {
		o.seconds = fallback.seconds
	}
	if *connections == "" {
		*connections = fallback.with
	}
	for item := range strings.SplitSeq(*connections, ",") {
		n, err := strconv.Atoi(strings.TrimSpace(item))
		if err != nil || n < 1 || n > 256 {
			return o, fmt.Errorf("-connections: %q is not a number from 1 to 256", item)
		}
		o.connections = append(o.connections, n)
	}
	if *only != "" {
		var err error
		if o.only, err = regexp.Compile(*only); err != nil {
			return o, fmt.Errorf("-only: %w", err)
		}
	}
	if o.profile != "" {
		var err error
		if o.profile, err = filepath.Abs(o.profile); err != nil {
			return o, fmt.Errorf("-profile: %w", err)
		}
	}
	switch {
	case flags.NArg() > 0:
		return o, fmt.Errorf("unexpected argument %q", flags.Arg(0))
	case o.users < minPeople || o.users > 5_000_000:
		return o, fmt.Errorf("-users: want %d to 5000000, got %d", minPeople, o.users)
	case o.seconds < 0.2 || o.seconds > 60:
		return o, fmt.Errorf("-seconds: want 0.2 to 60, got %v", o.seconds)
	case o.rounds < 1 || o.rounds > 99:
		return o, fmt.Errorf("-rounds: want 1 to 99, got %d", o.rounds)
	}
	return o, nil
}

func bench(ctx context.Context, args []string) (err error) {
	o, err := parse(args, os.Stderr)
	if err != nil {
		return err
	}
	if o.drive {
		return drive(os.Stdin, os.Stdout)
	}
	databaseURL, redisURL := os.Getenv("DATABASE_URL"), os.Getenv("REDIS_URL")
	if o.growth {
		g, err := grow(ctx, o, databaseURL, redisURL)
		if err != nil {
			return err
		}
		return give(g, o, "growth")
	}
	r, err := measureAll(ctx, o, databaseURL, redisURL)
	if err != nil || r == nil { // there is only a profile
		return err
	}
	return give(r, o, "bench")
}

// give tells what was found out: on standard output, or in a page.
func give(found interface{ print(out io.Writer) error }, o options, mark string) error {
	switch {
	case o.json:
		out := json.NewEncoder(os.Stdout)
		out.SetIndent("", "  ")
		return out.Encode(found)
	case o.page == "":
		return found.print(os.Stdout)
	}
	var text strings.Builder
	if err := found.print(&text); err != nil {
		return err
	}
	return intoPage(o.page, mark, text.String())
}

// say prints one line of progress.
func say(format string, args ...any) { fmt.Fprintf(os.Stderr, "bench: "+format+"\n", args...) }
