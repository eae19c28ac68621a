//go:build linux

package faults

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"usher/testenv"
)

// balancer is a program before several instances.
type balancer struct {
	name      string
	available func() bool
	asks      bool   // whether instances are ready
	block     string // of docs/proxies.md
	command   func(t *testing.T, block, folder, listen string, instances []*usher) *exec.Cmd
}

var balancers = []balancer{
	{"nginx", testenv.HasNginx, false, "nginx several", nginx},
	{"HAProxy", testenv.HasHAProxy, true, "haproxy", haproxy},
}

// filled is block with each address in the place of that of the example. One
// that is not there fails the test: the example has changed.
func filled(t *testing.T, block string, pairs ...string) string {
	t.Helper()
	for at := 0; at < len(pairs); at += 2 {
		if !strings.Contains(block, pairs[at]) {
			t.Fatalf("got an example in docs/proxies.md without %q", pairs[at])
		}
		block = strings.ReplaceAll(block, pairs[at], pairs[at+1])
	}
	return block
}

func nginx(t *testing.T, block, folder, listen string, instances []*usher) *exec.Cmd {
	t.Helper()
	block = filled(t, block,
		"10.0.0.11:8080", instances[0].address, "10.0.0.12:8080", instances[1].address,
		"listen 443 ssl;", "listen "+listen+";", "server_name courses.example.com;", "server_name _;",
		"    ssl_certificate     /etc/ssl/courses.example.com.pem;\n", "",
		"    ssl_certificate_key /etc/ssl/courses.example.com.key;\n", "")
	temporary := ""
	for _, kind := range []string{"client_body", "proxy", "fastcgi", "uwsgi", "scgi"} {
		temporary += kind + "_temp_path " + filepath.Join(folder, kind) + ";\n"
	}
	path := filepath.Join(folder, "nginx.conf")
	text := "daemon off;\nmaster_process off;\npid " + filepath.Join(folder, "pid") + ";\nerror_log stderr warn;\n" +
		"events { worker_connections 512; }\nhttp {\naccess_log off;\n" + temporary + block + "}\n"
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(testenv.Nginx(t), "-p", folder, "-c", path, "-e", "stderr")
	cmd.Env = []string{} // the variable NGINX means something to nginx itself
	return cmd
}

func haproxy(t *testing.T, block, folder, listen string, instances []*usher) *exec.Cmd {
	t.Helper()
	block = filled(t, block,
		"10.0.0.11:8080", instances[0].address, "10.0.0.12:8080", instances[1].address,
		"bind :443 ssl crt /etc/ssl/courses.example.com.pem", "bind "+listen,
		"X-Forwarded-Proto https", "X-Forwarded-Proto http")
	path := filepath.Join(folder, "haproxy.cfg")
	if err := os.WriteFile(path, []byte(block), 0o600); err != nil {
		t.Fatal(err)
	}
	return exec.Command(testenv.HAProxy(t), "-f", path, "-db")
}

// newBalancer starts a balancer as docs/proxies.md sets it up.
func newBalancer(t *testing.T, b balancer, instances ...*usher) *server {
	t.Helper()
	text, err := os.ReadFile("../../docs/proxies.md")
	if err != nil {
		t.Fatal(err)
	}
	match := regexp.MustCompile("(?s)\n```" + b.block + "\n(.*?)```\n").FindSubmatch(text)
	if match == nil {
		t.Fatalf("got no block %q in docs/proxies.md", b.block)
	}
	s := &server{address: freeAddress(t)}
	home := t.TempDir()
	s.command = func() *exec.Cmd { return b.command(t, string(match[1]), home, s.address, instances) }
	s.start(t)
	t.Cleanup(func() { s.end(t, syscall.SIGKILL) })
	return s
}

// signIns is how many attempts to sign in the instance has seen since its start.
func (u *usher) signIns() (float64, error) {
	response, err := http.Get("http://" + u.metrics + "/metrics")
	if err != nil {
		return 0, err
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return 0, err
	}
	var sum float64
	for _, line := range regexp.MustCompile(`(?m)^usher_sign_ins_total\{.*\} (\S+)$`).FindAllStringSubmatch(string(text), -1) {
		n, err := strconv.ParseFloat(line[1], 64)
		if err != nil {
			return 0, err
		}
		sum += n
	}
	return sum, nil
}

// awaitLoad waits until the balancer sends people to the instance.
func (u *usher) awaitLoad(t *testing.T) time.Duration {
	t.Helper()
	before, err := u.signIns()
	if err != nil {
		t.Fatal(err)
	}
	return eventually(t, time.Minute, "people at an instance that has just started", func() error {
		now, err := u.signIns()
		if err == nil && now < before+4 {
			err = errors.New(fmt.Sprint(now-before, " sign-ins"))
		}
		return err
	})
}
