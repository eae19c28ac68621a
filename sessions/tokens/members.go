package tokens

import (
	"context"
	"slices"

	"usher/sql/store"
)

// Roles of people in an organization.
const (
	RoleMember = store.OrganizationMembership
	RoleOwner  = store.OrganizationOwnership // a member who answers for the organization
)

// Roles lists them.
func Roles() []string { return []string{RoleMember, RoleOwner} }

// Member is a person in an organization, and UserOrganization an organization
// that a person is in.
type (
	Member           = store.OrganizationMember
	UserOrganization = store.UserOrganization
)

// Members lists the people in an organization, not those in one below it, in the
// order of their ids, at most size from the one after the given id; next is where
// the following page starts, "" after the last.
func (t *Tokens) Members(ctx context.Context, tenant, organization, after string, size int) (members []Member, next string, err error) {
	if after != "" && !store.IsID(after) {
		return nil, "", invalid("after", "the id of a user")
	}
	if !store.IsID(organization) {
		return nil, "", ErrNotFound
	}
	members, err = t.store.OrganizationMembers(ctx, tenant, organization, after, size+1)
	if len(members) > size {
		members = members[:size]
		next = members[size-1].UserID
	}
	return members, next, err
}

// OrganizationsOf lists the organizations that a user is in, by global id, at
// most size from the one after the given global id; next is where the following
// page starts, "" after the last.
func (t *Tokens) OrganizationsOf(ctx context.Context, tenant, user, after string, size int) (list []UserOrganization, next string, err error) {
	if after != "" && !IsGlobalID(after) {
		return nil, "", invalid("after", "the global id of an organization")
	}
	if !store.IsID(user) {
		return nil, "", ErrNotFound
	}
	list, err = t.store.OrganizationsOf(ctx, tenant, user, after, size+1)
	if len(list) > size {
		list = list[:size]
		next = list[size-1].GlobalID
	}
	return list, next, err
}

// SetMember puts a person into an organization, or changes the role of one who is
// in it; what is so already is no change. The errors are *Invalid, and ErrNotFound
// for an unknown organization or person, and for one who was erased or merged.
func (t *Tokens) SetMember(ctx context.Context, tenant, organization, user, role string, by By) error {
	if !slices.Contains(Roles(), role) {
		return invalid("role", "%s or %s", RoleMember, RoleOwner)
	}
	if !store.IsID(organization) || !store.IsID(user) {
		return ErrNotFound
	}
	return t.store.SetOrganizationMember(ctx, tenant, organization, user, role, func(before string) store.Act {
		act := store.Act{
			By: by, Action: "organization_member_added", Object: organizationObject(organization),
			Detail: map[string]any{"user": user, "role": role},
		}
		switch before {
		case "":
		case role:
			return store.Act{By: by}
		default:
			act.Action = "organization_member_changed"
			act.Detail["role"] = map[string]any{"from": before, "to": role}
		}
		return act
	})
}

// DropMember takes a person out of an organization. It returns ErrNotFound for
// one who is not in it.
func (t *Tokens) DropMember(ctx context.Context, tenant, organization, user string, by By) error {
	if !store.IsID(organization) || !store.IsID(user) {
		return ErrNotFound
	}
	return t.store.DropOrganizationMember(ctx, tenant, organization, user, func(role string) store.Act {
		return store.Act{
			By: by, Action: "organization_member_dropped", Object: organizationObject(organization),
			Detail: map[string]any{"user": user, "role": role},
		}
	})
}
