package main

import (
	"bytes"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"
)

// runAsUsher makes the test binary the program itself.
const runAsUsher = "RUN_AS_USHER"

func TestMain(m *testing.M) {
	if os.Getenv(runAsUsher) != "" {
		main()
	}
	os.Exit(m.Run())
}

// TestSignals: the program as a process of its own ends well on both signals.
func TestSignals(t *testing.T) {
	t.Parallel()
	for _, signal := range []os.Signal{syscall.SIGTERM, os.Interrupt} {
		t.Run(signal.String(), func(t *testing.T) {
			t.Parallel()
			program, err := os.Executable()
			if err != nil {
				t.Fatal(err)
			}
			command := exec.CommandContext(t.Context(), program, "serve")
			command.Env = []string{runAsUsher + "=1", "USHER_LISTEN=127.0.0.1:0", "USHER_DATA_DIR=" + t.TempDir()}
			stdout, log := newOutput(), newOutput()
			command.Stdout, command.Stderr = stdout, log
			if err := command.Start(); err != nil {
				t.Fatal(err)
			}
			exited := make(chan error, 1)
			go func() { exited <- command.Wait() }()
			for !strings.HasSuffix(stdout.String(), "\n") {
				select {
				case err := <-exited:
					t.Fatalf("got the end (%v) before an address; stderr:\n%s", err, log)
				case <-stdout.wrote:
				}
			}
			line, _, _ := strings.Cut(stdout.String(), "\n")
			address := strings.TrimPrefix(line, "Usher is at http://localhost")
			if code, body, err := get(t, "127.0.0.1"+address, "/readyz"); code != 200 {
				t.Errorf("got %d, %v and %q from /readyz, want 200", code, err, body)
			}
			const asked = 30
			for n := range asked { // lines of the log that are still gathered when the signal comes
				if code, body, err := get(t, "127.0.0.1"+address, fmt.Sprintf("/nothing/%d", n)); code != 404 {
					t.Errorf("got %d, %v and %q from an address that is none, want 404", code, err, body)
				}
			}
			if err := command.Process.Signal(signal); err != nil {
				t.Fatal(err)
			}
			if err := <-exited; err != nil {
				t.Errorf("got %v, want exit code 0; stderr:\n%s", err, log)
			}
			if !strings.Contains(log.String(), `"msg":"stopped"`) {
				t.Errorf("got no word of the stop in the log:\n%s", log)
			}
			rest := log.String()
			for n := range asked {
				_, after, found := strings.Cut(rest, `"msg":"request","reference":`)
				if line, _, _ := strings.Cut(after, "\n"); !found || !strings.Contains(line, fmt.Sprintf(`"path":"/nothing/%d"`, n)) {
					t.Fatalf("got %q as the line of request %d, want it in its place; the log:\n%s", line, n, log)
				}
				rest = after
			}
		})
	}
}

// TestStopFinishesASignIn sends half a sign-in, stops the program and
// sends the rest.
func TestStopFinishesASignIn(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w)
		lumen := i.install(t, nil)
		form := "go=/x&token=" + lumen.token(person("anna").with(fields{"jti": "one"}))
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", i.address)
		if err != nil {
			t.Fatal(err)
		}
		defer connection.Close()
		head := fmt.Sprintf("POST /auth/callback/jwt-auth HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\n"+
			"Content-Length: %d\r\nExpect: 100-continue\r\n\r\n", len(form))
		if _, err := io.WriteString(connection, head); err != nil {
			t.Fatal(err)
		}
		// The server asks for the rest, so the request is under way.
		went := make([]byte, len("HTTP/1.1 100 Continue\r\n\r\n"))
		if _, err := io.ReadFull(connection, went); err != nil || !strings.HasPrefix(string(went), "HTTP/1.1 100 ") {
			t.Fatalf("got %q and %v, want to be asked for the body", went, err)
		}
		i.stop()
		for !strings.Contains(i.log.String(), `"msg":"stopping"`) {
			<-i.log.wrote
		}
		if _, err := io.WriteString(connection, form); err != nil {
			t.Fatal(err)
		}
		text, err := io.ReadAll(connection)
		if err != nil || !strings.HasPrefix(string(text), "HTTP/1.1 303 ") || !strings.Contains(string(text), "Set-Cookie: __Host-usher=") {
			t.Errorf("got %q and %v, want the sign-in finished", text, err)
		}
		if code := i.exited(); code != exitOK {
			t.Errorf("got exit code %d, want 0", code)
		}
		if _, err := new(net.Dialer).DialContext(t.Context(), "tcp", i.address); err == nil {
			t.Errorf("got a connection after the end")
		}
	})
}

// TestRestart: nobody is signed out and nothing spent is forgotten.
func TestRestart(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		first := launch(t, w)
		lumen := first.install(t, nil)
		spent := link(lumen.token(person("anna").with(fields{"jti": "one"})))
		cookie := first.signIn(t, spent)
		first.stop()
		if code := first.exited(); code != exitOK {
			t.Fatalf("got exit code %d, want 0", code)
		}
		second := launch(t, w)
		if !second.alive(t, cookie) {
			t.Errorf("got a person signed out by a restart")
		}
		second.wantReason(t, second.get(t, spent, wantsJSON), 401, "token_replayed")
		if got := second.get(t, spent, holding(cookie)); got.status != 303 || got.cookie() != "" {
			t.Errorf("got %v for a reload after the restart, want 303 without a cookie", got)
		}
		second.signIn(t, link(lumen.token(person("anna")))) // the secret opens still
	})
}

func TestDataFolder(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "made", "here")
	w := world{environ: []string{"USHER_DATA_DIR=" + folder}}
	i := launch(t, w)
	i.signIn(t, link(i.install(t, nil).token(person("anna"))))
	modes := map[string]os.FileMode{"": 0o700 | os.ModeDir, "master.key": 0o600, "usher.db": 0o600, "usher.db-wal": 0o600, "usher.db-shm": 0o600}
	for name, want := range modes {
		info, err := os.Stat(filepath.Join(folder, name))
		if err != nil {
			t.Fatal(err)
		}
		if got := info.Mode(); got != want {
			t.Errorf("%q: got mode %v, want %v", name, got, want)
		}
	}
	entries, err := os.ReadDir(folder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if _, known := modes[entry.Name()]; !known {
			t.Errorf("got file %s left in the data folder", entry.Name())
		}
	}
	i.stop()
	i.exited()

	// Without its master key the file does not open.
	if err := os.WriteFile(filepath.Join(folder, "master.key"), []byte("no key"), 0o600); err != nil {
		t.Fatal(err)
	}
	var output bytes.Buffer
	if code := run(t.Context(), []string{"serve"}, append(w.environ, "USHER_LISTEN=127.0.0.1:0"), io.Discard, &output); code != exitFailed ||
		!strings.Contains(output.String(), "master.key") || strings.Contains(output.String(), "no key") {
		t.Errorf("got exit code %d and %q with a damaged master key, want 1 and the file named", code, output.String())
	}
}

// TestStartRefused: every fault at once, and nothing made or opened.
func TestStartRefused(t *testing.T) {
	t.Parallel()
	folder := filepath.Join(t.TempDir(), "data")
	for _, tt := range []struct {
		name    string
		environ []string
		want    []string
	}{
		{"production with nothing", []string{"USHER_ENV=production"}, []string{"USHER_PUBLIC_URL", "USHER_MASTER_KEY", "DATABASE_URL", "REDIS_URL"}},
		{
			"several",
			[]string{"USHER_LISTEN=x", "USHER_PUBLIC_URL=http://sso.example.com", "USHER_BOOTSTRAP_API_KEY=short", "USHER_SESSION_KEY=1", "REDIS_URL=x"},
			[]string{"5 faults", "USHER_LISTEN", "USHER_PUBLIC_URL", "USHER_BOOTSTRAP_API_KEY", "USHER_SESSION_KEY", "REDIS_URL"},
		},
		{"unusable master key", []string{"USHER_LISTEN=127.0.0.1:0", "USHER_MASTER_KEY=changeme"}, []string{"USHER_MASTER_KEY"}},
		{"taken address", []string{"USHER_LISTEN=192.0.2.1:1", "USHER_PUBLIC_URL=https://sso.example.com"}, []string{"USHER_LISTEN"}},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			code := run(t.Context(), []string{"serve"}, append(tt.environ, "USHER_DATA_DIR="+folder), &stdout, &stderr)
			if code != exitFailed || stdout.Len() != 0 {
				t.Errorf("got exit code %d and stdout %q, want 1 and none", code, stdout.String())
			}
			for _, part := range tt.want {
				if !strings.Contains(stderr.String(), part) {
					t.Errorf("got %q, want %s named", stderr.String(), part)
				}
			}
			if strings.Contains(stderr.String(), "=short") || strings.Contains(stderr.String(), "changeme") {
				t.Errorf("got a secret shown: %s", stderr.String())
			}
		})
	}
}

// TestNothingStaysBehind: goroutines are back where they were.
func TestNothingStaysBehind(t *testing.T) {
	// Not parallel: others' goroutines would be counted.
	worlds := []func(*testing.T) world{embeddedWorld}
	if haveServers() {
		worlds = append(worlds, serversWorld)
	}
	for _, open := range worlds {
		t.Run("", func(t *testing.T) {
			before := runtime.NumGoroutine()
			i := launch(t, open(t))
			lumen := i.install(t, nil)
			i.all(t, 16, func(at int) string { return link(lumen.token(person(fmt.Sprintf("p%d", at)))) })
			i.client.CloseIdleConnections()
			i.stop()
			if code := i.exited(); code != exitOK {
				t.Fatalf("got exit code %d, want 0", code)
			}
			deadline := time.Now().Add(patience)
			for runtime.NumGoroutine() > before && time.Now().Before(deadline) {
				runtime.Gosched()
			}
			if got := runtime.NumGoroutine(); got > before {
				stacks := make([]byte, 1<<20)
				t.Errorf("got %d goroutines after the end, want %d as before:\n%s", got, before, stacks[:runtime.Stack(stacks, true)])
			}
		})
	}
}
