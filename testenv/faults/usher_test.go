//go:build linux

package faults

import (
	"bytes"
	"crypto/rand"
	"encoding/hex"
	"errors"
	"io"
	"net/http"
	"os"
	"os/exec"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// usher is the program as a process of its own, again and again on the same
// stores.
type usher struct {
	door
	program string
	environ []string
	apiKey  string

	metrics string
	cmd     *exec.Cmd
	log     *output
	ended   chan struct{}
}

// output keeps the last that a process writes.
type output struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (o *output) Write(p []byte) (int, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.text.Len() > 4<<20 {
		o.text.Reset()
	}
	return o.text.Write(p)
}

func (o *output) String() string {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.text.String()
}

// newUsher makes the settings; more are the stores. Nothing runs yet.
func newUsher(more ...string) *usher {
	var master [32]byte
	_, _ = rand.Read(master[:])
	u := &usher{program: program, apiKey: rand.Text() + rand.Text()}
	u.environ = append([]string{
		"USHER_LISTEN=127.0.0.1:0", "USHER_MASTER_KEY=" + hex.EncodeToString(master[:]),
		"USHER_BOOTSTRAP_API_KEY=" + u.apiKey, "USHER_TRUSTED_PROXIES=127.0.0.1", "PATH=" + os.Getenv("PATH"),
	}, more...)
	return u
}

// twin is another instance on the same stores.
func (u *usher) twin(more ...string) *usher {
	return &usher{program: u.program, apiKey: u.apiKey, environ: slices.Concat(u.environ, more)}
}

var saysAddress = regexp.MustCompile(`Usher is at http://localhost:(\d+)`)

// start runs the program and waits until it says where it is.
func (u *usher) start(t *testing.T) {
	t.Helper()
	u.metrics = freeAddress(t)
	u.log = &output{}
	stdout := &output{}
	u.cmd = exec.Command(u.program, "serve")
	u.cmd.Env = append([]string{"USHER_METRICS_LISTEN=" + u.metrics}, u.environ...)
	u.cmd.Stdout, u.cmd.Stderr = stdout, u.log
	dieWithUs(u.cmd)
	if err := u.cmd.Start(); err != nil {
		t.Fatal(err)
	}
	ended := make(chan struct{})
	u.ended = ended
	cmd := u.cmd
	go func() {
		_ = cmd.Wait()
		close(ended)
	}()
	eventually(t, time.Minute, "a running Usher", func() error {
		select {
		case <-ended:
			t.Fatalf("got the end (%v) before an address; its log:\n%s", cmd.ProcessState, u.lastWords())
		default:
		}
		said := saysAddress.FindStringSubmatch(stdout.String())
		if said == nil {
			return errors.New("no address yet")
		}
		u.door = newDoor("127.0.0.1:" + said[1])
		return nil
	})
}

// lastWords are the last faults in the log.
func (u *usher) lastWords() string {
	var b strings.Builder
	for line := range strings.Lines(u.log.String()) {
		if !strings.Contains(line, `"level":"INFO"`) {
			b.WriteString(line)
		}
	}
	text := b.String()
	return text[max(0, len(text)-3000):]
}

// kill ends the process at once.
func (u *usher) kill(t *testing.T) {
	t.Helper()
	if err := u.cmd.Process.Kill(); err != nil && !errors.Is(err, os.ErrProcessDone) {
		t.Fatal(err)
	}
	<-u.ended
	u.client.CloseIdleConnections()
}

// stop ends the process politely, which has to go well.
func (u *usher) stop(t *testing.T) {
	t.Helper()
	u.client.CloseIdleConnections()
	if err := u.cmd.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatalf("%v; its log:\n%s", err, u.lastWords())
	}
	select {
	case <-u.ended:
	case <-time.After(time.Minute):
		t.Fatal("got a process that does not end at SIGTERM")
	}
	if code := u.cmd.ProcessState.ExitCode(); code != 0 {
		t.Errorf("got exit code %d, want 0; its log:\n%s", code, u.lastWords())
	}
}

// command runs another command of the program on the same stores.
func (u *usher) command(t *testing.T, words ...string) {
	t.Helper()
	cmd := exec.Command(u.program, words...)
	cmd.Env = append(u.environ[:len(u.environ):len(u.environ)], "USHER_LISTEN=127.0.0.1:8080") // it listens nowhere
	if output, err := cmd.CombinedOutput(); err != nil {
		t.Errorf("usher %s: got %v, want success:\n%s", strings.Join(words, " "), err, output)
	}
}

// counters are what the program says of its own size.
type counters struct{ goroutines, descriptors, memory float64 }

var gauges = regexp.MustCompile(`(?m)^(go_goroutines|process_open_fds|process_resident_memory_bytes) (\S+)$`)

func (u *usher) counters(t *testing.T) counters {
	t.Helper()
	response, err := http.Get("http://" + u.metrics + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]float64{}
	for _, line := range gauges.FindAllStringSubmatch(string(text), -1) {
		if found[line[1]], err = strconv.ParseFloat(line[2], 64); err != nil {
			t.Fatal(err)
		}
	}
	if len(found) != 3 {
		t.Fatalf("got gauges %v, want goroutines, descriptors and memory", found)
	}
	return counters{found["go_goroutines"], found["process_open_fds"], found["process_resident_memory_bytes"]}
}
