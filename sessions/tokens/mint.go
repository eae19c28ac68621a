package tokens

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

// minting is what the tokens of a grant are made of.
type minting struct {
	tenant, issuer string
	client         Client
	grant          Grant    // with the end that it has from now on
	scopes         []string // of the access token: some of the grant's, sorted
	nonce          string   // for the identity token; "" = none
	actor          string   // the client id of who acts for the person (act); "" = nobody else
}

// minted are tokens that count once what is to be kept of them is written.
type minted struct {
	access   Access
	identity string             // "" = none
	keep     *store.AccessToken // nil = nothing: it says all by itself
}

// mint makes the tokens of a grant, in the words of one wire form. It writes
// nothing.
type mint func(context.Context, minting) (minted, error)

// personClaims are the claims of a JWT access token for a person (RFC 9068 §2.2).
type personClaims struct {
	accessClaims
	AuthTime int64    `json:"auth_time"`
	Methods  []string `json:"amr"`
	Session  string   `json:"sid"` // the grant, by which it is looked up
	Actor    *actor   `json:"act,omitempty"`
}

// actor is who acts for the subject (RFC 8693 §4.1).
type actor struct {
	Subject string `json:"sub"`
}

// mintOwn makes tokens with the claims of OpenID Connect and RFC 9068.
func (t *Tokens) mintOwn(ctx context.Context, m minting) (minted, error) {
	made, err := t.mintAccess(ctx, m)
	if err == nil && slices.Contains(m.scopes, ScopeOpenID) {
		made.identity, err = t.identityToken(ctx, m, IdentityWish{Nonce: m.nonce, AccessToken: made.access.Token})
	}
	return made, err
}

// mintAccess makes the access token alone.
func (t *Tokens) mintAccess(ctx context.Context, m minting) (minted, error) {
	offered, err := t.store.ScopeConnections(ctx, m.tenant, both(m.scopes, m.client.APIScopes))
	if err != nil {
		return minted{}, err
	}
	w := t.windowOf(m, offered)
	id, err := store.NewIDAt(w.issued)
	if err != nil {
		return minted{}, err
	}
	made := minted{access: Access{ID: id, Scopes: m.scopes, Life: w.end.Sub(w.now)}}
	if m.client.AccessTokenFormat == FormatReference {
		made.access.Token = randomHex()
		made.keep = &store.AccessToken{
			TenantID: m.tenant, Digest: digestOf(made.access.Token), ID: id, Client: m.client.ID, GrantID: m.grant.ID,
			Scope: strings.Join(m.scopes, " "), CreatedAt: w.issued, ExpiresAt: w.end,
		}
		return made, nil
	}
	typ := typeOf(m.client.AccessTokenFormat)
	claims := personClaims{
		accessClaims: accessClaims{
			NotBefore: w.now.Unix(), Expires: w.end.Unix(), IssuedAt: w.issued.Unix(), Issuer: m.issuer, Audience: audience(m.issuer, offered),
			ClientID: m.client.ClientID, Subject: m.grant.User, Scope: scopeClaim(typ, m.scopes), ID: id,
		},
		AuthTime: m.grant.AuthTime.Unix(), Methods: m.grant.Methods, Session: m.grant.ID,
	}
	if m.actor != "" {
		claims.Actor = &actor{m.actor}
	}
	signed, err := t.withAttributes(ctx, m.tenant, ES256, claims, m.grant.Attributes)
	if err == nil {
		made.access.Token, err = t.Sign(ctx, m.tenant, ES256, typ, signed)
	}
	return made, err
}

// window is when an access token counts.
type window struct{ now, issued, end time.Time }

// windowOf is that of an access token with scopes of API connections. The token is
// not older than its grant and its scopes, even if another instance, whose clock
// was ahead, has just made them, and ends with its grant.
func (t *Tokens) windowOf(m minting, offered []store.ScopeConnection) window {
	now := t.now()
	w := window{now, latest(now, m.grant.CreatedAt), earliest(now.Add(m.client.AccessTokenLife), m.grant.ExpiresAt)}
	for _, s := range offered {
		w.issued = latest(w.issued, s.CreatedAt)
	}
	return w
}

func earliest(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// randomHex makes a reference token.
func randomHex() string {
	var random [tokenBytes]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand since Go 1.24)
	return hex.EncodeToString(random[:])
}
