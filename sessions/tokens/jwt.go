package tokens

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

// jwtClaims are the claims of a JWT that the holder of a token makes of it, to
// hand a part of its rights on. It says neither sub nor client_id, by which it
// differs from identity tokens and from other access tokens.
type jwtClaims struct {
	Username        string   `json:"username,omitempty"` // the id of the user, or
	GlobalID        string   `json:"globalid,omitempty"` // the client id of who speaks for itself
	Scope           []string `json:"scope"`
	Issuer          string   `json:"iss"`
	Audience        []string `json:"aud"` // the client id, and whoever else was named
	AuthorizedParty string   `json:"azp"` // the client id
	IssuedAt        int64    `json:"iat"`
	Expires         int64    `json:"exp"`
	ID              string   `json:"jti"`
	Session         string   `json:"sid,omitempty"` // of people: the id of the grant
	RefreshToken    string   `json:"refresh_token,omitempty"`
}

// holder is who has a JWT made, and what it may say.
type holder struct {
	client  Client
	grant   *Grant    // nil = the client speaks for itself
	scopes  []string  // of the token
	ends    time.Time // of the JWT, at the latest
	refresh string    // stands in the JWT; "" = none
}

// MakeJWT makes a JWT of a live access token of ours, or of another such JWT,
// with a part of its scopes. It ends with the token, unless that is a JWT that can
// be refreshed. Who belongs to which organization is looked up now. The errors are
// ErrNone, when the token is not live, and ErrScope, when it lacks a scope or the
// person has left the organization.
func (t *Tokens) MakeJWT(ctx context.Context, tenant, issuer, token string, wish JWTWish) (string, error) {
	live, err := t.LiveAccess(ctx, tenant, issuer, token)
	if err != nil {
		return "", err
	}
	h := holder{client: live.Client, grant: live.Grant, scopes: live.Scopes, ends: live.Expires}
	_, refreshable := live.Claims["refresh_token"]
	if refreshable {
		h.ends = t.now().Add(live.Client.AccessTokenLife)
	}
	scopes, err := t.held(ctx, tenant, h, wish.Scopes)
	if err != nil {
		return "", err
	}
	if len(scopes) != len(wish.Scopes) {
		return "", ErrScope
	}
	if slices.Contains(scopes, ScopeOfflineAccess) {
		// What can be refreshed comes from what can be, and is of its family. An
		// application shows its secret with a refresh token: it is not spared that.
		if h.grant == nil || h.client.Kind == KindApplication || live.Claims != nil && !refreshable {
			return "", ErrScope
		}
		if h, err = t.branch(ctx, h, scopes); err != nil {
			return "", err
		}
	}
	wish.Scopes = scopes
	return t.signJWT(ctx, tenant, issuer, h, wish)
}

// IssuedJWT makes a JWT in place of the access token that a client has just got.
// It says those of the scopes in the wish that were granted, and when
// offline_access is one of them, the refresh token.
func (t *Tokens) IssuedJWT(ctx context.Context, tenant, issuer string, client Client, issued Issued, wish JWTWish) (string, error) {
	h := holder{client: client, scopes: issued.Access.Scopes, ends: t.now().Add(issued.Access.Life)}
	if issued.Grant.ID != "" {
		h.grant = &issued.Grant
	}
	wish.Scopes = slices.DeleteFunc(slices.Clone(wish.Scopes), func(name string) bool { return !h.has(name) })
	if slices.Contains(wish.Scopes, ScopeOfflineAccess) {
		h.refresh = issued.Refresh
	}
	return t.signJWT(ctx, tenant, issuer, h, wish)
}

// held returns those of the scopes that the holder has at this moment, in their
// order: that the token has, and that its client and its person may have still.
func (t *Tokens) held(ctx context.Context, tenant string, h holder, scopes []string) ([]string, error) {
	scopes = slices.DeleteFunc(slices.Clone(scopes), func(name string) bool { return !h.has(name) })
	if len(scopes) == 0 {
		return nil, nil
	}
	user := ""
	if h.grant != nil {
		user = h.grant.User
	}
	found, err := t.allowed(ctx, tenant, h.client, user, scopes)
	return both(scopes, found.granted), err
}

// has reports whether the token has a scope. Memberships are one scope however
// they are written, and a person's own program has all that the person has.
func (h holder) has(name string) bool {
	org, membership := memberScope(name)
	if membership && h.grant != nil && h.client.Kind == KindPerson {
		return true
	}
	return slices.ContainsFunc(h.scopes, func(held string) bool {
		of, is := memberScope(held)
		return held == name || membership && is && of == org
	})
}

// branch makes a grant of the same family that has these scopes, and a refresh
// token for it. The error is ErrNone when the old one has ended meanwhile.
func (t *Tokens) branch(ctx context.Context, h holder, scopes []string) (holder, error) {
	g, err := t.forked(*h.grant, h.client, h.grant.ExpiresAt)
	if err != nil {
		return h, err
	}
	g.Scopes = sorted(scopes)
	refresh, kept := newRefresh(h.client, g, g.CreatedAt)
	if err := t.store.AddTokenGrant(ctx, g, store.Given{Refresh: kept}); err != nil {
		return h, noneOf(err)
	}
	h.grant, h.refresh = &g, refresh
	return h, nil
}

// signJWT makes the JWT of a wish whose scopes the holder has.
func (t *Tokens) signJWT(ctx context.Context, tenant, issuer string, h holder, wish JWTWish) (string, error) {
	now := t.now()
	// It is not older than its client and its grant, whose rows may be of a clock that is ahead.
	made := latest(now, h.client.CreatedAt)
	if h.grant != nil {
		made = latest(made, h.grant.CreatedAt)
	}
	id, err := store.NewIDAt(made)
	if err != nil {
		return "", err
	}
	claims := jwtClaims{
		GlobalID: h.client.ClientID, Scope: append([]string{}, wish.Scopes...), Issuer: issuer,
		Audience: each(append([]string{h.client.ClientID}, wish.Audience...)), AuthorizedParty: h.client.ClientID,
		IssuedAt: made.Unix(), ID: id, RefreshToken: h.refresh,
	}
	ends := h.ends
	if wish.Validity > 0 {
		ends = earliest(ends, now.Add(wish.Validity))
	}
	var values map[string]any
	if h.grant != nil {
		claims.Username, claims.GlobalID, claims.Session = h.grant.User, "", h.grant.ID
		ends = earliest(ends, h.grant.ExpiresAt)
		if wish.Values {
			if values, err = t.scopeValues(ctx, tenant, h.grant.User, wish.Scopes); err != nil {
				return "", err
			}
		}
	}
	claims.Expires = ends.Unix()
	if len(values) == 0 {
		return t.Sign(ctx, tenant, ES384, typeJWT, claims)
	}
	merged, err := withValues(claims, values)
	if err != nil {
		return "", err
	}
	return t.Sign(ctx, tenant, ES384, typeJWT, merged)
}

// scopeValues are what the scopes user:… of a list open, under their names: of
// user:name the claim name.
func (t *Tokens) scopeValues(ctx context.Context, tenant, user string, scopes []string) (map[string]any, error) {
	var open []string
	for _, name := range scopes {
		if _, membership := memberScope(name); !membership && strings.HasPrefix(name, "user:") {
			open = append(open, name)
		}
	}
	if len(open) == 0 {
		return nil, nil
	}
	claims, err := t.ClaimsFor(ctx, tenant, user, open)
	if err != nil {
		return nil, err
	}
	values := map[string]any{}
	for _, name := range open {
		if value, ok := claims[strings.TrimPrefix(name, "user:")]; ok {
			values[name] = value
		}
	}
	return values, nil
}

// withValues puts values, whose names are those of scopes with a colon, beside
// claims, whose names have none.
func withValues(claims jwtClaims, values map[string]any) (map[string]json.RawMessage, error) {
	text, err := json.Marshal(claims)
	if err != nil {
		return nil, err
	}
	var merged map[string]json.RawMessage
	if err := json.Unmarshal(text, &merged); err != nil {
		return nil, err
	}
	for name, value := range values {
		if merged[name], err = json.Marshal(value); err != nil {
			return nil, err
		}
	}
	return merged, nil
}
