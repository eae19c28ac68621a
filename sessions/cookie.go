package sessions

import (
	"crypto/sha256"
	"encoding/base64"
	"net/http"
	"strings"

	"usher/sessions/kv"
)

// CookieName is the cookie of a top-level sign-in. The prefix makes browsers
// refuse it unless it is Secure, for the path "/" and for one host only
// (draft-ietf-httpbis-rfc6265bis, §4.1.3.2).
const CookieName = "__Host-usher"

const (
	randomSize = 32 // bytes
	cookieSize = 43 // characters: randomSize in base64url without padding
)

// strict refuses a last character whose unused bits are set, so that a cookie
// has one spelling.
var strict = base64.RawURLEncoding.Strict()

// NewCookie carries the value that Issue returned. It has no Max-Age: the
// browser forgets it when it is closed, and the server decides when the
// session ends before that.
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

// ReadCookie returns the session cookie's value, or "" unless the request has
// exactly one cookie of that name and it is well-formed.
//
// The header is read by hand because net/http drops malformed cookies, and
// one of two would then pass for the only one.
func ReadCookie(r *http.Request) string { return readCookie(r, CookieName) }

func readCookie(r *http.Request, wanted string) string {
	found, count := "", 0
	for _, line := range r.Header["Cookie"] {
		for pair := range strings.SplitSeq(line, ";") {
			name, value, _ := strings.Cut(pair, "=")
			if strings.TrimSpace(name) == wanted {
				found = strings.TrimRight(value, " \t")
				count++
			}
		}
	}
	if count != 1 || !isCookie(found) {
		return ""
	}
	return found
}

// keyOfCookie returns the key under which a well-formed cookie's session is
// stored.
func keyOfCookie(value string) (kv.Key, bool) {
	if !isCookie(value) {
		return kv.Key{}, false
	}
	var text [cookieSize]byte // off the heap
	copy(text[:], value)
	return sha256.Sum256(text[:]), true
}

// isCookie reports whether a cookie's value is well-formed.
func isCookie(value string) bool {
	if len(value) != cookieSize {
		return false
	}
	var text [cookieSize]byte
	copy(text[:], value)
	// The decoder skips line breaks, so count what it found.
	var random [randomSize]byte
	n, err := strict.Decode(random[:], text[:])
	return err == nil && n == randomSize
}
