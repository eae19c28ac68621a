package handlers

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"html"
	"io"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
	"usher/web"
)

// logBuffer collects JSON log lines.
type logBuffer struct {
	mu    sync.Mutex
	bytes bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.bytes.String()
}

// lines returns the records with the given message.
func (b *logBuffer) lines(t *testing.T, message string) []map[string]any {
	t.Helper()
	var records []map[string]any
	for line := range strings.Lines(b.String()) {
		var record map[string]any
		if err := json.Unmarshal([]byte(line), &record); err != nil {
			t.Fatalf("log line %q: %v", line, err)
		}
		if record["msg"] == message {
			records = append(records, record)
		}
	}
	return records
}

var errStoreDown = errors.New("dial tcp 192.0.2.1:5432: connection refused")

// newHTTP makes an HTTP as the server does, with its log.
func newHTTP(t *testing.T) (*HTTP, *logBuffer) {
	t.Helper()
	pages, err := web.New()
	if err != nil {
		t.Fatal(err)
	}
	log := new(logBuffer)
	return &HTTP{
		Pages:       pages,
		Log:         slog.New(slog.NewJSONHandler(log, nil)),
		Now:         time.Now,
		Unavailable: func(err error) bool { return errors.Is(err, errStoreDown) },
		HTTPS:       true,
	}, log
}

// newEngine makes an engine without trusted proxies.
func newEngine(t *testing.T, h *HTTP, trusted ...netip.Prefix) *gin.Engine {
	t.Helper()
	engine, err := h.NewEngine(trusted, 8)
	if err != nil {
		t.Fatal(err)
	}
	return engine
}

// do sends a request with the given header lines ("Name: value").
func do(t *testing.T, engine http.Handler, method, target string, header ...string) *httptest.ResponseRecorder {
	t.Helper()
	request := httptest.NewRequestWithContext(t.Context(), method, target, nil)
	for _, line := range header {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Add(name, value)
	}
	recorder := httptest.NewRecorder()
	engine.ServeHTTP(recorder, request)
	return recorder
}

// statuses is the contract: every code with its status.
var statuses = map[string]int{
	"token_missing": 400, "token_malformed": 400, "alg_not_allowed": 400,
	"claim_missing": 400, "claim_invalid": 400,
	"integration_removed": 401, "key_retired": 401, "signature_invalid": 401,
	"token_expired": 401, "token_not_yet_valid": 401, "token_too_old": 401,
	"iat_missing": 401, "issued_in_future": 401,
	"issuer_mismatch": 401, "audience_mismatch": 401, "token_replayed": 401,
	"user_disabled": 403, "user_unknown": 403, "resource_forbidden": 403,
	"integration_unknown": 404,
	"email_in_use":        409, "subject_conflict": 409,
	"too_large":    413,
	"rate_limited": 429, "store_unavailable": 503,

	"bad_request": 400, "no_session": 401, "api_key_invalid": 401, "not_signed_in": 401, "not_allowed": 403, "cross_origin": 403,
	"not_found": 404, "method_not_allowed": 405, "conflict": 409, "unknown_host": 421,
	"precondition_failed": 412, "idempotency_conflict": 422, "idempotency_in_progress": 409,
	"embedding_off": 403, "person_changed": 409,
	"internal": 500, "upstream_unavailable": 502, "overloaded": 503,

	"access_token_invalid": 401, "invalid_client": 401, "invalid_request": 400, "unauthorized_client": 400,
	"unsupported_grant_type": 400, "invalid_scope": 400,
	"authorization_invalid": 400,
	"invalid_grant":         400, "invalid_target": 400, "invalid_token": 401, "insufficient_scope": 403,
	"refresh_token_invalid": 401, "scim_token_invalid": 401, "token_invalid": 401,
}

// constants reads the string constants of a type from a source file.
func constants(t *testing.T, path, typeName string) []string {
	t.Helper()
	file, err := parser.ParseFile(token.NewFileSet(), path, nil, 0)
	if err != nil {
		t.Fatal(err)
	}
	var values []string
	ast.Inspect(file, func(n ast.Node) bool {
		spec, ok := n.(*ast.ValueSpec)
		if !ok {
			return true
		}
		if name, ok := spec.Type.(*ast.Ident); ok && name.Name == typeName {
			for _, value := range spec.Values {
				text, err := strconv.Unquote(value.(*ast.BasicLit).Value)
				if err != nil {
					t.Fatal(err)
				}
				values = append(values, text)
			}
		}
		return true
	})
	return values
}

func TestOutcomesCoverEveryReason(t *testing.T) {
	t.Parallel()
	declared := append(constants(t, "../provisioning/reason.go", "Reason"), constants(t, "errors.go", "Code")...)
	slices.Sort(declared)
	if diff := cmp.Diff(declared, slices.Sorted(maps.Keys(outcomes))); diff != "" {
		t.Errorf("got outcomes that differ from the declared reasons and codes (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(declared, slices.Sorted(maps.Keys(statuses))); diff != "" {
		t.Errorf("got statuses in this test that differ from the declared reasons and codes (-want +got):\n%s", diff)
	}
}

// failure makes an error of a code, as full of details as such an error gets.
func failure(code string) error {
	if slices.Contains([]string{
		"bad_request", "no_session", "api_key_invalid", "cross_origin", "not_found",
		"method_not_allowed", "conflict", "unknown_host", "internal", "overloaded", "upstream_unavailable",
		"precondition_failed", "idempotency_conflict", "idempotency_in_progress",
		"access_token_invalid", "invalid_client", "invalid_request", "unauthorized_client", "unsupported_grant_type", "invalid_scope",
		"invalid_grant", "invalid_target", "invalid_token", "insufficient_scope",
		"refresh_token_invalid", "scim_token_invalid", "token_invalid",
	}, code) {
		return fmt.Errorf("handling: %w", &Fault{Code: Code(code), Err: errors.New("an inner detail")})
	}
	return fmt.Errorf("sign-in: %w", &provisioning.Refusal{
		Reason: provisioning.Reason(code), Path: "groups[3]", Expected: "a string of <64> characters", Detail: "an inner detail",
	})
}

func TestEveryReasonAsPageAndProblem(t *testing.T) {
	t.Parallel()
	for code, status := range statuses {
		t.Run(code, func(t *testing.T) {
			t.Parallel()
			h, log := newHTTP(t)
			engine := newEngine(t, h)
			engine.GET("/door", h.Wrap(func(c *gin.Context) error {
				Note(c, slog.String("integration", "lumen"))
				c.Header("Set-Cookie", "__Host-usher=abc")
				c.Header("Location", "/courses")
				return failure(code)
			}))
			claim := code == "claim_missing" || code == "claim_invalid"

			page := do(t, engine, "GET", "/door?token=aaa.bbb.ccc", "Accept: text/html")
			wantHeaders(t, page, status, code, "text/html; charset=utf-8")
			reference := page.Header().Get("X-Request-Id")
			body := html.UnescapeString(page.Body.String())
			if code != "not_found" && !strings.Contains(body, reference) {
				t.Errorf("page: got no reference %s in\n%s", reference, body)
			}
			if code != "not_found" && code != "internal" && !strings.Contains(body, "<code>"+code+"</code>") {
				t.Errorf("page: got no reason %s in\n%s", code, body)
			}
			if got := strings.Contains(body, "The claim groups[3] should be a string of <64> characters."); got != claim {
				t.Errorf("page: got claim named %v, want %v, in\n%s", got, claim, body)
			}
			if strings.Contains(page.Body.String(), "<64>") {
				t.Errorf("page: got unescaped text in\n%s", page.Body)
			}
			if strings.Contains(body, "inner detail") {
				t.Errorf("page: got the inner detail shown in\n%s", body)
			}

			answer := do(t, engine, "GET", "/door?token=aaa.bbb.ccc", "Accept: application/json")
			wantHeaders(t, answer, status, code, "application/problem+json")
			var got map[string]any
			if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
				t.Fatalf("problem %q: %v", answer.Body, err)
			}
			want := map[string]any{
				"type":      "urn:problem-type:usher:" + code,
				"title":     outcomes[code].title,
				"status":    float64(status),
				"detail":    outcomes[code].whatToDo,
				"reason":    code,
				"reference": answer.Header().Get("X-Request-Id"),
			}
			if claim {
				want["path"], want["expected"] = "groups[3]", "a string of <64> characters"
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("got problem that differs (-want +got):\n%s", diff)
			}

			records := log.lines(t, "refused")
			if len(records) != 2 {
				t.Fatalf("got %d log lines for two refusals, want 2:\n%s", len(records), log)
			}
			record := records[0]
			if record["reference"] != reference || record["reason"] != code || record["integration"] != "lumen" || record["route"] != "/door" {
				t.Errorf("got log line %v, want reference %s, reason %s, integration lumen, route /door", record, reference, code)
			}
			if text := fmt.Sprint(record["detail"], record["error"]); !strings.Contains(text, "an inner detail") {
				t.Errorf("got log line %v, want the inner detail", record)
			}
			if strings.Contains(log.String(), "aaa.bbb") {
				t.Errorf("got the token in the log:\n%s", log)
			}
		})
	}
}

// wantHeaders checks what holds for every refusal.
func wantHeaders(t *testing.T, answer *httptest.ResponseRecorder, status int, code, contentType string) {
	t.Helper()
	if answer.Code != status {
		t.Errorf("%s: got status %d, want %d", contentType, answer.Code, status)
	}
	want := map[string]string{
		"Content-Type":     contentType,
		"Cache-Control":    "no-store",
		"Referrer-Policy":  "no-referrer",
		"Vary":             "Accept",
		"Set-Cookie":       "",
		"Location":         "",
		"Retry-After":      map[string]string{"store_unavailable": "2", "overloaded": "2", "rate_limited": "60", "idempotency_in_progress": "1"}[code],
		"Www-Authenticate": "",
	}
	if status == http.StatusUnauthorized {
		want["Www-Authenticate"] = `JWT realm="usher"`
	}
	if slices.Contains([]string{"api_key_invalid", "access_token_invalid", "refresh_token_invalid", "scim_token_invalid", "token_invalid"}, code) {
		want["Www-Authenticate"] = `Bearer realm="usher"`
	}
	if code == "invalid_token" || code == "insufficient_scope" {
		want["Www-Authenticate"] = `Bearer realm="usher", error="` + code + `"`
	}
	if code == "invalid_client" {
		want["Www-Authenticate"] = `Basic realm="usher"`
	}
	for name, value := range want {
		if got := answer.Header().Get(name); got != value {
			t.Errorf("%s: got %s %q, want %q", contentType, name, got, value)
		}
	}
}

func TestErrorsWithoutACode(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name string
		err  error
		want string
	}{
		{"unforeseen", errors.New(`pq: relation "users" does not exist`), "internal"},
		{"deadline", fmt.Errorf("applying: %w", context.DeadlineExceeded), "store_unavailable"},
		{"store down", fmt.Errorf("loading the keyring: %w", errStoreDown), "store_unavailable"},
		{"body too large", fmt.Errorf("reading the form: %w", &http.MaxBytesError{Limit: 1}), "too_large"},
		{"cancelled by ourselves", context.Canceled, "internal"},
		{"reason that is not in the table", &provisioning.Refusal{Reason: "brand_new"}, "internal"},
		{"code that is not in the table", &Fault{Code: "brand_new"}, "internal"},
		{"refusal caused by a fault of the store", errors.Join(&provisioning.Refusal{Reason: provisioning.TokenExpired}, errStoreDown), "token_expired"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			h, log := newHTTP(t)
			engine := newEngine(t, h)
			engine.GET("/door", h.WrapJSON(func(*gin.Context) error { return tt.err }))
			answer := do(t, engine, "GET", "/door")
			var got problem
			if err := json.Unmarshal(answer.Body.Bytes(), &got); err != nil {
				t.Fatalf("problem %q: %v", answer.Body, err)
			}
			if got.Reason != tt.want || answer.Code != statuses[tt.want] {
				t.Errorf("got %s with status %d, want %s with %d", got.Reason, answer.Code, tt.want, statuses[tt.want])
			}
			if strings.Contains(answer.Body.String(), "pq:") || strings.Contains(answer.Body.String(), "192.0.2.1") {
				t.Errorf("got the inner error shown: %s", answer.Body)
			}
			if got := len(log.lines(t, "refused")); got != 1 {
				t.Errorf("got %d log lines for the refusal, want 1", got)
			}
		})
	}
}

func TestFaultsPublicSentenceReplacesTheAdvice(t *testing.T) {
	t.Parallel()
	h, _ := newHTTP(t)
	engine := newEngine(t, h)
	const sentence = "max_age should be a number of seconds."
	engine.GET("/api", h.WrapJSON(func(*gin.Context) error { return &Fault{Code: BadRequest, Public: sentence} }))
	engine.GET("/page", h.Wrap(func(*gin.Context) error { return &Fault{Code: BadRequest, Public: sentence} }))
	for _, path := range []string{"/api", "/page"} {
		if body := do(t, engine, "GET", path).Body.String(); !strings.Contains(body, sentence) || strings.Contains(body, outcomes["bad_request"].whatToDo) {
			t.Errorf("%s: got body without the sentence, or with the usual advice:\n%s", path, body)
		}
	}
}

func TestClientGone(t *testing.T) {
	t.Parallel()
	h, log := newHTTP(t)
	engine := newEngine(t, h)
	ctx, hangUp := context.WithCancel(t.Context())
	engine.GET("/door", h.Wrap(func(c *gin.Context) error {
		hangUp()
		return c.Request.Context().Err()
	}))
	recorder := httptest.NewRecorder()
	engine.ServeHTTP(recorder, httptest.NewRequestWithContext(ctx, "GET", "/door", nil))
	if recorder.Code != statusClientGone || recorder.Body.Len() != 0 {
		t.Errorf("got status %d and body %q, want 499 and none", recorder.Code, recorder.Body)
	}
	if got := len(log.lines(t, "refused")); got != 0 {
		t.Errorf("got %d refusals logged, want 0:\n%s", got, log)
	}
}

type brokenPages struct{}

func (brokenPages) Render(io.Writer, web.Page) error { return errors.New("no such template") }
func (brokenPages) Fallback() []byte                 { return []byte("<!doctype html>fallback") }

func TestRenderingFails(t *testing.T) {
	t.Parallel()
	h, log := newHTTP(t)
	h.Pages = brokenPages{}
	engine := newEngine(t, h)
	answer := do(t, engine, "GET", "/nowhere")
	if answer.Code != http.StatusNotFound || answer.Body.String() != "<!doctype html>fallback" {
		t.Errorf("got status %d and body %q, want 404 and the fallback", answer.Code, answer.Body)
	}
	if got := len(log.lines(t, "rendering a page failed")); got != 1 {
		t.Errorf("got %d log lines about it, want 1", got)
	}
}

func TestErrorAfterHalfAnAnswerCutsTheConnection(t *testing.T) {
	t.Parallel()
	h, _ := newHTTP(t)
	engine := newEngine(t, h)
	engine.GET("/door", h.Wrap(func(c *gin.Context) error {
		c.String(http.StatusOK, "half")
		c.Writer.Flush()
		return errors.New("the rest is lost")
	}))
	server := httptest.NewUnstartedServer(engine)
	server.Config.ErrorLog = slog.NewLogLogger(slog.DiscardHandler, slog.LevelInfo)
	server.Start()
	defer server.Close()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+"/door", nil)
	if err != nil {
		t.Fatal(err)
	}
	response, err := server.Client().Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	if body, err := io.ReadAll(response.Body); err == nil {
		t.Errorf("got a complete answer %q, want a cut one", body)
	}
}
