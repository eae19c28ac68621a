package admin

import (
	"errors"
	"net/http"
	"slices"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
	"usher/sessions/tokens"
	"usher/web"
)

// ClientsPage: GET /admin/tokens/clients?after=.
func (a *Admin) ClientsPage(c *gin.Context) error {
	clients, next, err := a.Tokens.Clients(c.Request.Context(), handlers.TenantOf(c).ID, c.Query("after"), pageRows)
	if err != nil {
		return explain(err)
	}
	return a.show(c, web.Clients{
		Frame: a.tokenFrame(c, "Clients"), Tabs: tokenTabs(c, clientsPath), Write: actorOf(c).May(admins.WriteTokens),
		Clients: clientRows(clients), Pager: pager(c, clientsPath, next),
	})
}

func clientRows(clients []tokens.Client) []web.ClientRow {
	rows := make([]web.ClientRow, 0, len(clients))
	for _, k := range clients {
		rows = append(rows, web.ClientRow{
			Path: clientsPath + "/" + k.ID, ClientID: k.ClientID, Name: k.Name, Scopes: k.APIScopes, Format: k.AccessTokenFormat,
			Disabled: k.Disabled,
		})
	}
	return rows
}

// clientForm is the form of a client as it was sent or is stored.
type clientForm struct {
	id, name, format, life string
	grants, scopes         []string
	disabled               bool
}

func sentClient(c *gin.Context) clientForm {
	return clientForm{
		id: c.PostForm("client_id"), name: c.PostForm("name"), format: c.PostForm("access_token_format"),
		life: c.PostForm("access_token_life"), disabled: c.PostForm("disabled") != "",
		grants: append([]string{}, c.PostFormArray("grants")...), scopes: append([]string{}, c.PostFormArray("api_scopes")...),
	}
}

func storedClient(k tokens.Client) clientForm {
	return clientForm{
		name: k.Name, format: k.AccessTokenFormat, life: strconv.FormatInt(int64(k.AccessTokenLife/time.Second), 10),
		grants: k.Grants, scopes: k.APIScopes, disabled: k.Disabled,
	}
}

func (f clientForm) settings() tokens.ClientSettings {
	life := spanOf(wholeNumber(f.life))
	return tokens.ClientSettings{
		Name: &f.name, Grants: f.grants, APIScopes: f.scopes, AccessTokenFormat: &f.format, AccessTokenLife: &life, Disabled: &f.disabled,
	}
}

// formatWords say what the formats of access tokens are.
var formatWords = map[string]string{
	tokens.FormatJWT:            "JWT: an API can check it by itself",
	tokens.FormatAccessTokenJWT: "JWT whose header says at+jwt (RFC 9068)",
	tokens.FormatReference:      "Reference: an API asks here each time, and a revocation counts at once",
}

// fields are what can be changed of a client; scopes are those of the tenant.
func (f clientForm) fields(scopes []tokens.APIScope, wrong faults) []web.Field {
	allowed := web.Field{Name: "api_scopes", Label: "API scopes that it may ask for", Type: "checkbox"}
	for _, scope := range scopes {
		allowed.Options = append(allowed.Options, web.Option{
			Value: scope.Name, Label: scope.Name, Hint: scope.DisplayName, Chosen: slices.Contains(f.scopes, scope.Name),
		})
	}
	grants := web.Field{Name: "grants", Label: "Grants", Type: "checkbox"}
	for _, grant := range tokens.Grants() {
		grants.Options = append(grants.Options, web.Option{
			Value: grant, Label: grant, Hint: "it speaks for itself", Chosen: slices.Contains(f.grants, grant),
		})
	}
	format := web.Field{Name: "access_token_format", Label: "Access tokens", Type: "select"}
	for _, one := range tokens.Formats() {
		format.Options = append(format.Options, web.Option{Value: one, Label: formatWords[one], Chosen: one == f.format})
	}
	fields := []web.Field{wrong.field(web.Field{Name: "name", Label: "Name", Value: f.name, Required: true, Hint: "For people."})}
	if len(allowed.Options) > 0 {
		fields = append(fields, wrong.field(allowed))
	}
	return append(fields,
		wrong.field(grants),
		wrong.field(format),
		wrong.field(web.Field{
			Name: "access_token_life", Label: "Access tokens are good for (seconds)", Type: "number", Value: f.life, Required: true,
			Hint: "60 to 86400.",
		}),
		wrong.field(web.Field{
			Name: "disabled", Label: "Disabled", Type: "checkbox", Checked: f.disabled,
			Hint: "It gets no token then, and those that it has are not active any more.",
		}))
}

// AddClientPage: GET /admin/tokens/clients/new.
func (a *Admin) AddClientPage(c *gin.Context) error {
	return a.newClient(c, http.StatusOK, clientForm{
		grants: []string{tokens.GrantClientCredentials}, format: tokens.FormatJWT, life: strconv.FormatInt(int64(tokens.DefaultAccessTokenLife/time.Second), 10),
	}, nil)
}

func (a *Admin) newClient(c *gin.Context, status int, form clientForm, wrong faults) error {
	scopes, err := a.Tokens.APIScopes(c.Request.Context(), handlers.TenantOf(c).ID)
	if err != nil {
		return explain(err)
	}
	return a.showAs(c, status, web.NewClient{
		Frame: a.tokenFrame(c, "New client"), Tabs: tokenTabs(c, clientsPath), Once: formToken(c),
		Fields: append([]web.Field{wrong.field(web.Field{
			Name: "client_id", Label: "Client id", Value: form.id,
			Hint: "Letters, digits, dots, underscores, tildes and hyphens. Empty: one is made. It stays.",
		})}, form.fields(scopes, wrong)...),
	})
}

// AddClientForm: POST /admin/tokens/clients. The answer itself shows the secret.
func (a *Admin) AddClientForm(c *gin.Context) error {
	form := sentClient(c)
	k, secret, err := a.Tokens.AddClient(c.Request.Context(), handlers.TenantOf(c).ID, form.id, form.settings(), by(c))
	if errors.Is(err, tokens.ErrTaken) {
		return a.newClient(c, http.StatusUnprocessableEntity, form, faults{"client_id": "There is a client with this id already."})
	}
	if wrong, ok := faultsOf(err); ok {
		return a.newClient(c, http.StatusUnprocessableEntity, form, wrong)
	}
	if err != nil {
		return explain(err)
	}
	path := clientsPath + "/" + k.ID
	a.made(c, path+"?done=secret_made_before")
	return a.showSecret(c, "The client is made", a.clientHolder(c, k), secret)
}

// ClientPage: GET /admin/tokens/clients/:id.
func (a *Admin) ClientPage(c *gin.Context) error {
	return a.showClientPage(c, http.StatusOK, "", nil, nil)
}

// showClientPage shows a client, with the form as it was sent when that was not
// accepted.
func (a *Admin) showClientPage(c *gin.Context, status int, fault string, sent *clientForm, wrong faults) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	k, err := a.Tokens.Client(ctx, tenant.ID, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	form := storedClient(k)
	if sent != nil {
		form = *sent
	}
	holder := a.clientHolder(c, k)
	page := web.ClientPage{
		Frame: a.tokenFrame(c, k.Name), Tabs: tokenTabs(c, clientsPath), Write: actorOf(c).May(admins.WriteTokens),
		Path: holder.path, ClientID: k.ClientID, Grants: k.Grants, Scopes: k.APIScopes, Format: k.AccessTokenFormat, Life: k.AccessTokenLife,
		Disabled: k.Disabled, CreatedAt: k.CreatedAt, UpdatedAt: k.UpdatedAt, Revision: k.Revision, Fault: fault, Try: holder.try("SECRET"),
	}
	if page.Write {
		scopes, err := a.Tokens.APIScopes(ctx, tenant.ID)
		if err != nil {
			return explain(err)
		}
		page.Fields = form.fields(scopes, wrong)
	}
	if page.Secrets, err = a.secretsOf(c, holder, wrong); err != nil {
		return err
	}
	return a.showAs(c, status, page)
}

// ChangeClientForm: POST /admin/tokens/clients/:id.
func (a *Admin) ChangeClientForm(c *gin.Context) error {
	form := sentClient(c)
	who := by(c)
	who.IfMatch = revisionOf(c)
	k, err := a.Tokens.ChangeClient(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), form.settings(), who)
	if errors.Is(err, tokens.ErrChanged) {
		return a.showClientPage(c, http.StatusConflict, changedFault, nil, nil)
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showClientPage(c, http.StatusUnprocessableEntity, "", &form, wrong)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, clientsPath+"/"+k.ID+"?done=saved")
	return nil
}

// DeleteClientPage: GET /admin/tokens/clients/:id/delete.
func (a *Admin) DeleteClientPage(c *gin.Context) error {
	return a.showClientDeletion(c, http.StatusOK, "", "")
}

func (a *Admin) showClientDeletion(c *gin.Context, status int, fault, confirmFault string) error {
	k, err := a.Tokens.Client(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	return a.showAs(c, status, web.TokenRemoval{
		Frame: a.tokenFrame(c, "Delete “"+k.Name+"”"), Tabs: tokenTabs(c, clientsPath), Path: clientsPath + "/" + k.ID, Back: k.Name,
		Effects: []string{
			"The client " + k.ClientID + " gets no token from then on: its secrets are gone with it.",
			"Tokens that it has are not active any more. An API that checks JWTs by itself accepts them until they end.",
		},
		Submit: "Delete the client", Revision: k.Revision, Fault: fault, Confirm: web.Confirm{Word: k.ClientID, Fault: confirmFault},
	})
}

// DeleteClientForm: POST /admin/tokens/clients/:id/delete.
func (a *Admin) DeleteClientForm(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	k, err := a.Tokens.Client(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	if fault := confirmed(c, k.ClientID); fault != "" {
		return a.showClientDeletion(c, http.StatusUnprocessableEntity, "", fault)
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	err = a.Tokens.DeleteClient(ctx, tenant, k.ID, who)
	if errors.Is(err, tokens.ErrChanged) {
		return a.showClientDeletion(c, http.StatusConflict, changedFault, "")
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, clientsPath+"?done=client_deleted")
	return nil
}
