package handlers

import "github.com/gin-gonic/gin"

// v1Rules are those of organizations: every person is asked once, and no identity
// token comes by the browser.
var v1Rules = authorizeRules{
	path: V1AuthorizePath, consentPath: V1ConsentPath, responseTypes: []string{typeCode}, alwaysConsent: true, commas: true,
	anyCase: true,
}

// V1Authorize asks a person's browser for the person, on behalf of a client: GET
// and POST /v1/oauth/authorize.
func (a *App) V1Authorize(c *gin.Context) error { return a.authorize(c, v1Rules) }

// V1Consent takes what the person answered: POST /v1/oauth/consent.
func (a *App) V1Consent(c *gin.Context) error { return a.consent(c, v1Rules) }
