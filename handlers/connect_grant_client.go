package handlers

import (
	"net/url"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// grantToClient gives a client a token with which it speaks for itself
// (RFC 6749 §4.4).
func (a *App) grantToClient(c *gin.Context, client tokens.Client, form url.Values) (tokenAnswer, error) {
	access, err := a.Tokens.IssueAccess(c.Request.Context(), siteOf(c).tenant.ID, issuer(c), client, form.Get("scope"))
	if err != nil {
		return tokenAnswer{}, err
	}
	return answerAccess(c, access), nil
}
