package admin

import (
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
)

// organizationMemberAnswer is a person in an organization.
type organizationMemberAnswer struct {
	User  string    `json:"user"`
	Email string    `json:"email"`
	Role  string    `json:"role"`
	Since time.Time `json:"since"`
}

// OrganizationMembers: GET /admin/api/v1/organizations/:id/members?after=.
func (a *Admin) OrganizationMembers(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	n, err := a.Tokens.Organization(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	members, next, err := a.Tokens.Members(ctx, tenant, n.ID, c.Query("after"), apiRows)
	if err != nil {
		return explain(err)
	}
	answers := []organizationMemberAnswer{}
	for _, m := range members {
		answers = append(answers, organizationMemberAnswer{User: m.UserID, Email: m.Email, Role: m.Role, Since: m.Since.UTC()})
	}
	return list(c, "members", answers, next)
}

// SetOrganizationMember: PUT /admin/api/v1/organizations/:id/members/:user with
// {"role": "member"|"owner"}.
func (a *Admin) SetOrganizationMember(c *gin.Context) error {
	var body struct {
		Role string `json:"role"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	err := a.Tokens.SetMember(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("user"), body.Role, by(c))
	if err != nil {
		return explain(err)
	}
	return noContent(c)
}

// DropOrganizationMember: DELETE /admin/api/v1/organizations/:id/members/:user.
func (a *Admin) DropOrganizationMember(c *gin.Context) error {
	err := a.Tokens.DropMember(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), c.Param("user"), by(c))
	if err != nil {
		return explain(err)
	}
	return noContent(c)
}

// userOrganizationAnswer is an organization that a person is in.
type userOrganizationAnswer struct {
	ID          string    `json:"id"`
	GlobalID    string    `json:"global_id"`
	DisplayName string    `json:"display_name"`
	Disabled    bool      `json:"disabled"`
	Role        string    `json:"role"`
	Since       time.Time `json:"since"`
}

// UserOrganizations: GET /admin/api/v1/users/:id/organizations?after=.
func (a *Admin) UserOrganizations(c *gin.Context) error {
	profile, err := a.profile(c)
	if err != nil {
		return err
	}
	found, next, err := a.Tokens.OrganizationsOf(c.Request.Context(), handlers.TenantOf(c).ID, profile.ID, c.Query("after"), apiRows)
	if err != nil {
		return explain(err)
	}
	answers := []userOrganizationAnswer{}
	for _, n := range found {
		answers = append(answers, userOrganizationAnswer{
			ID: n.ID, GlobalID: n.GlobalID, DisplayName: n.Name, Disabled: n.Disabled, Role: n.Role, Since: n.Since.UTC(),
		})
	}
	return list(c, "organizations", answers, next)
}
