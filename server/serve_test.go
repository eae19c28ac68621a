package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
)

// running is a server under test.
type running struct {
	address string
	stop    context.CancelFunc
	done    chan error
	ready   *handlers.Readiness
}

func start(t *testing.T, h http.Handler, limit time.Duration) running {
	t.Helper()
	return startDraining(t, h, drain{limit: limit})
}

func startDraining(t *testing.T, h http.Handler, drain drain) running {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	log := slog.New(slog.DiscardHandler)
	ctx, stop := context.WithCancel(t.Context())
	t.Cleanup(stop)
	r := running{address: listener.Addr().String(), stop: stop, done: make(chan error, 1), ready: handlers.NewReadiness(log)}
	go func() {
		r.done <- serve(ctx, listener, h, r.ready, handlers.NewUpstreams(handlers.UpstreamOptions{}), drain, log)
	}()
	return r
}

func get(t *testing.T, address, path string) (int, string, error) {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+address+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	client := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
	response, err := client.Do(request)
	if err != nil {
		return 0, "", err
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	return response.StatusCode, string(body), err
}

// readiness asks in the way of a route, past the closed listener.
func readiness(t *testing.T, ready *handlers.Readiness) (int, string) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET(handlers.ReadyPath, ready.Ready)
	recorder := httptest.NewRecorder()
	engine.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), http.MethodGet, handlers.ReadyPath, nil))
	return recorder.Code, recorder.Body.String()
}

func TestServeFinishesWhatIsUnderWay(t *testing.T) {
	t.Parallel()
	entered, release := make(chan struct{}), make(chan struct{})
	r := start(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		close(entered)
		<-release
		fmt.Fprint(w, "whole")
	}), time.Minute)

	type answer struct {
		body string
		err  error
	}
	answers := make(chan answer, 1)
	go func() {
		_, body, err := get(t, r.address, "/")
		answers <- answer{body, err}
	}()
	<-entered
	r.stop()
	// The listener closes while the request is still under way.
	for {
		connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.address)
		if err != nil {
			break
		}
		connection.Close()
	}
	if code, body := readiness(t, r.ready); code != http.StatusServiceUnavailable || !strings.Contains(body, `"draining"`) {
		t.Errorf("got readiness %d %s with a stop under way, want 503 draining", code, body)
	}
	select {
	case err := <-r.done:
		t.Fatalf("got an end (%v) with a request under way", err)
	default:
	}
	close(release)
	if got := <-answers; got.body != "whole" || got.err != nil {
		t.Errorf("got body %q and error %v, want the whole answer", got.body, got.err)
	}
	if err := <-r.done; err != nil {
		t.Errorf("got error %v, want none", err)
	}
}

// TestServeGoesOnWhileBalancersLookAway: readiness is off, and requests on new
// connections are answered all the same, until the delay is over.
func TestServeGoesOnWhileBalancersLookAway(t *testing.T) {
	t.Parallel()
	const delay = 3 * time.Second // a slow machine may stand still for a second
	r := startDraining(t, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		fmt.Fprint(w, "whole")
	}), drain{delay, time.Minute})
	stopped := time.Now()
	r.stop()
	late := 0
	again := time.NewTicker(20 * time.Millisecond)
	defer again.Stop()
	for ; ; <-again.C {
		code, body := readiness(t, r.ready)
		_, text, err := get(t, r.address, "/")
		if err != nil {
			if at := time.Since(stopped); at < delay {
				t.Errorf("got %v %s after the stop, want answers for %s", err, at, delay)
			}
			break
		}
		if text != "whole" {
			t.Errorf("got %q, want the whole answer", text)
		}
		if code == http.StatusServiceUnavailable && strings.Contains(body, `"draining"`) {
			late++
		}
	}
	if late == 0 {
		t.Error("got no answer with readiness off, want some")
	}
	if err := <-r.done; err != nil {
		t.Errorf("got error %v, want none", err)
	}
}

func TestServeEndsAfterTheDrainTime(t *testing.T) {
	t.Parallel()
	entered := make(chan struct{})
	r := start(t, http.HandlerFunc(func(_ http.ResponseWriter, request *http.Request) {
		close(entered)
		<-request.Context().Done()
	}), time.Millisecond)
	go func() { _, _, _ = get(t, r.address, "/") }()
	<-entered
	r.stop()
	if err := <-r.done; !errors.Is(err, context.DeadlineExceeded) || !strings.Contains(err.Error(), "still under way after 1ms") {
		t.Errorf("got error %v, want one that says what was cut", err)
	}
}

func TestServeReportsABrokenListener(t *testing.T) {
	t.Parallel()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	listener.Close()
	log := slog.New(slog.DiscardHandler)
	err = serve(t.Context(), listener, http.NotFoundHandler(), handlers.NewReadiness(log), handlers.NewUpstreams(handlers.UpstreamOptions{}), drain{limit: time.Second}, log)
	if !errors.Is(err, net.ErrClosed) {
		t.Errorf("got error %v, want net.ErrClosed", err)
	}
}

// TestHeaderLimit measures what net/http makes of maxHeader: request line and
// headers together may have 4 KiB more.
func TestHeaderLimit(t *testing.T) {
	t.Parallel()
	r := start(t, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}), time.Second)
	for _, tt := range []struct {
		name           string
		token, cookies int
		want           int
	}{
		{"longest token and crowded cookies", 16 << 10, 12 << 10, 200},
		{"just within", 16 << 10, 20<<10 - 200, 200},
		{"above", 16 << 10, 20<<10 + 200, 431},
		{"hostile URL", 1 << 20, 0, 431},
	} {
		t.Run(tt.name, func(t *testing.T) {
			connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", r.address)
			if err != nil {
				t.Fatal(err)
			}
			defer connection.Close()
			go func() {
				// The server may hang up before it has read everything.
				_, _ = fmt.Fprintf(connection, "GET /?token=%s HTTP/1.1\r\nHost: x\r\nCookie: a=%s\r\nConnection: close\r\n\r\n",
					strings.Repeat("t", tt.token), strings.Repeat("c", tt.cookies))
			}()
			line, err := bufio.NewReader(connection).ReadString('\n')
			if want := fmt.Sprintf("HTTP/1.1 %d ", tt.want); err != nil || !strings.HasPrefix(line, want) {
				t.Errorf("got %q and error %v, want %q", line, err, want)
			}
		})
	}
}
