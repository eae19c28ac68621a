package tokens

import "context"

// AuthenticateAssertion finds the client whose key has signed an assertion
// (RFC 7523 §3, private_key_jwt of OpenID Connect Core §9). clientID is what the
// request says beside it, "" when it says nothing; audiences are the addresses
// that the assertion may be made out to. The error is ErrInvalidClient; any other
// is a fault of the database.
func (t *Tokens) AuthenticateAssertion(ctx context.Context, tenant, clientID, assertion string, audiences []string) (Client, error) {
	return Client{}, ErrInvalidClient
}
