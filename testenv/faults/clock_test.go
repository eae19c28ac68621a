//go:build linux

package faults

import (
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// TestClockStepped puts the clock of the program forward and back while people
// are signed in. Links that are too old or too young by it are refused with the
// reason and are not used up, sessions stay their owners', used links stay used,
// and all is as before once the clock is right.
//
// The program is the one that is delivered but for time.Now, which adds what a
// file says to the time of day and leaves the time that only goes on alone, as
// setting a machine's clock does.
func TestClockStepped(t *testing.T) {
	t.Parallel()
	if !*long {
		return
	}
	clocked := clockedProgram(t)
	t.Run("SQLite", func(t *testing.T) {
		data := t.TempDir()
		u := newUsher("USHER_DATA_DIR=" + data)
		u.program = clocked
		stepped(t, u, database{"sqlite", "file:" + filepath.Join(data, "usher.db") + "?_pragma=busy_timeout(5000)"})
	})
	if !haveServers() {
		return
	}
	t.Run("Postgres", func(t *testing.T) {
		postgres, redis := newPostgres(t), newRedis(t)
		at := postgres.url(postgres.address)
		u := newUsher("DATABASE_URL="+at, fmt.Sprintf("REDIS_URL=redis://default:%s@%s/0", redis.password, redis.address))
		u.program = clocked
		stepped(t, u, database{"postgres", at})
	})
}

func stepped(t *testing.T, u *usher, at database) {
	file := filepath.Join(t.TempDir(), "clock")
	u.environ = append(u.environ, "FAULTS_CLOCK="+file)
	u.start(t)
	l := open(t, u, 16)
	client := l.addClient(t, l.tenants[0])
	holder := l.vouched(t, client, "holder")
	s := &seen{}
	for _, p := range l.people {
		l.present(p, p.next())
	}
	for _, step := range []time.Duration{time.Hour, -time.Hour, 61 * time.Minute, -23 * time.Hour} {
		l.live(t)
		if err := os.WriteFile(file, []byte(fmt.Sprint(int64(step.Seconds()))), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, p := range l.people {
			used, fresh := p.tokens[len(p.tokens)-1], p.next()
			for _, k := range []*token{fresh, used} {
				a := u.send(http.MethodGet, p.at.host, "/auth/callback/jwt-auth?token="+k.text, "")
				s.note("sign-in", a)
				var said struct{ Code string }
				_ = json.Unmarshal([]byte(a.body), &said)
				want := map[bool]string{true: "token_expired token_too_old", false: "issued_in_future"}[step > 0]
				if a.status != http.StatusUnauthorized || !strings.Contains(want, said.Code) {
					t.Errorf("%s: got %v, want 401 %s", step, a, want)
				}
			}
			session, verify := l.check(p)
			s.note("session", session)
			s.note("verify", verify)
			if session.status != http.StatusOK || verify.status != http.StatusNoContent {
				t.Errorf("%s: got %v and %v for a session, want it open", step, session, verify)
			}
		}
		l.rotate(holder, s)
		if a := u.send(http.MethodGet, "localhost", "/readyz", ""); a.status != http.StatusOK {
			t.Errorf("%s: readyz: got %v, want 200", step, a)
		}
		if err := os.WriteFile(file, []byte("0"), 0o600); err != nil {
			t.Fatal(err)
		}
		for _, p := range l.people { // what was refused opens a session now
			if a := l.present(p, p.tokens[len(p.tokens)-1]); a.status != http.StatusSeeOther {
				t.Errorf("%s and back: got %v, want 303", step, a)
			}
		}
		l.rotate(holder, s)
		l.replay(t)
		if t.Failed() {
			t.Fatalf("the log ends:\n%s", u.lastWords())
		}
	}
	l.live(t)
	l.invariants(t, at)
	u.command(t, "audit", "verify")
	u.stop(t)
	for _, v := range l.violations {
		t.Error(v)
	}
	reported(line{fault: "the clock steps, on " + at.driver, runs: s.total(), seen: s.String(), slowest: s.slowest, violations: len(l.violations)})
}

// steppedClock is added to package time, whose Now is called right then.
const steppedClock = `
func Now() Time {
	t := right()
	t.wall += uint64(stepped()) << nsecShift // the seconds, beside a monotonic time
	return t
}

func stepped() int64 {
	name, _ := syscall.Getenv("FAULTS_CLOCK")
	fd, err := open(name)
	if err != nil {
		return 0
	}
	defer closefd(fd)
	var b [20]byte
	n, err := read(fd, b[:])
	if err != nil || n == 0 {
		return 0
	}
	sign, digits := int64(1), b[:n]
	if digits[0] == '-' {
		sign, digits = -1, digits[1:]
	}
	var seconds int64
	for _, c := range digits {
		seconds = 10*seconds + int64(c-'0')
	}
	return sign * seconds
}
`

// clockedProgram builds Usher with a time.Now that can be stepped.
func clockedProgram(t *testing.T) string {
	t.Helper()
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		t.Fatal(err)
	}
	home, replaced := t.TempDir(), map[string]string{}
	for _, change := range []struct{ file, old, changed, more string }{
		{"time.go", "\nfunc Now() Time {\n", "\nfunc right() Time {\n", steppedClock},
		{"sleep.go", "Now().Add(", "right().Add(", ""}, // on the runtime's own stack, which is small
		{"time.go", "import (\n", "import (\n\t\"syscall\"\n", ""},
	} {
		original, changed := filepath.Join(strings.TrimSpace(string(root)), "src", "time", change.file), filepath.Join(home, change.file)
		from := original
		if replaced[original] != "" {
			from = changed
		}
		text, err := os.ReadFile(from)
		if err != nil {
			t.Fatal(err)
		}
		if strings.Count(string(text), change.old) != 1 {
			t.Fatalf("got a %s without one %q, want to step its clock there", original, change.old)
		}
		text = []byte(strings.Replace(string(text), change.old, change.changed, 1) + change.more)
		if err := os.WriteFile(changed, text, 0o600); err != nil {
			t.Fatal(err)
		}
		replaced[original] = changed
	}
	overlay := filepath.Join(home, "overlay.json")
	list, err := json.Marshal(map[string]any{"Replace": replaced})
	if err == nil {
		err = os.WriteFile(overlay, list, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	clocked := filepath.Join(folder, "usher-clocked")
	build := exec.Command("go", "build", "-trimpath", "-overlay", overlay, "-tags", "nomsgpack", "-o", clocked, "usher/server")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if output, err := build.CombinedOutput(); err != nil {
		t.Fatalf("building Usher with a clock that steps: %v\n%s", err, output)
	}
	return clocked
}
