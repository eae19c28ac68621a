package admin

import (
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

type tenantAnswer struct {
	ID        string    `json:"id"`
	Name      string    `json:"name"`
	Hosts     []string  `json:"hosts"`
	CreatedAt time.Time `json:"created_at"`
}

func answerTenant(t provisioning.Tenant) tenantAnswer {
	answer := tenantAnswer{ID: t.ID, Name: t.Name, Hosts: t.Hosts, CreatedAt: t.CreatedAt.UTC()}
	if answer.Hosts == nil {
		answer.Hosts = []string{}
	}
	return answer
}

// way is how this request has come to its tenant.
func (a *Admin) way(c *gin.Context) provisioning.Way {
	host, err := provisioning.CanonicalHost(c.Request.Host)
	if err != nil {
		host = "" // the Tenant middleware has refused it
	}
	return provisioning.Way{Host: host, OurHosts: a.Origin.OurHosts(), AdminHosts: a.AdminHosts}
}

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
	tenant, err := a.Provisioning.AddTenant(c.Request.Context(), body.Name, body.Hosts, a.way(c), by(c))
	if err != nil {
		return explain(err)
	}
	setETag(c, tenant.Revision)
	c.JSON(http.StatusCreated, answerTenant(tenant))
	return nil
}

// Tenants: GET /admin/api/v1/tenants?after=, the oldest first.
func (a *Admin) Tenants(c *gin.Context) error {
	tenants, next, err := a.tenantsAfter(c, apiRows)
	if err != nil {
		return err
	}
	answers := []tenantAnswer{}
	for _, t := range tenants {
		answers = append(answers, answerTenant(t))
	}
	return list(c, "tenants", answers, next)
}

// tenantsAfter is a page of tenants, from the one behind that in ?after=. All
// are read: there are few, and every instance holds them anyway.
func (a *Admin) tenantsAfter(c *gin.Context, size int) (tenants []provisioning.Tenant, next string, err error) {
	all, err := a.Provisioning.Tenants(c.Request.Context())
	if err != nil {
		return nil, "", explain(err)
	}
	if after := c.Query("after"); after != "" {
		for len(all) > 0 && all[0].ID != after {
			all = all[1:]
		}
		if len(all) == 0 {
			return nil, "", badRequest("after is the id of a tenant.")
		}
		all = all[1:]
	}
	if len(all) > size {
		all = all[:size]
		next = all[size-1].ID
	}
	return all, next, nil
}

// OneTenant: GET /admin/api/v1/tenants/:id.
func (a *Admin) OneTenant(c *gin.Context) error {
	tenant, err := a.Provisioning.Tenant(c.Request.Context(), c.Param("id"))
	if err != nil {
		return explain(err)
	}
	setETag(c, tenant.Revision)
	c.JSON(http.StatusOK, answerTenant(tenant))
	return nil
}

// ChangeTenant: PATCH /admin/api/v1/tenants/:id.
func (a *Admin) ChangeTenant(c *gin.Context) error {
	var body struct {
		Name  given[string]   `json:"name"`
		Hosts given[[]string] `json:"hosts"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	tenant, err := a.Provisioning.ChangeTenant(c.Request.Context(), c.Param("id"),
		provisioning.TenantWish{Name: body.Name.pointer(), Hosts: body.Hosts.pointer()}, a.way(c), by(c))
	if err != nil {
		return explain(err)
	}
	setETag(c, tenant.Revision)
	c.JSON(http.StatusOK, answerTenant(tenant))
	return nil
}
