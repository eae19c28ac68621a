package handlers

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"net/http/httputil"
	"net/url"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// forwarding is where a request goes on to, and what goes along.
type forwarding struct {
	To       *url.URL // http or https; its query counts for nothing
	Path     string   // below To's path, escaped as the client sent it; it begins with "/"
	RawQuery string
	// Mount is the escaped path of ours that stands for To's, for redirects
	// that stay below it. "" = our root.
	Mount string
	// Host is what the upstream is told that it was called. "" = To's host.
	Host string
	// Identity is set on the request, in the place of everything that the
	// client sent by such names. nil = nobody.
	Identity http.Header
	// Cookies lets the client's cookies pass, and those that the upstream
	// sets; never ours.
	Cookies bool
	// Answer looks at the upstream's answer and may change its header before
	// it is passed on. An error is answered in its place. It may be nil.
	Answer func(*http.Response) error
	// Still is asked again and again while a WebSocket or a stream is open. It
	// is ended when the answer to the error would be 401 or 403, and not for a
	// fault that passes. It runs beside the request. It may be nil.
	Still func(context.Context) error
}

// forward sends c's request on to an upstream and its answer back, of any
// length and for as long as both take part in it: the bounds of our own
// requests (see lift) do not hold. Only websocket is let through as a protocol
// to switch to (RFC 9110 §7.8): in another, h2c say, the client could go on to
// send requests that nobody has looked at.
//
// An upstream that does not answer is a Fault with UpstreamUnavailable. Half an
// answer ends the connection.
func (a *App) forward(c *gin.Context, f forwarding) error {
	leave, ok := a.Upstreams.enter()
	if !ok {
		return &Fault{Code: Overloaded}
	}
	defer leave()
	lift(c)
	in := c.Request
	ctx, cut := context.WithCancelCause(in.Context())
	defer cut(nil)
	defer context.AfterFunc(a.Upstreams.open, func() { cut(errStopping) })()

	preset := c.Writer.Header().Clone()
	w := newPatientWriter(c.Writer, a.Now)
	in = in.WithContext(ctx)
	in.Body = w.patientBody(in.Body)
	if !strings.EqualFold(in.Header.Get("Upgrade"), "websocket") {
		in.Header.Del("Upgrade")
	}
	var failed error
	proxy := httputil.ReverseProxy{
		Transport:  a.Upstreams.transport,
		BufferPool: &a.Upstreams.pieces,
		ErrorLog:   slog.NewLogLogger(a.Log.Handler(), slog.LevelWarn),
		Rewrite:    func(p *httputil.ProxyRequest) { a.rewrite(p, f) },
		ModifyResponse: func(answer *http.Response) error {
			w.awaitClient()
			f.clean(answer)
			if f.Answer != nil {
				if err := f.Answer(answer); err != nil {
					return &answerRefused{err}
				}
			}
			a.giveWay(c, preset, answer)
			if f.Still != nil && endless(answer) {
				go a.watch(ctx, f.Still, cut)
			}
			return nil
		},
		ErrorHandler: func(_ http.ResponseWriter, _ *http.Request, err error) { failed = err },
	}
	proxy.ServeHTTP(w, in)
	if failed == nil {
		c.Writer.WriteHeaderNow() // or gin would give an empty 404 a body of its own
		return nil
	}
	// An informational answer (RFC 9110 §15.2) may have swept them away.
	header := c.Writer.Header()
	clear(header)
	maps.Copy(header, preset)
	if refused, ok := errors.AsType[*answerRefused](failed); ok {
		return refused.err
	}
	if errors.Is(context.Cause(ctx), errStopping) {
		return &Fault{Code: Overloaded, Err: errStopping}
	}
	return &Fault{Code: UpstreamUnavailable, Err: failed}
}

// answerRefused is an error of forwarding.Answer.
type answerRefused struct{ err error }

func (e *answerRefused) Error() string { return e.err.Error() }

var errStopping = errors.New("the process is stopping")

// rewrite makes the request for the upstream.
func (a *App) rewrite(p *httputil.ProxyRequest, f forwarding) {
	in, out := p.In, p.Out
	to := *f.To
	to.RawQuery, to.Fragment, to.RawFragment = f.RawQuery, "", ""
	to.RawPath = f.base() + f.Path
	if path, err := url.PathUnescape(to.RawPath); err == nil { // it came out of a parsed URL
		to.Path = path
	}
	to.ForceQuery = in.URL.ForceQuery
	out.URL, out.Host = &to, f.Host
	out.Trailer = nil // it could name what the header must not

	header := out.Header
	trusted := sentBy(in, a.TrustedProxies)
	stripIdentity(header)
	stripForwarding(header, trusted)
	stripCredentials(header, f.Cookies)
	setForwarded(header, in, trusted, a.Origin.Scheme())
	header.Set(requestIDHeader, RequestID(in.Context()))
	maps.Copy(header, f.Identity)
}

// base is To's path, escaped, with a slash in front and none at the end; "" for
// the root.
func (f forwarding) base() string {
	base := strings.TrimSuffix(f.To.EscapedPath(), "/")
	if base != "" && base[0] != '/' { // as URL.JoinPath leaves it
		base = "/" + base
	}
	return base
}

// clean takes out of an upstream's answer what is not its to say.
func (f forwarding) clean(answer *http.Response) {
	header := answer.Header
	header.Del(requestIDHeader)
	header.Del("Alt-Svc") // it names ways to the upstream, not to us
	if f.Cookies {
		dropOurCookies(header)
	} else {
		header.Del("Set-Cookie")
		header.Del("Clear-Site-Data") // the site is ours
	}
	if location := header.Get("Location"); location != "" {
		header.Set("Location", f.location(location, answer.Request.URL))
	}
}

// giveWay takes back the header that the middleware has set, as the
// application's own counts now. What is about the host stays; nosniff stays
// where the application says nothing.
func (a *App) giveWay(c *gin.Context, preset http.Header, answer *http.Response) {
	header := c.Writer.Header()
	clear(header)
	header[requestIDHeader] = preset[requestIDHeader]
	const hsts, nosniff = "Strict-Transport-Security", "X-Content-Type-Options"
	if ours := preset[hsts]; ours != nil {
		answer.Header[hsts] = ours
	}
	if answer.Header.Get(nosniff) == "" && preset[nosniff] != nil {
		header[nosniff] = preset[nosniff]
	}
	c.Status(answer.StatusCode) // for the log; an upgrade writes its own line
}

// location is where a redirect of the upstream leads a browser. Addresses of
// the upstream's own become ours; it is known to us alone.
func (f forwarding) location(text string, asked *url.URL) string {
	u, err := url.Parse(text)
	if err != nil {
		return text
	}
	relative := u.Scheme == "" && u.Host == ""
	if relative && !strings.HasPrefix(text, "/") {
		return text // it is relative to the page
	}
	if u = asked.ResolveReference(u); u.Scheme != f.To.Scheme || !strings.EqualFold(u.Host, f.To.Host) || u.User != nil {
		return text
	}
	rest, below := strings.CutPrefix(u.EscapedPath(), f.base())
	if below = below && (rest == "" || rest[0] == '/'); !below {
		if f.Mount != "" {
			return u.String() // outside of what stands here
		}
		rest = u.EscapedPath()
	}
	ours := f.Mount + rest
	if ours == "" {
		ours = "/"
	}
	if strings.HasPrefix(ours, "//") {
		ours = "/." + ours // "//host" would be another site (RFC 3986 §4.2)
	}
	if u.RawQuery != "" || u.ForceQuery {
		ours += "?" + u.RawQuery
	}
	if fragment := u.EscapedFragment(); fragment != "" {
		ours += "#" + fragment
	}
	return ours
}

// endless reports whether an answer goes on until somebody ends it, as far as
// its header tells.
func endless(answer *http.Response) bool {
	return answer.StatusCode == http.StatusSwitchingProtocols || answer.ContentLength < 0
}

// watch asks again and again whether the caller may go on, and cuts the
// connection once that is refused.
func (a *App) watch(ctx context.Context, still func(context.Context) error, cut context.CancelCauseFunc) {
	tick := time.NewTicker(a.Upstreams.recheck)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := a.askStill(ctx, still)
		if err == nil {
			continue
		}
		if status := a.rule(err).status; status == http.StatusUnauthorized || status == http.StatusForbidden {
			cut(fmt.Errorf("no longer allowed: %w", err))
			return
		}
	}
}

// askStill bounds the question as any request is, and keeps a panic from
// ending the process, as no handler's recovery covers this goroutine.
func (a *App) askStill(ctx context.Context, still func(context.Context) error) (err error) {
	defer func() {
		if value := recover(); value != nil {
			err = fmt.Errorf("the question panicked with a value of type %T", value)
		}
	}()
	ctx, cancel := context.WithTimeout(ctx, requestDeadline)
	defer cancel()
	return still(ctx)
}
