package handlers

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

// Front is the application that we stand in front of.
type Front struct {
	To     *url.URL
	Public PathPrefixes // open without a session
}

// ourPaths are ours whatever the application has. They hold for everything
// below them, so that an address of ours that does not exist is not theirs. Of
// /api and /.well-known, where applications have their own, it is what partners'
// clients call.
var ourPaths = []string{
	"/auth", "/admin", "/api/oauth", "/api/v0/token", ResourcesPath, "/connect", "/v1/oauth", "/embed", "/openapi", "/openapi.json",
	JWKSPath, "/.well-known/openid-configuration", "/.well-known/oauth-authorization-server", HealthPath, ReadyPath,
}

// isOurPath reports whether a decoded path belongs to us, also when a server
// behind us would make one of ours of it.
func isOurPath(path string) bool {
	path = strings.ReplaceAll(path, `\`, "/")
	for strings.Contains(path, "//") {
		path = strings.ReplaceAll(path, "//", "/")
	}
	return slices.ContainsFunc(ourPaths, func(ours string) bool {
		rest, found := strings.CutPrefix(path, ours)
		return found && (rest == "" || rest[0] == '/')
	})
}

// frontMethods are what we pass on. CONNECT asks for a tunnel, and TRACE for
// its own request (RFC 9110 §9.3.8), which is told who the caller is.
var frontMethods = []string{
	http.MethodGet, http.MethodHead, http.MethodPost, http.MethodPut, http.MethodPatch, http.MethodDelete, http.MethodOptions,
}

// ToFront answers what no route takes: it sends the request on to the
// application, with the headers that say who calls (see identity). Somebody
// without a session is sent to sign in when a page was asked for and there is
// where to go, and gets a 401 otherwise, except on public paths. It follows
// the Tenant middleware.
func (a *App) ToFront(front Front) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := a.toFront(c, front); err != nil {
			form := asProblem
			if wantsPage(c.Request) {
				form = asPage
			}
			a.answer(c, err, form)
		}
	}
}

func (a *App) toFront(c *gin.Context, front Front) error {
	r := c.Request
	path := r.URL.Path
	switch {
	case isOurPath(path):
		return &Fault{Code: NotFound}
	case a.atAdminHost(c):
		if path == "/" && r.Method == http.MethodGet {
			return a.Home(c)
		}
		return &Fault{Code: NotFound}
	case !slices.Contains(frontMethods, r.Method) && isStandard(r.Method):
		c.Header("Allow", strings.Join(frontMethods, ", "))
		return &Fault{Code: MethodNotAllowed}
	case !strings.HasPrefix(path, "/") || HasDotSegments(path):
		return &Fault{Code: BadRequest, Public: "The path begins with a slash and has no “.” or “..” in it.", Err: errDotSegments}
	}
	Note(c, slog.Bool("forwarded", true))
	to := forwarding{
		To: front.To, Path: r.URL.EscapedPath(), RawQuery: r.URL.RawQuery, Host: r.Host, Cookies: true,
	}
	who, err := a.frontCaller(c)
	switch fault, _ := errors.AsType[*Fault](err); {
	case err == nil:
		told, err := a.identity(r.Context(), TenantOf(c), who)
		if err != nil {
			return err
		}
		to.Identity = told.header()
		known := requestOf(c).apart(r.Context())
		asked := c.Copy() // the request's own is in use while it is under way
		to.Still = func(ctx context.Context) error {
			again := asked.Copy()
			again.Request = again.Request.WithContext(known.apart(ctx))
			who, err := a.frontCaller(again)
			if err == nil {
				_, err = a.identity(ctx, TenantOf(again), who)
			}
			return err
		}
	case fault == nil || fault.Code != NoSession || forUs(r):
		return err
	case front.Public.Match(path):
	case wantsPage(r) && (r.Method == http.MethodGet || r.Method == http.MethodHead):
		return a.toSignIn(c, err)
	default:
		return err
	}
	return a.forward(c, to)
}

// isStandard reports whether a method is one of RFC 9110 or RFC 5789. Others,
// such as those of WebDAV, are the application's business.
func isStandard(method string) bool {
	return slices.Contains(frontMethods, method) || method == http.MethodConnect || method == http.MethodTrace
}

// frontCaller is caller for a request to the application. That may have
// credentials of its own, Bearer tokens say, which stand beside our cookie.
func (a *App) frontCaller(c *gin.Context) (caller, error) {
	if forUs(c.Request) {
		return a.caller(c)
	}
	session, err := a.session(c)
	if err != nil {
		return caller{}, err
	}
	return callerOf(session), nil
}

// forUs reports whether a request to the application carries a credential of
// the one scheme that is ours alone. Then that decides, good or bad.
func forUs(r *http.Request) bool {
	return slices.ContainsFunc(r.Header["Authorization"], func(line string) bool {
		return strings.EqualFold(schemeOf(line), schemeJWT)
	})
}

// toSignIn sends the browser to begin a sign-in that leads back here, or
// returns the refusal when there is no page that it could begin on.
func (a *App) toSignIn(c *gin.Context, refusal error) error {
	_, err := a.Provisioning.Begin(c.Request.Context(), TenantOf(c), "")
	if _, refused := errors.AsType[*provisioning.Refusal](err); refused || errors.Is(err, provisioning.ErrNotFound) {
		return refusal
	} else if err != nil {
		return err
	}
	seeOther(c, "/auth/start?"+url.Values{"go": {c.Request.URL.RequestURI()}}.Encode())
	return nil
}

// wantsPage reports whether a person will look at the answer: a browser opens
// it as a page, rather than a script or a picture asking for it (Fetch standard,
// "Sec-Fetch-Mode").
func wantsPage(r *http.Request) bool {
	mode := r.Header.Get("Sec-Fetch-Mode")
	if mode != "" && mode != "navigate" || r.Header.Get("Upgrade") != "" {
		return false
	}
	return asksForPage(r.Header["Accept"])
}
