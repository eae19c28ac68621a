package provisioning

import (
	"context"
	"errors"

	"usher/sql/store"
)

// maxPublished is how many resources an integration may have when it adds more
// by itself. Administrators may add as many as they like.
const maxPublished = 10_000

// Published lists an integration's own resources, as Resources does.
func (s *Service) Published(ctx context.Context, tenant Tenant, integration, kind, after string, size int) (resources []Resource, next string, err error) {
	return s.listResources(ctx, tenant, store.ResourceFilter{Kind: kind, IntegrationID: integration}, after, size)
}

// PublishedResource is one of an integration's own resources, or ErrNotFound.
func (s *Service) PublishedResource(ctx context.Context, tenant Tenant, integration, kind, id string) (Resource, error) {
	r, err := s.Resource(ctx, tenant, kind, id)
	if err == nil && r.IntegrationID != integration {
		return Resource{}, ErrNotFound
	}
	return r, err
}

// Publish makes a resource of the integration that asks. The errors are those
// of AddResource, and ErrFull; ErrNotFound when the integration is not installed
// any more.
func (s *Service) Publish(ctx context.Context, tenant Tenant, integration string, wish NewResource, by By) (Resource, error) {
	r, err := s.wished(ctx, tenant, integration, wish)
	if err != nil {
		return Resource{}, err
	}
	return s.makeResource(ctx, tenant, r, maxPublished, by)
}

func (s *Service) wished(ctx context.Context, tenant Tenant, integration string, wish NewResource) (Resource, error) {
	owner, err := s.installed(ctx, tenant, integration, reloadPause)
	if err != nil {
		return Resource{}, err
	}
	return wish.resource(owner)
}

// PutPublished makes a resource of the integration that asks, or replaces it:
// what wish leaves out takes the default. created tells the two apart. A
// resource of another integration is ErrTaken; the other errors are those of
// Publish, and ErrChanged.
func (s *Service) PutPublished(ctx context.Context, tenant Tenant, integration string, wish NewResource, by By) (r Resource, created bool, err error) {
	wanted, err := s.wished(ctx, tenant, integration, wish)
	if err != nil {
		return Resource{}, false, err
	}
	r, created, err = s.store.WriteResource(ctx, tenant.ID, wanted.Kind, wanted.ID, maxPublished,
		func(found *Resource) (Resource, store.Act, error) {
			switch {
			case found == nil:
				return wanted, resourceAct(by, "resource_added", wanted, chosenOf(wanted)), nil
			case found.IntegrationID != integration:
				return Resource{}, store.Act{}, ErrTaken
			}
			next := *found
			next.Title, next.Restricted, next.ContentURL = wanted.Title, wanted.Restricted, wanted.ContentURL
			return next, changedResource(by, *found, next), nil
		})
	s.forgetResource(tenant, wanted.Kind, wanted.ID)
	return r, created && err == nil, err
}

// Withdraw takes one of an integration's own resources away. The errors are
// ErrNotFound and ErrChanged.
func (s *Service) Withdraw(ctx context.Context, tenant Tenant, integration, kind, id string, by By) error {
	if integration == "" {
		return errors.New("provisioning: nobody withdraws a resource")
	}
	return s.deleteResource(ctx, tenant, kind, id, integration, by)
}
