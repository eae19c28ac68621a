package admin

import (
	"net/http"

	"github.com/gin-gonic/gin"
)

// AddTenant: POST /admin/api/v1/tenants. Requests for the new tenant carry one
// of its hosts.
func (a *Admin) AddTenant(c *gin.Context) error {
	var body struct {
		Name  string   `json:"name"`
		Hosts []string `json:"hosts"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	tenant, err := a.Provisioning.AddTenant(c.Request.Context(), body.Name, body.Hosts, by(c))
	if err != nil {
		return explain(err)
	}
	c.JSON(http.StatusCreated, gin.H{
		"id": tenant.ID, "name": tenant.Name, "hosts": tenant.Hosts, "created_at": tenant.CreatedAt,
	})
	return nil
}
