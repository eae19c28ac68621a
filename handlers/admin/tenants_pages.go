package admin

import (
	"errors"
	"maps"
	"net/http"
	"strconv"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/web"
)

// retention are the fields that say how long logs are kept.
var retention = []struct {
	name, label, hint string
	of                func(provisioning.TenantSettings) int
	into              func(*provisioning.TenantWish) **int
}{
	{
		"sign_in_log_days", "Sign-in log", "Days, or 0 for ever. Entries hold what partners claim about people.",
		func(s provisioning.TenantSettings) int { return s.SignInLogDays },
		func(w *provisioning.TenantWish) **int { return &w.SignInLogDays },
	},
	{
		"journal_days", "Journals of users", "Days, or 0 for ever. What is gone cannot be undone any more, nor explained.",
		func(s provisioning.TenantSettings) int { return s.JournalDays },
		func(w *provisioning.TenantWish) **int { return &w.JournalDays },
	},
	{
		"audit_days", "Audit log", "Days from 90, or 0 for ever. The rows that stay can still be verified.",
		func(s provisioning.TenantSettings) int { return s.AuditDays },
		func(w *provisioning.TenantWish) **int { return &w.AuditDays },
	},
}

// SettingsPage: GET /admin/settings.
func (a *Admin) SettingsPage(c *gin.Context) error {
	return a.showSettings(c, http.StatusOK, "", nil, false)
}

func (a *Admin) showSettings(c *gin.Context, status int, fault string, wrong faults, sent bool) error {
	tenant, err := a.Provisioning.Tenant(c.Request.Context(), handlers.TenantOf(c).ID)
	if err != nil {
		return explain(err)
	}
	value := func(name, stored string) string {
		if sent {
			return c.PostForm(name)
		}
		return stored
	}
	page := web.Settings{
		Frame: a.frame(c, settingsPath, "Settings"), Tabs: settingsTabs(c, settingsPath),
		Write: actorOf(c).May(admins.WriteSettings), Revision: tenant.Revision, Fault: fault,
		ID: tenant.ID, Hosts: tenant.Hosts, PublicURL: a.Origin.String(), CreatedAt: tenant.CreatedAt,
		Fields: []web.Field{wrong.field(web.Field{Name: "name", Label: "Name", Value: value("name", tenant.Name), Required: true})},
	}
	for _, r := range retention {
		days := r.of(tenant.Settings)
		page.Kept = append(page.Kept, web.Kept{Log: r.label, Days: days})
		page.Fields = append(page.Fields, wrong.field(web.Field{
			Name: r.name, Label: r.label, Hint: r.hint, Type: "number", Value: value(r.name, strconv.Itoa(days)), Required: true,
		}))
	}
	return a.showAs(c, status, page)
}

// SaveSettings: POST /admin/settings.
func (a *Admin) SaveSettings(c *gin.Context) error {
	name := c.PostForm("name")
	wish, wrong := provisioning.TenantWish{Name: &name}, faults{}
	for _, r := range retention {
		days, err := strconv.Atoi(strings.TrimSpace(c.PostForm(r.name)))
		if err != nil {
			wrong[r.name] = "A whole number of days."
			continue
		}
		*r.into(&wish) = &days
	}
	if len(wrong) > 0 {
		return a.showSettings(c, http.StatusUnprocessableEntity, "", wrong, true)
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	_, err := a.Provisioning.ChangeTenant(c.Request.Context(), handlers.TenantOf(c).ID, wish, a.way(c), who)
	if errors.Is(err, provisioning.ErrChanged) {
		return a.showSettings(c, http.StatusConflict, changedFault, nil, false)
	}
	if found, ok := faultsOf(err); ok {
		maps.Copy(wrong, found)
		return a.showSettings(c, http.StatusUnprocessableEntity, "", wrong, true)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, settingsPath+"?done=saved")
	return nil
}

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
		page.Only, page.Hosts = only.Name, a.Origin.OurHosts()
		page.Confirm = web.Confirm{Word: only.Name, Fault: unconfirmed}
	}
	for _, t := range tenants {
		page.Tenants = append(page.Tenants, web.TenantRow{ID: t.ID, Name: t.Name, Hosts: t.Hosts, CreatedAt: t.CreatedAt})
	}
	return a.showAs(c, status, page)
}

// MakeTenant: POST /admin/settings/tenants.
func (a *Admin) MakeTenant(c *gin.Context) error {
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

// SaveTenant: POST /admin/settings/tenants/:id.
func (a *Admin) SaveTenant(c *gin.Context) error {
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
