package admin

import (
	"errors"
	"net/http"
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// GroupsPage: GET /admin/groups?prefix=&after=.
func (a *Admin) GroupsPage(c *gin.Context) error {
	prefix := c.Query("prefix")
	groups, next, err := a.Provisioning.Groups(c.Request.Context(), handlers.TenantOf(c), prefix, c.Query("after"), pageRows)
	if err != nil {
		return explain(err)
	}
	page := web.Groups{
		Frame: a.frame(c, groupsPath, "Groups"), Write: actorOf(c).May(admins.WriteCatalog),
		Prefix: web.Field{Name: "prefix", Label: "Id begins with", Type: "search", Value: prefix}, Pager: pager(c, groupsPath, next),
	}
	for _, g := range groups {
		page.Groups = append(page.Groups, web.GroupRow{ID: g.ID, ExternalID: g.ExternalID, Name: g.Name, CreatedAt: g.CreatedAt})
	}
	return a.show(c, page)
}

// AddGroupPage: GET /admin/groups/new.
func (a *Admin) AddGroupPage(c *gin.Context) error {
	return a.show(c, a.newGroup(c, "", "", nil))
}

func (a *Admin) newGroup(c *gin.Context, id, name string, wrong faults) web.NewGroup {
	return web.NewGroup{
		Frame: a.frame(c, groupsPath, "New group"),
		Fields: []web.Field{
			wrong.field(web.Field{
				Name: "external_id", Label: "Id in tokens", Value: id, Required: true,
				Hint: "What partners write into groups: 1 to 64 characters, told apart by case. It stays.",
			}),
			wrong.field(web.Field{Name: "name", Label: "Name", Value: name, Hint: "For people; the id when empty."}),
		},
	}
}

// AddGroupForm: POST /admin/groups.
func (a *Admin) AddGroupForm(c *gin.Context) error {
	id, name := c.PostForm("external_id"), c.PostForm("name")
	g, err := a.Provisioning.AddGroup(c.Request.Context(), handlers.TenantOf(c), id, name, by(c))
	if errors.Is(err, provisioning.ErrTaken) {
		return a.showAs(c, http.StatusUnprocessableEntity, a.newGroup(c, id, name, faults{"external_id": "There is a group with this id already."}))
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showAs(c, http.StatusUnprocessableEntity, a.newGroup(c, id, name, wrong))
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, groupsPath+"/"+g.ID+"?done=group_added")
	return nil
}

// GroupPage: GET /admin/groups/:id?after=.
func (a *Admin) GroupPage(c *gin.Context) error { return a.showGroup(c, http.StatusOK, groupForms{}) }

// groupForms are the two forms of a group's page as they were sent.
type groupForms struct {
	fault             string  // of the whole
	wrong             faults  // of fields
	name, description *string // nil = as stored
	user              string
}

func (a *Admin) showGroup(c *gin.Context, status int, forms groupForms) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	g, err := a.Provisioning.Group(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	use, n, err := a.groupUse(c, g.ID)
	if err != nil {
		return err
	}
	members, next, err := a.Provisioning.GroupMembers(ctx, tenant, g.ID, c.Query("after"), pageRows)
	if err != nil {
		return explain(err)
	}
	name, description := g.Name, g.Description
	if forms.name != nil {
		name = *forms.name
	}
	if forms.description != nil {
		description = *forms.description
	}
	page := web.GroupPage{
		Frame: a.frame(c, groupsPath, g.Name), Write: actorOf(c).May(admins.WriteCatalog),
		ID: g.ID, ExternalID: g.ExternalID, Description: g.Description, Revision: g.Revision, CreatedAt: g.CreatedAt,
		Members: use.Members, Sources: n.counts(use), Fault: forms.fault, Pager: pager(c, groupsPath+"/"+g.ID, next),
		Fields: []web.Field{
			forms.wrong.field(web.Field{Name: "name", Label: "Name", Value: name, Required: true}),
			forms.wrong.field(web.Field{Name: "description", Label: "Description", Type: "textarea", Value: description}),
		},
		Add: []web.Field{
			forms.wrong.field(web.Field{Name: "user", Label: "E-mail address or id", Value: forms.user, Required: true}),
			{
				Name: "pinned", Label: "Pinned", Type: "checkbox", Checked: true,
				Hint: "No sign-in takes a pinned membership away. Without it, the next token that lists groups without this one does.",
			},
		},
	}
	for _, m := range members {
		row := web.Member{ID: m.UserID, Email: m.Email, Name: m.Name, Status: m.Status}
		for _, s := range m.Sources {
			if s.Source == provisioning.ManualSource {
				row.Manual, row.Pinned = true, s.Pinned
			}
			row.Sources = append(row.Sources, web.MemberSource{Name: n.of(s.Source), Pinned: s.Pinned, Since: s.Since})
		}
		page.People = append(page.People, row)
	}
	return a.showAs(c, status, page)
}

// counts lists what a group's memberships come from.
func (n names) counts(use provisioning.GroupUse) []web.SourceCount {
	var counts []web.SourceCount
	for source, count := range use.ByIntegration {
		counts = append(counts, web.SourceCount{Source: "From " + n.of(source), Count: count})
	}
	slices.SortFunc(counts, func(a, b web.SourceCount) int { return strings.Compare(a.Source, b.Source) })
	if loose := use.Manual - use.Pinned; loose > 0 {
		counts = append(counts, web.SourceCount{Source: "By hand", Count: loose})
	}
	if use.Pinned > 0 {
		counts = append(counts, web.SourceCount{Source: "By hand and pinned", Count: use.Pinned})
	}
	return counts
}

// groupUse says what hangs on a group, and how the sources are called.
func (a *Admin) groupUse(c *gin.Context, id string) (provisioning.GroupUse, names, error) {
	use, err := a.Provisioning.GroupUse(c.Request.Context(), handlers.TenantOf(c), id)
	if err != nil {
		return use, nil, explain(err)
	}
	n, err := a.names(c)
	return use, n, err
}

// ChangeGroupForm: POST /admin/groups/:id.
func (a *Admin) ChangeGroupForm(c *gin.Context) error {
	name, description := c.PostForm("name"), c.PostForm("description")
	who := by(c)
	who.IfMatch = revisionOf(c)
	_, err := a.Provisioning.ChangeGroup(c.Request.Context(), handlers.TenantOf(c), c.Param("id"),
		provisioning.GroupSettings{Name: &name, Description: &description}, who)
	if errors.Is(err, provisioning.ErrChanged) {
		return a.showGroup(c, http.StatusConflict, groupForms{fault: changedFault})
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showGroup(c, http.StatusUnprocessableEntity, groupForms{wrong: wrong, name: &name, description: &description})
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, groupsPath+"/"+c.Param("id")+"?done=saved")
	return nil
}

// SetMemberForm: POST /admin/groups/:id/members puts somebody in by hand.
func (a *Admin) SetMemberForm(c *gin.Context) error {
	who := strings.TrimSpace(c.PostForm("user"))
	user, err := a.memberByForm(c, who)
	if err == nil {
		err = a.Provisioning.SetMember(c.Request.Context(), handlers.TenantOf(c), c.Param("id"), user, c.PostForm("pinned") != "", by(c))
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showGroup(c, http.StatusUnprocessableEntity, groupForms{wrong: wrong, user: who})
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, groupsPath+"/"+c.Param("id")+"?done=member_in")
	return nil
}

// ChangeMemberForm: POST /admin/groups/:id/members/:user with act=pin, unpin or
// drop.
func (a *Admin) ChangeMemberForm(c *gin.Context) error {
	ctx, tenant, done := c.Request.Context(), handlers.TenantOf(c), "member_in"
	var err error
	switch act := c.PostForm("act"); act {
	case "pin", "unpin":
		err = a.Provisioning.SetMember(ctx, tenant, c.Param("id"), c.Param("user"), act == "pin", by(c))
	case "drop":
		done = "member_out"
		err = a.Provisioning.DropMember(ctx, tenant, c.Param("id"), c.Param("user"), by(c))
	default:
		return badRequest("act: pin, unpin or drop.")
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, groupsPath+"/"+c.Param("id")+"?done="+done)
	return nil
}

// DeleteGroupPage: GET /admin/groups/:id/delete.
func (a *Admin) DeleteGroupPage(c *gin.Context) error {
	return a.showGroupDeletion(c, http.StatusOK, "", "")
}

func (a *Admin) showGroupDeletion(c *gin.Context, status int, fault, confirmFault string) error {
	g, err := a.Provisioning.Group(c.Request.Context(), handlers.TenantOf(c), c.Param("id"))
	if err != nil {
		return explain(err)
	}
	use, n, err := a.groupUse(c, g.ID)
	if err != nil {
		return err
	}
	return a.showAs(c, status, web.GroupDeletion{
		Frame: a.frame(c, groupsPath, "Delete “"+g.Name+"”"), ID: g.ID, ExternalID: g.ExternalID, Revision: g.Revision,
		Members: use.Members, Sources: n.counts(use), Fault: fault,
		Confirm: web.Confirm{Word: g.ExternalID, Fault: confirmFault},
	})
}

// DeleteGroupForm: POST /admin/groups/:id/delete.
func (a *Admin) DeleteGroupForm(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	g, err := a.Provisioning.Group(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	if fault := confirmed(c, g.ExternalID); fault != "" {
		return a.showGroupDeletion(c, http.StatusUnprocessableEntity, "", fault)
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	err = a.Provisioning.DeleteGroup(ctx, tenant, g.ID, who)
	if errors.Is(err, provisioning.ErrChanged) {
		return a.showGroupDeletion(c, http.StatusConflict, changedFault, "")
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, groupsPath+"?done=group_deleted")
	return nil
}
