package handlers

import (
	"errors"
	"net/http"
	"net/url"
	"slices"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
)

// VerifyPath is asked by proxies that stand before an application.
const VerifyPath = "/auth/verify"

// Verify tells a proxy whether a request may pass, and who it is from:
//
//	GET /auth/verify                  204 with the headers of identity, or 401, 403, 503
//	any /auth/verify/path?query       the same with 200: Envoy adds the path that it
//	                                  was asked for, and takes only 200 for a yes
//	GET /auth/verify?signin=start     303 to the start of a sign-in in place of 401,
//	                                  for somebody who opens a page (see startInstead)
func (a *App) Verify(c *gin.Context) error {
	below := c.Param("rest") != ""
	if !below && isPreflight(c.Request) && !isForwarded(c.Request) {
		return a.Preflight(http.MethodGet)(c)
	}
	who, err := a.caller(c)
	var told identity
	if err == nil {
		told, err = a.identity(c.Request.Context(), siteOf(c).tenant, who)
	}
	if fault, ok := errors.AsType[*Fault](err); ok && fault.Code == NoSession && !below {
		if location, startErr := a.startInstead(c); startErr != nil {
			return startErr
		} else if location != "" {
			seeOther(c, location)
			return nil
		}
	}
	if err != nil {
		return err
	}
	// Those without a value too: a proxy that only replaces what it gets would let
	// a forged one through.
	header := c.Writer.Header()
	for i, name := range identityHeaders {
		header[name] = told[i : i+1 : i+1]
	}
	if below {
		c.Status(http.StatusOK)
	} else {
		c.Status(http.StatusNoContent)
	}
	return nil
}

// isForwarded reports whether a proxy asks for somebody else. It would take the
// answer to a preflight for a yes to the request that it holds back.
func isForwarded(r *http.Request) bool {
	return slices.ContainsFunc([]string{"X-Forwarded-Method", "X-Forwarded-Uri", forwardedHost, "X-Forwarded-For"},
		func(name string) bool { return len(r.Header[name]) > 0 })
}

// startInstead is where somebody without a session is sent to sign in, or "".
// That is wished for by signin=start, for those proxies that hand a redirect on
// to the browser, and done when a person opens a page. A request that carries a
// credential, that a script makes, or that changes something is told 401.
func (a *App) startInstead(c *gin.Context) (string, error) {
	query := c.Request.URL.Query()
	if wish, once := single(query["signin"]); !once || wish != "start" || carriesCredential(c.Request) {
		return "", nil
	}
	method, uri := c.Request.Method, ""
	if sentBy(c.Request, a.TrustedProxies) {
		if forwarded := c.GetHeader("X-Forwarded-Method"); forwarded != "" {
			method = forwarded
		}
		uri = c.GetHeader("X-Forwarded-Uri")
	}
	if method != http.MethodGet || !wantsPage(c.Request) {
		return "", nil
	}
	ctx, s := c.Request.Context(), siteOf(c)
	appID, _ := single(query["appId"])
	if _, err := a.Provisioning.Begin(ctx, s.tenant, appID); a.Unavailable(err) {
		return "", err
	} else if err != nil {
		return "", nil // nowhere to send anybody
	}
	// An absolute address: a proxy would take a relative one for its own view
	// of ours. It is made of settings, never of what the request says.
	location := s.origin(c).String() + StartPath
	values := url.Values{}
	if uri != "" {
		target, _ := provisioning.Places{Own: s.own}.Resolve(uri)
		values.Set("go", target.Location())
	}
	if appID != "" {
		values.Set("appId", appID)
	}
	if len(values) > 0 {
		location += "?" + values.Encode()
	}
	return location, nil
}

// origin is which of the tenant's own origins the request came to.
func (s *site) origin(c *gin.Context) provisioning.Origin {
	for _, raw := range []string{c.GetHeader(forwardedHost), c.Request.Host} {
		host, err := provisioning.CanonicalHost(raw)
		if err != nil {
			continue
		}
		for _, own := range s.own {
			if own.Host() == host {
				return own
			}
		}
	}
	return s.own[0]
}

const forwardedHost = "X-Forwarded-Host"

// TenantBehindProxy is Tenant for a question that a proxy asks in the name of a
// request: the host of that request is in X-Forwarded-Host where the proxy is a
// trusted one. A proxy that hands on both, and a visitor who has made one of
// them up, would name two tenants: then it is neither.
func (a *App) TenantBehindProxy() gin.HandlerFunc {
	ours := a.OurHosts()
	return a.Wrap(func(c *gin.Context) error {
		tenant, err := a.tenantAt(c, c.Request.Host, ours)
		if lines := c.Request.Header[forwardedHost]; len(lines) > 0 && sentBy(c.Request, a.TrustedProxies) {
			// Behind Traefik, Host is an address of ours that no tenant has.
			addressed := tenant.ID
			if fault, ok := errors.AsType[*Fault](err); err != nil && !ok {
				return err
			} else if len(lines) > 1 {
				return &Fault{Code: UnknownHost, Err: errors.New("more than one " + forwardedHost)}
			} else if tenant, err = a.tenantAt(c, lines[0], ours); err == nil && fault == nil && tenant.ID != addressed {
				return &Fault{Code: UnknownHost, Err: errors.New("the hosts in Host and " + forwardedHost + " are of different tenants")}
			}
		}
		if err != nil {
			return err
		}
		a.enterSite(c, tenant)
		return nil
	})
}
