package main

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// database is a database of our own on the server that DATABASE_URL names,
// reached by the server's own programs psql and pgbench.
type database struct {
	url  *url.URL // of the database that DATABASE_URL names
	name string   // of our own
	psql string   // path
	env  []string
}

// openServer finds the server, and has no database of its own there yet.
func openServer(address string) (*database, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Port() == "" {
		return nil, errors.New("DATABASE_URL: want postgres://user:password@host:port/database; the simplest is to run: make bench")
	}
	d := &database{url: u, name: strings.TrimPrefix(u.Path, "/")}
	if d.psql, err = findProgram("psql"); err != nil {
		return nil, err
	}
	secret, _ := u.User.Password()
	d.env = append(
		slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "PG") }),
		"PGHOST="+u.Hostname(), "PGPORT="+u.Port(), "PGUSER="+u.User.Username(), "PGPASSWORD="+secret,
	)
	if mode := u.Query().Get("sslmode"); mode != "" {
		d.env = append(d.env, "PGSSLMODE="+mode)
	}
	return d, nil
}

// findProgram looks in PATH and where Debian keeps those of Postgres.
func findProgram(name string) (string, error) {
	if path, err := exec.LookPath(name); err == nil {
		// A wrapper of Debian's would look the server up by itself.
		if real, err := filepath.EvalSymlinks(path); err == nil && filepath.Base(real) == name {
			return real, nil
		}
	}
	found, err := filepath.Glob("/usr/lib/postgresql/*/bin/" + name)
	if err != nil || len(found) == 0 {
		return "", fmt.Errorf("there is no %s on this machine", name)
	}
	slices.Sort(found)
	return found[len(found)-1], nil
}

// runPrefix begins the names of databases that live for one run.
const runPrefix = "usher_bench_run_"

// create makes a database for this run, of which d is the server: empty, or a
// copy of another one of the server's.
func (d *database) create(ctx context.Context, from string) (*database, error) {
	one := *d
	one.name = runPrefix + strconv.FormatInt(time.Now().Unix(), 10) + "_" + strings.ToLower(rand.Text()[:8])
	statement := "CREATE DATABASE " + one.name
	if from != "" {
		statement += " TEMPLATE " + from
		if version, err := d.version(ctx); err != nil {
			return nil, err
		} else if version >= 150000 {
			statement += " STRATEGY file_copy" // by blocks, all of it goes through the log
		}
	}
	if _, err := d.ask(ctx, statement); err != nil {
		return nil, err
	}
	return &one, nil
}

// version is the server's, as 150018 for 15.18.
func (d *database) version(ctx context.Context) (int, error) {
	text, err := d.ask(ctx, "SHOW server_version_num")
	if err != nil {
		return 0, err
	}
	return strconv.Atoi(text)
}

// drop removes the database of one, of which d is the server.
func (d *database) drop(one *database) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := d.ask(ctx, "DROP DATABASE IF EXISTS "+one.name+" WITH (FORCE)")
	return err
}

// keep gives one, which nobody uses any more, the name under which it stays.
func (d *database) keep(ctx context.Context, one *database, name string) error {
	_, err := d.ask(ctx, "ALTER DATABASE "+one.name+" RENAME TO "+name)
	if err == nil {
		one.name = name
	}
	return err
}

// names are those of the server's databases that begin with prefix.
func (d *database) names(ctx context.Context, prefix string) ([]string, error) {
	text, err := d.ask(ctx, "SELECT datname FROM pg_database WHERE starts_with(datname, '"+prefix+"') ORDER BY datname")
	return strings.Fields(text), err
}

// stale is after how long a database of one run is somebody's who was killed.
const stale = 12 * time.Hour

// sweep removes what runs that were killed have left on the server.
func (d *database) sweep(ctx context.Context) error {
	names, err := d.names(ctx, runPrefix)
	if err != nil {
		return err
	}
	for _, name := range names {
		made, _, _ := strings.Cut(strings.TrimPrefix(name, runPrefix), "_")
		seconds, err := strconv.ParseInt(made, 10, 64)
		if err != nil || time.Since(time.Unix(seconds, 0)) < stale {
			continue
		}
		if err := d.drop(&database{name: name}); err != nil {
			return err
		}
	}
	return nil
}

// dsn is the URL of the database, by way of a proxy when one is given.
func (d *database) dsn(proxy string) string {
	u := *d.url
	if proxy != "" {
		u.Host = proxy
	}
	u.Path = "/" + d.name
	return u.String()
}

// options is the environment of a program of Postgres, with settings of the
// session.
func (d *database) options(settings ...string) []string {
	options := ""
	for _, setting := range settings {
		options += " -c " + setting
	}
	return append(slices.Clone(d.env), "PGDATABASE="+d.name, "PGOPTIONS="+options)
}

// ask runs statements and returns what they print, without headings.
func (d *database) ask(ctx context.Context, statements string) (string, error) {
	cmd := d.command(ctx)
	cmd.Stdin = strings.NewReader(statements)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, strings.TrimSpace(string(output)))
	}
	return strings.TrimSpace(string(output)), nil
}

func (d *database) command(ctx context.Context, arguments ...string) *exec.Cmd {
	cmd := exec.CommandContext(ctx, d.psql, append([]string{"-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1"}, arguments...)...) //nolint:gosec // found above
	cmd.Env = d.options("client_min_messages=warning")
	return cmd
}

// postmaster finds the process that all of the server's are children of.
func (d *database) postmaster(ctx context.Context) (int, error) {
	text, err := d.ask(ctx, "SELECT pid FROM pg_stat_activity WHERE backend_type = 'checkpointer'")
	if err != nil {
		return 0, err
	}
	number, err := strconv.Atoi(text)
	if err != nil {
		return 0, fmt.Errorf("psql: the checkpointer's process id: %w", err)
	}
	child, err := statOf(number)
	if err != nil {
		return 0, fmt.Errorf("the Postgres server does not run on this machine: %w", err)
	}
	return child.parent, nil
}

// noFingerprint is what the statement that pgbench runs looks for.
const noFingerprint = `\x00000000000000000000000000000000`

// settle lets the server finish what filling has left behind.
func (d *database) settle(ctx context.Context) error {
	_, err := d.ask(ctx, "VACUUM (FREEZE, ANALYZE);\nCHECKPOINT;")
	return err
}
