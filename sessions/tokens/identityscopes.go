package tokens

import (
	"context"
	"errors"
	"slices"

	"usher/sql/store"
)

// MaxIdentityScopes is how many identity scopes of its own a tenant can have, and
// maxClaimsOfScope how many claims one of them.
const (
	MaxIdentityScopes = 100
	maxClaimsOfScope  = 50
)

// IdentityScope is a bundle of claims about a person, which a client can ask for.
type IdentityScope = store.IdentityScope

// builtInScopes are those that every tenant has: of OpenID Connect (Core 1.0
// §5.4), of single claims, and of the third wire form.
func builtInScopes() []IdentityScope {
	scopes := []IdentityScope{
		{Name: "openid", DisplayName: "Know who you are", Claims: []string{"sub"}},
		{Name: "profile", DisplayName: "Your name, e-mail address and phone number", Claims: []string{"email", "name", "phone"}},
		{Name: "name", DisplayName: "Your name", Claims: []string{"name"}},
		{Name: "phone", DisplayName: "Your phone number", Claims: []string{"phone"}},
		{Name: "email", DisplayName: "Your e-mail address", Claims: []string{"email", "email_verified"}},
		{Name: "groups", DisplayName: "The groups you are in", Claims: []string{"groups"}},
		{Name: "user:name", DisplayName: "Your name", Claims: []string{"name"}},
		{Name: "user:email", DisplayName: "Your e-mail address", Claims: []string{"email", "email_verified"}},
		{Name: "user:phone", DisplayName: "Your phone number", Claims: []string{"phone"}},
	}
	for i := range scopes {
		scopes[i].BuiltIn = true
	}
	return scopes
}

func builtInScopeNames() []string {
	var names []string
	for _, scope := range builtInScopes() {
		names = append(names, scope.Name)
	}
	return names
}

// builtInScope returns one of those that every tenant has.
func builtInScope(name string) (IdentityScope, bool) {
	scopes := builtInScopes()
	i := slices.IndexFunc(scopes, func(scope IdentityScope) bool { return scope.Name == name })
	if i < 0 {
		return IdentityScope{}, false
	}
	return scopes[i], true
}

// IdentityScopes lists all identity scopes of a tenant: the built-in ones in
// their order, then its own by name.
func (t *Tokens) IdentityScopes(ctx context.Context, tenant string) ([]IdentityScope, error) {
	own, err := t.store.IdentityScopes(ctx, tenant, MaxIdentityScopes)
	return slices.Concat(builtInScopes(), own), err
}

// IdentityScope returns one identity scope, built in or the tenant's own, or
// ErrNotFound.
func (t *Tokens) IdentityScope(ctx context.Context, tenant, name string) (IdentityScope, error) {
	if scope, ok := builtInScope(name); ok {
		return scope, nil
	}
	if !isScopeName(name) {
		return IdentityScope{}, ErrNotFound
	}
	return t.store.IdentityScope(ctx, tenant, name)
}

// NewIdentityScope is the wish for an identity scope.
type NewIdentityScope struct {
	Name        string   // as API scopes are called, and as none of them is; it never changes
	DisplayName string   // "" = Name
	Claims      []string // of Claims, or custom ones; each once counts
}

// AddIdentityScope makes an identity scope. The error is ErrTaken when there is
// an identity or an API scope of this name, or joins an *Invalid for each field
// that cannot be accepted.
func (t *Tokens) AddIdentityScope(ctx context.Context, tenant string, wish NewIdentityScope, by By) (IdentityScope, error) {
	if wish.DisplayName == "" {
		wish.DisplayName = wish.Name
	}
	now := t.moment()
	scope := IdentityScope{
		TenantID: tenant, Name: wish.Name, Claims: sorted(wish.Claims), Revision: 1, CreatedAt: now, UpdatedAt: now,
	}
	var errs []error
	var err error
	if err = checkScopeName(wish.Name); err != nil {
		errs = append(errs, err)
	}
	// Without a name the display name has none to fall back on either.
	if scope.DisplayName, err = checkName("display_name", wish.DisplayName); err != nil && len(errs) == 0 {
		errs = append(errs, err)
	}
	if err = checkClaims(scope.Claims, scope.Claims); err != nil {
		errs = append(errs, err)
	}
	if err = errors.Join(errs...); err != nil {
		return IdentityScope{}, err
	}
	err = t.store.AddIdentityScope(ctx, scope, MaxIdentityScopes, func(known []string) error { return checkClaims(scope.Claims, known) }, store.Act{
		By: by, Action: "identity_scope_added", Object: "identity_scope " + scope.Name,
		Detail: map[string]any{"display_name": scope.DisplayName, "claims": scope.Claims},
	})
	if errors.Is(err, store.ErrFull) {
		err = invalid("name", "a tenant can have %d identity scopes of its own, and has them: delete one first", MaxIdentityScopes)
	}
	if err != nil {
		return IdentityScope{}, err
	}
	return scope, nil
}

// checkScopeName accepts the name of a scope that is to be made.
func checkScopeName(name string) error {
	switch {
	case !isScopeName(name):
		return invalid("name", "1 to %d of the characters a–z, 0–9, dot, underscore, colon and hyphen, with a letter or digit in front", maxScopeBytes)
	case isReserved(name):
		return reserved("name")
	}
	return nil
}

// checkClaims accepts the claims of an identity scope. known are those custom
// ones that there are.
func checkClaims(claims, known []string) error {
	if len(claims) > maxClaimsOfScope {
		return invalid("claims", "at most %d", maxClaimsOfScope)
	}
	for _, name := range claims {
		if !isStandardClaim(name) && (!isClaimName(name) || !slices.Contains(known, name)) {
			return invalid("claims", "names of claims that there are")
		}
	}
	return nil
}

// IdentityScopeSettings is a wish for an identity scope; nil keeps what is.
type IdentityScopeSettings struct {
	DisplayName *string
	Claims      []string // empty and not nil = none
}

// ChangeIdentityScope changes what wish names; what is so already is no change.
// The errors are ErrNotFound, ErrChanged and *Invalid, which may be joined.
func (t *Tokens) ChangeIdentityScope(ctx context.Context, tenant, name string, wish IdentityScopeSettings, by By) (IdentityScope, error) {
	if _, fixed := builtInScope(name); fixed {
		return IdentityScope{}, everyTenantHas("scope")
	}
	if !isScopeName(name) {
		return IdentityScope{}, ErrNotFound
	}
	var asked []string
	for _, claim := range sorted(wish.Claims) {
		if isClaimName(claim) && len(asked) <= maxClaimsOfScope {
			asked = append(asked, claim)
		}
	}
	return t.store.ChangeIdentityScope(ctx, tenant, name, asked, func(scope *IdentityScope, known []string) (store.Act, error) {
		before := *scope
		var errs []error
		if wish.DisplayName != nil {
			shown, err := checkName("display_name", *wish.DisplayName)
			scope.DisplayName, errs = shown, append(errs, err)
		}
		if wish.Claims != nil {
			scope.Claims = sorted(wish.Claims)
			errs = append(errs, checkClaims(scope.Claims, known))
		}
		if err := errors.Join(errs...); err != nil {
			return store.Act{}, err
		}
		detail := map[string]any{}
		if before.DisplayName != scope.DisplayName {
			detail["display_name"] = map[string]any{"from": before.DisplayName, "to": scope.DisplayName}
		}
		if !slices.Equal(before.Claims, scope.Claims) {
			detail["claims"] = map[string]any{"from": before.Claims, "to": scope.Claims}
		}
		if len(detail) == 0 {
			return store.Act{By: by}, nil
		}
		return store.Act{By: by, Action: "identity_scope_changed", Object: "identity_scope " + name, Detail: detail}, nil
	})
}

// everyTenantHas says that something cannot be changed.
func everyTenantHas(field string) *Invalid {
	return invalid(field, "one of the tenant’s own: this one is built in and stays as it is")
}

// ScopeLoss is what the deletion of an identity scope will do.
type ScopeLoss struct {
	Scope   IdentityScope
	Clients []Client // that may ask for it, by client id
	More    bool     // there are more clients than those
}

// ScopeLoss says what deleting an identity scope will do, for the preview. The
// errors are ErrNotFound and *Invalid.
func (t *Tokens) ScopeLoss(ctx context.Context, tenant, name string) (ScopeLoss, error) {
	if _, fixed := builtInScope(name); fixed {
		return ScopeLoss{}, everyTenantHas("scope")
	}
	var loss ScopeLoss
	var err error
	if loss.Scope, err = t.IdentityScope(ctx, tenant, name); err != nil {
		return ScopeLoss{}, err
	}
	loss.Clients, err = t.store.ClientsWithIdentityScope(ctx, tenant, name, maxClientsNamed+1)
	if len(loss.Clients) > maxClientsNamed {
		loss.Clients, loss.More = loss.Clients[:maxClientsNamed], true
	}
	return loss, err
}

// DeleteIdentityScope takes an identity scope away, from every client that may
// ask for it as well. The errors are ErrNotFound, ErrChanged and *Invalid.
func (t *Tokens) DeleteIdentityScope(ctx context.Context, tenant, name string, by By) error {
	if _, fixed := builtInScope(name); fixed {
		return everyTenantHas("scope")
	}
	if !isScopeName(name) {
		return ErrNotFound
	}
	err := t.store.DeleteIdentityScope(ctx, tenant, name, func(scope IdentityScope, clients []Client) (store.Act, error) {
		return store.Act{
			By: by, Action: "identity_scope_deleted", Object: "identity_scope " + name,
			Detail: map[string]any{"claims": scope.Claims, "clients": idsOf(clients)},
		}, nil
	})
	t.clients.forget(tenant)
	return err
}

// idsOf are the ids of clients, for the audit log.
func idsOf(clients []Client) []string {
	ids := []string{}
	for _, c := range clients {
		ids = append(ids, c.ID)
	}
	return ids
}
