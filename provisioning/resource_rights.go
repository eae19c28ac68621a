package provisioning

import (
	"context"
	"errors"
	"net/url"
	"slices"
	"time"
)

const (
	// resourceLife bounds how long a resource and its owner's settings are gone
	// by after another instance has changed them.
	resourceLife = 5 * time.Second
	// maxResourcesKept bounds the memory of a server with very many resources.
	maxResourcesKept = 10_000
)

// Visitor is somebody who wants to open resources.
type Visitor struct {
	IntegrationID string // whose token it was
	// Authorized are the ids that the token names; none = default rights. A
	// list takes away and never gives: what is restricted to the people of
	// another integration stays so.
	Authorized []string
}

// may reports whether the visitor has the right to open a resource.
func (v Visitor) may(r Resource) bool {
	if r.Restricted && r.IntegrationID != v.IntegrationID {
		return false
	}
	// An empty list is no list: the opposite of what an empty list of groups
	// means, which is why nothing is shared with those.
	return len(v.Authorized) == 0 || slices.Contains(v.Authorized, r.ID)
}

// ResourceFor returns a resource for somebody who wants to open it: ErrNotFound
// when there is none, or its owner has been removed, and a *Refusal with
// ResourceForbidden when this visitor may not. What another instance has
// changed counts after resourceLife.
func (s *Service) ResourceFor(ctx context.Context, tenant Tenant, kind, id string, who Visitor) (Resource, error) {
	if !isKind(kind) || !isResourceID(id) {
		return Resource{}, ErrNotFound
	}
	r, err := s.recentResource(ctx, tenant, kind, id)
	if err != nil {
		return Resource{}, err
	}
	if _, err := s.Owner(ctx, tenant, r.IntegrationID); err != nil {
		return Resource{}, err
	}
	if !who.may(r) {
		return Resource{}, refuse(ResourceForbidden, "resource %s/%s: restricted=%t, owner %s, %d ids in the token",
			kind, id, r.Restricted, r.IntegrationID, len(who.Authorized))
	}
	return r, nil
}

// Owner is an installed integration by its id, or ErrNotFound. What another
// instance has changed counts after resourceLife.
func (s *Service) Owner(ctx context.Context, tenant Tenant, id string) (Integration, error) {
	return s.installed(ctx, tenant, id, resourceLife)
}

// installed is an installed integration as it was no longer than life ago, or
// ErrNotFound, which is said only as of a moment ago.
func (s *Service) installed(ctx context.Context, tenant Tenant, id string, life time.Duration) (Integration, error) {
	n, err := s.everInstalled(ctx, tenant, id, life)
	if err == nil && n.RemovedAt != nil {
		return Integration{}, ErrNotFound
	}
	return n, err
}

// everInstalled is installed, also for one that was removed.
func (s *Service) everInstalled(ctx context.Context, tenant Tenant, id string, life time.Duration) (Integration, error) {
	arrived := s.now()
	ring, err := s.rings.get(ctx, tenant.ID, life)
	if err != nil {
		return Integration{}, err
	}
	n, ok := ring.integration(id)
	if !ok { // it may have been installed elsewhere
		if ring, err = s.rings.getFor(ctx, tenant.ID, arrived); err != nil {
			return Integration{}, err
		}
		n, ok = ring.integration(id)
	}
	if !ok {
		return Integration{}, ErrNotFound
	}
	return n, nil
}

// ContentURL is where a resource's content comes from; nil for our built-in
// page. The origins that an administrator listed are looked at again: the list
// may have shrunk since the URL was stored, and then the answer is a *Refusal
// with ResourceForbidden.
func (s *Service) ContentURL(ctx context.Context, tenant Tenant, r Resource) (*url.URL, error) {
	if r.ContentURL == "" {
		return nil, nil
	}
	owner, err := s.Owner(ctx, tenant, r.IntegrationID)
	if err != nil {
		return nil, err
	}
	at, origin, ok := parseContentURL(r.ContentURL)
	if !ok || !slices.Contains(owner.ContentOrigins, origin.String()) {
		return nil, refuse(ResourceForbidden, "resource %s/%s: its content's origin is not among those of integration %s", r.Kind, r.ID, owner.ID)
	}
	return at, nil
}

// EmbedOrigins are the origins that may frame us for an installed integration,
// as an Origin header writes them; "" stands for all of the tenant's. An
// integration that is not installed is ErrNotFound.
func (s *Service) EmbedOrigins(ctx context.Context, tenant Tenant, integration string) ([]string, error) {
	if integration != "" {
		n, err := s.installed(ctx, tenant, integration, resourceLife)
		return n.EmbedOrigins, err
	}
	ring, err := s.rings.get(ctx, tenant.ID, resourceLife)
	if err != nil {
		return nil, err
	}
	var origins []string
	for _, entry := range ring.apps {
		if !entry.removed() {
			origins = append(origins, entry.integration.EmbedOrigins...)
		}
	}
	slices.Sort(origins)
	return slices.Compact(origins), nil
}

// recentResource returns a resource as it was no longer than resourceLife ago.
func (s *Service) recentResource(ctx context.Context, tenant Tenant, kind, id string) (Resource, error) {
	key := resourceKey(tenant, kind, id)
	known := s.resources.getOr(key, func() *latest[Resource] {
		return &latest[Resource]{now: s.now, load: func(ctx context.Context) (Resource, error) {
			return s.store.Resource(ctx, tenant.ID, kind, id)
		}}
	})
	r, err := known.get(ctx, resourceLife)
	if errors.Is(err, ErrNotFound) {
		s.resources.forget(key) // made-up addresses push out nothing
	}
	return r, err
}

func resourceKey(tenant Tenant, kind, id string) string { return tenant.ID + " " + kind + "/" + id }

// forgetResource makes the next look load, for a change made by this process.
func (s *Service) forgetResource(tenant Tenant, kind, id string) {
	s.resources.forget(resourceKey(tenant, kind, id))
}
