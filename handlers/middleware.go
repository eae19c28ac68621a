package handlers

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/binary"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

const (
	// requestDeadline bounds everything that is done for one request.
	requestDeadline = 3 * time.Second
	// maxBody is the most of a request's body that a handler can read: a form
	// with a token of 64 KiB has ample room, and so has any call of the API.
	maxBody = 256 << 10
	// maxMultipart is how much of a multipart form is held in memory.
	maxMultipart = 64 << 10
)

// NewEngine makes a gin engine with all middleware that every request passes:
// request id, measures, access log, recovery, security headers, load limit, body limit
// and deadline. Forwarding headers count only when they come from one of the
// trusted proxies. inFlight is how many requests may be under way at once;
// those to HealthPath and ReadyPath are not counted.
func (h *HTTP) NewEngine(trustedProxies []netip.Prefix, inFlight int) (*gin.Engine, error) {
	gin.SetMode(gin.ReleaseMode)
	engine := gin.New()
	// Both build a Location from the request, partly from X-Forwarded-Prefix.
	engine.RedirectTrailingSlash = false
	engine.RedirectFixedPath = false
	engine.HandleMethodNotAllowed = true
	engine.MaxMultipartMemory = maxMultipart
	proxies := make([]string, len(trustedProxies))
	for i, p := range trustedProxies {
		proxies[i] = p.String()
	}
	if err := engine.SetTrustedProxies(proxies); err != nil {
		return nil, fmt.Errorf("trusted proxies: %w", err)
	}
	engine.Use(
		h.requestID(trustedProxies),
		h.measure,
		h.accessLog,
		h.recoverPanic,
		h.securityHeaders,
		h.Limit(inFlight),
		limitBody,
		deadline,
	)
	engine.NoRoute(h.Wrap(func(*gin.Context) error { return &Fault{Code: NotFound} }))
	engine.NoMethod(h.Wrap(func(*gin.Context) error { return &Fault{Code: MethodNotAllowed} }))
	return engine, nil
}

// requestIDHeader carries the request's id in both directions.
const requestIDHeader = "X-Request-Id"

type requestIDKey struct{}

// RequestID is the id of the request that ctx belongs to, which is also the
// reference on its error page; "" outside of a request.
func RequestID(ctx context.Context) string {
	id, _ := ctx.Value(requestIDKey{}).(string)
	return id
}

// requestID gives the request its id. One that comes along is kept only when
// a trusted proxy has sent it: it ends up in the log and on pages.
func (h *HTTP) requestID(trusted []netip.Prefix) gin.HandlerFunc {
	return func(c *gin.Context) {
		id := c.Request.Header.Get(requestIDHeader)
		if !wellFormedID(id) || !sentBy(c.Request, trusted) {
			id = newRequestID(h.Now())
		}
		c.Header(requestIDHeader, id)
		c.Request = c.Request.WithContext(context.WithValue(c.Request.Context(), requestIDKey{}, id))
	}
}

// crockford is Crockford's base 32: no letter is mistaken for another when a
// person reads a reference out.
var crockford = base32.NewEncoding("0123456789ABCDEFGHJKMNPQRSTVWXYZ").WithPadding(base32.NoPadding)

// newRequestID makes an id of 16 characters: 32 bits of the time in seconds and
// 48 random ones. In the order of time, new references land at the end of the
// sign-in log's index, which is many times cheaper than anywhere in it.
func newRequestID(now time.Time) string {
	var id [10]byte
	_, _ = rand.Read(id[4:])                              // never fails
	binary.BigEndian.PutUint32(id[:], uint32(now.Unix())) //nolint:gosec // wraps in 2106, which only costs the order
	return crockford.EncodeToString(id[:])
}

// wellFormedID accepts what other programs use as request ids: 8 to 64
// letters, digits, dots, hyphens and underscores.
func wellFormedID(id string) bool {
	if len(id) < 8 || len(id) > 64 {
		return false
	}
	for i := range len(id) {
		b := id[i]
		switch {
		case '0' <= b && b <= '9', 'A' <= b && b <= 'Z', 'a' <= b && b <= 'z', b == '-', b == '_', b == '.':
		default:
			return false
		}
	}
	return true
}

// sentBy reports whether the peer of the connection is one of the prefixes.
func sentBy(r *http.Request, trusted []netip.Prefix) bool {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return false
	}
	address := peer.Addr().Unmap()
	return slices.ContainsFunc(trusted, func(p netip.Prefix) bool { return p.Contains(address) })
}

// accessLog writes one line for each request. The query string, headers and
// body are never part of it: they hold tokens and cookies. It is written for
// connections that are cut as well.
func (h *HTTP) accessLog(c *gin.Context) {
	start := h.Now()
	defer func() { h.logAccess(c, start) }()
	c.Next()
}

func (h *HTTP) logAccess(c *gin.Context, start time.Time) {
	level := slog.LevelInfo
	if path := c.FullPath(); path == HealthPath || path == ReadyPath {
		level = slog.LevelDebug
	}
	ctx := c.Request.Context()
	if !h.Log.Enabled(ctx, level) {
		return
	}
	attrs := append([]slog.Attr{
		slog.String("reference", RequestID(ctx)),
		slog.String("method", shorten(c.Request.Method)),
		slog.String("route", c.FullPath()),
		slog.String("path", loggedPath(c.Request.URL.Path)),
		slog.Int("status", c.Writer.Status()),
		slog.Int("bytes", max(c.Writer.Size(), 0)),
		slog.Float64("milliseconds", float64(h.Now().Sub(start).Microseconds())/1000),
		slog.String("client", c.ClientIP()),
	}, noted(c)...)
	h.Log.LogAttrs(ctx, level, "request", attrs...)
}

// loggedPath shortens a path's segments: a link put together in a wrong way
// ("…/jwt-auth&token=…") carries its token in the path. The ticket of framed
// content is left out.
func loggedPath(path string) string {
	segments := strings.SplitN(path, "/", 10)
	for i, s := range segments {
		segments[i] = shorten(s)
		if i == 5 && "/"+segments[1] == EmbedPath && segments[4] == "content" {
			segments[i] = "…"
		}
	}
	return strings.Join(segments, "/")
}

// shorten cuts what is longer than any word of ours, a UUID included.
func shorten(s string) string {
	if len(s) <= 40 {
		return s
	}
	return strings.ToValidUTF8(s[:24], "") + "…"
}

// recoverPanic turns a panic into an Internal answer. What the program
// panicked with is logged only when the Go runtime has written it: any other
// value may quote the request.
func (h *HTTP) recoverPanic(c *gin.Context) {
	defer func() {
		value := recover()
		if value == nil {
			return
		}
		if err, ok := value.(error); ok && errors.Is(err, http.ErrAbortHandler) {
			panic(http.ErrAbortHandler)
		}
		cause := fmt.Sprintf("a value of type %T", value)
		if err, ok := value.(runtime.Error); ok {
			cause = err.Error()
		}
		h.Log.LogAttrs(c.Request.Context(), slog.LevelError, "panic",
			slog.String("reference", RequestID(c.Request.Context())),
			slog.String("cause", cause),
			slog.Any("stack", stackLines(debug.Stack())))
		h.answer(c, &Fault{Code: Internal, Err: errors.New("panic: " + cause)}, wantedForm(c.Request))
	}()
	c.Next()
}

// stackLines makes a list of a stack trace, as a log line cannot hold line
// ends.
func stackLines(stack []byte) []string {
	return strings.Split(strings.ReplaceAll(strings.TrimSpace(string(stack)), "\t", ""), "\n")
}

// ContentSecurityPolicy is sent with every answer whose handler does not set
// another one: pages load from our own origin only and are never framed.
const ContentSecurityPolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; " +
	"form-action 'self'; base-uri 'none'; frame-ancestors 'none'"

// securityHeaders sets the strict defaults; handlers loosen what they must.
func (h *HTTP) securityHeaders(c *gin.Context) {
	header := c.Writer.Header()
	header.Set("Content-Security-Policy", ContentSecurityPolicy)
	header.Set("X-Content-Type-Options", "nosniff")
	header.Set("Referrer-Policy", "no-referrer")
	header.Set("Cross-Origin-Opener-Policy", "same-origin")
	header.Set("Cache-Control", "no-store")
	if h.HTTPS {
		header.Set("Strict-Transport-Security", "max-age=31536000")
	}
}

// Limit lets at most n requests be under way at once and answers those above
// with Overloaded at once: waiting in a queue would make all of them late.
// Health checks pass, as a busy process is alive. A request that is forwarded
// gives its place back: see lift.
func (h *HTTP) Limit(n int) gin.HandlerFunc {
	slots := make(chan struct{}, n)
	overloaded := h.Wrap(func(*gin.Context) error { return &Fault{Code: Overloaded} })
	return func(c *gin.Context) {
		if path := c.FullPath(); path == HealthPath || path == ReadyPath {
			return
		}
		select {
		case slots <- struct{}{}:
			leave := sync.OnceFunc(func() { <-slots })
			defer leave()
			boundsOf(c).leave = leave
			c.Next()
		default:
			overloaded(c)
		}
	}
}

// limitBody makes reading more than maxBody fail with http.MaxBytesError.
func limitBody(c *gin.Context) {
	boundsOf(c).body = c.Request.Body
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
}

// deadline gives the request's context its end. The middleware outside gets
// the request back as it was, or the context cancelled here would look to it
// like a client that has hung up.
func deadline(c *gin.Context) {
	outside := c.Request
	boundsOf(c).ctx = outside.Context()
	ctx, cancel := context.WithTimeout(outside.Context(), requestDeadline)
	defer func() {
		cancel()
		c.Request = outside
	}()
	c.Request = outside.WithContext(ctx)
	c.Next()
}

// SameOrigin refuses state-changing requests that a browser sends for another
// origin (http.CrossOriginProtection). It belongs on every such route that
// lets a cookie speak for the person. trusted lists further origins, in the
// form of an Origin header, that may send this one request; it is asked only
// when the request would be refused otherwise.
func (h *HTTP) SameOrigin(trusted func(c *gin.Context) ([]string, error)) gin.HandlerFunc {
	protection := http.NewCrossOriginProtection()
	return h.Wrap(func(c *gin.Context) error {
		refused := protection.Check(c.Request)
		if refused == nil {
			return nil
		}
		origins, err := trusted(c)
		if err != nil {
			return fmt.Errorf("trusted origins: %w", err)
		}
		// "null" stands for any sandboxed page of any site.
		origin := c.Request.Header.Get("Origin")
		if origin != "" && origin != "null" && slices.Contains(origins, origin) {
			return nil
		}
		return &Fault{Code: CrossOrigin, Err: refused}
	})
}
