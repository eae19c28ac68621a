package admin

import (
	"errors"
	"net/http"
	"net/url"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
	"usher/sessions/tokens"
	"usher/web"
)

// ConnectionsPage: GET /admin/tokens/api-connections?after=.
func (a *Admin) ConnectionsPage(c *gin.Context) error {
	connections, next, err := a.Tokens.Connections(c.Request.Context(), handlers.TenantOf(c).ID, c.Query("after"), pageRows)
	if err != nil {
		return explain(err)
	}
	page := web.Connections{
		Frame: a.tokenFrame(c, "API connections"), Tabs: tokenTabs(c, connectionsPath), Write: actorOf(c).May(admins.WriteTokens),
		Pager: pager(c, connectionsPath, next),
	}
	for _, n := range connections {
		page.Connections = append(page.Connections, web.ConnectionRow{
			Path: connectionsPath + "/" + n.ID, Name: n.Name, DisplayName: n.DisplayName, CreatedAt: n.CreatedAt,
		})
	}
	return a.show(c, page)
}

// AddConnectionPage: GET /admin/tokens/api-connections/new.
func (a *Admin) AddConnectionPage(c *gin.Context) error {
	return a.newConnection(c, http.StatusOK, tokens.NewConnection{}, nil)
}

func (a *Admin) newConnection(c *gin.Context, status int, wish tokens.NewConnection, wrong faults) error {
	return a.showAs(c, status, web.NewConnection{
		Frame: a.tokenFrame(c, "New API connection"), Tabs: tokenTabs(c, connectionsPath), Once: formToken(c),
		Fields: []web.Field{
			wrong.field(web.Field{
				Name: "name", Label: "Name", Value: wish.Name, Required: true,
				Hint: "Lower-case letters, digits, dots, underscores and hyphens. It is the name of the first scope too, and stays.",
			}),
			wrong.field(web.Field{Name: "display_name", Label: "Display name", Value: wish.DisplayName, Hint: "For people; the name when empty."}),
		},
	})
}

// AddConnectionForm: POST /admin/tokens/api-connections. The answer itself shows
// the secret.
func (a *Admin) AddConnectionForm(c *gin.Context) error {
	wish := tokens.NewConnection{Name: c.PostForm("name"), DisplayName: c.PostForm("display_name")}
	n, secret, err := a.Tokens.AddConnection(c.Request.Context(), handlers.TenantOf(c).ID, wish, by(c))
	if errors.Is(err, tokens.ErrTaken) {
		return a.newConnection(c, http.StatusUnprocessableEntity, wish, faults{"name": "There is an API connection or a scope with this name already."})
	}
	if wrong, ok := faultsOf(err); ok {
		return a.newConnection(c, http.StatusUnprocessableEntity, wish, wrong)
	}
	if err != nil {
		return explain(err)
	}
	h := a.connectionHolder(c, n)
	a.made(c, h.path+"?done=secret_made_before")
	return a.showSecret(c, "The API connection is made", h, secret)
}

// connectionForms are the forms of an API connection's page as they were sent.
type connectionForms struct {
	fault       string
	wrong       faults
	displayName *string // nil = as stored, and the rate as well
	rate        string
	scope       tokens.APIScope
}

// ConnectionPage: GET /admin/tokens/api-connections/:id.
func (a *Admin) ConnectionPage(c *gin.Context) error {
	return a.showConnectionPage(c, http.StatusOK, connectionForms{})
}

func (a *Admin) showConnectionPage(c *gin.Context, status int, sent connectionForms) error {
	n, err := a.Tokens.Connection(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	h := a.connectionHolder(c, n)
	shown, rate := n.DisplayName, rateShown(n.Rate)
	var ofScope, ofName faults
	if sent.displayName != nil {
		shown, rate, ofName = *sent.displayName, sent.rate, sent.wrong
	} else {
		ofScope = sent.wrong
	}
	page := web.ConnectionPage{
		Frame: a.tokenFrame(c, n.DisplayName), Tabs: tokenTabs(c, connectionsPath), Write: actorOf(c).May(admins.WriteTokens),
		Path: h.path, Name: n.Name, CreatedAt: n.CreatedAt, Revision: n.Revision, Fault: sent.fault, Try: h.try("SECRET"),
		Fields: []web.Field{
			ofName.field(web.Field{Name: "display_name", Label: "Display name", Value: shown, Required: true}),
			ofName.field(a.rateField(handlers.RateAPIConnection, rate)),
		},
		AddScope: []web.Field{
			ofScope.field(web.Field{
				Name: "name", Label: "Scope", Value: sent.scope.Name, Required: true, Form: "scope",
				Hint: "Lower-case letters, digits, dots, underscores, colons and hyphens, such as " + n.Name + ":write. It stays.",
			}),
			ofScope.field(web.Field{
				Name: "display_name", Label: "Display name", Value: sent.scope.DisplayName, Form: "scope", Hint: "For people; the scope when empty.",
			}),
		},
	}
	for _, scope := range n.Scopes {
		row := web.ScopeRow{Name: scope.Name, DisplayName: scope.DisplayName}
		if scope.Name != n.Name {
			row.Path = scopePath(n, scope.Name)
		}
		page.Scopes = append(page.Scopes, row)
	}
	if page.Secrets, err = a.secretsOf(c, h, sent.wrong); err != nil {
		return err
	}
	return a.showAs(c, status, page)
}

// scopePath is the page of a scope.
func scopePath(n tokens.Connection, scope string) string {
	return connectionsPath + "/" + n.ID + "/scopes/" + url.PathEscape(scope)
}

// ChangeConnectionForm: POST /admin/tokens/api-connections/:id.
func (a *Admin) ChangeConnectionForm(c *gin.Context) error {
	shown := c.PostForm("display_name")
	who := by(c)
	who.IfMatch = revisionOf(c)
	wish := tokens.ConnectionSettings{DisplayName: &shown}
	rate, rated := c.GetPostForm("rate")
	if rated { // no earlier version has shown the form
		wish.Rate = rateSent(rate)
	}
	n, err := a.Tokens.ChangeConnection(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), wish, who)
	if errors.Is(err, tokens.ErrChanged) {
		return a.showConnectionPage(c, http.StatusConflict, connectionForms{fault: changedFault})
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showConnectionPage(c, http.StatusUnprocessableEntity, connectionForms{wrong: wrong, displayName: &shown, rate: rate})
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, connectionsPath+"/"+n.ID+"?done=saved")
	return nil
}

// AddScopeForm: POST /admin/tokens/api-connections/:id/scopes.
func (a *Admin) AddScopeForm(c *gin.Context) error {
	scope := tokens.APIScope{Name: c.PostForm("name"), DisplayName: c.PostForm("display_name")}
	n, err := a.Tokens.AddScope(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), scope.Name, scope.DisplayName, by(c))
	wrong, ok := faultsOf(err)
	if errors.Is(err, tokens.ErrTaken) {
		wrong, ok = faults{"name": "There is a scope with this name already, here or at another API connection."}, true
	}
	if ok {
		return a.showConnectionPage(c, http.StatusUnprocessableEntity, connectionForms{wrong: wrong, scope: scope})
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, connectionsPath+"/"+n.ID+"?done=scope_added")
	return nil
}

// ScopePage: GET /admin/tokens/api-connections/:id/scopes/:scope.
func (a *Admin) ScopePage(c *gin.Context) error {
	return a.showScope(c, http.StatusOK, web.ScopePage{}, nil, nil)
}

// showScope shows a scope with what page has of faults; sent is the display name
// as it was sent, nil = as stored.
func (a *Admin) showScope(c *gin.Context, status int, page web.ScopePage, sent *string, wrong faults) error {
	d, err := a.Tokens.Deletion(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("scope"))
	if _, own := faultsOf(err); own {
		return &handlers.Fault{Code: handlers.NotFound, Err: err} // the scope of the connection's own name has no page
	}
	if err != nil {
		return explain(err)
	}
	n, name := d.Connection, d.Scopes[0]
	shown := ""
	for _, scope := range n.Scopes {
		if scope.Name == name {
			shown = scope.DisplayName
		}
	}
	if sent != nil {
		shown = *sent
	}
	page.Frame, page.Tabs = a.tokenFrame(c, "Scope "+name), tokenTabs(c, connectionsPath)
	page.Path, page.Name, page.Back, page.Container, page.Revision = scopePath(n, name), name, connectionsPath+"/"+n.ID, n.DisplayName, n.Revision
	page.Fields = []web.Field{wrong.field(web.Field{Name: "display_name", Label: "Display name", Value: shown, Required: true})}
	page.Losers, page.Confirm.Word = web.Losers{Clients: clientRows(d.Clients), More: d.More}, name
	return a.showAs(c, status, page)
}

// RenameScopeForm: POST /admin/tokens/api-connections/:id/scopes/:scope.
func (a *Admin) RenameScopeForm(c *gin.Context) error {
	shown := c.PostForm("display_name")
	who := by(c)
	who.IfMatch = revisionOf(c)
	n, err := a.Tokens.RenameScope(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("scope"), shown, who)
	if errors.Is(err, tokens.ErrChanged) {
		return a.showScope(c, http.StatusConflict, web.ScopePage{Fault: changedFault}, nil, nil)
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showScope(c, http.StatusUnprocessableEntity, web.ScopePage{}, &shown, wrong)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, connectionsPath+"/"+n.ID+"?done=saved")
	return nil
}

// DeleteScopeForm: POST /admin/tokens/api-connections/:id/scopes/:scope/delete.
func (a *Admin) DeleteScopeForm(c *gin.Context) error {
	if fault := confirmed(c, c.Param("scope")); fault != "" {
		return a.showScope(c, http.StatusUnprocessableEntity, web.ScopePage{Confirm: web.Confirm{Fault: fault}}, nil, nil)
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	err := a.Tokens.DeleteScope(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("scope"), who)
	if errors.Is(err, tokens.ErrChanged) {
		return a.showScope(c, http.StatusConflict, web.ScopePage{Fault: changedFault}, nil, nil)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, connectionsPath+"/"+c.Param("id")+"?done=scope_deleted")
	return nil
}

// DeleteConnectionPage: GET /admin/tokens/api-connections/:id/delete.
func (a *Admin) DeleteConnectionPage(c *gin.Context) error {
	return a.showConnectionDeletion(c, http.StatusOK, "", "")
}

func (a *Admin) showConnectionDeletion(c *gin.Context, status int, fault, confirmFault string) error {
	d, err := a.Tokens.Deletion(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), "")
	if err != nil {
		return explain(err)
	}
	n := d.Connection
	page := web.TokenRemoval{
		Frame: a.tokenFrame(c, "Delete “"+n.DisplayName+"”"), Tabs: tokenTabs(c, connectionsPath), Path: connectionsPath + "/" + n.ID,
		Back: n.DisplayName, Effects: []string{"The API " + n.Name + " can examine no token from then on: its secrets are gone with it."},
		Losers: &web.Losers{Clients: clientRows(d.Clients), More: d.More}, Submit: "Delete the API connection", Revision: n.Revision,
		Fault: fault, Confirm: web.Confirm{Word: n.Name, Fault: confirmFault},
	}
	for _, scope := range d.Scopes {
		page.Effects = append(page.Effects, "The scope "+scope+" is gone.")
	}
	return a.showAs(c, status, page)
}

// DeleteConnectionForm: POST /admin/tokens/api-connections/:id/delete.
func (a *Admin) DeleteConnectionForm(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	n, err := a.Tokens.Connection(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	if fault := confirmed(c, n.Name); fault != "" {
		return a.showConnectionDeletion(c, http.StatusUnprocessableEntity, "", fault)
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	err = a.Tokens.DeleteConnection(ctx, tenant, n.ID, who)
	if errors.Is(err, tokens.ErrChanged) {
		return a.showConnectionDeletion(c, http.StatusConflict, changedFault, "")
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, connectionsPath+"?done=connection_deleted")
	return nil
}
