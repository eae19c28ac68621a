package handlers

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// refreshCookie is the cookie in which a browser keeps a client's refresh token,
// so that no script can read it. Each client has its own, as one browser may use
// several.
//
// The client's pages are on other sites than we are, which a cookie reaches with
// SameSite=None alone. Partitioned (CHIPS) keeps it to pages below the client's
// site, which is also what browsers that block third-party cookies accept. The
// prefix __Host- asks for the path "/" and forbids a domain: nobody on a
// neighbouring host can put another person's refresh token in its place.
func refreshCookie(client tokens.Client, value string, life time.Duration) *http.Cookie {
	return &http.Cookie{ //nolint:gosec // the client's pages are on other sites
		Name: ourCookies + "-refresh-" + client.ClientID, Value: value, Path: "/", MaxAge: int(life / time.Second),
		Secure: true, HttpOnly: true, SameSite: http.SameSiteNoneMode, Partitioned: true,
	}
}

// keepRefresh gives a page's browser the refresh token in the cookie as well.
func (a *App) keepRefresh(c *gin.Context, client tokens.Client, issued tokens.Issued) {
	if issued.Refresh == "" || !fromPageOf(client, c.Request) {
		return
	}
	life := min(client.RefreshIdle, issued.Grant.ExpiresAt.Sub(a.Now()))
	http.SetCookie(c.Writer, refreshCookie(client, issued.Refresh, life))
}

// refreshOf is the refresh token in the request's cookie, "" when there is none.
// It counts for the client's own pages alone: any site can make a browser send
// it. The error is a Fault with CrossOrigin.
func refreshOf(c *gin.Context, client tokens.Client) (string, error) {
	cookies := c.Request.CookiesNamed(refreshCookie(client, "", 0).Name)
	if len(cookies) != 1 || cookies[0].Value == "" {
		return "", nil
	}
	if !fromPageOf(client, c.Request) {
		return "", &Fault{Code: CrossOrigin, Public: "The cookie counts on pages of the client alone: those on the origins of its redirect URIs."}
	}
	return cookies[0].Value, nil
}
