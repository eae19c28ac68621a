package tokens

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"usher/sql/store"
)

// ErrInvalidGrant means that a code, a refresh token or an assertion gives
// nothing: unknown, used, run out, another client's, or of a person who may not
// any more (RFC 6749 §5.2). Nobody is told which.
var ErrInvalidGrant = errors.New("this gives no token")

// methodExternal is how people prove who they are unless somebody knows better:
// to a partner, who tells us. For amr RFC 8176 has no word for it.
const methodExternal = "external"

// Grant is what a person, who has signed in, gives a client. Its id is the sid of
// the tokens that come from it.
//
// It is live until it ends, its family is revoked, its client is disabled, its
// user is disabled or signed out everywhere, or its integration is removed or
// signs everybody out. All of that is read in one statement at every use and kept
// nowhere else, so that it counts on every instance at once.
type Grant = store.TokenGrant

// Person is who signs in to a client, and with what right: as the session says,
// or the partner's token from which this comes.
type Person struct {
	User        string
	Integration string // "" = none: the person's own program
	Generation  int64  // of the integration
	Epoch       int64  // of the user's sessions
	AuthTime    time.Time
	Methods     []string // amr; none = "external"
}

// Issued are the tokens that a client gets for a person.
type Issued struct {
	Access   Access
	Refresh  string // "" without the scope offline_access
	Identity string // "" without the scope openid
	Grant    Grant
}

// newGrant makes the first grant of a family.
func (t *Tokens) newGrant(ctx context.Context, tenant string, client Client, p Person, scopes []string, end time.Time) (Grant, error) {
	id, err := store.NewID()
	if err != nil {
		return Grant{}, err
	}
	now, err := t.notBeforeScopes(ctx, tenant, scopes, t.moment())
	if err != nil {
		return Grant{}, err
	}
	g := Grant{
		TenantID: tenant, ID: id, Family: id, Client: client.ID, User: p.User, Integration: p.Integration,
		Generation: p.Generation, Epoch: p.Epoch, AuthTime: p.AuthTime.UTC().Truncate(time.Microsecond),
		Methods: p.Methods, Scopes: sorted(scopes), CreatedAt: now, ExpiresAt: end,
	}
	if p.AuthTime.IsZero() {
		g.AuthTime = now
	}
	if len(g.Methods) == 0 {
		g.Methods = []string{methodExternal}
	}
	return g, nil
}

// grantEnd is the end of a grant that gives tokens from now on: with a refresh
// token the absolute one, else that of its access token.
func grantEnd(client Client, scopes []string, now time.Time) time.Time {
	if slices.Contains(scopes, ScopeOfflineAccess) {
		return now.Add(client.RefreshLife)
	}
	return now.Add(client.AccessTokenLife)
}

// refused says why a grant for a client could not be written.
func (t *Tokens) refused(ctx context.Context, client Client) error {
	c, err := t.store.Client(ctx, client.TenantID, client.ID)
	switch {
	case errors.Is(err, ErrNotFound), err == nil && c.Disabled:
		return ErrInvalidClient
	case err != nil:
		return err
	}
	return ErrInvalidGrant
}

// GrantPerson gives a client tokens for a person without a code, for example
// because a partner's token says who it is (RFC 7523 §2.1). The errors are
// ErrInvalidClient, when the client has been disabled or deleted meanwhile, and
// ErrInvalidGrant when the person may not.
func (t *Tokens) GrantPerson(ctx context.Context, tenant, issuer string, client Client, p Person, scopes []string) (Issued, error) {
	if !store.IsID(p.User) || p.Integration != "" && !store.IsID(p.Integration) {
		return Issued{}, ErrInvalidGrant
	}
	now := t.moment()
	g, err := t.newGrant(ctx, tenant, client, p, scopes, grantEnd(client, scopes, now))
	if err != nil {
		return Issued{}, err
	}
	made, err := t.mintOwn(ctx, minting{tenant: tenant, issuer: issuer, client: client, grant: g, scopes: g.Scopes})
	if err != nil {
		return Issued{}, err
	}
	issued := Issued{Access: made.access, Identity: made.identity, Grant: g}
	given := store.Given{Access: made.keep}
	issued.Refresh, given.Refresh = newRefresh(client, g, now)
	err = t.store.AddTokenGrant(ctx, g, given)
	if errors.Is(err, ErrNotFound) {
		err = t.refused(ctx, client)
	}
	if err != nil {
		return Issued{}, err
	}
	return issued, nil
}

// LiveGrant returns a grant that is live at this moment, with its client, or
// ErrNone.
func (t *Tokens) LiveGrant(ctx context.Context, tenant, id string) (Client, Grant, error) {
	if !store.IsID(id) {
		return Client{}, Grant{}, ErrNone
	}
	c, g, err := t.store.LiveTokenGrant(ctx, tenant, id, "", t.now())
	return c, g, noneOf(err)
}

// RevokeFamily ends a grant and everything that came from it, or from what it
// came from. That there is no such grant is no error. When it returns nil every
// token of the family is dead on every instance.
func (t *Tokens) RevokeFamily(ctx context.Context, tenant, grantID string) error {
	if !store.IsID(grantID) {
		return nil
	}
	return t.store.RevokeFamily(ctx, tenant, grantID, t.now())
}

// replayed ends the family of what was shown a second time.
func (t *Tokens) replayed(ctx context.Context, what string, client Client, g Grant) error {
	if err := t.store.RevokeFamily(ctx, g.TenantID, g.ID, t.now()); err != nil {
		return err
	}
	t.log.WarnContext(ctx, what+" replayed", slog.String("tenant", g.TenantID), slog.String("grant", g.ID),
		slog.String("client", client.ID), slog.String("user", g.User))
	return ErrInvalidGrant
}

// GrantShown is a grant with what its client is called.
type GrantShown = store.ShownGrant

// GrantsOf lists a person's live grants, newest first, at most size from the one
// after the given id ("" = from the start); next is where the following page
// starts, "" after the last.
func (t *Tokens) GrantsOf(ctx context.Context, tenant, user, after string, size int) (list []GrantShown, next string, err error) {
	if after != "" && !store.IsID(after) {
		return nil, "", invalid("after", "the id of a grant")
	}
	if !store.IsID(user) {
		return nil, "", nil
	}
	list, err = t.store.TokenGrants(ctx, tenant, user, after, t.now(), size+1)
	if len(list) > size {
		list = list[:size]
		next = list[size-1].ID
	}
	return list, next, err
}
