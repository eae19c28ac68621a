package admin

import (
	"slices"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
)

// originOfLinks is where absolute links of this tenant lead: as configured,
// whatever the request says.
func (a *Admin) originOfLinks(c *gin.Context) provisioning.Origin {
	if origins := handlers.TenantOrigins(a.Origin, handlers.TenantOf(c)); len(origins) > 0 {
		return origins[0]
	}
	return a.Origin
}

// originOf is where the browser stands, or should: of the origins of the
// tenant's admin, as configured, the one that the request names.
func (a *Admin) originOf(c *gin.Context) provisioning.Origin {
	host, err := provisioning.CanonicalHost(c.Request.Host)
	if len(a.AdminHosts) > 0 {
		at := a.AdminHosts
		if err == nil && slices.Contains(at, host) {
			at = []string{host}
		}
		return handlers.AdminOrigin(a.Origin, at, handlers.TenantOf(c))
	}
	for _, origin := range handlers.TenantOrigins(a.Origin, handlers.TenantOf(c)) {
		if err == nil && origin.Host() == host {
			return origin
		}
	}
	return a.originOfLinks(c)
}
