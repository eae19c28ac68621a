package admin

import (
	"errors"
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// resourcePath is the page of a resource. Kind and id have no character that an
// address would escape.
func resourcePath(kind, id string) string { return resourcesPath + "/" + kind + "/" + id }

// ResourcesPage: GET /admin/resources?kind=&integration=&after=.
func (a *Admin) ResourcesPage(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	filter := provisioning.ResourceFilter{Kind: c.Query("kind"), Integration: c.Query("integration")}
	n, err := a.names(c)
	if err != nil {
		return err
	}
	page := web.Resources{
		Frame: a.frame(c, resourcesPath, "Resources and embeds"), Write: actorOf(c).May(admins.WriteCatalog),
		Filtered: filter != provisioning.ResourceFilter{},
		Filters: []web.Field{
			{Name: "kind", Label: "Kind", Type: "search", Value: filter.Kind},
			ownerField(n, filter.Integration, "Any"),
		},
	}
	resources, next, err := a.Provisioning.Resources(ctx, tenant, filter, c.Query("after"), pageRows)
	if wrong, ok := faultsOf(err); ok && wrong.mark(page.Filters) > 0 {
		return a.showAs(c, http.StatusBadRequest, page)
	}
	if err != nil {
		return explain(err)
	}
	page.Pager = pager(c, resourcesPath, next)
	for _, r := range resources {
		page.Resources = append(page.Resources, web.ResourceRow{
			Path: resourcePath(r.Kind, r.ID), Kind: r.Kind, ID: r.ID, Title: r.Title, Owner: n.integration(r.IntegrationID),
			Restricted: r.Restricted, ContentURL: r.ContentURL,
		})
	}
	return a.show(c, page)
}

// ownerField offers integrations by name; none is the label of no choice, "" =
// one has to be chosen.
func ownerField(n names, chosen, none string) web.Field {
	field := web.Field{Name: "integration", Label: "Integration", Type: "select", Required: none == ""}
	if none != "" {
		field.Options = append(field.Options, web.Option{Label: none})
	}
	for _, id := range n.sorted() {
		field.Options = append(field.Options, web.Option{Value: id, Label: n.integration(id)})
	}
	choose(&field, chosen)
	return field
}

// resourceForm is the form of a resource as it was sent or is stored.
type resourceForm struct {
	kind, id, integration, title, content string
	restricted                            bool
}

func sentResource(c *gin.Context) resourceForm {
	return resourceForm{
		kind: c.PostForm("kind"), id: c.PostForm("id"), integration: c.PostForm("integration"), title: c.PostForm("title"),
		content: c.PostForm("content"), restricted: c.PostForm("restricted") != "",
	}
}

func storedResource(r provisioning.Resource) resourceForm {
	return resourceForm{
		integration: r.IntegrationID, title: r.Title, content: r.ContentURL, restricted: r.Restricted,
	}
}

func (f resourceForm) settings() provisioning.ResourceSettings {
	return provisioning.ResourceSettings{Title: &f.title, Restricted: &f.restricted, Content: &f.content}
}

// fields are what can be changed. owners are the integrations to choose from.
func (f resourceForm) fields(owners names, wrong faults) []web.Field {
	return []web.Field{
		wrong.field(web.Field{Name: "title", Label: "Title", Value: f.title, Required: true, Hint: "What screen readers and the built-in page call it."}),
		wrong.field(ownerField(owners, f.integration, "")),
		wrong.field(web.Field{
			Name: "content", Label: "Content", Type: "url", Value: f.content,
			Hint: "The address of the page to show, below one of the integration’s content origins. Empty: the built-in page, which says who is signed in.",
		}),
		wrong.field(web.Field{
			Name: "restricted", Label: "Only people of this integration may open it", Type: "checkbox", Checked: f.restricted,
			Hint: "Otherwise people of every integration may, unless their tokens list what they may open; the content is told who they are.",
		}),
	}
}

// owners are the installed integrations, and one more that a resource has now.
func (a *Admin) owners(c *gin.Context, now string) (names, error) {
	installed, err := a.Provisioning.Integrations(c.Request.Context(), handlers.TenantOf(c))
	if err != nil {
		return nil, explain(err)
	}
	all, err := a.names(c)
	if err != nil {
		return nil, err
	}
	n := names{}
	for _, one := range installed {
		n[one.ID] = one.Name
	}
	if now != "" {
		n[now] = all.integration(now)
	}
	return n, nil
}

// AddResourcePage: GET /admin/resources/new?integration=.
func (a *Admin) AddResourcePage(c *gin.Context) error {
	return a.newResource(c, http.StatusOK, resourceForm{integration: c.Query("integration")}, nil)
}

func (a *Admin) newResource(c *gin.Context, status int, form resourceForm, wrong faults) error {
	owners, err := a.owners(c, "")
	if err != nil {
		return err
	}
	return a.showAs(c, status, web.NewResource{
		Frame: a.frame(c, resourcesPath, "New resource"), Nowhere: len(owners) == 0,
		Fields: append([]web.Field{
			wrong.field(web.Field{
				Name: "kind", Label: "Kind", Value: form.kind, Required: true,
				Hint: "What sort of thing it is, such as vote-widget: lower-case letters, digits and hyphens.",
			}),
			wrong.field(web.Field{
				Name: "id", Label: "Id", Value: form.id,
				Hint: "Letters, digits, dots, hyphens, underscores and tildes. Empty: one is made.",
			}),
		}, form.fields(owners, wrong)...),
	})
}

// AddResourceForm: POST /admin/resources.
func (a *Admin) AddResourceForm(c *gin.Context) error {
	form := sentResource(c)
	r, err := a.Provisioning.AddResource(c.Request.Context(), handlers.TenantOf(c), provisioning.NewResource{
		Kind: form.kind, ID: form.id, Integration: form.integration, ResourceSettings: form.settings(),
	}, by(c))
	if errors.Is(err, provisioning.ErrTaken) {
		return a.newResource(c, http.StatusUnprocessableEntity, form, faults{"id": "There is a resource of this kind with this id already."})
	}
	if wrong, ok := faultsOf(err); ok {
		return a.newResource(c, http.StatusUnprocessableEntity, form, wrong)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, resourcePath(r.Kind, r.ID)+"?done=resource_added")
	return nil
}

// ResourcePage: GET /admin/resources/:kind/:id.
func (a *Admin) ResourcePage(c *gin.Context) error {
	return a.showResourcePage(c, http.StatusOK, "", nil, nil)
}

// showResourcePage shows a resource, with the form as it was sent when that was
// not accepted.
func (a *Admin) showResourcePage(c *gin.Context, status int, fault string, sent *resourceForm, wrong faults) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	r, err := a.Provisioning.Resource(ctx, tenant, c.Param("kind"), c.Param("id"))
	if err != nil {
		return explain(err)
	}
	owner, err := a.Provisioning.IntegrationOnceInstalled(ctx, tenant, r.IntegrationID)
	if err != nil {
		return explain(err)
	}
	owners, err := a.owners(c, r.IntegrationID)
	if err != nil {
		return err
	}
	form := storedResource(r)
	if sent != nil {
		form = *sent
	}
	actor := actorOf(c)
	page := web.ResourcePage{
		Frame: a.frame(c, resourcesPath, r.Title), Write: actor.May(admins.WriteCatalog),
		Path: resourcePath(r.Kind, r.ID), Kind: r.Kind, ID: r.ID, Revision: r.Revision, CreatedAt: r.CreatedAt, UpdatedAt: r.UpdatedAt,
		Owner: owner.Name, Restricted: r.Restricted, ContentURL: r.ContentURL, Fault: fault, Fields: form.fields(owners, wrong),
	}
	origin := handlers.TenantOrigins(a.Origin, tenant)[0]
	page.EmbedURL = handlers.EmbedURL(r, origin, owner.AppID)
	page.Script, page.Iframe = embedScript(r, origin.String(), owner.AppID), embedFrame(r, page.EmbedURL)
	if owner.RemovedAt == nil {
		page.OwnerPath, page.EmbedOrigins = integrationPath(owner.ID, ""), owner.EmbedOrigins
		if actor.May(admins.WriteIntegrations) {
			page.SettingsPath = integrationPath(owner.ID, "/settings")
		}
		_, err := a.Provisioning.ContentURL(ctx, tenant, r)
		refusal, refused := errors.AsType[*provisioning.Refusal](err)
		if page.ContentOff = refused && refusal.Reason == provisioning.ResourceForbidden; err != nil && !refused {
			return explain(err)
		}
	}
	return a.showAs(c, status, page)
}

// ChangeResourceForm: POST /admin/resources/:kind/:id.
func (a *Admin) ChangeResourceForm(c *gin.Context) error {
	form := sentResource(c)
	who := by(c)
	who.IfMatch = revisionOf(c)
	r, err := a.Provisioning.ChangeResource(c.Request.Context(), handlers.TenantOf(c), c.Param("kind"), c.Param("id"),
		form.integration, form.settings(), who)
	if errors.Is(err, provisioning.ErrChanged) {
		return a.showResourcePage(c, http.StatusConflict, changedFault, nil, nil)
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showResourcePage(c, http.StatusUnprocessableEntity, "", &form, wrong)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, resourcePath(r.Kind, r.ID)+"?done=saved")
	return nil
}

// DeleteResourcePage: GET /admin/resources/:kind/:id/delete.
func (a *Admin) DeleteResourcePage(c *gin.Context) error {
	return a.showResourceDeletion(c, http.StatusOK, "", "")
}

func (a *Admin) showResourceDeletion(c *gin.Context, status int, fault, confirmFault string) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	r, err := a.Provisioning.Resource(ctx, tenant, c.Param("kind"), c.Param("id"))
	if err != nil {
		return explain(err)
	}
	owner, err := a.Provisioning.IntegrationOnceInstalled(ctx, tenant, r.IntegrationID)
	if err != nil {
		return explain(err)
	}
	return a.showAs(c, status, web.ResourceDeletion{
		Frame: a.frame(c, resourcesPath, "Delete “"+r.Title+"”"), Path: resourcePath(r.Kind, r.ID), Kind: r.Kind, ID: r.ID,
		Owner: owner.Name, EmbedOrigins: owner.EmbedOrigins, Revision: r.Revision, Fault: fault,
		Confirm: web.Confirm{Word: r.ID, Fault: confirmFault},
	})
}

// DeleteResourceForm: POST /admin/resources/:kind/:id/delete.
func (a *Admin) DeleteResourceForm(c *gin.Context) error {
	kind, id := c.Param("kind"), c.Param("id")
	if fault := confirmed(c, id); fault != "" {
		return a.showResourceDeletion(c, http.StatusUnprocessableEntity, "", fault)
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	err := a.Provisioning.DeleteResource(c.Request.Context(), handlers.TenantOf(c), kind, id, who)
	if errors.Is(err, provisioning.ErrChanged) {
		return a.showResourceDeletion(c, http.StatusConflict, changedFault, "")
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, resourcesPath+"?done=resource_deleted")
	return nil
}
