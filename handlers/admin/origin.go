package admin

import (
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

// originOf is where the browser stands: of the tenant's origins, as configured,
// the one that the request names.
func (a *Admin) originOf(c *gin.Context) provisioning.Origin {
	host, err := provisioning.CanonicalHost(c.Request.Host)
	for _, origin := range handlers.TenantOrigins(a.Origin, handlers.TenantOf(c)) {
		if err == nil && origin.Host() == host {
			return origin
		}
	}
	return a.originOfLinks(c)
}
