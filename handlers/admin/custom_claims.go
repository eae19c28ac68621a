package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
)

// claimAnswer is a custom claim in the API.
type claimAnswer struct {
	Name        string    `json:"name"`
	DisplayName string    `json:"display_name"`
	Type        string    `json:"type"`
	MetaPath    string    `json:"meta_path"` // "" = none
	CreatedAt   time.Time `json:"created_at"`
	UpdatedAt   time.Time `json:"updated_at"`
}

func answerClaim(claim tokens.CustomClaim) claimAnswer {
	return claimAnswer{
		Name: claim.Name, DisplayName: claim.DisplayName, Type: claim.Type, MetaPath: claim.MetaPath,
		CreatedAt: claim.CreatedAt.UTC(), UpdatedAt: claim.UpdatedAt.UTC(),
	}
}

func showClaim(c *gin.Context, status int, claim tokens.CustomClaim) error {
	setETag(c, claim.Revision)
	c.JSON(status, answerClaim(claim))
	return nil
}

// Claims: GET /admin/api/v1/claims lists all of them: a tenant has few.
func (a *Admin) Claims(c *gin.Context) error {
	claims, err := a.Tokens.CustomClaims(c.Request.Context(), handlers.TenantOf(c).ID)
	if err != nil {
		return explain(err)
	}
	answers := []claimAnswer{}
	for _, claim := range claims {
		answers = append(answers, answerClaim(claim))
	}
	c.JSON(http.StatusOK, gin.H{"claims": answers, "standard": tokens.StandardClaims()})
	return nil
}

// AddClaim: POST /admin/api/v1/claims.
func (a *Admin) AddClaim(c *gin.Context) error {
	var body struct {
		Name        string `json:"name"`
		DisplayName string `json:"display_name"`
		Type        string `json:"type"`
		MetaPath    string `json:"meta_path"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	claim, err := a.Tokens.AddCustomClaim(c.Request.Context(), handlers.TenantOf(c).ID, tokens.NewCustomClaim(body), by(c))
	if err != nil {
		return explain(err)
	}
	c.Header("Location", apiRoot+"/claims/"+claim.Name)
	return showClaim(c, http.StatusCreated, claim)
}

// Claim: GET /admin/api/v1/claims/:claim.
func (a *Admin) Claim(c *gin.Context) error {
	claim, err := a.Tokens.CustomClaim(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("claim"))
	if err != nil {
		return explain(err)
	}
	return showClaim(c, http.StatusOK, claim)
}

// ChangeClaim: PATCH /admin/api/v1/claims/:claim.
func (a *Admin) ChangeClaim(c *gin.Context) error {
	var body struct {
		DisplayName given[string] `json:"display_name"`
		MetaPath    given[string] `json:"meta_path"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	claim, err := a.Tokens.ChangeCustomClaim(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("claim"),
		tokens.CustomClaimSettings{DisplayName: body.DisplayName.pointer(), MetaPath: body.MetaPath.pointer()}, by(c))
	if err != nil {
		return explain(err)
	}
	return showClaim(c, http.StatusOK, claim)
}

// PreviewClaimDeletion: GET /admin/api/v1/claims/:claim/deletion.
func (a *Admin) PreviewClaimDeletion(c *gin.Context) error {
	loss, err := a.Tokens.ClaimLoss(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("claim"))
	if err != nil {
		return explain(err)
	}
	scopes := []string{}
	for _, scope := range loss.Scopes {
		scopes = append(scopes, scope.Name)
	}
	c.JSON(http.StatusOK, gin.H{"scopes": scopes, "clients": answerLosers(loss.Clients), "more": loss.More, "values": loss.Values})
	return nil
}

// DeleteClaim: DELETE /admin/api/v1/claims/:claim.
func (a *Admin) DeleteClaim(c *gin.Context) error {
	if err := a.Tokens.DeleteCustomClaim(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("claim"), by(c)); err != nil {
		return explain(err)
	}
	return noContent(c)
}
