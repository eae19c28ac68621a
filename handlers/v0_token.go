package handlers

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// v0TokenAnswer is what clients of the second wire form read.
type v0TokenAnswer struct {
	AccessToken  string `json:"access_token"`
	IDToken      string `json:"id_token"`
	TokenType    string `json:"token_type"`
	RefreshToken string `json:"refresh_token,omitempty"`
	ExpiresIn    int64  `json:"expires_in"` // of the access token, in seconds
	AuthMethod   string `json:"auth_method"`
}

// V0Token gives a client tokens of a person, for a refresh token or a code: POST
// /api/v0/token/:api_key_id.
func (a *App) V0Token(c *gin.Context) error {
	c.Writer.Header().Add("Vary", "Origin")
	client, err := a.v0Client(c)
	if err != nil {
		return err
	}
	members, err := readV0Members(c)
	if err != nil {
		return err
	}
	wish, err := members.wish()
	if err != nil {
		return err
	}
	issued, err := a.v0Issue(c, client, wish)
	switch {
	case errors.Is(err, tokens.ErrInvalidGrant) && wish.grantType == tokens.GrantRefreshToken:
		return &Fault{Code: RefreshTokenInvalid, Err: err}
	case errors.Is(err, tokens.ErrInvalidGrant):
		return &Fault{Code: OAuthInvalidGrant, Err: err}
	case err != nil:
		return connectFault(err)
	}
	Note(c, slog.String("jti", issued.Access.ID), slog.String("user", issued.Grant.User), slog.String("grant", issued.Grant.ID))
	a.keepRefresh(c, client, issued.Issued)
	c.JSON(http.StatusOK, v0TokenAnswer{
		AccessToken: issued.Access.Token, IDToken: issued.Identity, TokenType: schemeBearer, RefreshToken: issued.Refresh,
		ExpiresIn: int64(issued.Access.Life / time.Second), AuthMethod: issued.Method,
	})
	return nil
}

func (a *App) v0Issue(c *gin.Context, client tokens.Client, wish v0Wish) (tokens.IssuedV0, error) {
	ctx, tenant := c.Request.Context(), siteOf(c).tenant.ID
	switch wish.grantType {
	case tokens.GrantRefreshToken, tokens.GrantAuthorizationCode:
		noteGrant(c, wish.grantType)
		if !slices.Contains(client.Grants, wish.grantType) {
			return tokens.IssuedV0{}, oauthFault(OAuthUnauthorizedClient, "The client may not use this grant_type: an administrator can allow it.")
		}
	case "":
		return tokens.IssuedV0{}, badRequest("grant_type is missing: refresh_token or authorization_code.")
	default:
		return tokens.IssuedV0{}, oauthFault(OAuthUnsupportedGrantType, "grant_type is refresh_token or authorization_code.")
	}
	if wish.grantType == tokens.GrantRefreshToken {
		if wish.refresh == "" {
			var err error
			if wish.refresh, err = refreshOf(c, client); err != nil {
				return tokens.IssuedV0{}, err
			}
		}
		return a.Tokens.RefreshV0(ctx, tenant, issuer(c), client, wish.refresh)
	}
	// Whoever shows no secret shows that it has begun this itself (RFC 7636).
	if wish.verifier == "" && len(c.Request.Header[headerAPISecret]) == 0 {
		return tokens.IssuedV0{}, badRequest("code_verifier is missing: without the secret a code is good with it alone.")
	}
	return a.Tokens.RedeemCodeV0(ctx, tenant, issuer(c), client, wish.code, wish.redirect, wish.verifier)
}

// V0SignOut ends what the cookie's refresh token stands for and takes the cookie
// away: DELETE /api/v0/token/:api_key_id.
func (a *App) V0SignOut(c *gin.Context) error {
	c.Writer.Header().Add("Vary", "Origin")
	client, err := a.v0Client(c)
	if err != nil {
		return err
	}
	refresh, err := refreshOf(c, client)
	if err != nil {
		return err
	}
	if refresh != "" {
		if err := a.Tokens.Revoke(c.Request.Context(), siteOf(c).tenant.ID, client, refresh); err != nil {
			return err
		}
	}
	gone := refreshCookie(client, "", 0) //nolint:gosec // the attributes are set there
	gone.MaxAge = -1
	http.SetCookie(c.Writer, gone)
	c.JSON(http.StatusOK, gin.H{"msg": "The refresh token is gone from this browser, and no longer good."})
	return nil
}
