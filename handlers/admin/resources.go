package admin

import (
	"net/http"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
)

// resourceAnswer is a resource with its owner, whom partners do not see.
type resourceAnswer struct {
	Integration string `json:"integration"`
	handlers.ResourceAnswer
}

// answerResource puts a resource into its JSON form. apps are the app ids of
// integrations by their ids.
func (a *Admin) answerResource(c *gin.Context, r provisioning.Resource, apps map[string]string) resourceAnswer {
	origin := handlers.TenantOrigins(a.Origin, handlers.TenantOf(c))[0]
	return resourceAnswer{r.IntegrationID, handlers.AnswerResource(r, origin, apps[r.IntegrationID])}
}

func (a *Admin) showResource(c *gin.Context, status int, r provisioning.Resource) error {
	apps, err := a.Provisioning.AppIDs(c.Request.Context(), handlers.TenantOf(c))
	if err != nil {
		return explain(err)
	}
	setETag(c, r.Revision)
	c.JSON(status, a.answerResource(c, r, apps))
	return nil
}

// AddResource: POST /admin/api/v1/resources.
func (a *Admin) AddResource(c *gin.Context) error {
	var body struct {
		Kind        string `json:"kind"`
		ID          string `json:"id"`
		Integration string `json:"integration"`
		handlers.ResourceForm
	}
	if err := read(c, &body); err != nil {
		return err
	}
	r, err := a.Provisioning.AddResource(c.Request.Context(), handlers.TenantOf(c), provisioning.NewResource{
		Kind: body.Kind, ID: body.ID, Integration: body.Integration, ResourceSettings: body.Settings(),
	}, by(c))
	if err != nil {
		return explain(err)
	}
	c.Header("Location", apiRoot+"/resources/"+r.Kind+"/"+r.ID)
	return a.showResource(c, http.StatusCreated, r)
}

// Resources: GET /admin/api/v1/resources?kind=&integration=&after=.
func (a *Admin) Resources(c *gin.Context) error {
	ctx, tenant := c.Request.Context(), handlers.TenantOf(c)
	filter := provisioning.ResourceFilter{Kind: c.Query("kind"), Integration: c.Query("integration")}
	resources, next, err := a.Provisioning.Resources(ctx, tenant, filter, c.Query("after"), apiRows)
	if err != nil {
		return explain(err)
	}
	apps, err := a.Provisioning.AppIDs(ctx, tenant)
	if err != nil {
		return explain(err)
	}
	answers := []resourceAnswer{}
	for _, r := range resources {
		answers = append(answers, a.answerResource(c, r, apps))
	}
	return list(c, "resources", answers, next)
}

// Resource: GET /admin/api/v1/resources/:kind/:id.
func (a *Admin) Resource(c *gin.Context) error {
	r, err := a.Provisioning.Resource(c.Request.Context(), handlers.TenantOf(c), c.Param("kind"), c.Param("id"))
	if err != nil {
		return explain(err)
	}
	return a.showResource(c, http.StatusOK, r)
}

// ChangeResource: PATCH /admin/api/v1/resources/:kind/:id.
func (a *Admin) ChangeResource(c *gin.Context) error {
	var body struct {
		Integration string `json:"integration"`
		handlers.ResourceForm
	}
	if err := read(c, &body); err != nil {
		return err
	}
	r, err := a.Provisioning.ChangeResource(c.Request.Context(), handlers.TenantOf(c), c.Param("kind"), c.Param("id"),
		body.Integration, body.Settings(), by(c))
	if err != nil {
		return explain(err)
	}
	return a.showResource(c, http.StatusOK, r)
}

// DeleteResource: DELETE /admin/api/v1/resources/:kind/:id.
func (a *Admin) DeleteResource(c *gin.Context) error {
	err := a.Provisioning.DeleteResource(c.Request.Context(), handlers.TenantOf(c), c.Param("kind"), c.Param("id"), by(c))
	if err != nil {
		return explain(err)
	}
	return noContent(c)
}
