package handlers

import (
	"slices"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

// OurHosts are the hosts at which the tenant without hosts is reached: the
// public URL's, and those for the admin.
func (a *App) OurHosts() []string { return append(a.Origin.OurHosts(), a.AdminHosts...) }

// AdminHost lets requests pass at the hosts for the admin, which are all when
// none is set. It follows the Tenant middleware and belongs on every route
// that an administrator's cookie opens: where the application is, its scripts
// could open them as well.
func (a *App) AdminHost() gin.HandlerFunc {
	return a.Wrap(func(c *gin.Context) error {
		if len(a.AdminHosts) > 0 && !a.atAdminHost(c) {
			return &Fault{Code: NotFound, Public: "The admin has an address of its own."}
		}
		return nil
	})
}

// atAdminHost reports whether the request came to a host for the admin.
func (a *App) atAdminHost(c *gin.Context) bool {
	host, err := provisioning.CanonicalHost(c.Request.Host)
	return err == nil && slices.Contains(a.AdminHosts, host)
}

// AdminOrigin is where browsers reach a tenant's admin: at the first of the
// hosts for it that is the tenant's, for a tenant without hosts at the first of
// all. When there is none it is the tenant's own origin.
func AdminOrigin(public provisioning.Origin, hosts []string, tenant provisioning.Tenant) provisioning.Origin {
	for _, host := range hosts {
		if len(tenant.Hosts) > 0 && !slices.Contains(tenant.Hosts, host) {
			continue
		}
		if origin, ok := originAt(public, host); ok {
			return origin
		}
	}
	if own := TenantOrigins(public, tenant); len(own) > 0 {
		return own[0]
	}
	return public
}

// originAt is the origin of another host of ours, under the public URL's scheme
// and port. A plain-http public URL is for loopback hosts only; any other host
// is then reached over https, through a proxy.
func originAt(public provisioning.Origin, host string) (provisioning.Origin, bool) {
	prefix := public.Scheme() + "://"
	port := strings.TrimPrefix(public.String(), prefix+public.Host())
	origin, err := provisioning.ParseOrigin(prefix + host + port)
	if err != nil {
		origin, err = provisioning.ParseOrigin("https://" + host)
	}
	return origin, err == nil
}
