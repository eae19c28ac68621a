package handlers

import (
	"errors"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/sessions/tokens"
)

// signInFirst sends the person to the page for signing in, which sends them back
// to this request.
func (a *App) signInFirst(c *gin.Context, r authorizeRequest, rules authorizeRules) (*authorizeError, error) {
	if r.silent {
		return &authorizeError{authorizeLoginRequired, "Nobody is signed in, or not recently enough."}, nil
	}
	beginning, err := a.beginFor(c, r.client)
	refusal, refused := errors.AsType[*provisioning.Refusal](err)
	switch {
	case errors.Is(err, provisioning.ErrNotFound), refused && refusal.Reason != provisioning.StoreUnavailable:
		return nil, &Fault{
			Code: NoSession, Err: errors.New(err.Error()),
			Public: "This application does not know where you sign in. Sign in first, by the link of the site that you usually come from, then try again.",
		}
	case err != nil:
		return nil, err
	}
	s := siteOf(c)
	places := a.Provisioning.Places(c.Request.Context(), s.tenant, beginning.Integration.ID, s.own)
	target, warning := places.Resolve(sameRequest(r, rules))
	if warning != nil {
		return tooLong(), nil
	}
	nonce := ""
	if beginning.RequireNonce {
		nonce = a.giveNonce(c)
	}
	c.Header("Cache-Control", "no-store")
	seeOther(c, beginning.Location(s.own[0].String()+CallbackPath, target.Location(), nonce))
	return nil, nil
}

// beginFor finds where people sign in who come for a client. When its integration
// was removed that is decided as for everybody else.
func (a *App) beginFor(c *gin.Context, client tokens.Client) (provisioning.Beginning, error) {
	if client.Integration != "" {
		beginning, err := a.Provisioning.BeginAt(c.Request.Context(), siteOf(c).tenant, client.Integration)
		refusal, refused := errors.AsType[*provisioning.Refusal](err)
		if !refused || refusal.Reason != provisioning.IntegrationRemoved && refusal.Reason != provisioning.IntegrationUnknown {
			return beginning, err
		}
	}
	return a.Provisioning.Begin(c.Request.Context(), siteOf(c).tenant, "")
}

// sameRequest is the address at which a request goes on.
func sameRequest(r authorizeRequest, rules authorizeRules) string {
	return rules.path + "?" + r.values().Encode()
}
