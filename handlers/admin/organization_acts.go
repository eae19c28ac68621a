package admin

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
	"usher/web"
)

// SetOrganizationMemberForm: POST /admin/tokens/organizations/:id/members puts
// somebody in.
func (a *Admin) SetOrganizationMemberForm(c *gin.Context) error {
	who, role := strings.TrimSpace(c.PostForm("user")), c.PostForm("role")
	user, err := a.memberByForm(c, who)
	if err == nil {
		err = a.Tokens.SetMember(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), user, role, by(c))
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showOrganization(c, http.StatusUnprocessableEntity, organizationForms{wrong: wrong, user: who, role: role})
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, organizationsPath+"/"+c.Param("id")+"?done=organization_in")
	return nil
}

// ChangeOrganizationMemberForm: POST /admin/tokens/organizations/:id/members/:user
// with act=member, owner or drop.
func (a *Admin) ChangeOrganizationMemberForm(c *gin.Context) error {
	ctx, tenant, done := c.Request.Context(), handlers.TenantOf(c).ID, "organization_in"
	var err error
	switch act := c.PostForm("act"); act {
	case tokens.RoleMember, tokens.RoleOwner:
		err = a.Tokens.SetMember(ctx, tenant, c.Param("id"), c.Param("user"), act, by(c))
	case "drop":
		done = "organization_out"
		err = a.Tokens.DropMember(ctx, tenant, c.Param("id"), c.Param("user"), by(c))
	default:
		return badRequest("act: member, owner or drop.")
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, organizationsPath+"/"+c.Param("id")+"?done="+done)
	return nil
}

// DeleteOrganizationPage: GET /admin/tokens/organizations/:id/delete.
func (a *Admin) DeleteOrganizationPage(c *gin.Context) error {
	return a.showOrganizationDeletion(c, http.StatusOK, "", "")
}

func (a *Admin) showOrganizationDeletion(c *gin.Context, status int, fault, confirmFault string) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	n, err := a.Tokens.Organization(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	use, err := a.Tokens.OrganizationUse(ctx, tenant, n.ID)
	if err != nil {
		return explain(err)
	}
	if use.Children > 0 && fault == "" {
		fault = hasChildrenFault
	}
	return a.showAs(c, status, web.TokenRemoval{
		Frame: a.tokenFrame(c, "Delete “"+n.Name+"”"), Tabs: tokenTabs(c, organizationsPath), Path: organizationsPath + "/" + n.ID, Back: n.Name,
		Effects: []string{
			counted(use.Members, "person is in it no longer.", "people are in it no longer."),
			"The organization " + n.GlobalID() + " gets no token from then on: " + counted(use.Secrets, "live secret goes with it.", "live secrets go with it."),
			"Tokens that it has are not active any more. An API that checks JWTs by itself accepts them until they end.",
		},
		Submit: "Delete the organization", Revision: n.Revision, Fault: fault, Confirm: web.Confirm{Word: n.GlobalID(), Fault: confirmFault},
	})
}

// DeleteOrganizationForm: POST /admin/tokens/organizations/:id/delete.
func (a *Admin) DeleteOrganizationForm(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	n, err := a.Tokens.Organization(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	if fault := confirmed(c, n.GlobalID()); fault != "" {
		return a.showOrganizationDeletion(c, http.StatusUnprocessableEntity, "", fault)
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	err = a.Tokens.DeleteOrganization(ctx, tenant, n.ID, who)
	switch {
	case errors.Is(err, tokens.ErrChanged):
		return a.showOrganizationDeletion(c, http.StatusConflict, changedFault, "")
	case errors.Is(err, tokens.ErrHasChildren):
		return a.showOrganizationDeletion(c, http.StatusConflict, hasChildrenFault, "")
	case err != nil:
		return explain(err)
	}
	seeOther(c, organizationsPath+"?done=organization_deleted")
	return nil
}
