package handlers

import (
	"errors"
	"log/slog"
	"net/http"
	"net/netip"
	"slices"
	"strings"
	"sync"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions"
	"usher/sessions/tokens"
)

// App is what the handlers of people's requests work with.
type App struct {
	*HTTP
	Provisioning *provisioning.Service
	Sessions     *sessions.Sessions
	Tokens       *tokens.Tokens
	Webhooks     *provisioning.Webhooks
	// Origin is where browsers reach us, as configured. It is the one source
	// of absolute links; a request's Host is only looked up, never repeated.
	Origin provisioning.Origin
	// AdminHosts are the hosts, in canonical form, at which the pages of the
	// admin are answered, and the application behind us is not. None = every
	// host.
	AdminHosts []string
	// Upstreams are the servers that requests are forwarded to.
	Upstreams *Upstreams
	// TrustedProxies are the peers whose forwarding headers count.
	TrustedProxies []netip.Prefix
	// Rates bounds how often those who have shown who they are may ask; nil = it
	// does not.
	Rates *Rates
	// Meter counts what goes on; nil = nobody does.
	Meter Meter

	sites sync.Map // of *site, by the tenant's id: what follows from its hosts
}

// site is the tenant that a request came to.
type site struct {
	tenant provisioning.Tenant
	// These two are shared by the tenant's requests, to be read only.
	own       []provisioning.Origin // its own origins
	audiences []string              // how tokens may name it in aud
}

// Tenant finds the tenant by the request's Host and refuses a host that no
// tenant has (RFC 9110 §15.5.20).
func (a *App) Tenant() gin.HandlerFunc {
	return a.Wrap(a.findTenant())
}

// TenantFrame is Tenant for pages in a frame.
func (a *App) TenantFrame() gin.HandlerFunc { return a.WrapFrame(a.findTenant()) }

func (a *App) findTenant() Handler {
	ours := a.OurHosts()
	return func(c *gin.Context) error {
		tenant, err := a.tenantAt(c, c.Request.Host, ours)
		if err != nil {
			return err
		}
		a.enterSite(c, tenant)
		return nil
	}
}

// tenantAt finds the tenant at a host as a request names it. The error is a
// Fault with UnknownHost, or a fault of the database.
func (a *App) tenantAt(c *gin.Context, raw string, ours []string) (provisioning.Tenant, error) {
	host, err := provisioning.CanonicalHost(raw)
	if err != nil {
		return provisioning.Tenant{}, &Fault{Code: UnknownHost, Err: err}
	}
	tenant, err := a.Provisioning.TenantByHost(c.Request.Context(), host, ours)
	if errors.Is(err, provisioning.ErrUnknownHost) {
		return provisioning.Tenant{}, &Fault{Code: UnknownHost, Err: err}
	}
	return tenant, err
}

func (a *App) enterSite(c *gin.Context, tenant provisioning.Tenant) {
	Note(c, slog.String("tenant", tenant.ID))
	requestOf(c).site = a.siteOf(tenant)
}

func (a *App) siteOf(tenant provisioning.Tenant) site {
	if kept, ok := a.sites.Load(tenant.ID); ok {
		last := kept.(*site) //nolint:forcetypeassert // there is nothing else in it
		if slices.Equal(last.tenant.Hosts, tenant.Hosts) {
			return site{tenant: tenant, own: last.own, audiences: last.audiences}
		}
	}
	own := TenantOrigins(a.Origin, tenant)
	fresh := site{tenant: tenant, own: own, audiences: Audiences(own)}
	a.sites.Store(tenant.ID, &fresh)
	return fresh
}

// Audiences are how a token may name the site at these origins in aud.
func Audiences(own []provisioning.Origin) []string {
	var audiences []string
	for _, origin := range own {
		audiences = append(audiences, origin.String(), origin.String()+"/", origin.Host())
	}
	return audiences
}

// TenantOrigins are the origins at which browsers reach a tenant: its hosts
// under the public URL's scheme and port, or the public URL itself.
func TenantOrigins(public provisioning.Origin, tenant provisioning.Tenant) []provisioning.Origin {
	if len(tenant.Hosts) == 0 {
		return []provisioning.Origin{public}
	}
	var origins []provisioning.Origin
	for _, host := range tenant.Hosts {
		if origin, ok := originAt(public, host); ok {
			origins = append(origins, origin)
		}
	}
	return origins
}

// siteOf returns what the Tenant middleware has found, to be read only.
func siteOf(c *gin.Context) *site { return &requestOf(c).site }

// TenantOf returns the tenant that the Tenant middleware has found.
func TenantOf(c *gin.Context) provisioning.Tenant { return siteOf(c).tenant }

// ReturnOrigins are the foreign origins that may post to us on a person's
// behalf: those to which the tenant's integrations may return.
func (a *App) ReturnOrigins(c *gin.Context) ([]string, error) {
	return a.Provisioning.ReturnOrigins(c.Request.Context(), siteOf(c).tenant)
}

// session returns the request's session, or a Fault with NoSession.
func (a *App) session(c *gin.Context) (sessions.Session, error) {
	session, err := a.Sessions.Check(c.Request.Context(), siteOf(c).tenant.ID, sessions.ReadCookie(c.Request))
	a.meterCheck(c, CheckBrowser, err)
	if errors.Is(err, sessions.ErrNone) {
		return sessions.Session{}, &Fault{Code: NoSession}
	} else if err != nil {
		return sessions.Session{}, unavailable(err)
	}
	Note(c, slog.String("user", session.User), slog.String("integration", session.Integration))
	return session, nil
}

// unavailable is the refusal for a fault of the session store.
func unavailable(err error) error {
	return &provisioning.Refusal{Reason: provisioning.StoreUnavailable, Detail: err.Error()}
}

// seeOther sends the browser on. The Location is written as it is: gin's own
// Redirect would let through what browsers read as another site.
func seeOther(c *gin.Context, location string) {
	c.Writer.Header().Set("Location", location)
	c.Status(http.StatusSeeOther)
	c.Writer.WriteHeaderNow()
}

// single returns the value of a parameter, and whether it is there at most
// once.
func single(values []string) (value string, once bool) {
	if len(values) == 0 {
		return "", true
	}
	return values[0], len(values) == 1
}

// isPrefetch reports whether a browser only guesses that the person will open
// the link (Fetch standard, "Sec-Purpose"; "Purpose" is its older name).
func isPrefetch(r *http.Request) bool {
	return slices.ContainsFunc([]string{"Sec-Purpose", "Purpose", "X-Moz", "X-Purpose"}, func(name string) bool {
		value := strings.ToLower(r.Header.Get(name))
		return strings.HasPrefix(value, "prefetch") || strings.HasPrefix(value, "preview")
	})
}

// refuseGuess answers a prefetch. Only an error keeps the browser from using a
// guess's answer for the real thing.
func refuseGuess(c *gin.Context) {
	c.Header("Cache-Control", "no-store")
	c.Status(http.StatusServiceUnavailable)
	c.Writer.WriteHeaderNow()
}

// Paths that other parts of the program name as well.
const (
	CallbackPath   = "/auth/callback/jwt-auth"
	OnboardingPath = "/auth/onboarding"
	StartPath      = "/auth/start"
)
