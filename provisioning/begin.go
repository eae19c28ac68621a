package provisioning

import (
	"context"
	"crypto/subtle"
	"net/url"

	"usher/sql/store"
)

// Beginning is a sign-in that starts from our side: the browser is sent to the
// partner, which sends it back with a link.
type Beginning struct {
	Integration  store.Integration
	RequireNonce bool
	url          *url.URL
}

// Begin finds the integration with the app id, or the tenant's only installed
// one, and its page for signing in. The error is a *Refusal for an integration
// that is unknown or removed, ErrNotFound for one without such a page, or a
// fault of the database.
func (s *Service) Begin(ctx context.Context, tenant store.Tenant, appID string) (Beginning, error) {
	ring, err := s.rings.get(ctx, tenant.ID, reloadPause)
	if err != nil {
		return Beginning{}, err
	}
	entry, _, err := ring.find("", appID, "")
	if err != nil {
		return Beginning{}, err
	}
	n := entry.integration
	page, err := url.Parse(n.SignInURL)
	if err != nil || n.SignInURL == "" {
		return Beginning{}, ErrNotFound
	}
	return Beginning{Integration: n, RequireNonce: n.RequireNonce, url: page}, nil
}

// BeginAt is Begin for the integration with an id.
func (s *Service) BeginAt(ctx context.Context, tenant store.Tenant, id string) (Beginning, error) {
	ring, err := s.rings.get(ctx, tenant.ID, reloadPause)
	if err != nil {
		return Beginning{}, err
	}
	n, ok := ring.integration(id)
	if !ok {
		return Beginning{}, refuse(IntegrationUnknown, "the id names no integration of this tenant")
	}
	return s.Begin(ctx, tenant, n.AppID)
}

// IntegrationByApp finds an integration by its app id, removed or not. The error
// is a *Refusal with IntegrationUnknown, or a fault of the database. What another
// instance has changed counts after resourceLife.
func (s *Service) IntegrationByApp(ctx context.Context, tenant store.Tenant, appID string) (store.Integration, error) {
	ring, err := s.rings.get(ctx, tenant.ID, resourceLife)
	if err != nil {
		return store.Integration{}, err
	}
	entry := ring.apps[appID]
	if entry == nil {
		return store.Integration{}, refuse(IntegrationUnknown, "the appId names no integration of this tenant")
	}
	return entry.integration, nil
}

// Location is where the browser goes: the partner's page, told where to return
// to, where the person wants to end, and the nonce that the link has to carry
// ("" = none).
func (b Beginning) Location(callback, wanted, nonce string) string {
	to := *b.url
	query := to.Query()
	query.Set("return_to", callback)
	query.Set("go", wanted)
	if nonce != "" {
		query.Set("nonce", nonce)
	}
	to.RawQuery = query.Encode()
	return to.String()
}

// checkNonce refuses a link that this browser has not asked for, where the
// integration wants that. It is the cure for links planted on somebody else.
func checkNonce(v *Verified, given string) error {
	if !v.Integration.RequireNonce {
		return nil
	}
	const expected = "the nonce that this browser was given when the sign-in began"
	said := v.Assertion.Nonce
	if said == "" {
		return &Refusal{Reason: ClaimMissing, Path: "nonce", Expected: expected}
	}
	if given == "" || subtle.ConstantTimeCompare([]byte(said), []byte(given)) != 1 {
		return &Refusal{Reason: ClaimInvalid, Path: "nonce", Expected: expected}
	}
	return nil
}
