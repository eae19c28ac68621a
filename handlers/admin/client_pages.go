package admin

import (
	"errors"
	"net/http"

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
		path := clientsPath + "/" + k.ID
		if k.Kind == tokens.KindOrganization {
			path = organizationsPath + "/" + k.ID
		}
		rows = append(rows, web.ClientRow{
			Path: path, ClientID: k.ClientID, Name: k.Name, Kind: clientKind(k), Scopes: k.APIScopes, Format: k.AccessTokenFormat,
			Disabled: k.Disabled,
		})
	}
	return rows
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
		Path: clientsPath + "/" + k.ID, Addresses: a.clientAddresses(c, k), Revision: k.Revision, Fault: fault,
	}
	if k.Kind == tokens.KindOrganization {
		page.Organization = holder.path
	}
	if page.Facts, err = a.clientFacts(c, k); err != nil {
		return err
	}
	page.Try = holder.try("SECRET")
	if page.Write {
		if page.Parts, err = a.clientParts(c, form, wrong); err != nil {
			return err
		}
		page.Faults = web.FaultsOf(page.Parts)
	}
	if k.Public {
		return a.showAs(c, status, page)
	}
	page.Secrets = &web.Secrets{}
	if *page.Secrets, err = a.secretsOf(c, holder, wrong); err != nil {
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
