package handlers

import (
	"errors"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions/tokens"
)

// tokenAnswer is a successful answer of a token endpoint (RFC 6749 §5.1).
type tokenAnswer struct {
	AccessToken     string `json:"access_token"`
	IssuedTokenType string `json:"issued_token_type,omitempty"` // RFC 8693 §2.2.1
	TokenType       string `json:"token_type"`
	ExpiresIn       int64  `json:"expires_in"` // seconds
	Scope           string `json:"scope"`
	RefreshToken    string `json:"refresh_token,omitempty"`
	IdentityToken   string `json:"id_token,omitempty"` // OpenID Connect Core 1.0 §3.1.3.3
}

// ClientToken gives a partner's server an access token for its app id and its
// secret (RFC 6749 §4.4): POST /api/oauth/token.
func (a *App) ClientToken(c *gin.Context) error {
	noteGrant(c, tokens.GrantClientCredentials)
	form, err := oauthForm(c.Request)
	if err != nil {
		return err
	}
	credentials, err := readClientCredentials(c.Request.Header, form)
	if err != nil {
		return err
	}
	ctx, tenant := c.Request.Context(), siteOf(c).tenant
	client, err := a.Provisioning.AuthenticateClient(ctx, tenant, credentials.id, credentials.secret)
	if client.IntegrationID != "" {
		Note(c, slog.String("integration", client.IntegrationID))
	}
	switch {
	case errors.Is(err, provisioning.ErrClientInvalid):
		return &Fault{Code: OAuthInvalidClient, Err: err}
	case errors.Is(err, provisioning.ErrNoSharedSecret):
		return &Fault{Code: OAuthUnauthorizedClient, Err: err}
	case err != nil:
		return err
	}
	Note(c, slog.String("key", client.KeyID))
	switch grant := form.Get("grant_type"); {
	case grant == "":
		return oauthFault(OAuthInvalidRequest, "grant_type is missing: client_credentials.")
	case grant != "client_credentials":
		return &Fault{Code: OAuthUnsupportedGrantType}
	}
	for _, scope := range strings.Fields(form.Get("scope")) {
		if scope != tokens.ScopeResources {
			return &Fault{Code: OAuthInvalidScope}
		}
	}
	token, err := a.Tokens.Issue(ctx, tenant.ID, tokens.Partner{
		Integration: client.IntegrationID, Key: client.KeyID, Scope: tokens.ScopeResources,
	})
	if errors.Is(err, tokens.ErrNone) {
		return &Fault{Code: OAuthInvalidClient, Err: err}
	} else if err != nil {
		return err
	}
	c.JSON(http.StatusOK, tokenAnswer{
		AccessToken: token, TokenType: schemeBearer, ExpiresIn: int64(tokens.PartnerLife / time.Second), Scope: tokens.ScopeResources,
	})
	return nil
}
