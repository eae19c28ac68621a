package admin

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/admins"
	"usher/sessions/tokens"
	"usher/web"
)

// hasChildrenFault says why an organization stays.
const hasChildrenFault = "There are organizations below it: delete those first."

// OrganizationsPage: GET /admin/tokens/organizations?under=&after=.
func (a *Admin) OrganizationsPage(c *gin.Context) error {
	under := strings.ToLower(strings.TrimSpace(c.Query("under")))
	page := web.Organizations{
		Frame: a.tokenFrame(c, "Organizations"), Tabs: tokenTabs(c, organizationsPath), Write: actorOf(c).May(admins.WriteTokens),
		Under: web.Field{Name: "under", Label: "Below", Type: "search", Value: under},
	}
	found, next, err := a.Tokens.Organizations(c.Request.Context(), handlers.TenantOf(c).ID, under, c.Query("after"), pageRows)
	if wrong, ok := faultsOf(err); ok && wrong["under"] != "" {
		page.Under = wrong.field(page.Under)
		return a.showAs(c, http.StatusUnprocessableEntity, page)
	}
	if err != nil {
		return explain(err)
	}
	page.Organizations, page.Pager = organizationRows(found), pager(c, organizationsPath, next)
	return a.show(c, page)
}

func organizationRows(found []tokens.Organization) []web.OrganizationRow {
	rows := make([]web.OrganizationRow, 0, len(found))
	for _, n := range found {
		rows = append(rows, web.OrganizationRow{
			Path: organizationsPath + "/" + n.ID, GlobalID: n.GlobalID(), Name: n.Name, Depth: n.Depth(), Disabled: n.Disabled,
		})
	}
	return rows
}

// organizationForm is the form of a new organization.
type organizationForm struct{ parent, name, shown string }

// AddOrganizationPage: GET /admin/tokens/organizations/new?parent=.
func (a *Admin) AddOrganizationPage(c *gin.Context) error {
	return a.newOrganization(c, http.StatusOK, organizationForm{parent: c.Query("parent")}, nil)
}

func (a *Admin) newOrganization(c *gin.Context, status int, form organizationForm, wrong faults) error {
	return a.showAs(c, status, web.NewOrganization{
		Frame: a.tokenFrame(c, "New organization"), Tabs: tokenTabs(c, organizationsPath), Once: formToken(c),
		Fields: []web.Field{
			wrong.field(web.Field{Name: "parent", Label: "Below", Value: form.parent, Hint: "The global id of the organization above it. Empty: it stands at the root."}),
			wrong.field(web.Field{
				Name: "name", Label: "Name in the global id", Value: form.name, Required: true,
				Hint: "Small letters, digits, underscores and hyphens. Below acme the name dev makes the global id acme.dev. It stays.",
			}),
			wrong.field(web.Field{Name: "display_name", Label: "Display name", Value: form.shown, Hint: "For people; the name when empty."}),
		},
	})
}

// AddOrganizationForm: POST /admin/tokens/organizations. The answer itself shows
// the secret.
func (a *Admin) AddOrganizationForm(c *gin.Context) error {
	form := organizationForm{strings.TrimSpace(c.PostForm("parent")), strings.TrimSpace(c.PostForm("name")), c.PostForm("display_name")}
	var wish tokens.OrganizationSettings
	if strings.TrimSpace(form.shown) != "" {
		wish.DisplayName = &form.shown
	}
	n, secret, err := a.Tokens.AddOrganization(c.Request.Context(), handlers.TenantOf(c).ID, form.parent, form.name, wish, by(c))
	if errors.Is(err, tokens.ErrTaken) {
		return a.newOrganization(c, http.StatusUnprocessableEntity, form, faults{"name": "There is an organization or a client with this global id already."})
	}
	if wrong, ok := faultsOf(err); ok {
		return a.newOrganization(c, http.StatusUnprocessableEntity, form, wrong)
	}
	if err != nil {
		return explain(err)
	}
	h := a.clientHolder(c, n.Client)
	a.made(c, h.path+"?done=secret_made_before")
	return a.showSecret(c, "The organization is made", h, secret)
}

// OrganizationPage: GET /admin/tokens/organizations/:id?after=.
func (a *Admin) OrganizationPage(c *gin.Context) error {
	return a.showOrganization(c, http.StatusOK, organizationForms{})
}

// organizationForms are the forms of an organization's page as they were sent.
type organizationForms struct {
	fault    string  // of the whole
	wrong    faults  // of fields
	shown    *string // nil = as stored
	disabled *bool
	user     string
	role     string
}

// childRows is how many organizations below one its page lists.
const childRows = 20

func (a *Admin) showOrganization(c *gin.Context, status int, forms organizationForms) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	n, err := a.Tokens.Organization(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	use, err := a.Tokens.OrganizationUse(ctx, tenant, n.ID)
	if err != nil {
		return explain(err)
	}
	below, more, err := a.Tokens.Organizations(ctx, tenant, n.GlobalID(), "", childRows)
	if err != nil {
		return explain(err)
	}
	members, next, err := a.Tokens.Members(ctx, tenant, n.ID, c.Query("after"), pageRows)
	if err != nil {
		return explain(err)
	}
	h := a.clientHolder(c, n.Client)
	page := web.OrganizationPage{
		Frame: a.tokenFrame(c, n.Name), Tabs: tokenTabs(c, organizationsPath), Write: actorOf(c).May(admins.WriteTokens),
		Users: actorOf(c).May(admins.ReadUsers), Path: h.path, Client: clientsPath + "/" + n.ID, GlobalID: n.GlobalID(), Parent: n.Parent(),
		Children: use.Children, Members: use.Members, Owners: use.Owners, Disabled: n.Disabled,
		CreatedAt: n.CreatedAt, UpdatedAt: n.UpdatedAt, Revision: n.Revision, Fault: forms.fault,
		Below: organizationRows(below), Pager: pager(c, h.path, next), People: memberRows(members),
		Calls: organizationCalls(a.originOfLinks(c).String(), n.GlobalID()), Leaf: n.Depth()+1 >= tokens.MaxOrganizationDepth,
	}
	if n.ParentID != "" {
		page.ParentPath = organizationsPath + "/" + n.ParentID
	}
	if more != "" {
		page.MoreBelow = organizationsPath + "?under=" + n.GlobalID()
	}
	if page.Write {
		page.Fields, page.Add = forms.fields(n)
	}
	if page.Secrets, err = a.secretsOf(c, h, forms.wrong); err != nil {
		return err
	}
	return a.showAs(c, status, page)
}

// fields are what can be changed of an organization, and what puts somebody into
// it.
func (f organizationForms) fields(n tokens.Organization) (settings, add []web.Field) {
	shown, disabled := n.Name, n.Disabled
	if f.shown != nil {
		shown = *f.shown
	}
	if f.disabled != nil {
		disabled = *f.disabled
	}
	role := web.Field{Name: "role", Label: "Role", Type: "select"}
	for _, one := range tokens.Roles() {
		role.Options = append(role.Options, web.Option{Value: one, Label: roleWords[one], Chosen: one == f.role})
	}
	settings = []web.Field{
		f.wrong.field(web.Field{Name: "display_name", Label: "Display name", Value: shown, Required: true}),
		{
			Name: "disabled", Label: "Disabled", Type: "checkbox", Checked: disabled,
			Hint: "It gets no token then, and nobody counts as its member, nor through it as a member of what is above it.",
		},
	}
	add = []web.Field{
		f.wrong.field(web.Field{Name: "user", Label: "E-mail address or id", Value: f.user, Required: true}),
		f.wrong.field(role),
	}
	return settings, add
}

var roleWords = map[string]string{tokens.RoleMember: "Member", tokens.RoleOwner: "Owner"}

func memberRows(members []tokens.Member) []web.OrganizationMember {
	rows := make([]web.OrganizationMember, 0, len(members))
	for _, m := range members {
		rows = append(rows, web.OrganizationMember{
			ID: m.UserID, Email: m.Email, Name: m.Name, Status: m.Status, Role: roleWords[m.Role], Owner: m.Role == tokens.RoleOwner, Since: m.Since,
		})
	}
	return rows
}

// organizationCalls are what a program of the organization sends.
func organizationCalls(origin, globalID string) []web.Call {
	return []web.Call{
		{ID: "call-token", Label: "An access token for the organization", Text: "curl -d grant_type=client_credentials -d client_id=" + globalID +
			" -d client_secret=SECRET " + origin + handlers.V1AccessTokenPath},
		{ID: "call-jwt", Label: "With it, a JWT that says so to an API", Text: "curl -H 'Authorization: token TOKEN' '" + origin +
			handlers.V1JWTPath + "?scope=memberof:" + globalID + "&aud=AUDIENCE'"},
		{ID: "call-person", Label: "Where to send a person who shall prove to be a member", Text: origin +
			handlers.V1AuthorizePath + "?response_type=code&client_id=CLIENT_ID&redirect_uri=CALLBACK_URL&scope=user:memberof:" + globalID + "&state=STATE"},
	}
}

// ChangeOrganizationForm: POST /admin/tokens/organizations/:id.
func (a *Admin) ChangeOrganizationForm(c *gin.Context) error {
	shown, disabled := c.PostForm("display_name"), c.PostForm("disabled") != ""
	who := by(c)
	who.IfMatch = revisionOf(c)
	_, err := a.Tokens.ChangeOrganization(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"),
		tokens.OrganizationSettings{DisplayName: &shown, Disabled: &disabled}, who)
	if errors.Is(err, tokens.ErrChanged) {
		return a.showOrganization(c, http.StatusConflict, organizationForms{fault: changedFault})
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showOrganization(c, http.StatusUnprocessableEntity, organizationForms{wrong: wrong, shown: &shown, disabled: &disabled})
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, organizationsPath+"/"+c.Param("id")+"?done=saved")
	return nil
}
