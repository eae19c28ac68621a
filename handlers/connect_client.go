package handlers

import (
	"errors"
	"log/slog"
	"net/url"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions/tokens"
)

// assertionType is the one client_assertion_type (RFC 7523 §2.2).
const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// client reads a request's form and finds the client that it comes from, in the
// one way in which it says so (RFC 6749 §2.3): by its secret, by an assertion
// under its key, or, when it is public, by its name alone.
func (a *App) client(c *gin.Context) (tokens.Client, url.Values, error) {
	form, err := oauthForm(c.Request)
	if err != nil {
		return tokens.Client{}, nil, err
	}
	ctx, tenant := c.Request.Context(), siteOf(c).tenant.ID
	var client tokens.Client
	switch header := len(c.Request.Header.Values("Authorization")) > 0; {
	case form.Has("client_assertion") || form.Has("client_assertion_type"):
		if header || form.Has("client_secret") {
			return tokens.Client{}, nil, oauthFault(OAuthInvalidRequest, "Say who the client is in one way: by a secret or by client_assertion.")
		}
		if form.Get("client_assertion_type") != assertionType {
			return tokens.Client{}, nil, oauthFault(OAuthInvalidClient, "client_assertion_type is "+assertionType+".")
		}
		client, err = a.Tokens.AuthenticateAssertion(ctx, tenant, form.Get("client_id"), form.Get("client_assertion"), assertionAudiences(c))
	case !header && form.Get("client_secret") == "" && form.Get("client_id") != "":
		client, err = a.Tokens.PublicClient(ctx, tenant, form.Get("client_id"))
	default:
		var credentials clientCredentials
		if credentials, err = readClientCredentials(c.Request.Header, form); err != nil {
			return tokens.Client{}, nil, err
		}
		client, err = a.Tokens.AuthenticateClient(ctx, tenant, credentials.id, credentials.secret)
	}
	if client.ID != "" {
		Note(c, slog.String("oauth_client", client.ID))
	}
	if err != nil {
		return client, form, connectFault(err)
	}
	if client.Public { // whoever names it: what it has would be anybody's to use up
		return client, form, nil
	}
	return client, form, a.rateClient(c, client)
}

// assertionAudiences are how an assertion may name us: as the issuer, as the
// token endpoint, or as the address that was called (RFC 7523 §3).
func assertionAudiences(c *gin.Context) []string {
	own := issuer(c)
	return []string{own, own + ConnectTokenPath, own + c.Request.URL.Path}
}

// connection finds the API connection that a request comes from, which shows its
// name and its secret as a client does.
func (a *App) connection(c *gin.Context) (tokens.Caller, url.Values, error) {
	form, err := oauthForm(c.Request)
	if err != nil {
		return tokens.Caller{}, nil, err
	}
	credentials, err := readClientCredentials(c.Request.Header, form)
	if err != nil {
		return tokens.Caller{}, nil, err
	}
	caller, err := a.Tokens.AuthenticateConnection(c.Request.Context(), siteOf(c).tenant.ID, credentials.id, credentials.secret)
	if caller.ID != "" {
		Note(c, slog.String("connection", caller.ID))
	}
	if err != nil {
		return caller, form, connectFault(err)
	}
	return caller, form, a.rate(c, RateAPIConnection, caller.ID, caller.Rate)
}

// connectFault says over HTTP why somebody was not recognised. A fault of a store
// stays what it is.
func connectFault(err error) error {
	switch {
	case errors.Is(err, tokens.ErrTooManyFailures):
		return &Fault{Code: Code(provisioning.RateLimited), Public: "Wrong secrets came too often under this name. A right one is good all the same.", Err: err}
	case errors.Is(err, tokens.ErrInvalidClient):
		return &Fault{Code: OAuthInvalidClient, Err: err}
	}
	return err
}
