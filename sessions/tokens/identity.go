package tokens

import (
	"context"
	"time"
)

// IdentityWish is what an identity token says about what it is given with.
type IdentityWish struct {
	Nonce       string // "" = none
	Code        string // for c_hash; "" = none
	AccessToken string // for at_hash; "" = none
}

// IdentityHint is what an identity token of ours said.
type IdentityHint struct {
	ClientID string
	Subject  string // the id of the user
	Session  string // sid: the id of the grant
	Expires  time.Time
	Claims   map[string]any // all of them, numbers as json.Number
}

// IdentityToken makes an identity token (OpenID Connect Core §2) with the claims
// of the grant's scopes as they are now.
func (t *Tokens) IdentityToken(ctx context.Context, tenant, issuer string, client Client, g Grant, wish IdentityWish) (string, error) {
	return "", errAwaited
}

// ReadIdentity reads an identity token of ours that a client shows again
// (id_token_hint), also one that has ended, or returns ErrNone. Whether its grant
// is live LiveGrant says.
func (t *Tokens) ReadIdentity(ctx context.Context, tenant, issuer, idToken string) (IdentityHint, error) {
	return IdentityHint{}, errAwaited
}
