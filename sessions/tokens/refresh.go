package tokens

import (
	"context"
	"encoding/json"
)

// Refresh gives a client new tokens for a refresh token (RFC 6749 §6), and a new
// refresh token that takes its place. For a minute the old one gets the same new
// one again, so that a client whose answer was lost, or that asks many times at
// once, stays in. Whoever shows it later has stolen it, or was stolen from: the
// whole family ends. scope narrows the access token, "" = all that was granted.
// The errors are ErrInvalidGrant and ErrScope.
func (t *Tokens) Refresh(ctx context.Context, tenant, issuer string, client Client, refresh, scope string) (Issued, error) {
	return Issued{}, errAwaited
}

// Fork makes a new grant of the family of a refresh token, whose tokens carry
// attributes (a JSON object without names of which isOwnClaim says that they are
// ours), and its first refresh token. The old one stays as it is. The error is
// ErrInvalidGrant.
func (t *Tokens) Fork(ctx context.Context, tenant string, client Client, refresh string, attributes json.RawMessage) (newRefresh string, err error) {
	return "", errAwaited
}
