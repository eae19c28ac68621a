package handlers

import (
	"errors"
	"log/slog"
	"net/url"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions/tokens"
)

// client reads a request's form and finds the client that it comes from, by its
// secret (RFC 6749 §2.3.1).
func (a *App) client(c *gin.Context) (tokens.Client, url.Values, error) {
	credentials, form, err := a.connectForm(c)
	if err != nil {
		return tokens.Client{}, nil, err
	}
	client, err := a.Tokens.AuthenticateClient(c.Request.Context(), siteOf(c).tenant.ID, credentials.id, credentials.secret)
	if client.ID != "" {
		Note(c, slog.String("client", client.ID))
	}
	return client, form, connectFault(err)
}

// connection does the same for an API connection, which shows its name and its
// secret in the same two ways.
func (a *App) connection(c *gin.Context) (tokens.Connection, url.Values, error) {
	credentials, form, err := a.connectForm(c)
	if err != nil {
		return tokens.Connection{}, nil, err
	}
	connection, err := a.Tokens.AuthenticateConnection(c.Request.Context(), siteOf(c).tenant.ID, credentials.id, credentials.secret)
	if connection.ID != "" {
		Note(c, slog.String("connection", connection.ID))
	}
	return connection, form, connectFault(err)
}

func (a *App) connectForm(c *gin.Context) (clientCredentials, url.Values, error) {
	form, err := oauthForm(c.Request)
	if err != nil {
		return clientCredentials{}, nil, err
	}
	credentials, err := readClientCredentials(c.Request.Header, form)
	return credentials, form, err
}

// connectFault says over HTTP why somebody was not recognised. A fault of a store
// stays what it is.
func connectFault(err error) error {
	switch {
	case errors.Is(err, tokens.ErrTooManyFailures):
		return &provisioning.Refusal{Reason: provisioning.RateLimited, Detail: err.Error()}
	case errors.Is(err, tokens.ErrInvalidClient):
		return &Fault{Code: OAuthInvalidClient, Err: err}
	}
	return err
}
