// Package testenv gives tests the servers, the browser and the reverse proxies
// that they run on.
// Only _test files import it.
//
// Everything comes from the environment, which [usher/testenv/launch] fills
// and "make test" therefore has:
//
//	DATABASE_URL        a Postgres, as a postgres:// URL whose user may create schemas
//	REDIS_URL           a Redis, as a redis:// URL
//	CHROMIUM            the path of a Chromium or Chrome
//	NGINX, CADDY        the paths of these reverse proxies
//	HAPROXY             the path of this balancer
//	PGBOUNCER           the path of this pooler
//	USHER_TEST_PYTHON   the path of a Python with PyJWT; so for _RUBY, _PHP and _NODE
//	USHER_TEST_SERVERS  "required": whatever is missing fails the test that asks for it
//
// Under a plain "go test" the variables are unset. Then the Has functions say
// no, tests run on the embedded half alone, and every test binary says once
// what it left out. No test skips.
//
//	for _, database := range testenv.Databases() {
//		t.Run(database, func(t *testing.T) { … })
//	}
package testenv

import (
	"fmt"
	"io"
	"os"
	"strings"
	"sync"
	"testing"
)

// The names that [Databases] and [SessionStores] return.
const (
	SQLite   = "sqlite"
	Postgres = "postgres"
	Embedded = "embedded"
	Redis    = "redis"
)

// Databases returns the databases that a test of the store runs on: always
// [SQLite], and [Postgres] when there is one or there has to be one.
func Databases() []string {
	if HasPostgres() {
		return []string{SQLite, Postgres}
	}
	return []string{SQLite}
}

// SessionStores returns the session stores that a test runs on: always
// [Embedded], and [Redis] when there is one or there has to be one.
func SessionStores() []string {
	if HasRedis() {
		return []string{Embedded, Redis}
	}
	return []string{Embedded}
}

// HasPostgres reports whether the half of a test that needs Postgres runs.
// Where servers are required it says yes even when there is none, so that
// [PostgresDSN] fails instead of the test being left out.
func HasPostgres() bool { return postgres.wanted() }

// HasRedis is [HasPostgres] for [RedisURL].
func HasRedis() bool { return redis.wanted() }

// HasChromium is [HasPostgres] for [Chromium].
func HasChromium() bool { return chromium.wanted() }

// HasNginx is [HasPostgres] for [Nginx].
func HasNginx() bool { return nginx.wanted() }

// HasCaddy is [HasPostgres] for [Caddy].
func HasCaddy() bool { return caddy.wanted() }

// HasPgBouncer is [HasPostgres] for [PooledDSN].
func HasPgBouncer() bool { return pgbouncer.wanted() }

// HasHAProxy is [HasPostgres] for [HAProxy].
func HasHAProxy() bool { return haproxy.wanted() }

// RedisURL returns the URL of a Redis that all tests share: keep to keys of
// a prefix of your own, and flush nothing. Without one the test fails.
func RedisURL(t testing.TB) string {
	t.Helper()
	return redis.must(t)
}

// Chromium returns the path of a Chromium or Chrome. Without one the test
// fails. It has to run with --no-sandbox when the tests run as root.
func Chromium(t testing.TB) string {
	t.Helper()
	return chromium.must(t)
}

// Nginx returns the path of an nginx. Without one the test fails.
func Nginx(t testing.TB) string {
	t.Helper()
	return nginx.must(t)
}

// Caddy returns the path of a Caddy. Without one the test fails.
func Caddy(t testing.TB) string {
	t.Helper()
	return caddy.must(t)
}

// HAProxy returns the path of an HAProxy. Without one the test fails.
func HAProxy(t testing.TB) string {
	t.Helper()
	return haproxy.must(t)
}

// Runtime returns the path of the program that runs a language ("python", "ruby",
// "php" or "node") as partners have it, or "" when there is none here.
func Runtime(language string) string { return os.Getenv("USHER_TEST_" + strings.ToUpper(language)) }

// A resource is one thing from the environment.
type resource struct {
	name, variable string
	once           sync.Once
}

var (
	postgres  = &resource{name: "Postgres", variable: "DATABASE_URL"}
	redis     = &resource{name: "Redis", variable: "REDIS_URL"}
	chromium  = &resource{name: "Chromium", variable: "CHROMIUM"}
	nginx     = &resource{name: "nginx", variable: "NGINX"}
	caddy     = &resource{name: "Caddy", variable: "CADDY"}
	haproxy   = &resource{name: "HAProxy", variable: "HAPROXY"}
	pgbouncer = &resource{name: "PgBouncer", variable: "PGBOUNCER"}
)

func (r *resource) wanted() bool {
	if os.Getenv(r.variable) != "" || os.Getenv("USHER_TEST_SERVERS") == "required" {
		return true
	}
	r.once.Do(func() {
		announce(fmt.Sprintf("TESTS LEFT OUT: no %s, because %s is not set. Run everything with: make test", r.name, r.variable))
	})
	return false
}

func (r *resource) must(t testing.TB) string {
	t.Helper()
	value := os.Getenv(r.variable)
	if value == "" {
		t.Fatalf("got no %s in the environment, want the address of %s: run the tests with: go run ./testenv/launch -- go test ./...", r.variable, r.name)
	}
	return value
}

// announce prints a line where a person will see it. The go command throws
// away what a passing test prints, unless it is verbose; the terminal it does
// not hold.
func announce(line string) {
	var out io.Writer = os.Stderr
	if !testing.Verbose() {
		if terminal, err := os.OpenFile("/dev/tty", os.O_WRONLY, 0); err == nil {
			defer terminal.Close()
			out = terminal
		}
	}
	fmt.Fprintln(out, line)
}
