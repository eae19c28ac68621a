package main

import (
	"bufio"
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"net"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// database is a schema of our own on the Postgres that DATABASE_URL names,
// reached by the server's own programs psql and pgbench.
type database struct {
	url    *url.URL
	schema string
	psql   string // path
	env    []string
}

// openDatabase makes the schema.
func openDatabase(ctx context.Context, address string) (*database, error) {
	u, err := url.Parse(address)
	if err != nil || u.Hostname() == "" || u.Port() == "" {
		return nil, errors.New("DATABASE_URL: want postgres://user:password@host:port/database; the simplest is to run: make bench")
	}
	d := &database{url: u, schema: "bench_" + strings.ToLower(rand.Text())}
	if d.psql, err = findProgram("psql"); err != nil {
		return nil, err
	}
	secret, _ := u.User.Password()
	d.env = append(
		slices.DeleteFunc(os.Environ(), func(entry string) bool { return strings.HasPrefix(entry, "PG") }),
		"PGHOST="+u.Hostname(), "PGPORT="+u.Port(), "PGDATABASE="+strings.TrimPrefix(u.Path, "/"),
		"PGUSER="+u.User.Username(), "PGPASSWORD="+secret,
	)
	if mode := u.Query().Get("sslmode"); mode != "" {
		d.env = append(d.env, "PGSSLMODE="+mode)
	}
	_, err = d.ask(ctx, "CREATE SCHEMA "+d.schema)
	return d, err
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

// drop removes the schema.
func (d *database) drop() error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	_, err := d.ask(ctx, "DROP SCHEMA "+d.schema+" CASCADE")
	return err
}

// dsn is the URL of the schema, by way of a proxy when one is given.
func (d *database) dsn(proxy string) string {
	u := *d.url
	if proxy != "" {
		u.Host = proxy
	}
	q := u.Query()
	q.Set("search_path", d.schema)
	u.RawQuery = q.Encode()
	return u.String()
}

// options is the environment of a program of Postgres, with settings of the
// session.
func (d *database) options(settings ...string) []string {
	options := "-c search_path=" + d.schema
	for _, setting := range settings {
		options += " -c " + setting
	}
	return append(slices.Clone(d.env), "PGOPTIONS="+options)
}

// ask runs statements and returns what they print, without headings.
func (d *database) ask(ctx context.Context, statements string) (string, error) {
	cmd := exec.CommandContext(ctx, d.psql, "-X", "-q", "-A", "-t", "-v", "ON_ERROR_STOP=1") //nolint:gosec // found above
	cmd.Env = d.options("client_min_messages=warning")
	cmd.Stdin = strings.NewReader(statements)
	output, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("psql: %w: %s", err, strings.TrimSpace(string(output)))
	}
	return strings.TrimSpace(string(output)), nil
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

// settle gives pgbench's people their fingerprint and lets the server finish
// what loading has left behind.
func (d *database) settle(ctx context.Context, raw span) error {
	var names []string
	for n := range raw.Count {
		names = append(names, "'"+nameOf(person, raw.First+n)+"'")
	}
	_, err := d.ask(ctx, "UPDATE identities SET fingerprint = '"+noFingerprint+"' WHERE subject IN ("+
		strings.Join(names, ",")+");\nVACUUM ANALYZE;\nCHECKPOINT;")
	return err
}

// cache is the Redis that REDIS_URL names.
type cache struct {
	url *url.URL
}

func openCache(address string) (*cache, error) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != "redis" || u.Hostname() == "" || u.Port() == "" {
		return nil, errors.New("REDIS_URL: want redis://user:password@host:port/0; the simplest is to run: make bench")
	}
	return &cache{url: u}, nil
}

// dsn is the URL, by way of a proxy when one is given.
func (c *cache) dsn(proxy string) string {
	u := *c.url
	if proxy != "" {
		u.Host = proxy
	}
	return u.String()
}

// server asks the server for its process id and version (INFO).
func (c *cache) server() (pid int, version string, err error) {
	conn, err := net.DialTimeout("tcp", c.url.Host, exchangeLimit)
	if err != nil {
		return 0, "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(exchangeLimit)); err != nil {
		return 0, "", err
	}
	if secret, ok := c.url.User.Password(); ok {
		user := c.url.User.Username()
		if user == "" {
			user = "default"
		}
		fmt.Fprintf(conn, "AUTH %s %s\r\n", user, secret)
	}
	fmt.Fprint(conn, "INFO server\r\nQUIT\r\n")
	lines := bufio.NewScanner(conn)
	for lines.Scan() {
		name, value, _ := strings.Cut(lines.Text(), ":")
		switch name {
		case "process_id":
			pid, err = strconv.Atoi(value)
		case "redis_version":
			version = value
		}
	}
	if pid == 0 || err != nil {
		return 0, "", errors.Join(errors.New("redis does not say its process id"), err, lines.Err())
	}
	return pid, version, nil
}
