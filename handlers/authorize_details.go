package handlers

import (
	"context"

	"github.com/gin-gonic/gin"

	"usher/sessions"
)

// completeFirst has nothing to ask for yet.
func (a *App) completeFirst(*gin.Context, authorizeRequest, authorizeRules, sessions.Session) (wrong *authorizeError, done bool, err error) {
	return nil, false, nil
}

// scopeNames has no identity scopes yet.
func (a *App) identityScopeNames(context.Context, string) (map[string]string, error) {
	return map[string]string{}, nil
}
