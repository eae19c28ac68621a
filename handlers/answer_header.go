package handlers

import (
	"net/http"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"
)

// Values of headers that many answers share: they are replaced, never changed.
var (
	noStore       = []string{"no-store"}
	noReferrer    = []string{"no-referrer"}
	variesByForm  = []string{"Accept"}
	variesOrigin  = []string{"Origin"}
	htmlType      = []string{"text/html; charset=utf-8"}
	problemType   = []string{"application/problem+json"}
	jsonType      = []string{"application/json"}
	scimMediaType = []string{scimType}
	challenges    = map[string][]string{
		schemeJWT:    {challengeOf(schemeJWT, "")},
		schemeBearer: {challengeOf(schemeBearer, "")},
		schemeBasic:  {challengeOf(schemeBasic, "")},
	}
)

// challengeOf is a value of WWW-Authenticate (RFC 9110 §11.6.1, RFC 6750 §3).
func challengeOf(scheme string, tokenError Code) string {
	challenge := scheme + ` realm="usher"`
	if tokenError != "" {
		challenge += `, error="` + string(tokenError) + `"`
	}
	return challenge
}

// setHeader prepares the header of a refusal. Its names are written as net/http
// keeps them.
func (o outcome) setHeader(header http.Header) {
	// A handler may have failed after it prepared a success.
	for _, name := range [...]string{"Set-Cookie", "Location", "Etag", "Last-Modified"} {
		delete(header, name)
	}
	header["Cache-Control"] = noStore
	header["Referrer-Policy"] = noReferrer
	if before := header["Vary"]; len(before) > 0 {
		header["Vary"] = append(before[:len(before):len(before)], variesByForm...)
	} else {
		header["Vary"] = variesByForm
	}
	if o.retryAfter > 0 {
		header["Retry-After"] = []string{strconv.Itoa(int((o.retryAfter + time.Second - 1) / time.Second))}
	}
	switch {
	case o.challenge == "":
	case o.tokenError == "" && challenges[o.challenge] != nil:
		header["Www-Authenticate"] = challenges[o.challenge]
	default:
		header["Www-Authenticate"] = []string{challengeOf(o.challenge, o.tokenError)}
	}
}

// varyByOrigin tells caches that other origins get another answer.
func varyByOrigin(header http.Header) {
	if len(header["Vary"]) > 0 {
		header.Add("Vary", "Origin")
		return
	}
	header["Vary"] = variesOrigin // it has no room, so that adding to it makes a copy
}

// send ends the answer with a body. It is gin's Data without what that allocates.
func send(c *gin.Context, status int, contentType []string, body []byte) {
	c.Writer.Header()["Content-Type"] = contentType
	c.Status(status)
	_, _ = c.Writer.Write(body) // whoever has hung up does not read it
}
