package tokens

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

// LiveAccess is an access token that is live.
type LiveAccess struct {
	Client  Client
	Grant   *Grant   // nil = the client speaks for itself
	Scopes  []string // what the token was given, without what was made since under an old name
	ID      string   // jti
	Expires time.Time
	Claims  map[string]any // of a JWT, numbers as json.Number; nil = a reference token
}

// LiveAccess returns what an access token of ours is, a JWT or a reference token,
// of a client or of a person, when it is live at this moment, or ErrNone.
func (t *Tokens) LiveAccess(ctx context.Context, tenant, issuer, token string) (LiveAccess, error) {
	find := t.liveJWT
	if isReference(token) {
		find = t.liveReference
	}
	live, made, err := find(ctx, tenant, issuer, token)
	if err != nil {
		return LiveAccess{}, err
	}
	if live.Grant != nil {
		made = live.Grant.CreatedAt // with which its scopes were given
	}
	if live.Scopes, err = t.fromThen(ctx, tenant, live.Scopes, made); err != nil {
		return LiveAccess{}, err
	}
	return live, nil
}

// liveReference and liveJWT also return when the token was made.
func (t *Tokens) liveReference(ctx context.Context, tenant, _, token string) (live LiveAccess, made time.Time, err error) {
	b, err := t.store.ReferenceBearer(ctx, tenant, digestOf(token), t.now())
	if err != nil {
		return LiveAccess{}, time.Time{}, noneOf(err)
	}
	return LiveAccess{Client: b.Owner, Grant: b.Grant, Scopes: strings.Fields(b.Scope), ID: b.ID, Expires: b.ExpiresAt}, b.CreatedAt, nil
}

func (t *Tokens) liveJWT(ctx context.Context, tenant, issuer, token string) (live LiveAccess, made time.Time, err error) {
	claims, err := t.readTimely(ctx, tenant, issuer, token)
	if err != nil {
		return LiveAccess{}, time.Time{}, err
	}
	live = LiveAccess{Scopes: claims.Scope, ID: claims.ID, Expires: claims.end()}
	if live.Claims, err = claimsOf(claims.payload); err != nil {
		return LiveAccess{}, time.Time{}, ErrNone
	}
	if claims.Session == "" {
		b, err := t.store.JWTBearer(ctx, tenant, claims.ID, claims.ClientID, claims.made())
		live.Client = b.Owner
		return live, claims.made(), noneOf(err)
	}
	client, g, err := t.store.LiveTokenGrant(ctx, tenant, claims.Session, claims.ID, t.now())
	if err != nil {
		return LiveAccess{}, time.Time{}, noneOf(err)
	}
	if client.ClientID != claims.ClientID || g.User != claims.Subject {
		return LiveAccess{}, time.Time{}, ErrNone
	}
	live.Client, live.Grant, live.Scopes = client, &g, claims.scopes(g)
	return live, claims.made(), nil
}

// UserInfo returns what the bearer of an access token may know of its person
// (OpenID Connect Core §5.3): the claims of the identity scopes that the token has
// and the client may still have, as they are now. The errors are ErrNone, and
// ErrScope without the scope openid.
func (t *Tokens) UserInfo(ctx context.Context, tenant, issuer, token string) (claims map[string]any, err error) {
	live, err := t.LiveAccess(ctx, tenant, issuer, token)
	if err != nil {
		return nil, err
	}
	if live.Grant == nil || !slices.Contains(live.Scopes, ScopeOpenID) {
		return nil, ErrScope
	}
	scopes := append(both(live.Scopes, live.Client.IdentityScopes), ScopeOpenID)
	claims, err = t.personsClaims(ctx, tenant, live.Grant.User, sorted(scopes))
	if errors.Is(err, ErrInvalidGrant) {
		return nil, ErrNone
	} else if err != nil {
		return nil, err
	}
	claims["sub"] = live.Grant.User
	return claims, nil
}

// typeClientAccess is the claim "type" of access tokens of the wire form at
// /api/v0/token. Their scope says nothing but "access".
const typeClientAccess = "client_access_token"

// scopes are what a JWT of a grant is good for.
func (p presented) scopes(g store.TokenGrant) []string {
	if p.Type == typeClientAccess {
		return g.Scopes
	}
	return p.Scope
}
