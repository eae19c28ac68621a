package tokens

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"slices"
	"time"

	"usher/sql/store"
)

// refreshGrace is for how long a used refresh token gets its successor again.
const refreshGrace = time.Minute

// Refresh gives a client new tokens for a refresh token (RFC 6749 §6), and a new
// refresh token that takes its place. For a minute the old one gets the same new
// one again, so that a client whose answer was lost, or that asks many times at
// once, stays in. Whoever shows it later has stolen it, or was stolen from: the
// whole family ends. scope narrows the access token, "" = all that was granted.
// The errors are ErrInvalidGrant, and ErrScope for a scope that was not granted.
func (t *Tokens) Refresh(ctx context.Context, tenant, issuer string, client Client, refresh, scope string) (Issued, error) {
	return t.refresh(ctx, minting{tenant: tenant, issuer: issuer, client: client}, refresh, scope, t.mintOwn)
}

// refresh is Refresh for every wire form. m says everything but the grant.
func (t *Tokens) refresh(ctx context.Context, m minting, refresh, scope string, form mint) (Issued, error) {
	// Who is not the first finds what the first has left.
	for range 2 {
		issued, err := t.refreshOnce(ctx, m, refresh, scope, form)
		if !errors.Is(err, errMoved) {
			return issued, err
		}
	}
	return Issued{}, ErrInvalidGrant
}

func (t *Tokens) refreshOnce(ctx context.Context, m minting, refresh, scope string, form mint) (Issued, error) {
	now := t.moment()
	kept, g, err := t.goodRefresh(ctx, m.tenant, m.client, refresh, now)
	if err != nil {
		return Issued{}, err
	}
	m.grant = g
	if m.scopes, err = t.scopesNow(ctx, m, scope); err != nil {
		return Issued{}, err
	}
	made, err := form(ctx, m)
	if err != nil {
		return Issued{}, err
	}
	issued := Issued{Access: made.access, Identity: made.identity, Grant: g}
	given := store.Given{Access: made.keep}
	if kept.UsedAt != nil {
		if issued.Refresh, err = t.openSuccessor(m.tenant, kept); err == nil && given.Access != nil {
			err = t.store.Give(ctx, m.tenant, given)
		}
	} else {
		issued.Refresh, given.Refresh = newRefresh(m.client, g, now)
		sealed := t.sealer.Seal([]byte(issued.Refresh), placeOfSuccessor(m.tenant, kept)...)
		err = t.store.RotateRefreshToken(ctx, m.tenant, kept.Digest, now, sealed, given)
	}
	if errors.Is(err, ErrNotFound) {
		err = errMoved
	}
	if err != nil {
		return Issued{}, err
	}
	return issued, nil
}

// goodRefresh finds a refresh token of a client that gives something: one that is
// not used, or that has been for a moment only. The error is ErrInvalidGrant.
func (t *Tokens) goodRefresh(ctx context.Context, tenant string, client Client, refresh string, now time.Time) (store.RefreshToken, Grant, error) {
	nothing := func(err error) (store.RefreshToken, Grant, error) { return store.RefreshToken{}, Grant{}, err }
	if !isOpaque(refresh) {
		return nothing(ErrInvalidGrant)
	}
	kept, found, err := t.store.RefreshToken(ctx, tenant, digestOf(refresh), now)
	switch {
	case errors.Is(err, ErrNotFound):
		return nothing(ErrInvalidGrant)
	case err != nil:
		return nothing(err)
	case found.Grant.Client != client.ID, !found.Live:
		return nothing(ErrInvalidGrant)
	case kept.UsedAt == nil && !kept.ExpiresAt.After(now):
		return nothing(ErrInvalidGrant)
	case kept.UsedAt != nil && now.Sub(*kept.UsedAt) > refreshGrace:
		return nothing(t.replayed(ctx, "refresh token", client, found.Grant))
	}
	return kept, found.Grant, nil
}

// scopesNow are the scopes of an access token that comes from a grant now: what
// is asked for of those that were granted and that the client and the person may
// still have.
func (t *Tokens) scopesNow(ctx context.Context, m minting, asked string) ([]string, error) {
	wanted := namesIn(asked)
	if len(both(wanted, m.grant.Scopes)) != len(wanted) {
		return nil, ErrScope
	}
	given, err := t.fromThen(ctx, m.tenant, m.grant.Scopes, m.grant.CreatedAt)
	if err != nil {
		return nil, err
	}
	allowed, err := t.allowed(ctx, m.tenant, m.client, m.grant.User, given)
	if err != nil {
		return nil, err
	}
	if !slices.Contains(allowed.granted, ScopeOfflineAccess) {
		return nil, ErrInvalidGrant // the client may not stay any longer
	}
	scopes := allowed.granted
	if len(wanted) > 0 {
		scopes = both(scopes, wanted)
	}
	if len(scopes) == 0 {
		return nil, ErrScope
	}
	return scopes, nil
}

// placeOfSuccessor is where the successor of a refresh token is sealed.
func placeOfSuccessor(tenant string, of store.RefreshToken) []string {
	return []string{tenant, "refresh_tokens", hex.EncodeToString(of.Digest), "successor"}
}

// openSuccessor returns the refresh token that has taken the place of another.
func (t *Tokens) openSuccessor(tenant string, of store.RefreshToken) (string, error) {
	if of.Successor == nil { // forgotten by an instance whose clock is ahead
		return "", ErrInvalidGrant
	}
	successor, err := t.sealer.Open(of.Successor, placeOfSuccessor(tenant, of)...)
	if err != nil {
		return "", fmt.Errorf("tokens: successor of a refresh token: %w", err)
	}
	return string(successor), nil
}
