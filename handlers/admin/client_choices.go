package admin

import (
	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
	"usher/web"
)

// clientChoices are what a client can be allowed or can demand.
type clientChoices struct{ identityScopes, apiScopes, claims []web.Option }

func (a *Admin) clientChoices(c *gin.Context) (clientChoices, error) {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	var found clientChoices
	scopes, err := a.Tokens.APIScopes(ctx, tenant)
	if err != nil {
		return found, explain(err)
	}
	for _, scope := range scopes {
		found.apiScopes = append(found.apiScopes, web.Option{Value: scope.Name, Label: scope.Name, Hint: scope.DisplayName})
	}
	identity, err := a.Tokens.IdentityScopes(ctx, tenant)
	if err != nil {
		return found, explain(err)
	}
	for _, scope := range identity {
		hint := scope.DisplayName
		if scope.Name == tokens.ScopeOpenID {
			hint += "; who signs people in has it in any case"
		}
		found.identityScopes = append(found.identityScopes, web.Option{Value: scope.Name, Label: scope.Name, Hint: hint})
	}
	claims, err := a.Tokens.CustomClaims(ctx, tenant)
	if err != nil {
		return found, explain(err)
	}
	for _, claim := range claims {
		found.claims = append(found.claims, web.Option{Value: claim.Name, Label: claim.Name, Hint: claim.DisplayName})
	}
	return found, nil
}
