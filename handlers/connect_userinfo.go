package handlers

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// UserInfo says of the person whose access token is shown what its identity
// scopes allow (OpenID Connect Core 1.0 §5.3): GET and POST /connect/userinfo.
func (a *App) UserInfo(c *gin.Context) error {
	token, err := shownToken(c.Request)
	if err != nil {
		return err
	}
	if err := a.rateToken(c, token); err != nil {
		return err
	}
	claims, err := a.Tokens.UserInfo(c.Request.Context(), siteOf(c).tenant.ID, issuer(c), token)
	switch {
	case errors.Is(err, tokens.ErrNone):
		return &Fault{Code: BearerInvalidToken, Err: err}
	case errors.Is(err, tokens.ErrScope):
		return &Fault{Code: BearerInsufficientScope, Err: err}
	case err != nil:
		return err
	}
	c.JSON(http.StatusOK, claims)
	return nil
}

// shownToken is the access token that a request shows, in one of the two ways
// that keep it out of logs (RFC 6750 §2.1 and §2.2):
//
//	Authorization: Bearer <token>
//	access_token=<token>           in the form of a POST
//
// The error is a Fault; without any token its challenge names no error (§3.1).
func shownToken(r *http.Request) (string, error) {
	if r.URL.Query().Has("access_token") || strings.Contains(r.URL.RawQuery, "access_token=") {
		return "", oauthFault(OAuthInvalidRequest, "The access token does not stand in the address.")
	}
	fromForm := ""
	if r.Method == http.MethodPost && r.Header.Get("Content-Type") != "" {
		form, err := oauthForm(r)
		if err != nil {
			return "", err
		}
		fromForm = form.Get("access_token")
	}
	lines := r.Header.Values("Authorization")
	switch token, ok := bearer(r.Header); {
	case len(lines) > 1 || len(lines) == 1 && fromForm != "":
		return "", oauthFault(OAuthInvalidRequest, "Send the access token once.")
	case ok && token != "":
		return token, nil
	case fromForm != "":
		return fromForm, nil
	}
	return "", &Fault{Code: AccessTokenInvalid, Public: "Send an access token as “Authorization: Bearer …”."}
}
