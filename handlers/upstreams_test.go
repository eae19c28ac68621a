package handlers

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// timedRecorder is a writer whose deadlines can be looked at.
type timedRecorder struct {
	*httptest.ResponseRecorder
	read, write time.Time
}

func (r *timedRecorder) SetReadDeadline(at time.Time) error  { r.read = at; return nil }
func (r *timedRecorder) SetWriteDeadline(at time.Time) error { r.write = at; return nil }

func TestForwardedRequestsHaveBoundsOfTheirOwn(t *testing.T) {
	t.Parallel()
	body := bytes.Repeat([]byte("x"), 4*maxBody)
	deadline := true
	engine := forwarder(t, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n, _ := io.Copy(io.Discard, r.Body)
		fmt.Fprint(w, n)
	}), nil, func(f *forwarding) {
		f.Answer = func(answer *http.Response) error {
			_, deadline = answer.Request.Context().Deadline()
			return nil
		}
	})
	w := &timedRecorder{ResponseRecorder: httptest.NewRecorder(), read: time.Unix(1, 0), write: time.Unix(1, 0)}
	before := time.Now()
	engine.ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/", bytes.NewReader(body)))
	if w.Code != http.StatusOK || w.Body.String() != fmt.Sprint(len(body)) {
		t.Errorf("got %d %s, want all %d bytes upstream", w.Code, w.Body, len(body))
	}
	if deadline {
		t.Error("got a deadline on the forwarded request, want none")
	}
	if !w.read.IsZero() {
		t.Errorf("got read deadline %v after the body, want none", w.read)
	}
	if w.write.Before(before.Add(stallTimeout)) || w.write.After(time.Now().Add(stallTimeout)) {
		t.Errorf("got write deadline %v, want %v after the last piece", w.write, stallTimeout)
	}
}

// openStreams is an upstream whose answers have no end, and a channel that gets
// a value when one was cut.
func openStreams() (http.Handler, <-chan struct{}) {
	ended := make(chan struct{}, 64)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		defer func() { ended <- struct{}{} }()
		if strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
			connection, stream, err := http.NewResponseController(w).Hijack()
			if err != nil {
				return
			}
			defer connection.Close()
			_, _ = stream.WriteString("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n")
			_ = stream.Flush()
			_, _ = io.Copy(io.Discard, stream)
			return
		}
		w.(http.Flusher).Flush()
		<-r.Context().Done()
	}), ended
}

// forwardingServer serves an App that forwards everything to an upstream.
func forwardingServer(t *testing.T, upstream http.Handler, options UpstreamOptions, still func(context.Context) error) (*httptest.Server, *App, *logBuffer) {
	t.Helper()
	behind := httptest.NewServer(upstream)
	t.Cleanup(behind.Close)
	to, err := url.Parse(behind.URL)
	if err != nil {
		t.Fatal(err)
	}
	h, log := newHTTP(t)
	a := &App{HTTP: h, Upstreams: NewUpstreams(options)}
	engine := newEngine(t, h)
	engine.NoRoute(h.Wrap(func(c *gin.Context) error {
		return a.forward(c, forwarding{To: to, Path: c.Request.URL.EscapedPath(), Still: still})
	}))
	front := httptest.NewServer(engine)
	t.Cleanup(front.Close)
	t.Cleanup(func() { // before the servers, which wait for their connections
		over, cancel := context.WithCancel(context.Background())
		cancel()
		a.Upstreams.Close(over)
	})
	return front, a, log
}

// openStream asks for a stream, or a WebSocket, and returns once its header is
// there.
func openStream(t *testing.T, front *httptest.Server, websocket bool) *http.Response {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := http.StatusOK
	if websocket {
		request.Header.Set("Connection", "Upgrade")
		request.Header.Set("Upgrade", "websocket")
		want = http.StatusSwitchingProtocols
	}
	answer, err := front.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { answer.Body.Close() })
	if answer.StatusCode != want {
		t.Fatalf("got status %d, want %d", answer.StatusCode, want)
	}
	return answer
}

func TestOpenConnectionsEndWithTheSession(t *testing.T) {
	t.Parallel()
	for name, websocket := range map[string]bool{"stream": false, "websocket": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			upstream, ended := openStreams()
			var asked atomic.Int64
			front, _, log := forwardingServer(t, upstream, UpstreamOptions{Recheck: time.Millisecond}, func(ctx context.Context) error {
				if _, bounded := ctx.Deadline(); !bounded {
					t.Error("got a question without a deadline")
				}
				switch n := asked.Add(1); {
				case n <= 3:
					return nil
				case n <= 6:
					return errStoreDown
				case n == 7:
					panic("a fault of ours")
				case n > 8:
					t.Error("got another question after the refusal")
				}
				return &Fault{Code: NoSession}
			})
			answer := openStream(t, front, websocket)
			if _, err := io.Copy(io.Discard, answer.Body); err == nil && !websocket {
				t.Error("got a whole answer, want one that is cut")
			}
			<-ended // upstream notices
			if got := asked.Load(); got != 8 {
				t.Errorf("got %d questions, want 8: a fault that passes ends nothing", got)
			}
			var status any
			for status == nil { // the line is written once the connection is cut
				for _, line := range log.lines(t, "request") {
					status = line["status"]
				}
			}
			if want := map[bool]float64{false: 200, true: 101}[websocket]; status != want {
				t.Errorf("got status %v in the log, want %v", status, want)
			}
		})
	}
}

func TestUpstreamsClose(t *testing.T) {
	t.Parallel()
	upstream, ended := openStreams()
	front, a, _ := forwardingServer(t, upstream, UpstreamOptions{AtOnce: 4}, nil)
	streams := []*http.Response{openStream(t, front, false), openStream(t, front, true)}
	over, cancel := context.WithCancel(t.Context())
	cancel()
	if got := a.Upstreams.Close(over); got != len(streams) {
		t.Errorf("got %d connections cut, want %d", got, len(streams))
	}
	for _, answer := range streams {
		_, _ = io.Copy(io.Discard, answer.Body) // it has an end
		<-ended
	}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL+"/stream", nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := front.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	if answer.StatusCode != http.StatusServiceUnavailable {
		t.Errorf("got status %d after the close, want 503", answer.StatusCode)
	}
}

func TestUpstreamsCloseWaits(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	front, a, _ := forwardingServer(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		fmt.Fprint(w, "whole")
	}), UpstreamOptions{}, nil)
	bodies := make(chan string, 1)
	go func() {
		body := "" // "" = it did not arrive
		defer func() { bodies <- body }()
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, front.URL, nil)
		if err != nil {
			return
		}
		answer, err := front.Client().Do(request)
		if err != nil {
			return
		}
		defer answer.Body.Close()
		if text, err := io.ReadAll(answer.Body); err == nil {
			body = string(text)
		}
	}()
	<-entered
	go close(release)
	if got := a.Upstreams.Close(t.Context()); got != 0 {
		t.Errorf("got %d connections cut, want none", got)
	}
	if got := <-bodies; got != "whole" {
		t.Errorf("got %q, want the whole answer", got)
	}
}

// TestForwardInParallel is for the race detector: streams that are cut while
// others run, and clients that leave.
func TestForwardInParallel(t *testing.T) {
	t.Parallel()
	upstream, ended := openStreams()
	var asked atomic.Int64
	front, a, _ := forwardingServer(t, upstream, UpstreamOptions{AtOnce: 64, Recheck: time.Millisecond}, func(context.Context) error {
		if asked.Add(1)%5 == 0 {
			return &Fault{Code: NoSession}
		}
		return nil
	})
	var all sync.WaitGroup
	for n := range 32 {
		all.Go(func() {
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			request, err := http.NewRequestWithContext(ctx, http.MethodGet, front.URL, nil)
			if err != nil {
				t.Error(err)
				return
			}
			if n%2 == 0 {
				request.Header.Set("Connection", "Upgrade")
				request.Header.Set("Upgrade", "websocket")
			}
			answer, err := front.Client().Do(request)
			if err != nil {
				if !errors.Is(err, io.EOF) {
					t.Error(err)
				}
				return
			}
			defer answer.Body.Close()
			if n%4 < 2 {
				_, _ = io.Copy(io.Discard, answer.Body) // until it is cut
			}
		})
	}
	all.Wait()
	if got := a.Upstreams.Close(t.Context()); got != 0 {
		t.Errorf("got %d connections left over, want none", got)
	}
	for range 32 {
		<-ended
	}
}
