package tokens

import (
	"context"
	"errors"
	"slices"
	"strings"

	"usher/sql/store"
)

// IssueOwn gives a client a reference token by its own credentials (RFC 6749
// §4.4), for whom it acts: a person's own program for the person, anybody else for
// itself. An organization is a member of itself and of those above it. No scopes
// ask for all that it may have, but for a refresh token. The errors are ErrScope,
// ErrInvalidClient, and ErrInvalidGrant when the person may not.
func (t *Tokens) IssueOwn(ctx context.Context, tenant, issuer string, client Client, scopes []string) (Issued, error) {
	client.AccessTokenFormat = FormatReference
	scopes = slices.DeleteFunc(slices.Clone(scopes), func(name string) bool {
		return name == ScopeOfflineAccess && client.Kind != KindPerson // it shows its secret again instead
	})
	if client.Kind == KindPerson {
		return t.issueForOwner(ctx, tenant, issuer, client, scopes)
	}
	if len(scopes) == 0 {
		memberships, err := t.ownMemberships(ctx, tenant, client)
		if err != nil {
			return Issued{}, err
		}
		scopes = append(memberships, client.APIScopes...)
	}
	found, err := t.allowed(ctx, tenant, client, "", scopes)
	if err != nil {
		return Issued{}, err
	}
	if found.refused {
		return Issued{}, ErrScope
	}
	access, err := t.ownReference(ctx, tenant, client, found.granted)
	return Issued{Access: access}, err
}

// ownMemberships are those of an organization: in itself and in those above it.
func (t *Tokens) ownMemberships(ctx context.Context, tenant string, client Client) ([]string, error) {
	if client.Kind != KindOrganization {
		return nil, nil
	}
	above, err := t.Ancestors(ctx, tenant, client.ClientID)
	var memberships []string
	for _, org := range above {
		memberships = append(memberships, "memberof:"+org)
	}
	return memberships, err
}

// ownReference makes a reference token of a client that speaks for itself.
func (t *Tokens) ownReference(ctx context.Context, tenant string, client Client, scopes []string) (Access, error) {
	id, err := store.NewID()
	if err != nil {
		return Access{}, err
	}
	now := t.now()
	access := Access{ID: id, Life: client.AccessTokenLife, Scopes: scopes}
	access.Token, err = t.reference(ctx, store.AccessToken{
		TenantID: tenant, ID: id, Client: client.ID, Scope: strings.Join(scopes, " "),
		CreatedAt: latest(now, client.CreatedAt), ExpiresAt: now.Add(access.Life),
	})
	return access, err
}

// issueForOwner gives a person's own program a token of the person, who need not
// be there: it hangs on the user and on the program's secret alone.
func (t *Tokens) issueForOwner(ctx context.Context, tenant, issuer string, client Client, scopes []string) (Issued, error) {
	if len(scopes) == 0 {
		scopes = append(slices.Clone(client.IdentityScopes), client.APIScopes...)
	}
	epoch, err := t.store.ActiveEpoch(ctx, tenant, client.User)
	if errors.Is(err, ErrNotFound) {
		return Issued{}, ErrInvalidGrant
	} else if err != nil {
		return Issued{}, err
	}
	found, err := t.allowed(ctx, tenant, client, client.User, scopes)
	if err != nil {
		return Issued{}, err
	}
	if found.refused {
		return Issued{}, ErrScope
	}
	return t.GrantPerson(ctx, tenant, issuer, client, Person{User: client.User, Epoch: epoch, AuthTime: t.now()}, found.granted)
}
