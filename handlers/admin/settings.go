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

// settingsPages are the parts of the settings. Each is shown to those who may
// open it.
var settingsPages = []struct {
	label, path string
	scope       admins.Scope
}{
	{"General", settingsPath, admins.ReadSettings},
	{"Administrators", administratorsPath, admins.ReadSettings},
	{"API keys", apiKeysPath, admins.ReadSettings},
	{"Tenants", tenantsPath, admins.Operate},
}

// settingsTabs lead from one part of the settings to another.
func settingsTabs(c *gin.Context, current string) []web.NavItem {
	var tabs []web.NavItem
	for _, p := range settingsPages {
		if actorOf(c).May(p.scope) {
			tabs = append(tabs, web.NavItem{Label: p.label, Path: p.path, Current: p.path == current})
		}
	}
	return tabs
}

type settingsAnswer struct {
	Name          string `json:"name"`
	SignInLogDays int    `json:"sign_in_log_days"`
	JournalDays   int    `json:"journal_days"`
	AuditDays     int    `json:"audit_days"`
	WebhookDays   int    `json:"webhook_days"`
}

func answerSettings(t provisioning.Tenant) settingsAnswer {
	return settingsAnswer{
		Name: t.Name, SignInLogDays: t.Settings.SignInLogDays, JournalDays: t.Settings.JournalDays, AuditDays: t.Settings.AuditDays,
		WebhookDays: t.Settings.WebhookDays,
	}
}

// Settings: GET /admin/api/v1/settings, of the tenant that the request came to.
func (a *Admin) Settings(c *gin.Context) error {
	tenant, err := a.Provisioning.Tenant(c.Request.Context(), handlers.TenantOf(c).ID)
	if err != nil {
		return explain(err)
	}
	setETag(c, tenant.Revision)
	c.JSON(http.StatusOK, answerSettings(tenant))
	return nil
}

// ChangeSettings: PATCH /admin/api/v1/settings.
func (a *Admin) ChangeSettings(c *gin.Context) error {
	var body struct {
		Name          given[string] `json:"name"`
		SignInLogDays given[int]    `json:"sign_in_log_days"`
		JournalDays   given[int]    `json:"journal_days"`
		AuditDays     given[int]    `json:"audit_days"`
		WebhookDays   given[int]    `json:"webhook_days"`
	}
	if err := read(c, &body); err != nil {
		return err
	}
	tenant, err := a.Provisioning.ChangeTenant(c.Request.Context(), handlers.TenantOf(c).ID, provisioning.TenantWish{
		Name: body.Name.pointer(), SignInLogDays: body.SignInLogDays.pointer(), JournalDays: body.JournalDays.pointer(),
		AuditDays: body.AuditDays.pointer(), WebhookDays: body.WebhookDays.pointer(),
	}, a.way(c), by(c))
	if err != nil {
		return explain(err)
	}
	setETag(c, tenant.Revision)
	c.JSON(http.StatusOK, answerSettings(tenant))
	return nil
}

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
	{
		"webhook_days", "Webhooks", "Days, or 0 for ever, for which events and their deliveries can be looked at and sent again.",
		func(s provisioning.TenantSettings) int { return s.WebhookDays },
		func(w *provisioning.TenantWish) **int { return &w.WebhookDays },
	},
}

// SettingsPage: GET /admin/settings.
func (a *Admin) SettingsPage(c *gin.Context) error {
	return a.showSettings(c, http.StatusOK, "", nil, false, nil)
}

func (a *Admin) showSettings(c *gin.Context, status int, fault string, wrong faults, sent bool, shorter []provisioning.Shortening) error {
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
	for _, log := range shorter {
		for _, r := range retention {
			if r.name == log.Field {
				page.Shorter = append(page.Shorter, web.Shorter{Log: r.label, Days: log.Days, Entries: log.Entries, AndMore: log.AndMore})
			}
		}
	}
	if len(shorter) > 0 {
		page.Confirm.Word = tenant.Name
		if c.PostForm("confirm") != "" {
			page.Confirm.Fault = confirmed(c, tenant.Name)
		}
	}
	return a.showAs(c, status, page)
}

// ChangeSettingsForm: POST /admin/settings. What would destroy entries is told first,
// and has to be confirmed.
func (a *Admin) ChangeSettingsForm(c *gin.Context) error {
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
		return a.showSettings(c, http.StatusUnprocessableEntity, "", wrong, true, nil)
	}
	tenant, err := a.Provisioning.Tenant(c.Request.Context(), handlers.TenantOf(c).ID)
	if err != nil {
		return explain(err)
	}
	shorter, err := a.Provisioning.ShortenedLogs(c.Request.Context(), tenant.ID, wish)
	if err != nil {
		return explain(err)
	}
	if len(shorter) > 0 && confirmed(c, tenant.Name) != "" {
		return a.showSettings(c, http.StatusUnprocessableEntity, "", nil, true, shorter)
	}
	who := by(c)
	who.IfMatch = revisionOf(c)
	_, err = a.Provisioning.ChangeTenant(c.Request.Context(), tenant.ID, wish, a.way(c), who)
	if errors.Is(err, provisioning.ErrChanged) {
		return a.showSettings(c, http.StatusConflict, changedFault, nil, false, nil)
	}
	if found, ok := faultsOf(err); ok {
		maps.Copy(wrong, found)
		return a.showSettings(c, http.StatusUnprocessableEntity, "", wrong, true, shorter)
	}
	if err != nil {
		return explain(err)
	}
	seeOther(c, settingsPath+"?done=saved")
	return nil
}
