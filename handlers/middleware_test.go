package handlers

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
)

// httptest gives requests this peer.
var testPeer = netip.MustParsePrefix("192.0.2.0/24")

func TestRequestID(t *testing.T) {
	t.Parallel()
	own := regexp.MustCompile(`^[0-9A-HJKMNP-TV-Z]{16}$`)
	tests := []struct {
		name    string
		sent    string
		trusted []netip.Prefix
		kept    bool
	}{
		{"none", "", nil, false},
		{"from anyone", "abcdef-0123", nil, false},
		{"from a proxy", "abcdef-0123", []netip.Prefix{testPeer}, true},
		{"from another proxy", "abcdef-0123", []netip.Prefix{netip.MustParsePrefix("10.0.0.0/8")}, false},
		{"short", "abc", []netip.Prefix{testPeer}, false},
		{"long", strings.Repeat("a", 65), []netip.Prefix{testPeer}, false},
		{"line end", "abcdef\r\nX-Evil: 1", []netip.Prefix{testPeer}, false},
		{"markup", "<script>alert(1)</script>", []netip.Prefix{testPeer}, false},
		{"escape", "abcdef\x1b[31m", []netip.Prefix{testPeer}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, log := newHTTP(t)
			engine := newEngine(t, h, tt.trusted...)
			var inContext string
			engine.GET("/", func(c *gin.Context) { inContext = RequestID(c.Request.Context()) })
			got := do(t, engine, "GET", "/", "X-Request-Id: "+tt.sent).Header().Get("X-Request-Id")
			if kept := got == tt.sent; kept != tt.kept {
				t.Errorf("got id %q for %q, want kept %v", got, tt.sent, tt.kept)
			}
			if !tt.kept && !own.MatchString(got) {
				t.Errorf("got id %q, want 16 characters of Crockford's base 32", got)
			}
			if inContext != got {
				t.Errorf("got id %q in the context, want %q", inContext, got)
			}
			if record := log.lines(t, "request")[0]; record["reference"] != got {
				t.Errorf("got reference %q in the log, want %q", record["reference"], got)
			}
		})
	}
}

func TestRequestIDsDiffer(t *testing.T) {
	t.Parallel()
	seen, ids := make(map[string]bool), new(idSource)
	for range 1000 {
		seen[ids.next(time.Unix(1_800_000_000, 0))] = true
	}
	if len(seen) != 1000 {
		t.Errorf("got %d distinct ids of 1000", len(seen))
	}
	for early := range seen {
		if late := ids.next(time.Unix(1_800_000_001, 0)); late <= early {
			t.Errorf("got id %s a second after %s, want them in the order of time", late, early)
		}
	}
}

func TestAccessLog(t *testing.T) {
	t.Parallel()
	h, log := newHTTP(t)
	clock := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	h.Now = func() time.Time {
		clock = clock.Add(1500 * time.Microsecond)
		return clock
	}
	engine := newEngine(t, h)
	engine.GET("/auth/things/:id", func(c *gin.Context) { c.String(http.StatusTeapot, "short and stout") })
	do(t, engine, "GET", "/auth/things/7?token=SECRETSECRET&go=/x", "Cookie: __Host-usher=SECRETSECRET",
		"Authorization: JWT SECRETSECRET", "Referer: https://partner.example/?token=SECRETSECRET",
		"User-Agent: SECRETSECRET", "X-Forwarded-For: 203.0.113.9")

	if strings.Contains(log.String(), "SECRETSECRET") || strings.Contains(log.String(), "go=") {
		t.Errorf("got more than the path in the log:\n%s", log)
	}
	record := log.lines(t, "request")[0]
	for name, want := range map[string]any{
		"method": "GET", "route": "/auth/things/:id", "path": "/auth/things/7",
		"status": 418.0, "bytes": 15.0, "milliseconds": 1.5, "client": "192.0.2.1",
	} {
		if record[name] != want {
			t.Errorf("got %s %v, want %v", name, record[name], want)
		}
	}
}

func TestAccessLogSurvivesHostileRequests(t *testing.T) {
	t.Parallel()
	signature := "c2lnbmF0dXJlLXRoYXQtbXVzdC1ub3QtYmUtbG9nZ2Vk"
	token := "eyJhbGciOiJIUzI1NiIsInR5cCI6IkpXVCJ9.eyJzdWIiOiIxIn0." + signature
	for _, target := range []string{
		"/auth/callback/jwt-auth&token=" + token,
		"/auth/callback/jwt-auth/" + token,
		"/%0a%7b%22msg%22:%22forged%22%7d%0d%1b%5b31m",
		"/" + strings.Repeat("a/", 5000) + token,
		"/%ff%fe",
	} {
		t.Run(fmt.Sprintf("%.40s", target), func(t *testing.T) {
			t.Parallel()
			h, log := newHTTP(t)
			engine := newEngine(t, h)
			do(t, engine, strings.Repeat("METHOD", 20), target)
			do(t, engine, "GET", target)
			text := log.String()
			if strings.Contains(text, signature) {
				t.Errorf("got the signature in the log:\n%s", text)
			}
			// Two lines for each request: the access and the refusal.
			if got := strings.Count(text, "\n"); got != 4 || strings.ContainsAny(text, "\r\x1b") {
				t.Errorf("got %d lines, want 4 without control characters:\n%q", got, text)
			}
			if len(log.lines(t, "forged")) != 0 {
				t.Errorf("got a forged line:\n%s", text)
			}
			if len(text) > 4000 {
				t.Errorf("got %d bytes of log, want at most 4000", len(text))
			}
		})
	}
}

func TestClientAddress(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		name    string
		trusted []netip.Prefix
		want    string
	}{
		{"no trusted proxy", nil, "192.0.2.1"},
		{"trusted proxy", []netip.Prefix{testPeer}, "203.0.113.9"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, log := newHTTP(t)
			engine := newEngine(t, h, tt.trusted...)
			do(t, engine, "GET", "/", "X-Forwarded-For: 198.51.100.1, 203.0.113.9")
			if got := log.lines(t, "request")[0]["client"]; got != tt.want {
				t.Errorf("got client %v, want %s", got, tt.want)
			}
		})
	}
}

func TestPanic(t *testing.T) {
	t.Parallel()
	var none map[string]int
	for _, tt := range []struct {
		name  string
		panic func()
		cause string
	}{
		{"of the runtime", func() { none["x"] = 1 }, "assignment to entry in nil map"},
		{"with a text", func() { panic("the token is SECRETSECRET") }, "a value of type string"},
		{"with an error", func() { panic(errors.New("the token is SECRETSECRET")) }, "a value of type *errors.errorString"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, log := newHTTP(t)
			engine := newEngine(t, h)
			engine.GET("/door", func(*gin.Context) { tt.panic() })
			answer := do(t, engine, "GET", "/door", "Accept: application/json")
			if answer.Code != http.StatusInternalServerError || !strings.Contains(answer.Body.String(), `"reason":"internal"`) {
				t.Errorf("got status %d and body %s, want 500 and reason internal", answer.Code, answer.Body)
			}
			if strings.Contains(answer.Body.String(), "SECRET") || strings.Contains(log.String(), "SECRET") {
				t.Errorf("got the panic's text shown or logged:\n%s\n%s", answer.Body, log)
			}
			records := log.lines(t, "panic")
			if len(records) != 1 {
				t.Fatalf("got %d log lines about the panic, want 1:\n%s", len(records), log)
			}
			if got := records[0]["cause"]; got != tt.cause {
				t.Errorf("got cause %q, want %q", got, tt.cause)
			}
			if stack := fmt.Sprint(records[0]["stack"]); !strings.Contains(stack, "middleware_test.go") {
				t.Errorf("got stack %s, want one that leads to the handler", stack)
			}
			if record := log.lines(t, "request")[0]; record["status"] != 500.0 {
				t.Errorf("got status %v in the access log, want 500", record["status"])
			}
			if again := do(t, engine, "GET", "/healthz"); again.Code != http.StatusNotFound {
				t.Errorf("got status %d after the panic, want 404: the engine goes on", again.Code)
			}
		})
	}
}

func TestAbortedAnswerStaysAborted(t *testing.T) {
	t.Parallel()
	h, log := newHTTP(t)
	engine := newEngine(t, h)
	engine.GET("/door", func(*gin.Context) { panic(http.ErrAbortHandler) })
	defer func() {
		if got := recover(); got != http.ErrAbortHandler { //nolint:errorlint // recover returns the very value
			t.Errorf("got panic %v, want http.ErrAbortHandler", got)
		}
		if len(log.lines(t, "panic")) != 0 {
			t.Errorf("got it logged as a panic:\n%s", log)
		}
	}()
	do(t, engine, "GET", "/door")
}

func TestSecurityHeaders(t *testing.T) {
	t.Parallel()
	for _, https := range []bool{true, false} {
		h, _ := newHTTP(t)
		h.HTTPS = https
		engine := newEngine(t, h)
		engine.GET("/page", func(c *gin.Context) { c.String(http.StatusOK, "page") })
		engine.GET("/frame", func(c *gin.Context) {
			c.Header("Content-Security-Policy", "frame-ancestors https://partner.example")
			c.Header("Cache-Control", "max-age=60")
		})
		header := do(t, engine, "GET", "/page").Header()
		want := map[string]string{
			"Content-Security-Policy":    "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'",
			"X-Content-Type-Options":     "nosniff",
			"Referrer-Policy":            "no-referrer",
			"Cross-Origin-Opener-Policy": "same-origin",
			"Cache-Control":              "no-store",
			"Strict-Transport-Security":  "",
		}
		if https {
			want["Strict-Transport-Security"] = "max-age=31536000"
		}
		for name, value := range want {
			if got := header.Get(name); got != value {
				t.Errorf("https %v: got %s %q, want %q", https, name, got, value)
			}
		}
		header = do(t, engine, "GET", "/frame").Header()
		if got := header.Values("Content-Security-Policy"); len(got) != 1 || got[0] != "frame-ancestors https://partner.example" {
			t.Errorf("got policies %q, want the handler's alone", got)
		}
	}
}

func TestAddressesThatDoNotExist(t *testing.T) {
	t.Parallel()
	h, _ := newHTTP(t)
	engine := newEngine(t, h)
	engine.POST("/auth/logout", func(c *gin.Context) { c.Status(http.StatusNoContent) })
	for _, tt := range []struct {
		method, target string
		status         int
		allow          string
	}{
		{"GET", "/auth/logout", 405, "POST"},
		{"POST", "/auth/logout/", 404, ""},
		{"POST", "/auth//logout", 404, ""},
		{"POST", "/AUTH/logout", 404, ""},
		{"GET", "/", 404, ""},
	} {
		answer := do(t, engine, tt.method, tt.target, "X-Forwarded-Prefix: //evil.example")
		if answer.Code != tt.status || answer.Header().Get("Allow") != tt.allow || answer.Header().Get("Location") != "" {
			t.Errorf("%s %s: got status %d, Allow %q, Location %q, want %d, %q and none", tt.method, tt.target,
				answer.Code, answer.Header().Get("Allow"), answer.Header().Get("Location"), tt.status, tt.allow)
		}
		if got := answer.Header().Get("Content-Type"); got != "text/html; charset=utf-8" {
			t.Errorf("%s %s: got Content-Type %q, want a page", tt.method, tt.target, got)
		}
	}
}

func TestDeadline(t *testing.T) {
	t.Parallel()
	h, _ := newHTTP(t)
	engine := newEngine(t, h)
	var end time.Time
	engine.GET("/", func(c *gin.Context) {
		end, _ = c.Request.Context().Deadline()
	})
	before := time.Now()
	do(t, engine, "GET", "/")
	if after := time.Now(); end.Before(before.Add(3*time.Second)) || end.After(after.Add(3*time.Second)) {
		t.Errorf("got a deadline %s after the request came, want 3 s", end.Sub(before))
	}
}

func TestBodyLimit(t *testing.T) {
	t.Parallel()
	h, _ := newHTTP(t)
	engine := newEngine(t, h)
	engine.POST("/", h.Wrap(func(c *gin.Context) error {
		_, err := io.Copy(io.Discard, c.Request.Body)
		return err
	}))
	for size, want := range map[int64]int{maxBody: http.StatusOK, maxBody + 1: http.StatusRequestEntityTooLarge} {
		request := httptest.NewRequestWithContext(t.Context(), "POST", "/", io.LimitReader(zeros{}, size))
		recorder := httptest.NewRecorder()
		engine.ServeHTTP(recorder, request)
		if recorder.Code != want {
			t.Errorf("got status %d for %d bytes, want %d", recorder.Code, size, want)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

func TestLimit(t *testing.T) {
	t.Parallel()
	const limit = 8 // newEngine's
	h, _ := newHTTP(t)
	engine := newEngine(t, h)
	entered := make(chan struct{})
	release := make(chan struct{})
	engine.GET("/slow", func(c *gin.Context) {
		entered <- struct{}{}
		<-release
	})
	engine.GET(HealthPath, Health)
	done := make(chan int)
	for range limit {
		go func() {
			recorder := httptest.NewRecorder()
			engine.ServeHTTP(recorder, httptest.NewRequest("GET", "/slow", nil))
			done <- recorder.Code
		}()
	}
	for range limit {
		<-entered
	}
	over := do(t, engine, "GET", "/slow", "Accept: application/json")
	if over.Code != http.StatusServiceUnavailable || over.Header().Get("Retry-After") != "2" || !strings.Contains(over.Body.String(), `"overloaded"`) {
		t.Errorf("got status %d, Retry-After %q, body %s above the limit, want 503, 2, overloaded", over.Code, over.Header().Get("Retry-After"), over.Body)
	}
	if alive := do(t, engine, "GET", HealthPath); alive.Code != http.StatusOK {
		t.Errorf("got status %d of the health check above the limit, want 200", alive.Code)
	}
	close(release)
	for range limit {
		if code := <-done; code != http.StatusOK {
			t.Errorf("got status %d below the limit, want 200", code)
		}
	}
	if after := do(t, engine, "GET", "/nowhere"); after.Code != http.StatusNotFound {
		t.Errorf("got status %d after the load, want 404: the slots are free again", after.Code)
	}
}

func TestSameOrigin(t *testing.T) {
	t.Parallel()
	const app = "https://app.example"
	tests := []struct {
		name   string
		method string
		header []string
		want   int
	}{
		{"same origin", "POST", []string{"Sec-Fetch-Site: same-origin", "Origin: https://example.com"}, 204},
		{"typed by the person", "POST", []string{"Sec-Fetch-Site: none"}, 204},
		{"not a browser", "POST", nil, 204},
		{"safe method", "GET", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 204},
		{"cross-site", "POST", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403},
		{"sibling site", "POST", []string{"Sec-Fetch-Site: same-site", "Origin: https://evil.example.com"}, 403},
		{"old browser", "POST", []string{"Origin: https://evil.example"}, 403},
		{"old browser, own origin", "POST", []string{"Origin: https://example.com"}, 204},
		{"trusted origin", "POST", []string{"Sec-Fetch-Site: cross-site", "Origin: " + app}, 204},
		{"trusted origin in other spelling", "POST", []string{"Sec-Fetch-Site: cross-site", "Origin: https://APP.example"}, 403},
		{"opaque origin", "POST", []string{"Sec-Fetch-Site: cross-site", "Origin: null"}, 403},
		{"no origin", "POST", []string{"Sec-Fetch-Site: cross-site"}, 403},
		{"unknown value", "POST", []string{"Sec-Fetch-Site: friendly", "Origin: https://evil.example"}, 403},
		{"other method", "DELETE", []string{"Sec-Fetch-Site: cross-site", "Origin: https://evil.example"}, 403},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, _ := newHTTP(t)
			engine := newEngine(t, h)
			guard := h.SameOrigin(func(*gin.Context) ([]string, error) { return []string{app, "null", ""}, nil })
			engine.Handle(tt.method, "/", guard, func(c *gin.Context) { c.Status(http.StatusNoContent) })
			if got := do(t, engine, tt.method, "http://example.com/", tt.header...).Code; got != tt.want {
				t.Errorf("got status %d, want %d", got, tt.want)
			}
		})
	}
}

func TestSameOriginWhenTheListCannotBeRead(t *testing.T) {
	t.Parallel()
	h, _ := newHTTP(t)
	engine := newEngine(t, h)
	guard := h.SameOrigin(func(*gin.Context) ([]string, error) { return nil, errStoreDown })
	engine.POST("/", guard, func(c *gin.Context) { c.Status(http.StatusNoContent) })
	if got := do(t, engine, "POST", "/", "Sec-Fetch-Site: cross-site", "Origin: https://app.example").Code; got != http.StatusServiceUnavailable {
		t.Errorf("got status %d, want 503", got)
	}
}
