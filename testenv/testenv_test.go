package testenv

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"runtime"
	"strings"
	"sync"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// fakeTest records a Fatalf in place of failing the real test.
type fakeTest struct {
	testing.TB
	failure string
}

func (f *fakeTest) Helper() {}

func (f *fakeTest) Fatalf(format string, args ...any) {
	f.failure = fmt.Sprintf(format, args...)
	runtime.Goexit()
}

// failureOf runs use to its end or its Fatalf and returns the failure text.
func failureOf(t *testing.T, use func(testing.TB)) string {
	t.Helper()
	fake := &fakeTest{TB: t}
	var ran sync.WaitGroup
	ran.Go(func() { use(fake) })
	ran.Wait()
	return fake.failure
}

func TestWhatRuns(t *testing.T) {
	type answer struct{ Databases, SessionStores []string }
	embedded := answer{[]string{SQLite}, []string{Embedded}}
	everything := answer{[]string{SQLite, Postgres}, []string{Embedded, Redis}}
	for _, test := range []struct {
		name                        string
		postgres, redis, obligation string
		want                        answer
		programs                    bool // Chromium, nginx, Caddy and HAProxy
	}{
		{name: "nothing is set", want: embedded},
		{name: "a word that is not required", obligation: "maybe", want: embedded},
		{name: "servers are given", postgres: "postgres://h/d", redis: "redis://h", want: everything},
		{name: "servers are required", obligation: "required", want: everything, programs: true},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Setenv("DATABASE_URL", test.postgres)
			t.Setenv("REDIS_URL", test.redis)
			for _, variable := range []string{"CHROMIUM", "NGINX", "CADDY", "HAPROXY", "PGBOUNCER"} {
				t.Setenv(variable, "")
			}
			t.Setenv("USHER_TEST_SERVERS", test.obligation)
			if diff := cmp.Diff(test.want, answer{Databases(), SessionStores()}); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
			for name, has := range map[string]func() bool{"HasChromium": HasChromium, "HasNginx": HasNginx, "HasCaddy": HasCaddy, "HasHAProxy": HasHAProxy, "HasPgBouncer": HasPgBouncer} {
				if got := has(); got != test.programs {
					t.Errorf("%s: got %v, want %v", name, got, test.programs)
				}
			}
		})
	}
}

func TestAMissingServerFailsTheTestThatAsksForIt(t *testing.T) {
	for _, test := range []struct {
		variable string
		use      func(testing.TB)
	}{
		{"DATABASE_URL", func(t testing.TB) { PostgresDSN(t) }},
		{"REDIS_URL", func(t testing.TB) { RedisURL(t) }},
		{"CHROMIUM", func(t testing.TB) { Chromium(t) }},
		{"NGINX", func(t testing.TB) { Nginx(t) }},
		{"CADDY", func(t testing.TB) { Caddy(t) }},
		{"HAPROXY", func(t testing.TB) { HAProxy(t) }},
		{"PGBOUNCER", func(t testing.TB) { PooledDSN(t) }},
	} {
		t.Run(test.variable, func(t *testing.T) {
			t.Setenv(test.variable, "")
			got := failureOf(t, test.use)
			for _, want := range []string{test.variable, "go run ./testenv/launch --"} {
				if !strings.Contains(got, want) {
					t.Errorf("got failure %q, want it to name %q", got, want)
				}
			}
		})
	}
}

func TestAGivenServerIsHandedOver(t *testing.T) {
	t.Setenv("REDIS_URL", "redis://127.0.0.1:7")
	t.Setenv("CHROMIUM", "/opt/chromium")
	if got, want := RedisURL(t), "redis://127.0.0.1:7"; got != want {
		t.Errorf("RedisURL: got %q, want %q", got, want)
	}
	if got, want := Chromium(t), "/opt/chromium"; got != want {
		t.Errorf("Chromium: got %q, want %q", got, want)
	}
}

// TestWhatIsLeftOutIsSaidOnce runs this test binary again, verbosely and
// without servers.
func TestWhatIsLeftOutIsSaidOnce(t *testing.T) {
	t.Parallel()
	again := exec.CommandContext(t.Context(), os.Args[0], "-test.run=^TestWhatRuns$", "-test.v")
	again.Env = []string{"HOME=" + t.TempDir()}
	var output bytes.Buffer
	again.Stdout, again.Stderr = &output, &output
	if err := again.Run(); err != nil {
		t.Fatalf("got %v, want the tests to pass:\n%s", err, output.String())
	}
	for _, variable := range []string{"DATABASE_URL", "REDIS_URL", "CHROMIUM", "NGINX", "CADDY", "HAPROXY", "PGBOUNCER"} {
		if got := strings.Count(output.String(), "because "+variable+" is not set"); got != 1 {
			t.Errorf("got %d lines that say %s is not set, want 1:\n%s", got, variable, output.String())
		}
	}
}
