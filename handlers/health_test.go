package handlers

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"
)

// readiness is the body of a readiness answer.
type readiness struct {
	Status string            `json:"status"`
	Checks map[string]string `json:"checks"`
}

// askReady calls Ready without middleware.
func askReady(t *testing.T, r *Readiness) (int, readiness, string) {
	t.Helper()
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	engine.GET(ReadyPath, r.Ready)
	recorder := httptest.NewRecorder()
	engine.ServeHTTP(recorder, httptest.NewRequestWithContext(t.Context(), "GET", ReadyPath, nil))
	var body readiness
	if err := json.Unmarshal(recorder.Body.Bytes(), &body); err != nil {
		t.Fatalf("body %q: %v", recorder.Body, err)
	}
	return recorder.Code, body, recorder.Body.String()
}

func answering(name string, err error) Check {
	return Check{Name: name, Ask: func(context.Context) error { return err }}
}

func TestReady(t *testing.T) {
	t.Parallel()
	down := errors.New("dial tcp: password=hunter2 refused")
	panics := Check{Name: "sessions", Ask: func(context.Context) error { panic("no") }}
	tests := []struct {
		name   string
		checks []Check
		drain  bool
		code   int
		want   readiness
	}{
		{"nothing to ask", nil, false, 200, readiness{"ok", map[string]string{}}},
		{
			"all well",
			[]Check{answering("database", nil), answering("sessions", nil)},
			false,
			200,
			readiness{"ok", map[string]string{"database": "ok", "sessions": "ok"}},
		},
		{
			"one down",
			[]Check{answering("database", nil), answering("sessions", down)},
			false,
			503,
			readiness{"unavailable", map[string]string{"database": "ok", "sessions": "unavailable"}},
		},
		{
			"one panics",
			[]Check{answering("database", nil), panics},
			false,
			503,
			readiness{"unavailable", map[string]string{"database": "ok", "sessions": "unavailable"}},
		},
		{
			"draining",
			[]Check{answering("database", nil)},
			true,
			503,
			readiness{"draining", map[string]string{"database": "ok"}},
		},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			r := NewReadiness(slog.New(slog.DiscardHandler), tt.checks...)
			if tt.drain {
				r.Drain()
			}
			code, body, text := askReady(t, r)
			if code != tt.code {
				t.Errorf("got status %d, want %d", code, tt.code)
			}
			if diff := cmp.Diff(tt.want, body); diff != "" {
				t.Errorf("got body that differs (-want +got):\n%s", diff)
			}
			if strings.Contains(text, "hunter2") {
				t.Errorf("got the error's text in the answer: %s", text)
			}
		})
	}
}

func TestReadyIsBoundedAndGathersNothing(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		var asked atomic.Int32
		release := make(chan struct{})
		deaf := Check{Name: "database", Ask: func(context.Context) error {
			asked.Add(1)
			<-release // hears no context
			return nil
		}}
		r := NewReadiness(slog.New(slog.DiscardHandler), deaf, answering("sessions", nil))
		for range 3 {
			start := time.Now()
			code, body, _ := askReady(t, r)
			if took := time.Since(start); took != checkTimeout {
				t.Errorf("got an answer after %s, want %s", took, checkTimeout)
			}
			if code != http.StatusServiceUnavailable || body.Checks["database"] != "unavailable" || body.Checks["sessions"] != "ok" {
				t.Errorf("got %d %v, want 503 and only the database unavailable", code, body)
			}
		}
		if got := asked.Load(); got != 1 {
			t.Errorf("got %d questions under way, want 1", got)
		}
		close(release)
		synctest.Wait()
		if code, _, _ := askReady(t, r); code != http.StatusOK {
			t.Errorf("got status %d once it answers, want 200", code)
		}
	})
}

func TestReadyLogsChangesOnly(t *testing.T) {
	t.Parallel()
	log := new(logBuffer)
	var failing atomic.Bool
	r := NewReadiness(slog.New(slog.NewJSONHandler(log, nil)), Check{Name: "database", Ask: func(context.Context) error {
		if failing.Load() {
			return errors.New("connection refused")
		}
		return nil
	}})
	for _, state := range []bool{false, true, true, true, false, false} {
		failing.Store(state)
		askReady(t, r)
	}
	if down, up := len(log.lines(t, "dependency unavailable")), len(log.lines(t, "dependency available again")); down != 1 || up != 1 {
		t.Errorf("got %d lines about the fault and %d about its end, want 1 and 1:\n%s", down, up, log)
	}
}

func TestHealth(t *testing.T) {
	t.Parallel()
	h, log := newHTTP(t)
	engine := newEngine(t, h)
	engine.GET(HealthPath, Health)
	answer := do(t, engine, "GET", HealthPath)
	if answer.Code != http.StatusOK || answer.Body.String() != `{"status":"ok"}` || answer.Header().Get("Cache-Control") != "no-store" {
		t.Errorf("got %d %s, Cache-Control %q, want 200, ok, no-store", answer.Code, answer.Body, answer.Header().Get("Cache-Control"))
	}
	if got := len(log.lines(t, "request")); got != 0 {
		t.Errorf("got %d access lines for a health check, want 0", got)
	}
}
