//go:build linux

package faults

import (
	"flag"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

var before = flag.String("before", "", "the commit of the previous version; empty = the last before a migration")

// TestVersionBefore upgrades under load and goes back: the previous version goes
// on while the new one migrates its database, both serve it, and then the
// previous one alone, on the new schema.
func TestVersionBefore(t *testing.T) {
	t.Parallel()
	if !*long || !haveServers() {
		return
	}
	commit, previous := previousProgram(t)
	postgres, redis := newPostgres(t), newRedis(t)
	at := database{"postgres", postgres.url(postgres.address)}
	older := newUsher("DATABASE_URL="+at.dsn, "REDIS_URL=redis://default:"+redis.password+"@"+redis.address+"/0")
	older.program = previous
	older.start(t)
	l := open(t, older, 32)
	newer := older.twin()
	newer.program = program

	stage := func(name string, first func(), doors ...*door) {
		l.doors = doors
		stop, answers := make(chan struct{}), make(chan *seen)
		go func() { answers <- l.rush(l.people, workers, stop) }()
		time.AfterFunc(2*lasts, func() { close(stop) })
		if first != nil {
			first()
		}
		s := <-answers
		if s.total(200, 204, 303) != s.total() || s.total(http.StatusSeeOther) == 0 {
			t.Errorf("%s: got %v, want everything answered well", name, s)
		}
		found := len(l.violations)
		l.settle(t)
		l.live(t)
		l.replay(t)
		l.scan(t, at)
		for _, v := range l.violations[found:] {
			t.Errorf("%s: %s", name, v)
		}
		reported(line{fault: name + ", from " + commit, runs: s.total(), seen: s.String(), slowest: s.slowest, violations: len(l.violations)})
	}
	stage("the new version migrates beside the old one", func() { newer.start(t) }, &older.door)
	stage("both versions serve", nil, &older.door, &newer.door)
	newer.command(t, "audit", "verify")
	newer.stop(t)
	stage("the old version goes on with the new schema", nil, &older.door)
	older.stop(t)
	older.start(t)
	stage("the old version starts on the new schema", nil, &older.door)
	newer.start(t)
	stage("the new version comes back", older.stopping(t), &newer.door)
	newer.command(t, "audit", "verify")
	newer.stop(t)
	for _, v := range l.violations {
		t.Error(v)
	}
	if t.Failed() {
		t.Logf("the log of the old version ends:\n%s\nthat of the new one:\n%s", older.lastWords(), newer.lastWords())
	}
}

// stopping is stop, for later.
func (u *usher) stopping(t *testing.T) func() { return func() { u.stop(t) } }

// previousProgram builds Usher as it was at the commit of the flag, and returns
// the commit's short name and the program.
func previousProgram(t *testing.T) (commit, program string) {
	t.Helper()
	git := func(words ...string) string {
		output, err := exec.Command("git", words...).Output()
		if err != nil {
			t.Fatalf("git %s: %v", strings.Join(words, " "), err)
		}
		return strings.TrimSpace(string(output))
	}
	root := git("rev-parse", "--show-toplevel")
	at := *before
	if at == "" {
		// Of commits that were merged some have a later step without an earlier one:
		// nobody upgrades from those.
		steps := func(at string) string {
			return git("-C", root, "ls-tree", "--name-only", at, "sql/migrations/postgres/")
		}
		added := git("-C", root, "log", "--diff-filter=A", "--format=%H", "--", "sql/migrations/postgres")
		now := steps("HEAD")
		for commit := range strings.Lines(added) {
			if at = strings.TrimSpace(commit) + "^"; strings.HasPrefix(now, steps(at)+"\n") {
				break
			}
		}
	}
	source := t.TempDir()
	archive := filepath.Join(source, "source.tar")
	git("-C", root, "archive", "--output", archive, at)
	unpack := exec.Command("tar", "-xf", archive, "-C", source)
	if output, err := unpack.CombinedOutput(); err != nil {
		t.Fatalf("tar: %v\n%s", err, output)
	}
	program = filepath.Join(folder, "usher-before")
	build := exec.Command("go", "build", "-tags", "nomsgpack", "-o", program, "./server")
	build.Dir, build.Env = source, append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building %s: %v\n%s", at, err, output)
	}
	return git("-C", root, "rev-parse", "--short", at), program
}
