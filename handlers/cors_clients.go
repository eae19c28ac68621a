package handlers

import (
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"
)

// clientScriptHeaders are what programs in browsers may send to the token service.
const clientScriptHeaders = "Authorization, Content-Type"

// ClientScripts lets programs in browsers call an address of the token service
// and read its answers: those at the origins of the redirect URIs of the tenant's
// public clients. No cookie speaks for anybody there, so the answer holds nothing
// but what the script has shown a code or a token for.
func (a *App) ClientScripts(handle Handler) Handler {
	return func(c *gin.Context) error {
		header := c.Writer.Header()
		varyByOrigin(header)
		if listed, err := a.isClientOrigin(c); err == nil && listed {
			header.Set("Access-Control-Allow-Origin", c.Request.Header.Get("Origin"))
			header.Set("Access-Control-Expose-Headers", scriptReads+", WWW-Authenticate")
		}
		return handle(c)
	}
}

// ClientPreflight answers a browser that asks whether a script may make a request
// to such an address (Fetch standard, §3.3.2).
func (a *App) ClientPreflight(methods string) Handler {
	return func(c *gin.Context) error {
		header := c.Writer.Header()
		varyByOrigin(header)
		if !isPreflight(c.Request) {
			header.Set("Allow", methods)
			return &Fault{Code: MethodNotAllowed}
		}
		listed, err := a.isClientOrigin(c)
		if err != nil {
			return err
		}
		if listed {
			header.Set("Access-Control-Allow-Origin", c.Request.Header.Get("Origin"))
			header.Set("Access-Control-Allow-Methods", methods)
			header.Set("Access-Control-Allow-Headers", clientScriptHeaders)
			header.Set("Access-Control-Max-Age", scriptMaxAge)
		}
		c.Status(http.StatusNoContent)
		return nil
	}
}

// isClientOrigin reports whether the request comes from a script at an origin to
// which a public client of the tenant sends people back.
func (a *App) isClientOrigin(c *gin.Context) (bool, error) {
	lines := c.Request.Header["Origin"]
	if len(lines) != 1 || lines[0] == "" || lines[0] == "null" {
		return false, nil
	}
	origins, err := a.Tokens.PublicOrigins(c.Request.Context(), siteOf(c).tenant.ID)
	return slices.Contains(origins, lines[0]), err
}
