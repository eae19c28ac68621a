package tokens

import "context"

// memberships says which of the organizations that scopes name, by global ids,
// somebody belongs to: a person, or with user "" the client, which may be one of
// them.
func (t *Tokens) memberships(ctx context.Context, tenant string, client Client, user string, names []string) (map[string]bool, error) {
	var orgs []string
	for _, name := range names {
		if org, ok := memberScope(name); ok {
			orgs = append(orgs, org)
		}
	}
	if user != "" {
		return t.MemberOf(ctx, tenant, user, orgs)
	}
	is := map[string]bool{}
	if client.Kind != KindOrganization {
		return is, nil
	}
	above, err := t.Ancestors(ctx, tenant, client.ClientID)
	for _, org := range above {
		is[org] = true
	}
	return is, err
}

// identityScopeNames are those that the tenant has.
func (t *Tokens) identityScopeNames(ctx context.Context, tenant string) ([]string, error) {
	list, err := t.IdentityScopes(ctx, tenant)
	var names []string
	for _, one := range list {
		names = append(names, one.Name)
	}
	return names, err
}
