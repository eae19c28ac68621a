package tokens

import (
	"context"
	"errors"
	"slices"
	"strings"

	"usher/sql/store"
)

const (
	// maxOrganizationName is how long an organization's own part of its global id
	// may be.
	maxOrganizationName = 63
	// MaxOrganizationDepth is how many organizations may stand above one another.
	MaxOrganizationDepth = 8
	// maxMemberOf is how many organizations are asked about at once.
	maxMemberOf = 100
)

// The records of organizations, as those of clients.
type (
	Organization    = store.Organization
	OrganizationUse = store.OrganizationUse
)

// IsGlobalID reports whether a text can be the global id of an organization.
func IsGlobalID(text string) bool {
	if len(text) > maxClientIDBytes {
		return false
	}
	names := strings.Split(text, ".")
	return len(names) <= MaxOrganizationDepth && !slices.ContainsFunc(names, func(name string) bool { return !isOrganizationName(name) })
}

// isOrganizationName reports whether a text can be an organization's own part of
// its global id.
func isOrganizationName(text string) bool {
	return text != "" && len(text) <= maxOrganizationName && (isLower(text[0]) || isDigit(text[0])) &&
		consistsOf(text, func(c byte) bool { return isLower(c) || isDigit(c) || c == '_' || c == '-' })
}

// lowered writes the letters A–Z small, and no others: there are letters far from
// them whose small form is one of a–z.
func lowered(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// memberScope reads the scopes memberof:ORG and user:memberof:ORG. The global id
// is returned as it is stored: whoever writes it may use capitals.
func memberScope(name string) (globalID string, ok bool) {
	name, ok = strings.CutPrefix(strings.TrimPrefix(name, "user:"), "memberof:")
	name = lowered(name)
	return name, ok && IsGlobalID(name)
}

// MemberOf says of each of these organizations, named by global ids in any case,
// whether an active user belongs to it: as a member or owner of it or of one
// below it. A disabled organization counts for nothing, and neither does what is
// only below it. Nobody belongs to those beyond the first 100.
func (t *Tokens) MemberOf(ctx context.Context, tenant, user string, orgs []string) (map[string]bool, error) {
	is := make(map[string]bool, len(orgs))
	asked := make([]string, 0, len(orgs))
	for _, org := range orgs {
		is[org] = false
		if lower := lowered(org); IsGlobalID(lower) && len(asked) < maxMemberOf {
			asked = append(asked, lower)
		}
	}
	if len(asked) == 0 || !store.IsID(user) {
		return is, nil
	}
	found, err := t.store.MemberOf(ctx, tenant, user, asked)
	if err != nil {
		return nil, err
	}
	for _, org := range orgs {
		is[org] = slices.Contains(found, lowered(org))
	}
	return is, nil
}

// Ancestors lists the global ids of an organization and of those above it, itself
// first, up to the first that is disabled; none for one that is disabled itself.
func (t *Tokens) Ancestors(ctx context.Context, tenant, org string) ([]string, error) {
	org = lowered(org)
	if !IsGlobalID(org) {
		return nil, nil
	}
	return t.store.Ancestors(ctx, tenant, org)
}

// Organizations lists a tenant's organizations in the order of the tree, each
// right before those below it, at most size from the one after the given global
// id; next is where the following page starts, "" after the last. under chooses
// those below the one of this global id; "" = all.
func (t *Tokens) Organizations(ctx context.Context, tenant, under, after string, size int) (list []Organization, next string, err error) {
	if under != "" && !IsGlobalID(under) {
		return nil, "", invalid("under", "the global id of an organization")
	}
	if after != "" && !IsGlobalID(after) {
		return nil, "", invalid("after", "the global id of an organization")
	}
	list, err = t.store.Organizations(ctx, tenant, under, after, size+1)
	if len(list) > size {
		list = list[:size]
		next = list[size-1].GlobalID()
	}
	return list, next, err
}

// Organization returns one organization by its id, or ErrNotFound.
func (t *Tokens) Organization(ctx context.Context, tenant, id string) (Organization, error) {
	if !store.IsID(id) {
		return Organization{}, ErrNotFound
	}
	return t.store.Organization(ctx, tenant, id)
}

// OrganizationByGlobalID returns one organization by its global id, in any case,
// or ErrNotFound.
func (t *Tokens) OrganizationByGlobalID(ctx context.Context, tenant, globalID string) (Organization, error) {
	if globalID = lowered(globalID); !IsGlobalID(globalID) {
		return Organization{}, ErrNotFound
	}
	return t.store.OrganizationByGlobalID(ctx, tenant, globalID)
}

// ClientIDAsStored is the client id that somebody means who may write the global id
// of an organization in any case. What names no organization stays as it is.
func (t *Tokens) ClientIDAsStored(ctx context.Context, tenant, clientID string) (string, error) {
	if lowered(clientID) == clientID {
		return clientID, nil
	}
	n, err := t.OrganizationByGlobalID(ctx, tenant, clientID)
	switch {
	case errors.Is(err, ErrNotFound):
		return clientID, nil
	case err != nil:
		return "", err
	}
	return n.GlobalID(), nil
}

// OrganizationUse counts what hangs on an organization.
func (t *Tokens) OrganizationUse(ctx context.Context, tenant, id string) (OrganizationUse, error) {
	if !store.IsID(id) {
		return OrganizationUse{}, ErrNotFound
	}
	return t.store.OrganizationUse(ctx, tenant, id, t.now())
}
