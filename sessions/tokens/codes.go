package tokens

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"errors"

	"usher/sql/store"
)

// Authorization is what a person allows a client (RFC 6749 §4.1.1).
type Authorization struct {
	Client      Client
	Person      Person
	Scopes      []string // as Tokens.Scopes returned them
	RedirectURI string
	Challenge   string // PKCE, of the method S256 (RFC 7636 §4.2); "" = none, which no public client may have
	Nonce       string // for the identity token; "" = none
}

// Authorize keeps what a person allows a client, and makes the code with which
// the client fetches its tokens (RFC 6749 §4.1.2). Until that happens the grant
// ends with the code. The errors are ErrInvalidClient, when the client has been
// disabled or deleted meanwhile, and ErrInvalidGrant when the person may not any
// more.
func (t *Tokens) Authorize(ctx context.Context, tenant string, a Authorization) (code string, g Grant, err error) {
	if a.Client.Public && a.Challenge == "" || !store.IsID(a.Person.User) || a.Person.Integration != "" && !store.IsID(a.Person.Integration) {
		return "", Grant{}, ErrInvalidGrant
	}
	g, err = t.newGrant(ctx, tenant, a.Client, a.Person, a.Scopes, t.moment().Add(a.Client.CodeLife))
	if err != nil {
		return "", Grant{}, err
	}
	code = newOpaque()
	err = t.store.AddTokenGrant(ctx, g, store.Given{Code: &store.AuthorizationCode{
		Digest: digestOf(code), GrantID: g.ID, RedirectURI: a.RedirectURI, Challenge: a.Challenge, Nonce: a.Nonce, ExpiresAt: g.ExpiresAt,
	}})
	if errors.Is(err, ErrNotFound) {
		err = t.refused(ctx, a.Client)
	}
	if err != nil {
		return "", Grant{}, err
	}
	return code, g, nil
}

// RedeemCode gives a client the tokens for a code (RFC 6749 §4.1.3), once. The
// second time it ends everything that the first has given. verifier is that of
// PKCE (RFC 7636 §4.5), "" = none. The error is ErrInvalidGrant.
func (t *Tokens) RedeemCode(ctx context.Context, tenant, issuer string, client Client, code, redirectURI, verifier string) (Issued, error) {
	return t.redeemCode(ctx, minting{tenant: tenant, issuer: issuer, client: client}, code, redirectURI, verifier, t.mintOwn)
}

// redeemCode is RedeemCode for every wire form. m says everything but the grant.
func (t *Tokens) redeemCode(ctx context.Context, m minting, code, redirectURI, verifier string, form mint) (Issued, error) {
	// Of two in one moment, the second finds that it is the second.
	for range 2 {
		issued, err := t.redeemOnce(ctx, m, code, redirectURI, verifier, form)
		if !errors.Is(err, errMoved) {
			return issued, err
		}
	}
	return Issued{}, ErrInvalidGrant
}

// errMoved means that what was looked at has been used meanwhile.
var errMoved = errors.New("used meanwhile")

func (t *Tokens) redeemOnce(ctx context.Context, m minting, code, redirectURI, verifier string, form mint) (Issued, error) {
	if !isOpaque(code) {
		return Issued{}, ErrInvalidGrant
	}
	now := t.moment()
	kept, found, err := t.store.AuthorizationCode(ctx, m.tenant, digestOf(code), now)
	switch {
	case errors.Is(err, ErrNotFound):
		return Issued{}, ErrInvalidGrant
	case err != nil:
		return Issued{}, err
	case found.Grant.Client != m.client.ID:
		return Issued{}, ErrInvalidGrant
	case kept.UsedAt != nil:
		return Issued{}, t.replayed(ctx, "authorization code", m.client, found.Grant)
	case !found.Live, !kept.ExpiresAt.After(now), kept.RedirectURI != redirectURI, !proves(verifier, kept.Challenge):
		return Issued{}, ErrInvalidGrant
	}
	g := found.Grant
	g.ExpiresAt = grantEnd(m.client, g.Scopes, now)
	m.grant, m.nonce = g, kept.Nonce
	if m.scopes, err = t.fromThen(ctx, m.tenant, g.Scopes, g.CreatedAt); err != nil {
		return Issued{}, err
	}
	if len(m.scopes) == 0 {
		return Issued{}, ErrInvalidGrant
	}
	made, err := form(ctx, m)
	if err != nil {
		return Issued{}, err
	}
	issued := Issued{Access: made.access, Identity: made.identity, Grant: g}
	given := store.Given{Access: made.keep}
	issued.Refresh, given.Refresh = newRefresh(m.client, g, now)
	err = t.store.RedeemCode(ctx, m.tenant, kept, now, g.ExpiresAt, given)
	if errors.Is(err, ErrNotFound) {
		err = errMoved
	}
	if err != nil {
		return Issued{}, err
	}
	return issued, nil
}

// Bounds of a code verifier (RFC 7636 §4.1).
const (
	minVerifier = 43
	maxVerifier = 128
)

// proves reports whether a code verifier is the one of a challenge (RFC 7636
// §4.6). Without a challenge there must be none: a client that sends one believes
// that it is protected (OAuth 2.0 Security BCP §4.8.2).
func proves(verifier, challenge string) bool {
	if challenge == "" {
		return verifier == ""
	}
	if len(verifier) < minVerifier || len(verifier) > maxVerifier || !isClientID(verifier) {
		return false
	}
	sum := sha256.Sum256([]byte(verifier))
	return subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1
}
