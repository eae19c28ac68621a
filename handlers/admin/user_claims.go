package admin

import (
	"encoding/json"
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
)

// userClaimAnswer is what a custom claim says of a user, in the API.
type userClaimAnswer struct {
	Name        string  `json:"name"`
	DisplayName string  `json:"display_name"`
	Type        string  `json:"type"`
	Value       any     `json:"value"`   // null = none
	Source      *string `json:"source"`  // "meta" or "entered"; null without a value
	Entered     any     `json:"entered"` // what was entered, also where meta goes before it; null = nothing
}

// showUserClaims answers with all custom claims as they are for the user in the
// path. The ETag is the user's.
func (a *Admin) showUserClaims(c *gin.Context) error {
	claims, version, err := a.Tokens.PersonClaims(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	answers := []userClaimAnswer{}
	for _, one := range claims {
		answers = append(answers, userClaimAnswer{
			Name: one.Claim.Name, DisplayName: one.Claim.DisplayName, Type: one.Claim.Type,
			Value: one.Value, Source: orNull(one.Source), Entered: one.Entered,
		})
	}
	setETag(c, version)
	c.JSON(http.StatusOK, gin.H{"claims": answers})
	return nil
}

// UserClaims: GET /admin/api/v1/users/:id/claims.
func (a *Admin) UserClaims(c *gin.Context) error { return a.showUserClaims(c) }

// SetUserClaim: PUT /admin/api/v1/users/:id/claims/:claim.
func (a *Admin) SetUserClaim(c *gin.Context) error {
	var body struct {
		Value json.RawMessage `json:"value"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	err := a.Tokens.SetClaim(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("claim"), body.Value, by(c))
	if err != nil {
		return explain(err)
	}
	return a.showUserClaims(c)
}

// DropUserClaim: DELETE /admin/api/v1/users/:id/claims/:claim takes an entered
// value away.
func (a *Admin) DropUserClaim(c *gin.Context) error {
	err := a.Tokens.DropClaim(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("claim"), by(c))
	if err != nil {
		return explain(err)
	}
	return noContent(c)
}

// claimText is a value as a form has it; "" = none.
func claimText(value any) string {
	switch value := value.(type) {
	case string:
		return value
	case json.Number:
		return value.String()
	case bool:
		if value {
			return "true"
		}
		return "false"
	}
	return ""
}

// claimSources are the sources of a value in words.
var claimSources = map[string]string{tokens.FromMeta: "meta", tokens.FromEntered: "entered"}
