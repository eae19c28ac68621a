package tokens

import (
	"context"
	"slices"
	"strings"
)

// Scopes with a meaning of their own.
const (
	ScopeOpenID        = "openid"         // an identity token (OpenID Connect Core §3.1.2.1)
	ScopeOfflineAccess = "offline_access" // a refresh token (§11)
)

// Scopes says what of the scopes that a client asks for it gets, sorted: for a
// person, or with user "" for itself. asked has spaces between the names. "" asks
// for openid for a person, if the client may have that, else and for the client
// itself for all its API scopes. Memberships that there are none of are left out;
// anything else that the client may not have is ErrScope, and so is nothing at all.
func (t *Tokens) Scopes(ctx context.Context, tenant string, client Client, user, asked string) (granted []string, err error) {
	names := namesIn(asked)
	if len(names) == 0 {
		names = client.APIScopes
		if user != "" && mayOpenID(client) {
			names = []string{ScopeOpenID}
		}
	}
	found, err := t.allowed(ctx, tenant, client, user, names)
	if err != nil {
		return nil, err
	}
	if found.refused || len(found.granted) == 0 {
		return nil, ErrScope
	}
	return found.granted, nil
}

// allowedScopes are what a client may have of scopes.
type allowedScopes struct {
	granted []string // sorted
	refused bool     // of others than memberships
}

// allowed says what a client may have of scopes at this moment, for a person or
// with user "" for itself.
func (t *Tokens) allowed(ctx context.Context, tenant string, client Client, user string, names []string) (allowedScopes, error) {
	names = sorted(names)
	var found allowedScopes
	var identity, memberships []string
	for _, name := range names {
		_, ofMembership := memberScope(name)
		switch {
		case ofMembership:
			memberships = append(memberships, name)
		case slices.Contains(client.APIScopes, name):
			// Which there are is asked below.
		case user == "":
			found.refused = true
		case name == ScopeOpenID && mayOpenID(client):
			found.granted = append(found.granted, name)
		case name == ScopeOfflineAccess && slices.Contains(client.Grants, GrantRefreshToken):
			found.granted = append(found.granted, name)
		case name != ScopeOpenID && name != ScopeOfflineAccess && slices.Contains(client.IdentityScopes, name):
			identity = append(identity, name)
		default:
			found.refused = true
		}
	}
	for _, which := range []struct {
		names []string
		there func(context.Context, string, Client, string, []string) ([]string, error)
		must  bool
	}{
		{both(names, client.APIScopes), t.thereOfAPI, true},
		{identity, t.thereOfIdentity, true},
		{memberships, t.thereOfMemberships, false},
	} {
		if len(which.names) == 0 {
			continue
		}
		there, err := which.there(ctx, tenant, client, user, which.names)
		if err != nil {
			return allowedScopes{}, err
		}
		found.granted = append(found.granted, there...)
		found.refused = found.refused || which.must && len(there) < len(which.names)
	}
	found.granted = sorted(found.granted)
	return found, nil
}

// thereOfAPI are those API scopes that exist.
func (t *Tokens) thereOfAPI(ctx context.Context, tenant string, _ Client, _ string, names []string) ([]string, error) {
	list, err := t.store.ScopeConnections(ctx, tenant, names)
	var there []string
	for _, s := range list {
		there = append(there, s.Scope)
	}
	return there, err
}

// thereOfIdentity are those identity scopes that exist.
func (t *Tokens) thereOfIdentity(ctx context.Context, tenant string, _ Client, _ string, names []string) ([]string, error) {
	list, err := t.IdentityScopes(ctx, tenant)
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool {
		return !slices.ContainsFunc(list, func(s IdentityScope) bool { return s.Name == name })
	}), err
}

// thereOfMemberships are those that the person has, or the client itself if it is
// an organization.
func (t *Tokens) thereOfMemberships(ctx context.Context, tenant string, client Client, user string, names []string) ([]string, error) {
	orgs := map[string]string{} // by scope
	var asked []string
	for _, name := range names {
		orgs[name], _ = memberScope(name)
		asked = append(asked, orgs[name])
	}
	has := map[string]bool{}
	var err error
	switch {
	case user != "":
		has, err = t.MemberOf(ctx, tenant, user, asked)
	case client.Kind == KindOrganization:
		var above []string
		above, err = t.Ancestors(ctx, tenant, client.ClientID)
		for _, org := range above {
			has[org] = true
		}
	}
	return slices.DeleteFunc(slices.Clone(names), func(name string) bool { return !has[orgs[name]] }), err
}

// mayOpenID reports whether a client may have identity tokens: whoever sends
// people here may.
func mayOpenID(client Client) bool {
	return slices.Contains(client.Grants, GrantAuthorizationCode) || slices.Contains(client.IdentityScopes, ScopeOpenID)
}

// namesIn takes a list with spaces apart (RFC 6749 §3.3), and sorts it.
func namesIn(list string) []string {
	return sorted(strings.FieldsFunc(list, func(r rune) bool { return r == ' ' }))
}

// both are the names that two lists have in common, in the order of the first.
func both(a, b []string) []string {
	return slices.DeleteFunc(slices.Clone(a), func(name string) bool { return !slices.Contains(b, name) })
}
