package tokens

import (
	"context"
)

// IssuedV0 are tokens of the second wire form.
type IssuedV0 struct {
	Issued
	Method string // how the person has proved who it is
}

func (t *Tokens) RefreshV0(ctx context.Context, tenant, issuer string, client Client, refresh string) (IssuedV0, error) {
	return IssuedV0{}, errAwaited
}

func (t *Tokens) RedeemCodeV0(ctx context.Context, tenant, issuer string, client Client, code, redirectURI, verifier string) (IssuedV0, error) {
	return IssuedV0{}, errAwaited
}
