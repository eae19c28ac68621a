package tokens

import "context"

// Authorize keeps what a person allows a client, and makes the code with which
// the client fetches its tokens (RFC 6749 §4.1.2). Until that happens the grant
// ends with the code. The errors are ErrInvalidClient, when the client has been
// disabled or deleted meanwhile, and ErrInvalidGrant when the person may not any
// more.
func (t *Tokens) Authorize(ctx context.Context, tenant string, a Authorization) (code string, g Grant, err error) {
	return "", Grant{}, errAwaited
}

// RedeemCode gives a client the tokens for a code (RFC 6749 §4.1.3), once. The
// second time it ends everything that the first has given. verifier is that of
// PKCE (RFC 7636 §4.5), "" = none. The error is ErrInvalidGrant.
func (t *Tokens) RedeemCode(ctx context.Context, tenant, issuer string, client Client, code, redirectURI, verifier string) (Issued, error) {
	return Issued{}, errAwaited
}
