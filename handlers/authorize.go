package handlers

import (
	"errors"

	"github.com/gin-gonic/gin"
)

// Where people are asked.
const (
	ConnectAuthorizePath = "/connect/authorize"
	ConnectConsentPath   = "/connect/consent"
)

// authorizeRules are what differs between the authorization endpoints.
type authorizeRules struct {
	path          string   // of the endpoint itself
	consentPath   string   // to which its page with the question posts
	responseTypes []string // which it knows, the words of each in order
	// alwaysConsent asks every person once for each client, whatever the client's
	// settings say.
	alwaysConsent bool
	// commas says that scopes may stand with commas between them.
	commas bool
}

// connectRules are those of OpenID Connect.
var connectRules = authorizeRules{
	path: ConnectAuthorizePath, consentPath: ConnectConsentPath, responseTypes: []string{"code", "code id_token"},
}

// Authorize asks a person's browser for the person, on behalf of a client (RFC
// 6749 §3.1, OpenID Connect Core 1.0 §3.1.2): GET and POST /connect/authorize.
func (a *App) Authorize(c *gin.Context) error { return a.authorize(c, connectRules) }

// Consent takes what the person answered: POST /connect/consent.
func (a *App) Consent(c *gin.Context) error { return a.consent(c, connectRules) }

func (a *App) authorize(*gin.Context, authorizeRules) error { return errors.ErrUnsupported }

func (a *App) consent(*gin.Context, authorizeRules) error { return errors.ErrUnsupported }
