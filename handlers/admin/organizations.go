package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/sessions/tokens"
)

// organizationAnswer is an organization in the API. Its id is also that of its
// client, where its secrets and all other settings are.
type organizationAnswer struct {
	ID           string    `json:"id"`
	GlobalID     string    `json:"global_id"`
	Parent       *string   `json:"parent"` // a global id; null = a root
	DisplayName  string    `json:"display_name"`
	Disabled     bool      `json:"disabled"`
	CreatedAt    time.Time `json:"created_at"`
	UpdatedAt    time.Time `json:"updated_at"`
	ClientSecret string    `json:"client_secret,omitempty"` // only in the answer that makes it
}

func answerOrganization(n tokens.Organization) organizationAnswer {
	return organizationAnswer{
		ID: n.ID, GlobalID: n.GlobalID(), Parent: orNull(n.Parent()), DisplayName: n.Name, Disabled: n.Disabled,
		CreatedAt: n.CreatedAt.UTC(), UpdatedAt: n.UpdatedAt.UTC(),
	}
}

// AddOrganization: POST /admin/api/v1/organizations. The secret is shown this
// once.
func (a *Admin) AddOrganization(c *gin.Context) error {
	var body struct {
		Parent      given[string] `json:"parent"`
		Name        string        `json:"name"`
		DisplayName given[string] `json:"display_name"`
		Disabled    given[bool]   `json:"disabled"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	n, secret, err := a.Tokens.AddOrganization(c.Request.Context(), handlers.TenantOf(c).ID, body.Parent.value, body.Name,
		tokens.OrganizationSettings{DisplayName: body.DisplayName.pointer(), Disabled: body.Disabled.pointer()}, by(c))
	if err != nil {
		return explain(err)
	}
	c.Header("Location", apiRoot+"/organizations/"+n.ID)
	setETag(c, n.Revision)
	answer := answerOrganization(n)
	answer.ClientSecret = secret
	c.JSON(http.StatusCreated, answer)
	return nil
}

// Organizations: GET /admin/api/v1/organizations?under=&after=. "next" is the next
// page's after; null on the last one.
func (a *Admin) Organizations(c *gin.Context) error {
	found, next, err := a.Tokens.Organizations(c.Request.Context(), handlers.TenantOf(c).ID, c.Query("under"), c.Query("after"), apiRows)
	if err != nil {
		return explain(err)
	}
	answers := []organizationAnswer{}
	for _, n := range found {
		answers = append(answers, answerOrganization(n))
	}
	return list(c, "organizations", answers, next)
}

// Organization: GET /admin/api/v1/organizations/:id.
func (a *Admin) Organization(c *gin.Context) error {
	n, err := a.Tokens.Organization(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	setETag(c, n.Revision)
	c.JSON(http.StatusOK, answerOrganization(n))
	return nil
}

// ChangeOrganization: PATCH /admin/api/v1/organizations/:id.
func (a *Admin) ChangeOrganization(c *gin.Context) error {
	var body struct {
		DisplayName given[string] `json:"display_name"`
		Disabled    given[bool]   `json:"disabled"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	n, err := a.Tokens.ChangeOrganization(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"),
		tokens.OrganizationSettings{DisplayName: body.DisplayName.pointer(), Disabled: body.Disabled.pointer()}, by(c))
	if err != nil {
		return explain(err)
	}
	setETag(c, n.Revision)
	c.JSON(http.StatusOK, answerOrganization(n))
	return nil
}

// PreviewOrganizationDeletion: GET /admin/api/v1/organizations/:id/deletion.
func (a *Admin) PreviewOrganizationDeletion(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c).ID
	n, err := a.Tokens.Organization(ctx, tenant, c.Param("id"))
	if err != nil {
		return explain(err)
	}
	use, err := a.Tokens.OrganizationUse(ctx, tenant, n.ID)
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusOK, gin.H{
		"possible": use.Children == 0, "children": use.Children, "members": use.Members, "owners": use.Owners, "secrets": use.Secrets,
	})
	return nil
}

// DeleteOrganization: DELETE /admin/api/v1/organizations/:id.
func (a *Admin) DeleteOrganization(c *gin.Context) error {
	if err := a.Tokens.DeleteOrganization(c.Request.Context(), handlers.TenantOf(c).ID, c.Param("id"), by(c)); err != nil {
		return explain(err)
	}
	return noContent(c)
}
