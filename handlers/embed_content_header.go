package handlers

import (
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/web"
)

// contentHeaders are what of an upstream's answer reaches the browser. Others
// are left out: many speak for the whole origin that sends them, which is ours
// (Set-Cookie, Clear-Site-Data, NEL, Accept-CH, Set-Login …), ask for a password
// for it, or mean something to a proxy in front of us (X-Accel-Redirect).
var contentHeaders = map[string]bool{
	"Accept-Ranges": true, "Allow": true, "Cache-Control": true, "Content-Disposition": true, "Content-Encoding": true,
	"Content-Language": true, "Content-Length": true, "Content-Range": true, "Content-Security-Policy": true, "Content-Type": true,
	"Date": true, "Etag": true, "Expires": true, "Last-Modified": true, "Location": true, "Permissions-Policy": true,
	"Retry-After": true, "Vary": true, "X-Content-Type-Options": true,

	// Of a WebSocket's handshake (RFC 6455 §4.2.2).
	"Connection": true, "Upgrade": true, "Sec-Websocket-Accept": true, "Sec-Websocket-Protocol": true, "Sec-Websocket-Extensions": true,
}

// contentPolicy puts framed content into an origin of its own, whoever opens it
// and however, and says who may frame it: our page, in one of these origins'.
func contentPolicy(origins []string) string {
	return "sandbox " + web.EmbedSandbox + "; frame-ancestors " + ancestors(append([]string{"'self'"}, origins...))
}

// reframe makes of an upstream's answer one that is good for a frame: its
// policy without frame-ancestors and with ours beside it, no header that is not
// about the answer itself, and nothing that a shared cache would keep. A
// redirect stays below mount.
func reframe(answer *http.Response, policy, mount, origin string) error {
	header := answer.Header
	for name := range header {
		if !contentHeaders[name] {
			delete(header, name)
		}
	}
	if location := header.Get("Location"); location != "" {
		inside, ok := redirectBelow(location, mount)
		if !ok {
			return &Fault{Code: UpstreamUnavailable, Public: "It leads away from what may be shown here. Tell the site that you came from."}
		}
		header.Set("Location", inside)
	}
	header["Content-Security-Policy"] = append(withoutAncestors(header["Content-Security-Policy"]), policy)
	header.Set("Cache-Control", privately(header["Cache-Control"]))
	header.Set("Referrer-Policy", "no-referrer")
	setContentSharing(header, origin)
	return nil
}

// redirectBelow is a redirect's target as the browser may follow it: relative,
// or below mount.
func redirectBelow(location, mount string) (string, bool) {
	rest, below := strings.CutPrefix(location, mount)
	switch {
	case below && rest == "":
		return mount + "/", true
	case below && (rest[0] == '?' || rest[0] == '#'):
		return mount + "/" + rest, true
	case below && rest[0] == '/':
		return location, true
	}
	// "//host" and "scheme:" lead elsewhere, and browsers read "\" as "/".
	relative := !strings.HasPrefix(location, "/") && !strings.ContainsAny(location, ":\\")
	return location, relative
}

// withoutAncestors is a list of policies (CSP Level 3, §2.2.2) without the
// directive frame-ancestors: who may frame the content is ours to say.
func withoutAncestors(lines []string) []string {
	var policies []string
	for _, line := range lines {
		for policy := range strings.SplitSeq(line, ",") {
			var kept []string
			for directive := range strings.SplitSeq(policy, ";") {
				directive = strings.Trim(directive, " \t\f\r\n")
				name := directive
				if end := strings.IndexAny(directive, " \t\f\r\n"); end >= 0 {
					name = directive[:end]
				}
				if name != "" && !strings.EqualFold(name, "frame-ancestors") {
					kept = append(kept, directive)
				}
			}
			if len(kept) > 0 {
				policies = append(policies, strings.Join(kept, "; "))
			}
		}
	}
	return policies
}

// privately is a Cache-Control (RFC 9111 §5.2.2) that keeps the answer out of
// caches that several people share, and is otherwise the upstream's. What the
// upstream says nothing about is asked for anew each time.
func privately(lines []string) string {
	kept, fresh := []string{"private"}, false
	for item := range strings.SplitSeq(strings.Join(lines, ","), ",") {
		item = strings.Trim(item, " \t")
		name, _, _ := strings.Cut(strings.ToLower(item), "=")
		switch strings.Trim(name, " \t") {
		case "no-store":
			return "no-store"
		case "", "public", "private", "s-maxage", "proxy-revalidate":
		case "max-age", "no-cache":
			fresh = true
			kept = append(kept, item)
		default:
			kept = append(kept, item)
		}
	}
	if !fresh {
		kept = append(kept, "no-cache")
	}
	return strings.Join(kept, ", ")
}

// shareWithContent lets the content read an answer, an error as well.
func shareWithContent(c *gin.Context) {
	setContentSharing(c.Writer.Header(), c.Request.Header.Get("Origin"))
}

// setContentSharing lets content, whose origin is "null", read and use what is
// below its ticket (Fetch standard, §3.3.3 and §3.7). Whoever else asks with
// that origin does not know the ticket. No cookie is ever part of it.
func setContentSharing(header http.Header, origin string) {
	if !strings.Contains(strings.ToLower(header.Get("Vary")), "origin") {
		header.Add("Vary", "Origin")
	}
	header.Set("Cross-Origin-Resource-Policy", "cross-origin")
	if origin == "null" {
		header.Set("Access-Control-Allow-Origin", "null")
		header.Set("Access-Control-Expose-Headers", "*")
	}
}

// allowContent answers a preflight of the content: it may send what it likes to
// where it comes from.
func allowContent(c *gin.Context) {
	header := c.Writer.Header()
	if c.Request.Header.Get("Origin") == "null" {
		header.Set("Access-Control-Allow-Methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
		if wanted := c.Request.Header.Get("Access-Control-Request-Headers"); wanted != "" {
			header.Set("Access-Control-Allow-Headers", wanted)
		}
		header.Set("Access-Control-Max-Age", scriptMaxAge)
	}
	c.Status(http.StatusNoContent)
	c.Writer.WriteHeaderNow()
}
