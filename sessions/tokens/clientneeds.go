package tokens

import "usher/sql/store"

// needs is what must be there for the wish, as far as it is worth looking for.
func (wish ClientSettings) needs() store.ClientNeeds {
	needs := store.ClientNeeds{
		APIScopes:      worthAsking(wish.APIScopes, isScopeName),
		IdentityScopes: worthAsking(wish.IdentityScopes, func(name string) bool { return isScopeName(name) && !isReserved(name) }),
		RequiredClaims: worthAsking(wish.RequiredClaims, isClaimName),
	}
	if wish.Integration != nil && store.IsID(*wish.Integration) {
		needs.Integration = *wish.Integration
	}
	if wish.User != nil && store.IsID(*wish.User) {
		needs.User = *wish.User
	}
	return needs
}

// worthAsking are those of a list that could be names.
func worthAsking(list []string, isName func(string) bool) []string {
	var names []string
	for _, name := range sorted(list) {
		if len(names) <= maxAllowed && isName(name) {
			names = append(names, name)
		}
	}
	return names
}

// everything is what a wish finds when there is all that it needs.
func everything(wish ClientSettings) store.ClientNeeds {
	known := store.ClientNeeds{APIScopes: wish.APIScopes, IdentityScopes: wish.IdentityScopes, RequiredClaims: wish.RequiredClaims}
	set(&known.Integration, wish.Integration)
	return known
}

// checkNewKind accepts what a client can be made as here.
func checkNewKind(c Client) error {
	switch {
	case c.Kind == KindOrganization:
		return invalid("kind", "organizations are made as such, with their place among the others")
	case c.Kind != KindApplication && c.Kind != KindPerson:
		return invalid("kind", "%s or %s", KindApplication, KindPerson)
	case c.Kind == KindPerson && !store.IsID(c.User):
		return invalid("user_id", "the id of the user for whom the client acts")
	case c.Kind == KindApplication && c.User != "":
		return invalid("user_id", "only a client of the kind %s acts for a user", KindPerson)
	}
	return nil
}

// checkUser accepts a user that there is.
func checkUser(c Client, known store.ClientNeeds) error {
	if c.User != known.User {
		return invalid("user_id", "the id of a user who is there")
	}
	return nil
}
