package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
)

// identityScopeAnswer is an identity scope in the API.
type identityScopeAnswer struct {
	Name        string     `json:"name"`
	DisplayName string     `json:"display_name"`
	Claims      []string   `json:"claims"`
	BuiltIn     bool       `json:"built_in"`
	CreatedAt   *time.Time `json:"created_at,omitempty"` // not of built-in ones
	UpdatedAt   *time.Time `json:"updated_at,omitempty"` // the same
}

func answerIdentityScope(scope tokens.IdentityScope) identityScopeAnswer {
	answer := identityScopeAnswer{Name: scope.Name, DisplayName: scope.DisplayName, Claims: scope.Claims, BuiltIn: scope.BuiltIn}
	if !scope.BuiltIn {
		answer.CreatedAt, answer.UpdatedAt = inUTC(&scope.CreatedAt), inUTC(&scope.UpdatedAt)
	}
	return answer
}

func showIdentityScope(c *gin.Context, status int, scope tokens.IdentityScope) error {
	if !scope.BuiltIn {
		setETag(c, scope.Revision)
	}
	c.JSON(status, answerIdentityScope(scope))
	return nil
}

// IdentityScopes: GET /admin/api/v1/identity-scopes lists all of them: a tenant
// has few of its own.
func (a *Admin) IdentityScopes(c *gin.Context) error {
	scopes, err := a.Tokens.IdentityScopes(c.Request.Context(), handlers.TenantOf(c).ID)
	if err != nil {
		return explain(err)
	}
	answers := []identityScopeAnswer{}
	for _, scope := range scopes {
		answers = append(answers, answerIdentityScope(scope))
	}
	c.JSON(http.StatusOK, gin.H{"identity_scopes": answers})
	return nil
}

// AddIdentityScope: POST /admin/api/v1/identity-scopes.
func (a *Admin) AddIdentityScope(c *gin.Context) error {
	var body struct {
		Name        string   `json:"name"`
		DisplayName string   `json:"display_name"`
		Claims      []string `json:"claims"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	scope, err := a.Tokens.AddIdentityScope(c.Request.Context(), handlers.TenantOf(c).ID,
		tokens.NewIdentityScope{Name: body.Name, DisplayName: body.DisplayName, Claims: body.Claims}, by(c))
	if err != nil {
		return explain(err)
	}
	c.Header("Location", apiRoot+"/identity-scopes/"+scope.Name)
	return showIdentityScope(c, http.StatusCreated, scope)
}

// IdentityScope: GET /admin/api/v1/identity-scopes/:scope.
func (a *Admin) IdentityScope(c *gin.Context) error {
	scope, err := a.Tokens.IdentityScope(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("scope"))
	if err != nil {
		return explain(err)
	}
	return showIdentityScope(c, http.StatusOK, scope)
}

// ChangeIdentityScope: PATCH /admin/api/v1/identity-scopes/:scope.
func (a *Admin) ChangeIdentityScope(c *gin.Context) error {
	var body struct {
		DisplayName given[string]   `json:"display_name"`
		Claims      given[[]string] `json:"claims"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	wish := tokens.IdentityScopeSettings{DisplayName: body.DisplayName.pointer()}
	if body.Claims.there {
		wish.Claims = append([]string{}, body.Claims.value...)
	}
	scope, err := a.Tokens.ChangeIdentityScope(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("scope"), wish, by(c))
	if err != nil {
		return explain(err)
	}
	return showIdentityScope(c, http.StatusOK, scope)
}

// PreviewScopeDeletion: GET /admin/api/v1/identity-scopes/:scope/deletion.
func (a *Admin) PreviewScopeDeletion(c *gin.Context) error {
	loss, err := a.Tokens.ScopeLoss(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("scope"))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusOK, gin.H{"clients": answerLosers(loss.Clients), "more": loss.More})
	return nil
}

// answerLosers are clients that lose something.
func answerLosers(clients []tokens.Client) []deletionClient {
	answers := []deletionClient{}
	for _, k := range clients {
		answers = append(answers, deletionClient{k.ID, k.ClientID, k.Name})
	}
	return answers
}

// DeleteIdentityScope: DELETE /admin/api/v1/identity-scopes/:scope.
func (a *Admin) DeleteIdentityScope(c *gin.Context) error {
	if err := a.Tokens.DeleteIdentityScope(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("scope"), by(c)); err != nil {
		return explain(err)
	}
	return noContent(c)
}
