package tokens

import (
	"context"
	"time"
)

// LiveAccess is an access token that is live.
type LiveAccess struct {
	Client  Client
	Grant   *Grant   // nil = the client speaks for itself
	Scopes  []string // what the token was given
	ID      string   // jti
	Expires time.Time
	Claims  map[string]any // of a JWT, numbers as json.Number; nil = a reference token
}

// LiveAccess returns what an access token of ours is, a JWT or a reference token,
// of a client or of a person, when it is live at this moment, or ErrNone.
func (t *Tokens) LiveAccess(ctx context.Context, tenant, issuer, token string) (LiveAccess, error) {
	return LiveAccess{}, errAwaited
}

// UserInfo returns what the bearer of an access token may know of its person
// (OpenID Connect Core §5.3): the claims of the identity scopes that it has, as
// they are now. The errors are ErrNone, and ErrScope without the scope openid.
func (t *Tokens) UserInfo(ctx context.Context, tenant, issuer, token string) (claims map[string]any, err error) {
	return nil, errAwaited
}
