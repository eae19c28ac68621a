package admin

import (
	"github.com/gin-gonic/gin"

	"usher/sessions/admins"
	"usher/web"
)

// tokenPages are the parts of the token service. Each is shown to those who may
// open it.
var tokenPages = []struct {
	label, path string
	scope       admins.Scope
}{
	{"Clients", clientsPath, admins.ReadTokens},
	{"Organizations", organizationsPath, admins.ReadTokens},
	{"API connections", connectionsPath, admins.ReadTokens},
	{"Identity scopes", identityScopesPath, admins.ReadTokens},
	{"Claims", claimsPath, admins.ReadTokens},
	{"Signing keys", signingKeysPath, admins.ReadTokens},
	{"Generate a JWT", jwtPath, admins.WriteTokens},
}

// tokenFrame is the frame of a page of the token service.
func (a *Admin) tokenFrame(c *gin.Context, title string) web.Frame {
	return a.frame(c, tokenPages[0].path, title)
}

// tokenTabs lead from one part of the token service to another.
func tokenTabs(c *gin.Context, current string) []web.NavItem {
	var tabs []web.NavItem
	for _, p := range tokenPages {
		if actorOf(c).May(p.scope) {
			tabs = append(tabs, web.NavItem{Label: p.label, Path: p.path, Current: p.path == current})
		}
	}
	return tabs
}
