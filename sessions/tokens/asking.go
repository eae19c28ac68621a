package tokens

import (
	"context"
	"errors"
)

// AskingClient finds a client that asks for a person, in the database as it is
// now: nothing shows yet that the request comes from it, so its redirect URIs
// decide, and one that was taken away counts no more. The error is
// ErrInvalidClient unless there is such a client and it is not disabled; any
// other is a fault of the database.
func (t *Tokens) AskingClient(ctx context.Context, tenant, clientID string) (Client, error) {
	if !isClientID(clientID) {
		return Client{}, ErrInvalidClient
	}
	c, err := t.store.ClientByClientID(ctx, tenant, clientID)
	switch {
	case errors.Is(err, ErrNotFound):
		return Client{}, ErrInvalidClient
	case err != nil:
		return Client{}, err
	case c.Disabled:
		return Client{ID: c.ID}, ErrInvalidClient
	}
	return c, nil
}
