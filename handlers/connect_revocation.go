package handlers

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// Revoke takes back a token of the client that asks (RFC 7009): POST
// /connect/revocation. Which kind it is shows by itself: a hint about that is not
// looked at (§2.1). The answer says nothing about the token (§2.2); only without
// it, or when a store cannot be reached, it is no success.
func (a *App) Revoke(c *gin.Context) error {
	client, form, err := a.client(c)
	if err != nil {
		return err
	}
	token := form.Get("token")
	if token == "" {
		return oauthFault(OAuthInvalidRequest, "token is missing: the one to take back.")
	}
	if err := a.Tokens.Revoke(c.Request.Context(), siteOf(c).tenant.ID, client, token); err != nil {
		return err
	}
	c.Status(http.StatusOK)
	c.Writer.WriteHeaderNow()
	return nil
}
