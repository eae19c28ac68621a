package handlers

import (
	"strings"

	"github.com/gin-gonic/gin"

	"usher/sessions/tokens"
	"usher/web"
)

// consentWords say what scopes mean to the person who is asked, by name, those
// first that are about the person.
func (a *App) consentWords(c *gin.Context, scopes []string) ([]web.Wish, error) {
	ctx, tenant := c.Request.Context(), siteOf(c).tenant.ID
	identity, err := a.Tokens.IdentityScopes(ctx, tenant)
	if err != nil {
		return nil, err
	}
	apis, err := a.Tokens.APIScopes(ctx, tenant)
	if err != nil {
		return nil, err
	}
	names := map[string]string{tokens.ScopeOfflineAccess: "Keep this access while you are away"}
	about := map[string]bool{}
	for _, scope := range apis {
		names[scope.Name] = "Use “" + scope.DisplayName + "” in your name"
	}
	for _, scope := range identity {
		names[scope.Name], about[scope.Name] = scope.DisplayName, true
	}
	var told, rest []web.Wish
	for _, scope := range scopes {
		wish := web.Wish{Scope: scope, Text: names[scope]}
		if org, member := membership(scope); member {
			wish.Text, about[scope] = "Know that you are a member of "+org, true
		}
		if wish.Text == "" {
			wish.Text = scope
		}
		if about[scope] {
			told = append(told, wish)
		} else {
			rest = append(rest, wish)
		}
	}
	return append(told, rest...), nil
}

// membership is the organization that a scope is about.
func membership(scope string) (org string, is bool) {
	for _, prefix := range []string{"memberof:", "user:memberof:"} {
		if org, is = strings.CutPrefix(scope, prefix); is {
			return org, true
		}
	}
	return "", false
}
