package provisioning

import (
	"context"
	"errors"
	"strings"

	"usher/sql/store"
)

// Resource is something that sites can embed.
type Resource = store.Resource

// NewResource is the wish for a resource.
type NewResource struct {
	Kind        string // "vote-widget"
	ID          string // "" = we make one
	Integration string // the owner, by id or app id
	ResourceSettings
}

// ResourceSettings is what may be chosen for a resource; nil keeps what is, or
// takes the default for a new one. The address stays: it is in partners' pages.
type ResourceSettings struct {
	Title      *string // 1–200 characters; a new resource needs one
	Restricted *bool   // only the owner's people may open it; default false
	Content    *string // the upstream's URL; "" = our built-in page
}

// ResourceFilter narrows a list of resources; "" stands for any.
type ResourceFilter struct{ Kind, Integration string }

// apply checks what is given and writes it to r. owner is whom r belongs to.
func (w ResourceSettings) apply(r *Resource, owner store.Integration) error {
	var errs []error
	take := func(value *string, kept *string, check func(string) (string, error)) {
		if value == nil {
			return
		}
		checked, err := check(*value)
		if err != nil {
			errs = append(errs, err)
			return
		}
		*kept = checked
	}
	take(w.Title, &r.Title, checkTitle)
	take(w.Content, &r.ContentURL, func(text string) (string, error) { return checkContent(text, owner) })
	if w.Restricted != nil {
		r.Restricted = *w.Restricted
	}
	return errors.Join(errs...)
}

// errNoOwner refuses an owner that is not there.
var errNoOwner = invalid("integration", "the id or app id of an installed integration")

// AddResource makes a resource. The error joins an *Invalid for each field that
// cannot be accepted, or is ErrTaken.
func (s *Service) AddResource(ctx context.Context, tenant Tenant, wish NewResource, by By) (Resource, error) {
	owner, err := s.Integration(ctx, tenant, wish.Integration)
	if errors.Is(err, ErrNotFound) {
		return Resource{}, errNoOwner
	} else if err != nil {
		return Resource{}, err
	}
	r, err := wish.resource(owner.Integration)
	if err != nil {
		return Resource{}, err
	}
	return s.makeResource(ctx, tenant, r, 0, by)
}

// resource is the wish as a record, or what is wrong with it.
func (w NewResource) resource(owner store.Integration) (Resource, error) {
	r := Resource{Kind: w.Kind, ID: w.ID, IntegrationID: owner.ID}
	if r.ID == "" {
		r.ID = randomHex(resourceIDBytes)
	}
	errs := []error{checkKind(r.Kind), checkResourceID(r.ID)}
	if w.Title == nil {
		errs = append(errs, invalid("title", "give the resource a title"))
	}
	return r, errors.Join(append(errs, w.apply(&r, owner))...)
}

// makeResource writes a new resource; limit is how many its owner may have, 0 =
// any number.
func (s *Service) makeResource(ctx context.Context, tenant Tenant, r Resource, limit int, by By) (Resource, error) {
	made, _, err := s.store.WriteResource(ctx, tenant.ID, r.Kind, r.ID, limit, func(found *Resource) (Resource, store.Act, error) {
		if found != nil {
			return Resource{}, store.Act{}, ErrTaken
		}
		return r, resourceAct(by, "resource_added", r, chosenOf(r)), nil
	})
	s.forgetResource(tenant, r.Kind, r.ID)
	return made, err
}

func resourceAct(by By, action string, r Resource, detail map[string]any) store.Act {
	return act(by, action, "resource "+r.Kind+"/"+r.ID, detail)
}

// chosenOf is what can be chosen for a resource under the names that the API
// gives it.
func chosenOf(r Resource) map[string]any {
	return map[string]any{
		"integration": r.IntegrationID, "title": r.Title, "restricted": r.Restricted, "content": r.ContentURL,
	}
}

// Resource returns one resource, whatever has become of its owner, or
// ErrNotFound.
func (s *Service) Resource(ctx context.Context, tenant Tenant, kind, id string) (Resource, error) {
	if !isKind(kind) || !isResourceID(id) {
		return Resource{}, ErrNotFound
	}
	return s.store.Resource(ctx, tenant.ID, kind, id)
}

// Resources lists resources in the order of kind and id, at most size from the
// address after ("kind/id"; "" = from the first) on; next is where the following
// page starts, "" after the last.
func (s *Service) Resources(ctx context.Context, tenant Tenant, f ResourceFilter, after string, size int) (resources []Resource, next string, err error) {
	owner := ""
	if f.Integration != "" {
		n, err := s.IntegrationOnceInstalled(ctx, tenant, f.Integration)
		if errors.Is(err, ErrNotFound) {
			return nil, "", invalid("integration", "the id or app id of an integration")
		} else if err != nil {
			return nil, "", err
		}
		owner = n.ID
	}
	return s.listResources(ctx, tenant, store.ResourceFilter{Kind: f.Kind, IntegrationID: owner}, after, size)
}

// ResourcesFor lists the resources that a visitor may open, as Resources does.
func (s *Service) ResourcesFor(ctx context.Context, tenant Tenant, who Visitor, kind, after string, size int) (resources []Resource, next string, err error) {
	return s.listResources(ctx, tenant, store.ResourceFilter{Kind: kind, Visitor: who.IntegrationID, IDs: who.Authorized}, after, size)
}

func (s *Service) listResources(ctx context.Context, tenant Tenant, f store.ResourceFilter, after string, size int) (resources []Resource, next string, err error) {
	if f.Kind != "" {
		if err := checkKind(f.Kind); err != nil {
			return nil, "", err
		}
	}
	kind, id, cut := strings.Cut(after, "/")
	if after != "" && !(cut && isKind(kind) && isResourceID(id)) {
		return nil, "", invalid("after", "the kind and the id of a resource, with a slash between them")
	}
	resources, err = s.store.Resources(ctx, tenant.ID, f, kind, id, size+1)
	if len(resources) > size {
		resources = resources[:size]
		next = resources[size-1].Kind + "/" + resources[size-1].ID
	}
	return resources, next, err
}

// ChangeResource changes what wish names, and gives the resource to another
// integration when newOwner is not "" (id or app id). The errors are
// ErrNotFound, ErrChanged and *Invalid.
func (s *Service) ChangeResource(ctx context.Context, tenant Tenant, kind, id, newOwner string, wish ResourceSettings, by By) (Resource, error) {
	stored, err := s.Resource(ctx, tenant, kind, id)
	if err != nil {
		return Resource{}, err
	}
	if newOwner == "" {
		newOwner = stored.IntegrationID
	}
	owner, err := s.IntegrationOnceInstalled(ctx, tenant, newOwner)
	if errors.Is(err, ErrNotFound) || err == nil && owner.RemovedAt != nil && owner.ID != stored.IntegrationID {
		return Resource{}, errNoOwner
	} else if err != nil {
		return Resource{}, err
	}
	r, _, err := s.store.WriteResource(ctx, tenant.ID, kind, id, 0, func(found *Resource) (Resource, store.Act, error) {
		if found == nil {
			return Resource{}, store.Act{}, ErrNotFound
		}
		r := *found
		if owner.ID != found.IntegrationID {
			r.IntegrationID = owner.ID
			if wish.Content == nil {
				wish.Content = &found.ContentURL // has to fit the new owner
			}
		}
		if err := wish.apply(&r, owner); err != nil {
			return Resource{}, store.Act{}, err
		}
		return r, changedResource(by, *found, r), nil
	})
	s.forgetResource(tenant, kind, id)
	return r, err
}

// changedResource is the act of changing a resource, or none when nothing is
// different.
func changedResource(by By, before, after Resource) store.Act {
	was, detail := chosenOf(before), map[string]any{}
	for name, value := range chosenOf(after) {
		noteChange(detail, name, was[name], value)
	}
	return changed(by, "resource_changed", "resource "+after.Kind+"/"+after.ID, detail)
}

// DeleteResource takes a resource away. The errors are ErrNotFound and
// ErrChanged.
func (s *Service) DeleteResource(ctx context.Context, tenant Tenant, kind, id string, by By) error {
	return s.deleteResource(ctx, tenant, kind, id, "", by)
}

// deleteResource is DeleteResource for the resources of one owner; "" = of any.
func (s *Service) deleteResource(ctx context.Context, tenant Tenant, kind, id, owner string, by By) error {
	if !isKind(kind) || !isResourceID(id) {
		return ErrNotFound
	}
	err := s.store.DeleteResource(ctx, tenant.ID, kind, id, func(r Resource) (store.Act, error) {
		if owner != "" && r.IntegrationID != owner {
			return store.Act{}, ErrNotFound
		}
		return resourceAct(by, "resource_deleted", r, chosenOf(r)), nil
	})
	s.forgetResource(tenant, kind, id)
	return err
}
