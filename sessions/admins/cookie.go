package admins

import (
	"net/http"
	"strings"
)

// CookieName is the cookie of an administrator's browser. The prefix makes
// browsers refuse it unless it is Secure, for the path "/" and for one host
// only (draft-ietf-httpbis-rfc6265bis, §4.1.3.2).
const CookieName = "__Host-usher-admin"

// NewCookie carries the value of a session. It has no Max-Age: the browser
// forgets it when it is closed, and the server decides when the session ends
// before that.
func NewCookie(value string) *http.Cookie {
	return &http.Cookie{
		Name: CookieName, Value: value, Path: "/",
		Secure: true, HttpOnly: true, SameSite: http.SameSiteLaxMode,
	}
}

// ClearCookie makes the browser forget the cookie.
func ClearCookie() *http.Cookie {
	cookie := NewCookie("") //nolint:gosec // the attributes are set there
	cookie.MaxAge = -1
	return cookie
}

// ReadCookie returns the session's cookie, or "" unless the request has
// exactly one and it is well-formed.
func ReadCookie(r *http.Request) string {
	if value := ReadOne(r, CookieName); wellFormed(value) {
		return value
	}
	return ""
}

// ReadOne returns the value of the one cookie of this name, or "". The header
// is read by hand because net/http drops malformed cookies, and one of two
// would then pass for the only one.
func ReadOne(r *http.Request, cookie string) string {
	found, count := "", 0
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(pair, "=")
			if strings.TrimSpace(name) == cookie {
				found = strings.TrimRight(value, " \t")
				count++
			}
		}
	}
	if count != 1 {
		return ""
	}
	return found
}
