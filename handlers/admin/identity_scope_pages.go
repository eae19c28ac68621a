package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
	"usher/sessions/tokens"
	"usher/web"
)

// IdentityScopesPage: GET /admin/tokens/identity-scopes.
func (a *Admin) IdentityScopesPage(c *gin.Context) error {
	scopes, err := a.Tokens.IdentityScopes(c.Request.Context(), handlers.TenantOf(c).ID)
	if err != nil {
		return explain(err)
	}
	page := web.IdentityScopes{
		Frame: a.tokenFrame(c, "Identity scopes"), Tabs: tokenTabs(c, identityScopesPath), Write: actorOf(c).May(admins.WriteTokens),
	}
	for _, scope := range scopes {
		row := web.IdentityScopeRow{Name: scope.Name, DisplayName: scope.DisplayName, Claims: scope.Claims}
		if !scope.BuiltIn {
			row.Path = identityScopesPath + "/" + scope.Name
		}
		page.Scopes = append(page.Scopes, row)
	}
	return a.show(c, page)
}

// claimOptions are boxes for the claims that an identity scope can have.
func (a *Admin) claimOptions(c *gin.Context, chosen []string) ([]web.Option, error) {
	custom, err := a.Tokens.CustomClaims(c.Request.Context(), handlers.TenantOf(c).ID)
	if err != nil {
		return nil, explain(err)
	}
	var options []web.Option
	for _, name := range tokens.StandardClaims() {
		options = append(options, web.Option{Value: name, Label: name, Chosen: slices.Contains(chosen, name)})
	}
	for _, claim := range custom {
		options = append(options, web.Option{
			Value: claim.Name, Label: claim.Name, Hint: claim.DisplayName, Chosen: slices.Contains(chosen, claim.Name),
		})
	}
	return options, nil
}

func (a *Admin) scopeFields(c *gin.Context, shown string, chosen []string, wrong faults) ([]web.Field, error) {
	options, err := a.claimOptions(c, chosen)
	if err != nil {
		return nil, err
	}
	return []web.Field{
		wrong.field(web.Field{Name: "display_name", Label: "Display name", Value: shown, Hint: "What people read when they are asked to allow it; the name when empty."}),
		wrong.field(web.Field{Name: "claims", Label: "Claims", Type: "checkbox", Options: options, Hint: "What a client is told about a person. Of those without a value nothing is said."}),
	}, nil
}

// AddIdentityScopePage: GET /admin/tokens/new-identity-scope.
func (a *Admin) AddIdentityScopePage(c *gin.Context) error {
	return a.newIdentityScope(c, http.StatusOK, tokens.NewIdentityScope{}, nil)
}

func (a *Admin) newIdentityScope(c *gin.Context, status int, wish tokens.NewIdentityScope, wrong faults) error {
	fields, err := a.scopeFields(c, wish.DisplayName, wish.Claims, wrong)
	if err != nil {
		return err
	}
	name := wrong.field(web.Field{
		Name: "name", Label: "Name", Value: wish.Name, Required: true,
		Hint: "Lower-case letters, digits, dots, underscores, colons and hyphens. Clients ask for it by this name, and it stays.",
	})
	return a.showAs(c, status, web.NewIdentityScope{
		Frame: a.tokenFrame(c, "New identity scope"), Tabs: tokenTabs(c, identityScopesPath), Fields: slices.Insert(fields, 0, name),
	})
}

// AddIdentityScopeForm: POST /admin/tokens/identity-scopes.
func (a *Admin) AddIdentityScopeForm(c *gin.Context) error {
	wish := tokens.NewIdentityScope{Name: c.PostForm("name"), DisplayName: c.PostForm("display_name"), Claims: c.PostFormArray("claims")}
	scope, err := a.Tokens.AddIdentityScope(c.Request.Context(), handlers.TenantOf(c).ID, wish, by(c))
	wrong, ok := faultsOf(err)
	if errors.Is(err, tokens.ErrTaken) {
		wrong, ok = faults{"name": "There is an identity or an API scope with this name already."}, true
	}
	if ok {
		return a.newIdentityScope(c, http.StatusUnprocessableEntity, wish, wrong)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, identityScopesPath+"/"+scope.Name+"?done=identity_scope_added")
	return nil
}

// IdentityScopePage: GET /admin/tokens/identity-scopes/:scope.
func (a *Admin) IdentityScopePage(c *gin.Context) error {
	return a.showIdentityScopePage(c, http.StatusOK, "", nil, nil)
}

// showIdentityScopePage shows one of the tenant's own; sent is the form as it was
// sent, nil = as stored.
func (a *Admin) showIdentityScopePage(c *gin.Context, status int, fault string, sent *tokens.IdentityScope, wrong faults) error {
	scope, err := a.Tokens.IdentityScope(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("scope"))
	if err == nil && scope.BuiltIn {
		err = tokens.ErrNotFound // the list says all about it
	}
	if err != nil {
		return explain(err)
	}
	form := scope
	if sent != nil {
		form = *sent
	}
	page := web.IdentityScopePage{
		Frame: a.tokenFrame(c, scope.Name), Tabs: tokenTabs(c, identityScopesPath), Write: actorOf(c).May(admins.WriteTokens),
		Path: identityScopesPath + "/" + scope.Name, DisplayName: scope.DisplayName, Claims: scope.Claims, CreatedAt: scope.CreatedAt,
		Revision: scope.Revision, Fault: fault,
	}
	if page.Fields, err = a.scopeFields(c, form.DisplayName, form.Claims, wrong); err != nil {
		return err
	}
	return a.showAs(c, status, page)
}

// ChangeIdentityScopeForm: POST /admin/tokens/identity-scopes/:scope.
func (a *Admin) ChangeIdentityScopeForm(c *gin.Context) error {
	shown := c.PostForm("display_name")
	if strings.TrimSpace(shown) == "" {
		shown = c.Param("scope")
	}
	wish := tokens.IdentityScopeSettings{DisplayName: &shown, Claims: append([]string{}, c.PostFormArray("claims")...)}
	who := by(c)
	who.IfMatch = revisionOf(c)
	scope, err := a.Tokens.ChangeIdentityScope(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("scope"), wish, who)
	if errors.Is(err, tokens.ErrChanged) {
		return a.showIdentityScopePage(c, http.StatusConflict, changedFault, nil, nil)
	}
	if wrong, ok := faultsOf(err); ok && wrong["scope"] == "" {
		return a.showIdentityScopePage(c, http.StatusUnprocessableEntity, "", &tokens.IdentityScope{DisplayName: shown, Claims: wish.Claims}, wrong)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, identityScopesPath+"/"+scope.Name+"?done=saved")
	return nil
}

// DeleteIdentityScopePage: GET /admin/tokens/identity-scopes/:scope/delete.
func (a *Admin) DeleteIdentityScopePage(c *gin.Context) error {
	return a.showScopeLoss(c, http.StatusOK, "", "")
}

func (a *Admin) showScopeLoss(c *gin.Context, status int, fault, confirmFault string) error {
	loss, err := a.Tokens.ScopeLoss(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("scope"))
	if _, fixed := faultsOf(err); fixed {
		return &handlers.Fault{Code: handlers.NotFound, Err: err}
	}
	if err != nil {
		return explain(err)
	}
	scope := loss.Scope
	return a.showAs(c, status, web.TokenRemoval{
		Frame: a.tokenFrame(c, "Delete the identity scope "+scope.Name), Tabs: tokenTabs(c, identityScopesPath),
		Path: identityScopesPath + "/" + scope.Name, Back: scope.Name,
		Effects: []string{"No client can ask for " + scope.Name + ", and what it was told by it is not told again."},
		Losers:  &web.Losers{Clients: clientRows(loss.Clients), More: loss.More}, Submit: "Delete the identity scope",
		Revision: scope.Revision, Fault: fault, Confirm: web.Confirm{Word: scope.Name, Fault: confirmFault},
	})
}

// DeleteIdentityScopeForm: POST /admin/tokens/identity-scopes/:scope/delete.
func (a *Admin) DeleteIdentityScopeForm(c *gin.Context) error {
	if fault := confirmed(c, c.Param("scope")); fault != "" {
		return a.showScopeLoss(c, http.StatusUnprocessableEntity, "", fault)
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	err := a.Tokens.DeleteIdentityScope(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("scope"), who)
	if errors.Is(err, tokens.ErrChanged) {
		return a.showScopeLoss(c, http.StatusConflict, changedFault, "")
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, identityScopesPath+"?done=identity_scope_deleted")
	return nil
}
