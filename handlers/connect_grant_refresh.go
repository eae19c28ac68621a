package handlers

import (
	"net/url"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// grantByRefreshToken gives a client new tokens for those that have run out
// (RFC 6749 §6). The refresh token is another one each time.
func (a *App) grantByRefreshToken(c *gin.Context, client tokens.Client, form url.Values) (tokenAnswer, error) {
	refresh, err := needed(form, "refresh_token", "the last one that the client was given")
	if err != nil {
		return tokenAnswer{}, err
	}
	issued, err := a.Tokens.Refresh(c.Request.Context(), siteOf(c).tenant.ID, issuer(c), client, refresh, form.Get("scope"))
	if err != nil {
		return tokenAnswer{}, err
	}
	return answerIssued(c, issued), nil
}
