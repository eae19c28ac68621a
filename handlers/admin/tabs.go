package admin

import (
	"github.com/gin-gonic/gin"

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
