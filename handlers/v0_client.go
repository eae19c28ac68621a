package handlers

import (
	"errors"
	"log/slog"
	"net/http"
	"slices"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// The headers of a request in the second wire form, as net/http spells them.
const (
	headerAPIKeyID  = "Api_key_id"
	headerAPISecret = "Api_secret_key"
)

// v0Client finds the client that an address names by its API key id. With a
// secret it is authenticated; without one it has to be a client whose own pages
// may ask, which is what they do. What is answered from here on may be read by
// those pages.
func (a *App) v0Client(c *gin.Context) (tokens.Client, error) {
	id := c.Param("api_key_id")
	if lines := c.Request.Header[headerAPIKeyID]; len(lines) > 1 || len(lines) == 1 && lines[0] != id {
		return tokens.Client{}, badRequest("API_KEY_ID is another one than that in the address.")
	}
	if len(c.Request.Header[headerAPISecret]) > 0 {
		return a.v0Secret(c, id)
	}
	client, err := a.Tokens.BrowserClient(c.Request.Context(), siteOf(c).tenant.ID, id)
	if client.ID != "" {
		Note(c, slog.String("oauth_client", client.ID))
	}
	if err != nil {
		return tokens.Client{}, connectFault(err)
	}
	if fromPageOf(client, c.Request) {
		share(c)
	}
	return client, nil
}

// v0Server finds the client whose server asks: by API_KEY_ID and API_SECRET_KEY,
// or by the same two in HTTP Basic, as some proxies drop headers with underscores.
func (a *App) v0Server(c *gin.Context) (tokens.Client, error) {
	ids, lines := c.Request.Header[headerAPIKeyID], c.Request.Header.Values("Authorization")
	switch {
	case len(ids) == 1 && len(lines) == 0:
		return a.v0Secret(c, ids[0])
	case len(ids) == 0 && len(c.Request.Header[headerAPISecret]) == 0 && len(lines) == 1:
		basic, err := readBasic(lines[0])
		if err != nil {
			return tokens.Client{}, err
		}
		return a.v0Authenticated(c, basic)
	}
	return tokens.Client{}, oauthFault(OAuthInvalidClient, "Send API_KEY_ID and API_SECRET_KEY, each once, or the same two as HTTP Basic.")
}

func (a *App) v0Secret(c *gin.Context, id string) (tokens.Client, error) {
	secrets := c.Request.Header[headerAPISecret]
	if len(secrets) != 1 {
		return tokens.Client{}, oauthFault(OAuthInvalidClient, "Send API_SECRET_KEY, once.")
	}
	return a.v0Authenticated(c, clientCredentials{id, secrets[0]})
}

func (a *App) v0Authenticated(c *gin.Context, sent clientCredentials) (tokens.Client, error) {
	credentials, err := sent.checked()
	if err != nil {
		return tokens.Client{}, err
	}
	client, err := a.Tokens.AuthenticateClient(c.Request.Context(), siteOf(c).tenant.ID, credentials.id, credentials.secret)
	if client.ID != "" {
		Note(c, slog.String("oauth_client", client.ID))
	}
	if err != nil {
		return client, connectFault(err)
	}
	return client, a.rateClient(c, client)
}

// fromPageOf reports whether a browser sends a request for one of a client's own
// pages: one on an origin to which the client's people return.
func fromPageOf(client tokens.Client, r *http.Request) bool {
	lines := r.Header["Origin"]
	return len(lines) == 1 && slices.Contains(tokens.RedirectOrigins(client), lines[0])
}

// v0Methods are what a client's pages may ask for.
const v0Methods = http.MethodPost + ", " + http.MethodDelete

// V0Preflight answers a browser that asks whether a page may make a request in the
// second wire form (Fetch standard, §3.3.2): OPTIONS /api/v0/token/:api_key_id.
func (a *App) V0Preflight(c *gin.Context) error {
	header := c.Writer.Header()
	header.Add("Vary", "Origin")
	if !isPreflight(c.Request) {
		header.Set("Allow", v0Methods)
		return &Fault{Code: MethodNotAllowed}
	}
	_, err := a.v0Client(c)
	if _, unknown := errors.AsType[*Fault](err); err != nil && !unknown {
		return err
	}
	if header.Get("Access-Control-Allow-Origin") != "" {
		header.Set("Access-Control-Allow-Methods", v0Methods)
		header.Set("Access-Control-Allow-Headers", "API_KEY_ID, Content-Type")
		header.Set("Access-Control-Max-Age", scriptMaxAge)
	}
	c.Status(http.StatusNoContent)
	return nil
}
