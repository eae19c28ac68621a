package handlers

import (
	"errors"
	"net/url"

	"github.com/gin-gonic/gin"

	"usher/sessions"
	"usher/sessions/tokens"
)

// DetailsPath is where a person is asked for claims that a client requires.
const DetailsPath = "/connect/details"

// completeFirst sends the person to the page that asks for what the client
// requires of them and is not known; done says that it did.
func (a *App) completeFirst(c *gin.Context, r authorizeRequest, rules authorizeRules, session sessions.Session) (wrong *authorizeError, done bool, err error) {
	missing, err := a.Tokens.MissingClaims(c.Request.Context(), siteOf(c).tenant.ID, r.client, session.User)
	switch {
	case errors.Is(err, tokens.ErrNotFound):
		return &authorizeError{authorizeAccessDenied, "The person may not sign in here any more."}, false, nil
	case err != nil || len(missing) == 0:
		return nil, false, err
	case r.silent:
		return &authorizeError{authorizeInteractionRequired, "The person has to say something that the client requires."}, false, nil
	}
	c.Header("Cache-Control", "no-store")
	seeOther(c, DetailsPath+"?"+url.Values{paramClientID: {r.client.ClientID}, "next": {sameRequest(r, rules)}}.Encode())
	return nil, true, nil
}
