package handlers

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
)

// v0CustomAnswer has the refresh token under both names by which clients know it.
type v0CustomAnswer struct {
	Token         string `json:"token"`
	RefreshToken  string `json:"refresh_token,omitempty"`
	RefreshTokenn string `json:"refresh_tokenn,omitempty"`
}

// V0Custom makes of a token another one with a client's own claims in it: POST
// /api/v0/token/custom.
func (a *App) V0Custom(c *gin.Context) error {
	client, err := a.v0Server(c)
	if err != nil {
		return err
	}
	members, err := readV0Members(c)
	if err != nil {
		return err
	}
	token, err := members.text("token")
	if err != nil {
		return err
	}
	refresh, err := members.text("refresh_token")
	if err != nil {
		return err
	}
	switch {
	case token == "":
		return badRequest("token is missing: an access token or an identity token of the client.")
	case members["custom_attributes"] == nil:
		return badRequest("custom_attributes is missing: an object with what is to be in the token.")
	}
	custom, err := a.Tokens.Customize(c.Request.Context(), siteOf(c).tenant.ID, issuer(c), client, token, refresh, members["custom_attributes"])
	wrong, isWrong := errors.AsType[*tokens.Invalid](err)
	switch {
	case isWrong:
		return badRequest("%s.", wrong)
	case errors.Is(err, tokens.ErrNone):
		return &Fault{Code: CustomTokenInvalid, Err: err}
	case errors.Is(err, tokens.ErrInvalidGrant):
		return &Fault{Code: RefreshTokenInvalid, Err: err}
	case err != nil:
		return connectFault(err)
	}
	c.JSON(http.StatusOK, v0CustomAnswer{Token: custom.Token, RefreshToken: custom.Refresh, RefreshTokenn: custom.Refresh})
	return nil
}
