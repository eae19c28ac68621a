package tokens

import (
	"context"
	"errors"
)

// Revoke takes a token back (RFC 7009) for the client that it was given to: an
// access token alone, with a refresh token its whole family (§2.1). When it returns nil the token is dead on every instance: each looks into
// the same database at every use. A token that is none, or another client's, is
// left as it is, and nil is returned too (§2.2); the caller learns nothing of it.
// An error is a fault of a store, and then nothing is certain.
func (t *Tokens) Revoke(ctx context.Context, tenant string, by Client, token string) error {
	if isReference(token) {
		return t.store.RevokeAccessToken(ctx, tenant, digestOf(token), by.ID, t.now())
	}
	if isOpaque(token) {
		return t.store.RevokeByRefreshToken(ctx, tenant, digestOf(token), by.ID, t.now())
	}
	claims, err := t.readAccess(ctx, tenant, token)
	if errors.Is(err, ErrNone) {
		return nil
	} else if err != nil {
		return err
	}
	if claims.ClientID != by.ClientID {
		return nil
	}
	if claims.RefreshToken != "" {
		return t.RevokeFamily(ctx, tenant, claims.Session)
	}
	now := t.now()
	// By another instance's clock the end may not have come yet.
	if now.After(claims.end().Add(clockSkew)) {
		return nil
	}
	return t.store.RevokeJWT(ctx, tenant, claims.ID, now, claims.end())
}
