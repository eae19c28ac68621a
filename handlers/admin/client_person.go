package admin

import (
	"errors"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
	"usher/sessions/tokens"
)

// forPerson lets only those make a way to speak for a user who may see users: with
// it, everything that tokens say of the person can be read. user "" = nobody.
func forPerson(c *gin.Context, user string) error {
	if user != "" && !actorOf(c).May(admins.ReadUsers) {
		return &handlers.Fault{Code: handlers.NotAllowed, Public: "What speaks for a user asks for the right users:read as well."}
	}
	return nil
}

// forPersonOf is forPerson for the client that a path names, if it is one.
func (a *Admin) forPersonOf(c *gin.Context, of tokens.Holder) error {
	if of != tokens.OfClient {
		return nil
	}
	k, err := a.Tokens.Client(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"))
	if errors.Is(err, tokens.ErrNotFound) {
		return nil // which is said where it is looked for
	} else if err != nil {
		return explain(err)
	}
	return forPerson(c, k.User)
}
