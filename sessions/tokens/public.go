package tokens

import (
	"context"
	"errors"
)

// PublicClient finds a client that proves nothing, because it has nothing to
// prove it with (RFC 6749 §2.1), in the database as it is now. The error is
// ErrInvalidClient unless there is such a client, and it is public and not
// disabled; any other is a fault of the database.
func (t *Tokens) PublicClient(ctx context.Context, tenant, clientID string) (Client, error) {
	if !isClientID(clientID) {
		return Client{}, ErrInvalidClient
	}
	c, err := t.store.ClientByClientID(ctx, tenant, clientID)
	switch {
	case errors.Is(err, ErrNotFound):
		return Client{}, ErrInvalidClient
	case err != nil:
		return Client{}, err
	case !c.Public || c.Disabled:
		return Client{ID: c.ID}, ErrInvalidClient
	}
	return c, nil
}
