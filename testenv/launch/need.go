package main

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"
)

// A need is one thing that the command may ask for with -with.
type need struct {
	name     string
	given    string                                // environment variable that stands in for the program, or ""
	packages []string                              // Debian packages that bring it
	advice   string                                // how to get it by hand, one line
	find     func(context.Context) (string, error) // path of the program
}

func needs() map[string]need {
	list := []need{
		{
			name: "postgres", given: "DATABASE_URL", packages: []string{"postgresql"}, find: findPostgres,
			advice: "install PostgreSQL 13 or newer (Debian, Ubuntu: apt-get install postgresql; macOS: brew install postgresql), or set DATABASE_URL",
		},
		{
			name: "redis", given: "REDIS_URL", packages: []string{"redis-server"}, find: findRedis,
			advice: "install Redis (Debian, Ubuntu: apt-get install redis-server; macOS: brew install redis), or set REDIS_URL",
		},
		{
			name: "chromium", packages: []string{"chromium"}, find: findChromium,
			advice: "install Chromium (Debian: apt-get install chromium), or set CHROMIUM to the path of a Chromium or Chrome",
		},
		{
			name: "nginx", packages: []string{"nginx"}, find: findNginx,
			advice: "install nginx 1.18 or newer with its auth_request module (Debian, Ubuntu: apt-get install nginx; macOS: brew install nginx), or set NGINX to its path",
		},
		{
			name: "caddy", packages: []string{"caddy"}, find: findCaddy,
			advice: "install Caddy 2.6 or newer (Debian, Ubuntu: apt-get install caddy; macOS: brew install caddy), or set CADDY to its path",
		},
		{
			name: "haproxy", packages: []string{"haproxy"}, find: findHAProxy,
			advice: "install HAProxy 2.2 or newer (Debian, Ubuntu: apt-get install haproxy; macOS: brew install haproxy), or set HAPROXY to its path",
		},
		{
			name: "pgbouncer", packages: []string{"pgbouncer"}, find: findPgBouncer,
			advice: "install PgBouncer 1.18 or newer (Debian, Ubuntu: apt-get install pgbouncer; macOS: brew install pgbouncer), or set PGBOUNCER to its path",
		},
		{
			name: "cc", packages: []string{"gcc", "libc6-dev"}, find: findCompiler,
			advice: "install a C compiler, which go test -race needs (Debian, Ubuntu: apt-get install gcc libc6-dev; macOS: xcode-select --install)",
		},
	}
	byName := make(map[string]need, len(list))
	for _, n := range list {
		byName[n.name] = n
	}
	return byName
}

// prepare returns the program of each need that was asked for, by name, with
// no entry for a need that an environment variable meets. When something is
// missing it is installed, or the error has one line for each missing thing.
func prepare(ctx context.Context, o options, say speaker) (map[string]string, error) {
	known := needs()
	found := make(map[string]string)
	var missing []need
	for _, name := range o.with {
		n, ok := known[name]
		if !ok {
			return nil, fmt.Errorf("-with %s: not one of %s", name, strings.Join(slices.Sorted(maps.Keys(known)), ", "))
		}
		if n.given != "" && os.Getenv(n.given) != "" {
			say("%s: given by %s", name, n.given)
			continue
		}
		path, err := n.find(ctx)
		if err != nil {
			missing = append(missing, n)
			continue
		}
		say("%s: %s", name, path)
		found[name] = path
	}
	if len(missing) == 0 {
		return found, nil
	}
	if !o.install || !canInstall() {
		return nil, advise(missing)
	}
	var packages []string
	for _, n := range missing {
		packages = append(packages, n.packages...)
	}
	begun := time.Now()
	say("installing %s", strings.Join(packages, " "))
	if err := install(ctx, packages, say); err != nil {
		return nil, errors.Join(err, advise(missing))
	}
	say("installed in %s", time.Since(begun).Round(100*time.Millisecond))
	for _, n := range missing {
		path, err := n.find(ctx)
		if err != nil {
			return nil, fmt.Errorf("%s is still missing after installing %s: %w", n.name, strings.Join(n.packages, " "), err)
		}
		say("%s: %s", n.name, path)
		found[n.name] = path
	}
	return found, nil
}

func advise(missing []need) error {
	lines := make([]error, len(missing))
	for i, n := range missing {
		lines[i] = fmt.Errorf("%s is missing: %s", n.name, n.advice)
	}
	return errors.Join(lines...)
}

// findPostgres returns the folder that holds postgres and initdb, the newest
// version when there are several.
func findPostgres(context.Context) (string, error) {
	var folders []string
	if path, err := exec.LookPath("postgres"); err == nil {
		// A link to postgres alone says nothing of where initdb is.
		if path, err = filepath.EvalSymlinks(path); err != nil {
			return "", err
		}
		folders = append(folders, filepath.Dir(path))
	}
	debian, err := filepath.Glob("/usr/lib/postgresql/*/bin")
	if err != nil {
		return "", err
	}
	slices.SortFunc(debian, func(a, b string) int { return versionOf(b) - versionOf(a) })
	for _, folder := range append(folders, debian...) {
		if executable(filepath.Join(folder, "postgres")) && executable(filepath.Join(folder, "initdb")) {
			return folder, nil
		}
	}
	return "", errors.New("no folder with postgres and initdb on PATH or under /usr/lib/postgresql")
}

// versionOf reads 15 from /usr/lib/postgresql/15/bin, and 0 when there is no number.
func versionOf(folder string) int {
	number, err := strconv.Atoi(filepath.Base(filepath.Dir(folder)))
	if err != nil {
		return 0
	}
	return number
}

func findRedis(context.Context) (string, error) { return lookAny("redis-server", "valkey-server") }

func findChromium(context.Context) (string, error) {
	return namedOr("CHROMIUM", "chromium", "chromium-browser", "google-chrome")
}

// findNginx looks beside PATH too: Debian keeps nginx in /usr/sbin, which is on
// the PATH of root alone.
func findNginx(context.Context) (string, error) { return namedOr("NGINX", "nginx", "/usr/sbin/nginx") }

func findCaddy(context.Context) (string, error) { return namedOr("CADDY", "caddy") }

// findPgBouncer looks where findNginx does.
func findPgBouncer(context.Context) (string, error) {
	return namedOr("PGBOUNCER", "pgbouncer", "/usr/sbin/pgbouncer")
}

// findHAProxy looks where findNginx does.
func findHAProxy(context.Context) (string, error) {
	return namedOr("HAPROXY", "haproxy", "/usr/sbin/haproxy")
}

// namedOr returns the program that the environment variable names, or else the
// first of names that is there.
func namedOr(variable string, names ...string) (string, error) {
	path := os.Getenv(variable)
	if path == "" {
		return lookAny(names...)
	}
	if !executable(path) {
		return "", fmt.Errorf("%s names %s, which is no program", variable, path)
	}
	return path, nil
}

// findCompiler finds the C compiler that the go command will use, and tries
// it: a compiler without the C library's headers is no use to -race.
func findCompiler(ctx context.Context) (string, error) {
	names := []string{"gcc", "clang"}
	if cc := strings.Fields(os.Getenv("CC")); len(cc) > 0 {
		names = cc[:1]
	}
	path, err := lookAny(names...)
	if err != nil {
		return "", err
	}
	try := exec.CommandContext(ctx, path, "-fsyntax-only", "-x", "c", "-")
	try.Stdin = strings.NewReader("#include <stdlib.h>\n#include <pthread.h>\nint main(void) { return 0; }\n")
	if err := try.Run(); err != nil {
		return "", fmt.Errorf("%s does not compile a C program: %w", path, err)
	}
	return path, nil
}

func lookAny(names ...string) (string, error) {
	for _, name := range names {
		if path, err := exec.LookPath(name); err == nil {
			return path, nil
		}
	}
	return "", fmt.Errorf("none of %s on PATH", strings.Join(names, ", "))
}

func executable(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode().IsRegular() && info.Mode().Perm()&0o111 != 0
}
