package tokens

import "context"

// Scopes with a meaning of their own.
const (
	ScopeOpenID        = "openid"         // an identity token (OpenID Connect Core §3.1.2.1)
	ScopeOfflineAccess = "offline_access" // a refresh token (§11)
)

// Scopes says what of the scopes that a client asks for it gets, sorted: for a
// person, or with user "" for itself. asked has spaces between the names; "" asks
// for all API scopes for the client itself, and for openid for a person.
// Memberships that the person does not have are left out; anything else that the
// client may not have is ErrScope.
func (t *Tokens) Scopes(ctx context.Context, tenant string, client Client, user, asked string) (granted []string, err error) {
	return nil, errAwaited
}
