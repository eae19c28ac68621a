package handlers

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
)

// What scripts on other origins may send and read (Fetch standard, §3.3).
const (
	scriptHeaders = "Authorization, Cocorico-App-Id, X-App-Id, Content-Type"
	scriptReads   = requestIDHeader
	scriptMaxAge  = "600" // seconds
)

// Scripts lets scripts on partners' sites call an address and read its answers.
// An answer to a caller is shared with the embed origins of the integration that
// vouches for that caller, and with no other. An error holds nothing about
// anybody, so that any listed origin of the tenant may read its reason.
func (a *App) Scripts(handle Handler) Handler {
	return func(c *gin.Context) error {
		varyByOrigin(c.Writer.Header())
		requestOf(c).forScripts = true
		err := handle(c)
		if err != nil {
			a.shareWithScript(c, "")
		}
		return err
	}
}

// Preflight answers a browser that asks whether a script may make a request
// (Fetch standard, §3.3.2). It carries no credential, so that the origins of all
// the tenant's integrations count; the answer to the request itself is shared
// by the caller's own.
func (a *App) Preflight(methods string) Handler {
	return func(c *gin.Context) error {
		header := c.Writer.Header()
		varyByOrigin(header)
		if !isPreflight(c.Request) {
			header.Set("Allow", methods)
			return &Fault{Code: MethodNotAllowed}
		}
		listed, err := a.listsOrigin(c, "")
		if err != nil {
			return err
		}
		if listed {
			share(c)
			header.Set("Access-Control-Allow-Methods", methods)
			header.Set("Access-Control-Allow-Headers", scriptHeaders)
			header.Set("Access-Control-Max-Age", scriptMaxAge)
		}
		c.Status(http.StatusNoContent)
		return nil
	}
}

// isPreflight reports whether a browser asks for leave to make a request.
func isPreflight(r *http.Request) bool {
	return r.Method == http.MethodOptions && r.Header.Get("Origin") != "" && r.Header.Get("Access-Control-Request-Method") != ""
}

// OwnPage keeps other sites from using a cookie, as ownPage does, and lets
// requests pass that bring a credential of their own.
func OwnPage(ownPage gin.HandlerFunc) gin.HandlerFunc {
	return func(c *gin.Context) {
		if !carriesCredential(c.Request) {
			ownPage(c)
		}
	}
}

// shareWithScript lets the origin that asks read the answer, when the address is
// for scripts and the integration lists the origin. While that cannot be told
// nobody else's script reads anything, and everybody else goes on.
func (a *App) shareWithScript(c *gin.Context, integration string) {
	if !requestOf(c).forScripts {
		return
	}
	if listed, err := a.listsOrigin(c, integration); err == nil && listed {
		share(c)
	}
}

// listsOrigin reports whether the request's origin is an embed origin of the
// integration, or with "" of any of the tenant. "null" is never listed: it
// stands for any sandboxed page of any site.
func (a *App) listsOrigin(c *gin.Context, integration string) (bool, error) {
	lines := c.Request.Header["Origin"]
	if len(lines) != 1 || lines[0] == "" || lines[0] == "null" {
		return false, nil
	}
	origins, err := a.Provisioning.EmbedOrigins(c.Request.Context(), siteOf(c).tenant, integration)
	return slices.Contains(origins, lines[0]), err
}

// share lets the origin that asks read the answer to a request that may carry
// cookies and credentials. It is named, never "*".
func share(c *gin.Context) {
	header := c.Writer.Header()
	header.Set("Access-Control-Allow-Origin", c.Request.Header.Get("Origin"))
	header.Set("Access-Control-Allow-Credentials", "true")
	header.Set("Access-Control-Expose-Headers", scriptReads)
}
