package handlers

import (
	"errors"
	"log/slog"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// connectGrants are what a client can get tokens for at /connect/token, by
// grant_type.
var connectGrants = map[string]func(*App, *gin.Context, tokens.Client, url.Values) (tokenAnswer, error){
	tokens.GrantAuthorizationCode: (*App).grantByCode,
	tokens.GrantRefreshToken:      (*App).grantByRefreshToken,
	tokens.GrantClientCredentials: (*App).grantToClient,
	tokens.GrantJWTBearer:         (*App).grantByPartner,
	tokens.GrantTokenExchange:     (*App).grantByExchange,
}

// grantTypes lists them in order.
func grantTypes() []string { return slices.Sorted(maps.Keys(connectGrants)) }

// ConnectToken gives a client tokens (RFC 6749 §3.2): POST /connect/token.
func (a *App) ConnectToken(c *gin.Context) error {
	client, form, err := a.client(c)
	if err != nil {
		return err
	}
	grantType := form.Get("grant_type")
	grant, known := connectGrants[grantType]
	if known {
		noteGrant(c, grantType)
	}
	switch {
	case grantType == "":
		return oauthFault(OAuthInvalidRequest, "grant_type is missing.")
	case !known:
		return oauthFault(OAuthUnsupportedGrantType, "grant_type is one of "+strings.Join(grantTypes(), ", ")+".")
	case !slices.Contains(client.Grants, grantType):
		return oauthFault(OAuthUnauthorizedClient, "The client may not use this grant_type: an administrator can allow it.")
	}
	answer, err := grant(a, c, client, form)
	if err != nil {
		return grantFault(err)
	}
	c.JSON(http.StatusOK, answer)
	return nil
}

// answerAccess is the answer with an access token.
func answerAccess(c *gin.Context, access tokens.Access) tokenAnswer {
	Note(c, slog.String("jti", access.ID))
	return tokenAnswer{
		AccessToken: access.Token, TokenType: schemeBearer, ExpiresIn: int64(access.Life / time.Second), Scope: strings.Join(access.Scopes, " "),
	}
}

// answerIssued is the answer with a person's tokens.
func answerIssued(c *gin.Context, issued tokens.Issued) tokenAnswer {
	Note(c, slog.String("grant", issued.Grant.ID), slog.String("user", issued.Grant.User))
	answer := answerAccess(c, issued.Access)
	answer.RefreshToken, answer.IdentityToken = issued.Refresh, issued.Identity
	return answer
}

const whereAsked = "they are asked when they sign in to it by way of the authorization endpoint."

// grantFault says over HTTP why there are no tokens. A fault of a store stays
// what it is.
func grantFault(err error) error {
	switch fault, _ := errors.AsType[*Fault](err); {
	case fault != nil:
	case errors.Is(err, tokens.ErrConsent):
		return &Fault{Code: OAuthInvalidGrant, Err: err, Public: "The person has not allowed the client all of this: " + whereAsked}
	case errors.Is(err, tokens.ErrDetails):
		return &Fault{Code: OAuthInvalidGrant, Err: err, Public: "The client needs to know more of this person: " + whereAsked}
	case errors.Is(err, tokens.ErrInvalidGrant):
		return &Fault{Code: OAuthInvalidGrant, Err: err}
	case errors.Is(err, tokens.ErrScope):
		return oauthFault(OAuthInvalidScope, "The client may not have all of this: ask for scopes that it is allowed, or leave scope out.")
	}
	return connectFault(err)
}

// needed returns a parameter that has to be there.
func needed(form url.Values, name, what string) (string, error) {
	if value := form.Get(name); value != "" {
		return value, nil
	}
	return "", oauthFault(OAuthInvalidRequest, name+" is missing: "+what+".")
}
