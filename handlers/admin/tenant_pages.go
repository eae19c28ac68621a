package admin

import (
	"errors"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/web"
)

// TenantsPage: GET /admin/settings/tenants?after=.
func (a *Admin) TenantsPage(c *gin.Context) error { return a.showTenants(c, http.StatusOK, nil, "") }

// onlyTenant is the tenant while there is a single one, which then has every
// host there is; nil = there are more.
func (a *Admin) onlyTenant(c *gin.Context) (*provisioning.Tenant, error) {
	all, err := a.Provisioning.Tenants(c.Request.Context())
	if err != nil {
		return nil, explain(err)
	}
	if len(all) != 1 || len(all[0].Hosts) > 0 {
		return nil, nil
	}
	return &all[0], nil
}

func (a *Admin) showTenants(c *gin.Context, status int, wrong faults, unconfirmed string) error {
	only, err := a.onlyTenant(c)
	if err != nil {
		return err
	}
	tenants, next, err := a.tenantsAfter(c, pageRows)
	if err != nil {
		return err
	}
	page := web.Tenants{
		Frame: a.frame(c, settingsPath, "Tenants"), Tabs: settingsTabs(c, tenantsPath), PublicURL: a.Origin.String(),
		Pager: pager(c, tenantsPath, next),
		Fields: []web.Field{
			wrong.field(web.Field{Name: "name", Label: "Name", Value: c.PostForm("name"), Required: true}),
			wrong.field(web.Field{
				Name: "hosts", Label: "Hosts", Type: "textarea", Value: c.PostForm("hosts"), Required: true,
				Hint: "Host names without https:// and port, one on each line. They have to lead to this server.",
			}),
		},
	}
	if only != nil {
		page.Only, page.Hosts = only.Name, a.OurHosts()
		page.Confirm = web.Confirm{Word: only.Name, Fault: unconfirmed}
	}
	for _, t := range tenants {
		page.Tenants = append(page.Tenants, web.TenantRow{ID: t.ID, Name: t.Name, Hosts: t.Hosts, CreatedAt: t.CreatedAt})
	}
	return a.showAs(c, status, page)
}

// AddTenantForm: POST /admin/settings/tenants.
func (a *Admin) AddTenantForm(c *gin.Context) error {
	only, err := a.onlyTenant(c)
	if err != nil {
		return err
	}
	if only != nil {
		if fault := confirmed(c, only.Name); fault != "" {
			return a.showTenants(c, http.StatusUnprocessableEntity, nil, fault)
		}
	}
	_, err = a.Provisioning.AddTenant(c.Request.Context(), c.PostForm("name"), separated(c.PostForm("hosts")), a.way(c), by(c))
	if wrong, ok := faultsOf(err); ok {
		return a.showTenants(c, http.StatusUnprocessableEntity, wrong, "")
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, tenantsPath+"?done=tenant_added")
	return nil
}

// TenantPage: GET /admin/settings/tenants/:id.
func (a *Admin) TenantPage(c *gin.Context) error {
	return a.showTenant(c, http.StatusOK, "", nil, false)
}

func (a *Admin) showTenant(c *gin.Context, status int, fault string, wrong faults, sent bool) error {
	t, err := a.Provisioning.Tenant(c.Request.Context(), c.Param("id"))
	if err != nil {
		return explain(err)
	}
	name, hosts := t.Name, strings.Join(t.Hosts, "\n")
	if sent {
		name, hosts = c.PostForm("name"), c.PostForm("hosts")
	}
	return a.showAs(c, status, web.TenantPage{
		Frame: a.frame(c, settingsPath, t.Name), Tabs: settingsTabs(c, tenantsPath), ID: t.ID, Revision: t.Revision, Fault: fault,
		Fields: []web.Field{
			wrong.field(web.Field{Name: "name", Label: "Name", Value: name, Required: true}),
			wrong.field(web.Field{
				Name: "hosts", Label: "Hosts", Type: "textarea", Value: hosts,
				Hint: "One on each line. Links to a host that is taken away are answered with 421. None: the tenant of the public URL.",
			}),
		},
	})
}

// ChangeTenantForm: POST /admin/settings/tenants/:id.
func (a *Admin) ChangeTenantForm(c *gin.Context) error {
	name, hosts := c.PostForm("name"), separated(c.PostForm("hosts"))
	who := by(c)
	who.IfMatch = revisionOf(c)
	_, err := a.Provisioning.ChangeTenant(c.Request.Context(), c.Param("id"),
		provisioning.TenantWish{Name: &name, Hosts: &hosts}, a.way(c), who)
	if errors.Is(err, provisioning.ErrChanged) {
		return a.showTenant(c, http.StatusConflict, changedFault, nil, false)
	}
	if wrong, ok := faultsOf(err); ok {
		return a.showTenant(c, http.StatusUnprocessableEntity, "", wrong, true)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, tenantsPath+"?done=saved")
	return nil
}
