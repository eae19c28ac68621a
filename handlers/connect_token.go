package handlers

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// ConnectToken gives a client an access token with which it speaks for itself
// (RFC 6749 §4.4): POST /connect/token.
func (a *App) ConnectToken(c *gin.Context) error {
	client, form, err := a.client(c)
	if err != nil {
		return err
	}
	switch grant := form.Get("grant_type"); {
	case grant == "":
		return oauthFault(OAuthInvalidRequest, "grant_type is missing: client_credentials.")
	case grant != tokens.GrantClientCredentials:
		return &Fault{Code: OAuthUnsupportedGrantType}
	case !slices.Contains(client.Grants, grant):
		return oauthFault(OAuthUnauthorizedClient, "The client may not use this grant_type: an administrator can allow it.")
	}
	access, err := a.Tokens.IssueAccess(c.Request.Context(), siteOf(c).tenant.ID, issuer(c), client, form.Get("scope"))
	switch {
	case errors.Is(err, tokens.ErrScope):
		return oauthFault(OAuthInvalidScope, "The client may not have all of this: ask for API scopes that it is allowed, or leave scope out for all of them.")
	case err != nil:
		return connectFault(err)
	}
	Note(c, slog.String("jti", access.ID))
	c.JSON(http.StatusOK, tokenAnswer{
		AccessToken: access.Token, TokenType: schemeBearer, ExpiresIn: int64(access.Life / time.Second), Scope: strings.Join(access.Scopes, " "),
	})
	return nil
}
