package handlers

import (
	"errors"
	"net/url"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// Types of tokens (RFC 8693 §3).
const (
	tokenTypeAccess = "urn:ietf:params:oauth:token-type:access_token"
	tokenTypeJWT    = "urn:ietf:params:oauth:token-type:jwt"
)

// grantByExchange gives a client an access token of its own for a person's access
// token that was given to another (RFC 8693 §2.1). The client acts for the person
// then: it shows no token of an actor besides.
func (a *App) grantByExchange(c *gin.Context, client tokens.Client, form url.Values) (tokenAnswer, error) {
	subject, err := needed(form, "subject_token", "an access token of the person")
	if err != nil {
		return tokenAnswer{}, err
	}
	if err := checkExchange(form); err != nil {
		return tokenAnswer{}, err
	}
	issued, err := a.Tokens.Exchange(c.Request.Context(), siteOf(c).tenant.ID, issuer(c), client, subject, form.Get("scope"))
	if errors.Is(err, tokens.ErrInvalidGrant) {
		// RFC 8693 §2.2.2 has another name for it.
		return tokenAnswer{}, &Fault{Code: OAuthInvalidRequest, Public: "subject_token is no live access token of a person.", Err: err}
	} else if err != nil {
		return tokenAnswer{}, err
	}
	answer := answerIssued(c, issued)
	answer.IssuedTokenType = tokenTypeAccess
	return answer, nil
}

// checkExchange refuses what is not to be had by an exchange.
func checkExchange(form url.Values) error {
	switch kind := form.Get("subject_token_type"); kind {
	case tokenTypeAccess, tokenTypeJWT:
	default:
		return oauthFault(OAuthInvalidRequest, "subject_token_type is "+tokenTypeAccess+" or "+tokenTypeJWT+".")
	}
	if wanted := form.Get("requested_token_type"); wanted != "" && wanted != tokenTypeAccess {
		return oauthFault(OAuthInvalidRequest, "requested_token_type is "+tokenTypeAccess+".")
	}
	if form.Has("actor_token") || form.Has("actor_token_type") {
		return oauthFault(OAuthInvalidRequest, "The client itself is the actor: leave actor_token out.")
	}
	if form.Has("audience") || form.Has("resource") {
		return &Fault{Code: OAuthInvalidTarget}
	}
	return nil
}
