package handlers

import (
	"errors"
	"net/url"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// V1JWT makes a JWT of an access token or of another JWT, with those of its
// scopes that are asked for: GET and POST /v1/oauth/jwt.
func (a *App) V1JWT(c *gin.Context) error {
	noteGrant(c, GrantJWT)
	token, err := v1Token(c.Request.Header)
	if err == nil {
		err = a.rateToken(c, token)
	}
	if err != nil {
		return err
	}
	parameters, err := v1Parameters(c.Request)
	if err != nil {
		return err
	}
	wish, err := readJWTWish(parameters)
	if err != nil {
		return err
	}
	jwt, err := a.Tokens.MakeJWT(c.Request.Context(), siteOf(c).tenant.ID, issuer(c), token, wish)
	if errors.Is(err, tokens.ErrScope) {
		return &Fault{Code: BearerInvalidToken, Public: "The token does not have all of these scopes, or its holder does not any more.", Err: err}
	}
	if err != nil {
		return v1TokenFault(err)
	}
	answerJWT(c, jwt)
	return nil
}

// V1Refresh makes a new JWT of one that carries a refresh token, or, for a client
// that shows its secret, of the refresh token itself: GET and POST
// /v1/oauth/jwt/refresh.
func (a *App) V1Refresh(c *gin.Context) error {
	noteGrant(c, GrantJWT)
	parameters, err := v1Parameters(c.Request)
	if err != nil {
		return err
	}
	if parameters.Has("refresh_token") {
		return a.v1RefreshToken(c, parameters)
	}
	token, err := v1Token(c.Request.Header)
	if err == nil {
		err = a.rateToken(c, token)
	}
	if err != nil {
		return err
	}
	validity, err := tokens.ReadValidity(parameters.Get("validity"))
	if err != nil {
		return v1Fault(err)
	}
	jwt, err := a.Tokens.RefreshJWT(c.Request.Context(), siteOf(c).tenant.ID, issuer(c), token, validity)
	if err != nil {
		return v1TokenFault(err)
	}
	answerJWT(c, jwt)
	return nil
}

// v1RefreshToken is V1Refresh for a refresh token. Nothing but the client's secret
// says whose it is (RFC 6749 §6), while a JWT says it under our signature.
func (a *App) v1RefreshToken(c *gin.Context, parameters url.Values) error {
	wish, err := readJWTWish(parameters)
	if err != nil {
		return err
	}
	client, err := a.v1Client(c, parameters)
	if err != nil {
		return err
	}
	jwt, err := a.Tokens.RefreshTokenToJWT(c.Request.Context(), siteOf(c).tenant.ID, issuer(c), client, parameters.Get("refresh_token"), wish)
	if err != nil {
		return v1TokenFault(err)
	}
	answerJWT(c, jwt)
	return nil
}

// v1TokenFault says over HTTP that a token is worth nothing. A fault of a store
// stays what it is.
func v1TokenFault(err error) error {
	if errors.Is(err, tokens.ErrNone) {
		return &Fault{Code: BearerInvalidToken, Err: err}
	}
	return err
}
