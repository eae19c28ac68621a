package tokens

import (
	"context"
	"errors"

	"usher/sql/store"
)

// OrganizationSettings is a wish for an organization; nil keeps what is. The
// settings that it has as a client are changed by ChangeClient.
type OrganizationSettings struct {
	DisplayName *string
	Disabled    *bool
}

// apply changes what the wish names.
func (wish OrganizationSettings) apply(c *Client) error {
	if wish.Disabled != nil {
		c.Disabled = *wish.Disabled
	}
	if wish.DisplayName == nil {
		return nil
	}
	var err error
	c.Name, err = checkName("display_name", *wish.DisplayName)
	return err
}

// ErrHasChildren means that there are organizations below the one to be deleted.
var ErrHasChildren = errors.New("there are organizations below it")

// AddOrganization makes an organization with its first secret, which is returned
// in clear, this once. parent is the global id of the organization above it, ""
// for none; name is its own part of the global id, and for people as well unless
// the wish has a display name. The error is ErrTaken when there is a client with this
// global id, or joins an *Invalid for each field that cannot be accepted.
func (t *Tokens) AddOrganization(ctx context.Context, tenant, parent, name string, wish OrganizationSettings, by By) (Organization, string, error) {
	var err error
	if !isOrganizationName(name) {
		err = invalid("name", "1 to %d of the characters a–z, 0–9, underscore and hyphen, with a letter or digit in front", maxOrganizationName)
	}
	above := Organization{}
	globalID := name
	if parent != "" {
		var wrong error
		if above, wrong = t.parent(ctx, tenant, parent); wrong != nil && !isInvalid(wrong) {
			return Organization{}, "", wrong
		}
		err = errors.Join(err, wrong)
		globalID = parent + "." + name
	}
	if err == nil && len(globalID) > maxClientIDBytes {
		err = invalid("name", "so short that the whole global id has at most %d characters", maxClientIDBytes)
	}
	id, failed := store.NewID()
	if failed != nil {
		return Organization{}, "", failed
	}
	kind := KindOrganization
	n := Organization{Client: t.newClient(tenant, id, globalID, ClientSettings{Kind: &kind}), ParentID: above.ID}
	n.Name = name
	if err = errors.Join(err, wish.apply(&n.Client)); err != nil {
		return Organization{}, "", flat(err)
	}
	first, secret, err := t.newSecret(tenant, id)
	if err != nil {
		return Organization{}, "", err
	}
	err = t.store.AddOrganization(ctx, n, first, store.Act{
		By: by, Action: "organization_added", Object: organizationObject(id), SecretOf: first.ID,
		Detail: map[string]any{
			"global_id": globalID, "display_name": n.Name, "parent": above.ID, "disabled": n.Disabled, "secret": first.ID,
		},
	})
	if errors.Is(err, ErrNotFound) {
		err = noParent() // it was deleted meanwhile
	}
	if err != nil {
		return Organization{}, "", err
	}
	return n, secret, nil
}

// parent finds the organization below which another one is to be.
func (t *Tokens) parent(ctx context.Context, tenant, globalID string) (Organization, error) {
	above, err := t.OrganizationByGlobalID(ctx, tenant, globalID)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && above.GlobalID() != globalID:
		return Organization{}, noParent()
	case err != nil:
		return Organization{}, err
	case above.Depth()+1 >= MaxOrganizationDepth:
		return Organization{}, invalid("parent", "an organization with less than %d above it: the tree has %d levels",
			MaxOrganizationDepth-1, MaxOrganizationDepth)
	}
	return above, nil
}

func noParent() *Invalid { return invalid("parent", "the global id of an organization") }

func isInvalid(err error) bool {
	_, is := errors.AsType[*Invalid](err)
	return is
}

func organizationObject(id string) string { return "organization " + id }

// ChangeOrganization changes what wish names; what is so already is no change. A
// disabled organization gets no token from then on, at every instance, and
// memberships of it and of what is below it count for nothing there. The errors
// are ErrNotFound, ErrChanged and *Invalid, which may be joined.
func (t *Tokens) ChangeOrganization(ctx context.Context, tenant, id string, wish OrganizationSettings, by By) (Organization, error) {
	// What is an organization stays one.
	n, err := t.Organization(ctx, tenant, id)
	if err != nil {
		return Organization{}, err
	}
	n.Client, err = t.store.ChangeClient(ctx, tenant, id, store.ClientNeeds{}, func(c *store.ClientState) (store.Act, error) {
		before := c.Client
		if err := wish.apply(&c.Client); err != nil {
			return store.Act{}, err
		}
		detail := clientDifferences(before, c.Client)
		if len(detail) == 0 {
			return store.Act{By: by}, nil
		}
		return store.Act{By: by, Action: "organization_changed", Object: organizationObject(id), Detail: detail}, nil
	})
	t.clients.forget(tenant)
	return n, err
}

// DeleteOrganization takes an organization away, with its secrets and its
// memberships: from then on it gets no token, at no instance. The errors are
// ErrNotFound, ErrChanged and ErrHasChildren.
func (t *Tokens) DeleteOrganization(ctx context.Context, tenant, id string, by By) error {
	if !store.IsID(id) {
		return ErrNotFound
	}
	err := t.store.DeleteOrganization(ctx, tenant, id, func(n Organization, use OrganizationUse) (store.Act, error) {
		if use.Children > 0 {
			return store.Act{}, ErrHasChildren
		}
		return store.Act{By: by, Action: "organization_deleted", Object: organizationObject(id), Detail: map[string]any{
			"global_id": n.GlobalID(), "display_name": n.Name, "members": use.Members, "secrets": use.Secrets,
		}}, nil
	})
	t.clients.forget(tenant)
	return err
}
