package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"time"
)

func TestRun(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name    string
		args    []string
		environ []string
		code    int
		stdout  string // a part of it; "" = nothing is printed
		stderr  string
	}{
		{"version", []string{"version"}, nil, exitOK, "usher ", ""},
		{"version's Go", []string{"version"}, nil, exitOK, runtime.Version(), ""},
		{"help", []string{"--help"}, nil, exitOK, "4  a check found a fault", ""},
		{"help topic", []string{"help", "environment"}, nil, exitOK, "DATABASE_URL_FILE", ""},
		{"unknown command", []string{"serfe"}, nil, exitUsage, "", `unknown command "serfe": did you mean serve?`},
		{"help of an unknown command", []string{"serfe", "--help"}, nil, exitUsage, "", `unknown command "serfe": did you mean serve?`},
		{"help of an unknown command of a command", []string{"integration", "instal", "-h"}, nil, exitUsage, "", `unknown command "instal": did you mean install?`},
		{"help of a command", []string{"integration", "remove", "--help"}, nil, exitOK, "--preview", ""},
		{"unlike any command", []string{"xyzzy"}, nil, exitUsage, "", `unknown command "xyzzy"`},
		{"unknown flag", []string{"serve", "--port=1"}, nil, exitUsage, "", "unknown flag: --port"},
		{"argument too many", []string{"version", "now"}, nil, exitUsage, "", `usher version takes no arguments, got "now"`},
		{"bad environment, by default", nil, []string{"USHER_ENV=x", "USHER_LISTEN=y"}, exitFailed, "", "2 faults"},
		{"bad environment, serve", []string{"serve"}, []string{"USHER_ENV=x", "USHER_LISTEN=y"}, exitFailed, "", "2 faults"},
		{"health of nobody", []string{"healthcheck"}, []string{"USHER_LISTEN=127.0.0.1:1"}, exitFailed, "", "health check"},
		{"health at an unknown port", []string{"healthcheck"}, []string{"USHER_LISTEN=127.0.0.1:0"}, exitFailed, "", "port 0"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			var stdout, stderr bytes.Buffer
			if got := run(t.Context(), tt.args, tt.environ, &stdout, &stderr); got != tt.code {
				t.Errorf("got exit code %d, want %d", got, tt.code)
			}
			for _, stream := range []struct{ name, got, want string }{{"stdout", stdout.String(), tt.stdout}, {"stderr", stderr.String(), tt.stderr}} {
				if !strings.Contains(stream.got, stream.want) || stream.want == "" && stream.got != "" {
					t.Errorf("got %s %q, want %q", stream.name, stream.got, stream.want)
				}
			}
			if tt.code != exitOK && (!strings.HasPrefix(stderr.String(), "usher: ") || strings.Count(stderr.String(), tt.stderr) != 1) {
				t.Errorf("got stderr %q, want the error once, after our name", stderr.String())
			}
		})
	}
}

func TestRunServes(t *testing.T) {
	t.Parallel()
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	var stderr bytes.Buffer
	stdout, write := io.Pipe()
	done := make(chan int, 1)
	environ := []string{"USHER_LISTEN=127.0.0.1:0", "USHER_DATA_DIR=" + t.TempDir()}
	go func() {
		done <- run(ctx, nil, environ, write, &stderr)
		write.Close()
	}()
	var address string
	lines := bufio.NewScanner(stdout)
	for address == "" && lines.Scan() {
		if text, ok := strings.CutPrefix(lines.Text(), "Usher is at "); ok {
			base, err := url.Parse(text)
			if err != nil || base.Hostname() != "localhost" {
				t.Fatalf("got address %q and error %v, want one on localhost", text, err)
			}
			address = "127.0.0.1:" + base.Port()
		}
	}
	if address == "" {
		t.Fatalf("got no address on stdout; exit code %d, stderr:\n%s", <-done, stderr.String())
	}
	go func() { _, _ = io.Copy(io.Discard, stdout) }()
	for path, want := range map[string]int{"/healthz": 200, "/readyz": 200, "/nowhere": 404} {
		if code, body, err := get(t, address, path); code != want {
			t.Errorf("%s: got status %d, error %v and body %q, want %d", path, code, err, body, want)
		}
	}
	var check bytes.Buffer
	if got := run(t.Context(), []string{"healthcheck"}, []string{"USHER_LISTEN=" + address}, &check, &check); got != exitOK {
		t.Errorf("got exit code %d of healthcheck, want 0: %s", got, check.String())
	}
	stop()
	if got := <-done; got != exitOK {
		t.Errorf("got exit code %d after the stop, want 0; stderr:\n%s", got, stderr.String())
	}
}

func TestHealthcheckOfASickServer(t *testing.T) {
	t.Parallel()
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, request *http.Request) {
		if request.URL.Path == "/healthz" {
			w.WriteHeader(http.StatusInternalServerError)
		}
	}), time.Second)
	var output bytes.Buffer
	if got := run(t.Context(), []string{"healthcheck"}, []string{"USHER_LISTEN=" + r.address}, &output, &output); got != exitFailed {
		t.Errorf("got exit code %d, want 1: %s", got, output.String())
	}
}

func TestVersionLine(t *testing.T) {
	t.Parallel()
	info := &debug.BuildInfo{GoVersion: "go1.26.8", Main: debug.Module{Version: "v1.2.3"}, Settings: []debug.BuildSetting{
		{Key: "vcs", Value: "git"},
		{Key: "vcs.revision", Value: "0123456789abcdef0123456789abcdef01234567"},
		{Key: "vcs.modified", Value: "true"},
	}}
	for _, tt := range []struct {
		info *debug.BuildInfo
		want string
	}{
		{info, "usher v1.2.3 (0123456789ab, modified) go1.26.8"},
		{&debug.BuildInfo{GoVersion: "go1.26.8"}, "usher (devel) go1.26.8"},
		{nil, "usher, of an unknown build"},
	} {
		if got := versionLine(tt.info); got != tt.want {
			t.Errorf("got %q, want %q", got, tt.want)
		}
	}
}
