package tokens

import "context"

// Exchange gives a client an access token in place of one that another client
// has for a person (RFC 8693 §2). It names the client that acts (act, §4.1), is
// of the same family, and never lives longer. scope is as in Scopes, where "" asks
// for what the old token has. The errors are ErrInvalidGrant and ErrScope.
func (t *Tokens) Exchange(ctx context.Context, tenant, issuer string, client Client, subject, scope string) (Issued, error) {
	return Issued{}, errAwaited
}
