package main

import (
	"context"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"usher/testenv"
)

// proxied is Usher and an application behind a real proxy, which is set up as
// docs/proxies.md says.
type proxied struct {
	*instance                              // Usher itself
	proxy     *instance                    // the way by which visitors come; only for requests
	seen      atomic.Pointer[http.Request] // the last that has reached the application
	passed    atomic.Int64                 // how many have
}

// aProxy is a reverse proxy that runs in tests.
type aProxy struct {
	name      string
	available func() bool
	// prepare writes the configuration, which is the block of that name in
	// docs/proxies.md, into a folder and returns the program that runs it.
	prepare func(t *testing.T, block, folder, listen, usher, application string) *exec.Cmd
}

var proxies = []aProxy{
	{"nginx", testenv.HasNginx, prepareNginx},
	{"caddy", testenv.HasCaddy, prepareCaddy},
}

// eachProxy runs a test behind every proxy that is here, in both worlds.
func eachProxy(t *testing.T, test func(t *testing.T, w world, p aProxy)) {
	eachWorld(t, func(t *testing.T, w world) {
		for _, p := range proxies {
			if !p.available() {
				continue
			}
			t.Run(p.name, func(t *testing.T) { test(t, w, p) })
		}
	})
}

// behind starts Usher, an application that answers with what it was sent, and
// the proxy before both.
func behind(t *testing.T, w world, p aProxy) *proxied {
	t.Helper()
	at := &proxied{}
	application := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		at.passed.Add(1)
		at.seen.Store(r)
		body, _ := io.ReadAll(r.Body)
		_, _ = rw.Write([]byte("application " + r.Method + " " + r.URL.RequestURI() + " " + string(body)))
	}))
	t.Cleanup(application.Close)
	listen := freeAddress(t)
	_, port, _ := net.SplitHostPort(listen)
	at.instance = launch(t, w, "USHER_PUBLIC_URL=http://localhost:"+port, "USHER_TRUSTED_PROXIES=127.0.0.1/32")

	folder := t.TempDir()
	match := regexp.MustCompile("(?s)\n```" + p.name + "\n(.*?)```\n").FindStringSubmatch(projectFile(t, "../docs/proxies.md"))
	if match == nil {
		t.Fatalf("got no block for %s in docs/proxies.md", p.name)
	}
	cmd := p.prepare(t, match[1], folder, listen, at.address, strings.TrimPrefix(application.URL, "http://"))
	said := newOutput()
	cmd.Stdout, cmd.Stderr = said, said
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	t.Cleanup(func() {
		_ = cmd.Process.Signal(syscall.SIGTERM)
		select {
		case <-ended:
		case <-time.After(patience):
			_ = cmd.Process.Kill()
			<-ended
			t.Errorf("%s did not end when it was told to:\n%s", p.name, said)
		}
		if t.Failed() {
			t.Logf("%s said:\n%.2000s", p.name, said)
		}
	})
	awaitPort(t, listen, ended, said)
	transport := &http.Transport{DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
		return new(net.Dialer).DialContext(ctx, "tcp", listen)
	}}
	t.Cleanup(transport.CloseIdleConnections)
	at.proxy = &instance{address: listen, port: port, log: at.log, client: &http.Client{
		Transport:     transport,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
	return at
}

// awaitPort waits until somebody listens.
func awaitPort(t *testing.T, address string, ended <-chan struct{}, said *output) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		connection, err := new(net.Dialer).DialContext(ctx, "tcp", address)
		if err == nil {
			connection.Close()
			return
		}
		select {
		case <-ended:
			t.Fatalf("the proxy has ended:\n%s", said)
		case <-ctx.Done():
			t.Fatalf("the proxy does not listen: %v\n%s", err, said)
		case <-tick.C:
		}
	}
}

// replaced is block with each address in the place of that of the example. One
// that is not there fails the test: the example has changed.
func replaced(t *testing.T, block string, pairs ...string) string {
	t.Helper()
	for at := 0; at < len(pairs); at += 2 {
		if !strings.Contains(block, pairs[at]) {
			t.Fatalf("got an example in docs/proxies.md without %q", pairs[at])
		}
		block = strings.ReplaceAll(block, pairs[at], pairs[at+1])
	}
	return block
}

func prepareNginx(t *testing.T, block, folder, listen, usher, application string) *exec.Cmd {
	t.Helper()
	block = replaced(t, block,
		"127.0.0.1:8080", usher, "127.0.0.1:3000", application, "listen 443 ssl;", "listen "+listen+";",
		"server_name courses.example.com;", "server_name localhost;",
		"    ssl_certificate     /etc/ssl/courses.example.com.pem;\n", "",
		"    ssl_certificate_key /etc/ssl/courses.example.com.key;\n", "")
	temporary := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary += kind + "_temp_path " + filepath.Join(folder, kind) + ";\n"
	}
	path := filepath.Join(folder, "nginx.conf")
	writeFile(t, path, "daemon off;\nmaster_process off;\npid "+filepath.Join(folder, "pid")+";\nerror_log stderr warn;\n"+
		"events { worker_connections 256; }\nhttp {\naccess_log off;\n"+temporary+block+"}\n")
	cmd := exec.Command(testenv.Nginx(t), "-p", folder, "-c", path, "-e", "stderr")
	cmd.Env = []string{} // the variable NGINX means something to nginx itself
	return cmd
}

func prepareCaddy(t *testing.T, block, folder, listen, usher, application string) *exec.Cmd {
	t.Helper()
	_, port, _ := net.SplitHostPort(listen)
	block = replaced(t, block,
		"127.0.0.1:8080", usher, "127.0.0.1:3000", application, "courses.example.com {", "http://localhost:"+port+" {")
	path := filepath.Join(folder, "Caddyfile")
	writeFile(t, path, "{\n\tadmin off\n\tauto_https off\n\tdefault_bind 127.0.0.1\n\tgrace_period 1s\n}\n"+block)
	cmd := exec.Command(testenv.Caddy(t), "run", "--config", path, "--adapter", "caddyfile")
	cmd.Env = append(os.Environ(), "HOME="+folder, "XDG_CONFIG_HOME="+folder, "XDG_DATA_HOME="+folder)
	return cmd
}
