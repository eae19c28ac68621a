package handlers

import (
	"net/url"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// grantByCode gives a client the tokens for the code that a person has brought it
// (RFC 6749 §4.1.3, RFC 7636 §4.5).
func (a *App) grantByCode(c *gin.Context, client tokens.Client, form url.Values) (tokenAnswer, error) {
	code, err := needed(form, "code", "what the person came back with")
	if err != nil {
		return tokenAnswer{}, err
	}
	issued, err := a.Tokens.RedeemCode(c.Request.Context(), siteOf(c).tenant.ID, issuer(c), client, code,
		form.Get("redirect_uri"), form.Get("code_verifier"))
	if err != nil {
		return tokenAnswer{}, err
	}
	return answerIssued(c, issued), nil
}
