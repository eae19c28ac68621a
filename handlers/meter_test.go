package handlers

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"
	"time"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"usher/sessions"
)

// heard keeps what a meter is told.
type heard struct {
	mu  sync.Mutex
	all []string
}

func (h *heard) note(format string, args ...any) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.all = append(h.all, fmt.Sprintf(format, args...))
}

func (h *heard) Request(route string, status int, _ time.Duration) { h.note("%s %d", route, status) }

func (h *heard) SignIn(door, outcome, reason string) { h.note("%s %s %s", door, outcome, reason) }
func (h *heard) SessionCheck(kind, result string)    { h.note("%s %s", kind, result) }
func (h *heard) TokenRequest(grant, result string)   { h.note("%s %s", grant, result) }
func (h *heard) Introspection(result string)         { h.note("%s", result) }
func (h *heard) RateLimited(kind RateKind)           { h.note("%s", kind) }

// TestLoad: requests under way are counted as long as they are, those turned away
// once, and every one by its route when it is over.
func TestLoad(t *testing.T) {
	t.Parallel()
	const limit = 8 // newEngine's
	h, _ := newHTTP(t)
	told := &heard{}
	h.Requests = told
	engine := newEngine(t, h)
	entered, release := make(chan struct{}), make(chan struct{})
	engine.GET("/slow/:id", func(*gin.Context) {
		entered <- struct{}{}
		<-release
	})
	engine.GET("/panic", func(*gin.Context) { panic("x") })
	engine.GET("/stopping", h.Wrap(func(*gin.Context) error { return &Fault{Code: Overloaded, Err: errStopping} }))
	var under sync.WaitGroup
	for n := range limit {
		under.Go(func() {
			engine.ServeHTTP(httptest.NewRecorder(), httptest.NewRequestWithContext(t.Context(), "GET", fmt.Sprintf("/slow/%d", n), nil))
		})
	}
	for range limit {
		<-entered
	}
	do(t, engine, "GET", "/slow/x")
	if got, want := h.Load(), (Load{InFlight: limit, Shed: 1}); got != want {
		t.Errorf("got load %+v, want %+v", got, want)
	}
	close(release)
	under.Wait()
	do(t, engine, "GET", "/panic")
	do(t, engine, "GET", "/nowhere")
	do(t, engine, "GET", "/stopping")
	if got, want := h.Load(), (Load{Shed: 1}); got != want {
		t.Errorf("got load %+v when all is over, want %+v", got, want)
	}
	want := []string{"/slow/:id 503"}
	for range limit {
		want = append(want, "/slow/:id 200")
	}
	want = append(want, "/panic 500", " 404", "/stopping 503")
	if diff := cmp.Diff(want, told.all); diff != "" {
		t.Errorf("got requests that differ (-want +got):\n%s", diff)
	}
}

// TestMeter: what is told of checks, tokens and introspections, and that a client
// that has hung up was neither let in nor refused.
func TestMeter(t *testing.T) {
	t.Parallel()
	h, _ := newHTTP(t)
	refused := &Fault{Code: OAuthInvalidGrant}
	for name, test := range map[string]struct {
		do   func(a *App, c *gin.Context)
		want string
	}{
		"live":        {func(a *App, c *gin.Context) { a.meterCheck(c, CheckView, nil) }, "view live"},
		"no session":  {func(a *App, c *gin.Context) { a.meterCheck(c, CheckBrowser, sessions.ErrNone) }, "browser none"},
		"store down":  {func(a *App, c *gin.Context) { a.meterCheck(c, CheckBrowser, errStoreDown) }, "browser store_unavailable"},
		"active":      {func(a *App, c *gin.Context) { a.meterIntrospection(c, true, nil) }, "active"},
		"inactive":    {func(a *App, c *gin.Context) { a.meterIntrospection(c, false, nil) }, "inactive"},
		"bad caller":  {func(a *App, c *gin.Context) { a.meterIntrospection(c, false, &Fault{Code: OAuthInvalidClient}) }, "refused"},
		"not told":    {func(a *App, c *gin.Context) { a.meterIntrospection(c, false, errStoreDown) }, "store_unavailable"},
		"issued":      {func(a *App, c *gin.Context) { a.issue(c, "refresh_token", nil) }, "refresh_token issued"},
		"refused":     {func(a *App, c *gin.Context) { a.issue(c, "refresh_token", refused) }, "refresh_token invalid_grant"},
		"no grant":    {func(a *App, c *gin.Context) { a.issue(c, "", refused) }, "unknown invalid_grant"},
		"unforeseen":  {func(a *App, c *gin.Context) { a.issue(c, "", errors.New("x")) }, "unknown internal"},
		"tokens away": {func(a *App, c *gin.Context) { a.issue(c, GrantJWT, errStoreDown) }, "jwt store_unavailable"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, gone := range []bool{false, true} {
				told := &heard{}
				ctx, leave := context.WithCancel(t.Context())
				c, _ := gin.CreateTestContext(httptest.NewRecorder())
				c.Request = httptest.NewRequestWithContext(ctx, http.MethodPost, "/", nil)
				want := []string{test.want}
				if gone {
					leave()
					want = nil
				}
				test.do(&App{HTTP: h, Meter: told}, c)
				test.do(&App{HTTP: h}, c) // nobody wants to know
				leave()
				if diff := cmp.Diff(want, told.all); diff != "" {
					t.Errorf("client gone %v: got what differs (-want +got):\n%s", gone, diff)
				}
			}
		})
	}
}

// issue is an address that gives tokens, and answers with err.
func (a *App) issue(c *gin.Context, grant string, err error) {
	_ = a.GivesTokens(func(c *gin.Context) error {
		if grant != "" {
			noteGrant(c, grant)
		}
		return err
	})(c)
}
