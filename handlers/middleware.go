package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"net/netip"
	"runtime"
	"runtime/debug"
	"slices"
	"strings"
	"sync/atomic"
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
		h.begin(trustedProxies),
		h.measure,
		h.accessLog,
		h.recoverPanic,
		h.securityHeaders(),
		h.Limit(inFlight),
		limitBody,
	)
	engine.NoRoute(h.Wrap(func(*gin.Context) error { return &Fault{Code: NotFound} }))
	engine.NoMethod(h.Wrap(func(*gin.Context) error { return &Fault{Code: MethodNotAllowed} }))
	return engine, nil
}

// requestIDHeader carries the request's id in both directions.
const requestIDHeader = "X-Request-Id"

// RequestID is the id of the request that ctx belongs to, which is also the
// reference on its error page; "" outside of a request.
func RequestID(ctx context.Context) string {
	if r := requestIn(ctx); r != nil {
		return r.id
	}
	return ""
}

// begin gives the request its id, its deadline and what is kept of it (see
// request). An id that comes along is kept only when a trusted proxy has sent it:
// it ends up in the log and on pages.
func (h *HTTP) begin(trusted []netip.Prefix) gin.HandlerFunc {
	return func(c *gin.Context) {
		now := h.Now()
		r := &request{outside: c.Request.Context(), now: h.Now, begun: now, peer: peerOf(c.Request)}
		byProxy := among(r.peer, trusted)
		if r.peer.Is4() && !byProxy {
			r.client = c.Request.RemoteAddr[:strings.LastIndexByte(c.Request.RemoteAddr, ':')]
		}
		if sent := c.Request.Header[requestIDHeader]; len(sent) > 0 && byProxy && wellFormedID(sent[0]) {
			r.id = sent[0]
		} else {
			r.id = h.ids.next(now)
		}
		r.idLine[0] = r.id
		c.Writer.Header()[requestIDHeader] = r.idLine[:]
		defer r.end()
		c.Request = c.Request.WithContext(r)
		c.Next()
	}
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
	return len(trusted) > 0 && among(peerOf(r), trusted)
}

// peerOf is the other end of the connection; the zero Addr where that is none of
// the internet's.
func peerOf(r *http.Request) netip.Addr {
	peer, err := netip.ParseAddrPort(r.RemoteAddr)
	if err != nil {
		return netip.Addr{}
	}
	return peer.Addr().Unmap()
}

func among(address netip.Addr, prefixes []netip.Prefix) bool {
	return slices.ContainsFunc(prefixes, func(p netip.Prefix) bool { return p.Contains(address) })
}

// clientIP is the address of the client as far as it is known: the peer of the
// connection, or whom a trusted proxy names; "" when there is none.
func clientIP(c *gin.Context) string {
	r := requestOf(c)
	if r.client == "" {
		r.client = c.ClientIP()
	}
	return r.client
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

// securityHeaders sets the strict defaults; handlers loosen what they must. The
// values are shared by all answers: they are replaced, never changed.
func (h *HTTP) securityHeaders() gin.HandlerFunc {
	policy, nosniff := []string{ContentSecurityPolicy}, []string{"nosniff"}
	opener, transport := []string{"same-origin"}, []string{"max-age=31536000"}
	return func(c *gin.Context) {
		header := c.Writer.Header()
		header["Content-Security-Policy"] = policy
		header["X-Content-Type-Options"] = nosniff
		header["Referrer-Policy"] = noReferrer
		header["Cross-Origin-Opener-Policy"] = opener
		header["Cache-Control"] = noStore
		if h.HTTPS {
			header["Strict-Transport-Security"] = transport
		}
	}
}

// Limit lets at most n requests be under way at once and answers those above
// with Overloaded at once: waiting in a queue would make all of them late.
// Health checks pass, as a busy process is alive. A request that is forwarded
// gives its place back: see lift.
func (h *HTTP) Limit(n int) gin.HandlerFunc {
	underWay := new(atomic.Int64)
	overloaded := h.Wrap(func(*gin.Context) error { return &Fault{Code: Overloaded} })
	return func(c *gin.Context) {
		if path := c.FullPath(); path == HealthPath || path == ReadyPath {
			return
		}
		for {
			already := underWay.Load()
			if already >= int64(n) {
				overloaded(c)
				return
			}
			if underWay.CompareAndSwap(already, already+1) {
				break
			}
		}
		r := requestOf(c)
		r.place = underWay
		defer r.leave()
		c.Next()
	}
}

// limitBody makes reading more than maxBody fail with http.MaxBytesError.
func limitBody(c *gin.Context) {
	if c.Request.Body == nil || c.Request.Body == http.NoBody {
		return
	}
	requestOf(c).body = c.Request.Body
	c.Request.Body = http.MaxBytesReader(c.Writer, c.Request.Body, maxBody)
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
