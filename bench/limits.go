package main

import (
	"context"
	"encoding/csv"
	"errors"
	"fmt"
	"math"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
)

// pgbench runs a script of statements against the schema.
type pgbench struct {
	program  string
	database *database
	script   string // path
	settings []string
	swap     *swap // of people whom the script expects in a state; nil = none
}

// newPgbench writes the script down and proves that each of its runs adds one
// row to table: statements that find nobody would be fast.
func newPgbench(ctx context.Context, d *database, folder, name, script, table string, w *swap, settings ...string) (*pgbench, error) {
	program, err := findProgram("pgbench")
	if err != nil {
		return nil, err
	}
	p := &pgbench{program: program, database: d, script: filepath.Join(folder, name+".sql"), settings: settings, swap: w}
	if err := os.WriteFile(p.script, []byte(script), 0o600); err != nil {
		return nil, err
	}
	counted := func() (int, error) {
		text, err := d.ask(ctx, "SELECT count(*) FROM "+table)
		if err != nil {
			return 0, err
		}
		return strconv.Atoi(text)
	}
	before, err := counted()
	if err != nil {
		return nil, err
	}
	const runs = 20
	if err := p.restore(ctx); err != nil {
		return nil, err
	}
	if _, err := p.run(ctx, 1, "-t", strconv.Itoa(runs)); err != nil {
		return nil, err
	}
	after, err := counted()
	if err != nil {
		return nil, err
	}
	if after-before != runs {
		return nil, fmt.Errorf("pgbench: %d runs of %s added %d rows to %s, want as many", runs, name, after-before, table)
	}
	return p, nil
}

// restore puts people right whom the script expects in a state.
func (p *pgbench) restore(ctx context.Context) error {
	if p.swap == nil {
		return nil
	}
	_, err := p.database.ask(ctx, p.swap.restore)
	return err
}

var (
	pgbenchFirst = regexp.MustCompile(`(?m)^progress: ([0-9.]+) s, ([0-9.]+) tps`)
	pgbenchRate  = regexp.MustCompile(`(?m)^tps = ([0-9.]+) \(without initial connection time\)`)
	pgbenchDone  = regexp.MustCompile(`(?m)^number of transactions actually processed: ([0-9]+)`)
	pgbenchFail  = regexp.MustCompile(`(?m)^number of failed transactions: ([1-9][0-9]*)`)
)

// measure runs the script for a while. The first second does not count: in it
// each connection makes its plans.
func (p *pgbench) measure(ctx context.Context, connections int, seconds float64) (tally, error) {
	return p.run(ctx, connections, "-P", "1", "-T", strconv.Itoa(1+int(math.Ceil(seconds))))
}

func (p *pgbench) run(ctx context.Context, connections int, limit ...string) (tally, error) {
	arguments := append([]string{
		"-n", "-M", "prepared", "-f", p.script,
		"-c", strconv.Itoa(connections), "-j", strconv.Itoa(min(2, connections)),
	}, limit...)
	if p.swap != nil {
		arguments = append(arguments, p.swap.variables(connections)...)
	}
	cmd := exec.CommandContext(ctx, p.program, arguments...) //nolint:gosec // found by us
	cmd.Env = p.database.options(p.settings...)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return tally{}, fmt.Errorf("pgbench: %w\n%s", err, output)
	}
	return readPgbench(string(output))
}

func readPgbench(output string) (tally, error) {
	rate, done := pgbenchRate.FindStringSubmatch(output), pgbenchDone.FindStringSubmatch(output)
	if rate == nil || done == nil || pgbenchFail.MatchString(output) {
		return tally{}, fmt.Errorf("pgbench says something else than expected:\n%s", output)
	}
	perSecond, err := strconv.ParseFloat(rate[1], 64)
	n, also := strconv.Atoi(done[1])
	if err = errors.Join(err, also); err != nil || perSecond <= 0 {
		return tally{}, errors.Join(errors.New("pgbench: no rate"), err)
	}
	t := tally{All: n, Counted: n, Seconds: float64(n) / perSecond}
	if first := pgbenchFirst.FindStringSubmatch(output); first != nil {
		seconds, err := strconv.ParseFloat(first[1], 64)
		rate, also := strconv.ParseFloat(first[2], 64)
		if err = errors.Join(err, also); err != nil {
			return tally{}, fmt.Errorf("pgbench: %w", err)
		}
		t.Counted -= int(seconds * rate)
		t.Seconds -= seconds
	}
	return t, nil
}

// redisValue is about as many bytes as a session.
const redisValue = 300

// redisBenchmark measures GET and SET, not pipelined.
func redisBenchmark(ctx context.Context, program string, c *cache, connections int, seconds float64) (get, set tally, err error) {
	requests := int(8000 * seconds)
	if connections > 1 {
		requests *= 4
	}
	arguments := []string{
		"-h", c.url.Hostname(), "-p", c.url.Port(), "--dbnum", "15",
		"-t", "set,get", "-n", strconv.Itoa(requests), "-c", strconv.Itoa(connections),
		"-d", strconv.Itoa(redisValue), "-r", "10000", "--csv", "--precision", "3",
	}
	if secret, ok := c.url.User.Password(); ok {
		// It takes a password in no other way. For as long as it runs, others
		// on this machine can see that of a Redis that is to be thrown away.
		arguments = append(arguments, "-a", secret)
		if user := c.url.User.Username(); user != "" {
			arguments = append(arguments, "--user", user)
		}
	}
	output, err := exec.CommandContext(ctx, program, arguments...).Output() //nolint:gosec // found by us
	if err != nil {
		return get, set, fmt.Errorf("redis-benchmark: %w", err)
	}
	return readRedisBenchmark(string(output), requests)
}

// readRedisBenchmark reads the table that it prints:
// test, rps, mean, min, p50, p95, p99, max.
func readRedisBenchmark(output string, requests int) (get, set tally, err error) {
	reader := csv.NewReader(strings.NewReader(output))
	reader.FieldsPerRecord = -1
	records, err := reader.ReadAll()
	if err != nil {
		return get, set, fmt.Errorf("redis-benchmark: %w", err)
	}
	for _, record := range records {
		if len(record) < 8 || record[0] != "GET" && record[0] != "SET" {
			continue
		}
		var n [8]float64
		for i := 1; i < 8; i++ {
			if n[i], err = strconv.ParseFloat(record[i], 64); err != nil {
				return get, set, fmt.Errorf("redis-benchmark: %w", err)
			}
		}
		t := tally{All: requests, Counted: requests, Seconds: float64(requests) / n[1], P50: n[4], P99: n[6]}
		if record[0] == "GET" {
			get = t
		} else {
			set = t
		}
	}
	if get.Seconds <= 0 || set.Seconds <= 0 {
		return get, set, fmt.Errorf("redis-benchmark says something else than expected:\n%s", output)
	}
	return get, set, nil
}
