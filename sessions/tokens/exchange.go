package tokens

import (
	"context"
	"errors"
	"slices"

	"usher/sql/store"
)

// Exchange gives a client an access token in place of one that another client
// has for a person (RFC 8693 §2). It names the client that acts (act, §4.1), is
// of the same family, and never lives longer. scope is as in Scopes, where "" asks
// for what the old token has and this client may have. What is said of the person
// does not grow: of scopes that are not of an API the old token must have the
// same. Its API scopes are those that an administrator allows it. The errors are
// ErrInvalidGrant, for the old token, ErrScope, and those of CheckUnasked.
func (t *Tokens) Exchange(ctx context.Context, tenant, issuer string, client Client, subject, scope string) (Issued, error) {
	old, err := t.LiveAccess(ctx, tenant, issuer, subject)
	if errors.Is(err, ErrNone) || err == nil && old.Grant == nil {
		return Issued{}, ErrInvalidGrant
	} else if err != nil {
		return Issued{}, err
	}
	scopes, err := t.exchangedScopes(ctx, tenant, client, old, scope)
	if err != nil {
		return Issued{}, err
	}
	if err := t.CheckUnasked(ctx, tenant, client, old.Grant.User, scopes); err != nil {
		return Issued{}, err
	}
	g, err := t.forked(*old.Grant, client, earliest(old.Expires, t.now().Add(client.AccessTokenLife)))
	if err != nil {
		return Issued{}, err
	}
	if g.CreatedAt, err = t.notBeforeScopes(ctx, tenant, scopes, g.CreatedAt); err != nil {
		return Issued{}, err
	}
	g.Scopes, g.Attributes = scopes, nil // the first client has attached them to its own tokens
	made, err := t.mintAccess(ctx, minting{
		tenant: tenant, issuer: issuer, client: client, grant: g, scopes: scopes, actor: client.ClientID,
	})
	if err != nil {
		return Issued{}, err
	}
	err = t.store.AddTokenGrant(ctx, g, store.Given{Access: made.keep})
	if errors.Is(err, ErrNotFound) {
		err = t.refused(ctx, client)
	}
	if err != nil {
		return Issued{}, err
	}
	return Issued{Access: made.access, Grant: g}, nil
}

func (t *Tokens) exchangedScopes(ctx context.Context, tenant string, client Client, old LiveAccess, asked string) ([]string, error) {
	wanted := namesIn(asked)
	found, err := t.allowed(ctx, tenant, client, old.Grant.User, wanted)
	if len(wanted) == 0 && err == nil {
		found, err = t.allowed(ctx, tenant, client, old.Grant.User, old.Scopes)
		found.refused = false
		found.granted = slices.DeleteFunc(found.granted, func(name string) bool { return name == ScopeOfflineAccess })
	}
	if err != nil {
		return nil, err
	}
	for _, name := range found.granted {
		if !slices.Contains(client.APIScopes, name) && !slices.Contains(old.Scopes, name) || name == ScopeOfflineAccess {
			return nil, ErrScope
		}
	}
	if found.refused || len(found.granted) == 0 {
		return nil, ErrScope
	}
	return found.granted, nil
}
