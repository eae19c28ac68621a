package tokens

import (
	"context"
	"errors"
)

// BrowserClient finds a client whose own pages may ask for tokens without its
// secret, in the database as it is now: one that is public, or that an
// administrator has allowed it. The error is ErrInvalidClient, with which the
// Client has nothing but its ID, for the log; any other is a fault of the database.
//
// Every client of the second wire form would be one if it decided that: its pages
// refresh with nothing but a refresh token. A client whose tokens never leave its
// servers shall not lose by it what its secret is good for.
func (t *Tokens) BrowserClient(ctx context.Context, tenant, clientID string) (Client, error) {
	if !isClientID(clientID) {
		return Client{}, ErrInvalidClient
	}
	c, err := t.store.ClientByClientID(ctx, tenant, clientID)
	switch {
	case errors.Is(err, ErrNotFound):
		return Client{}, ErrInvalidClient
	case err != nil:
		return Client{}, err
	case c.Disabled || !c.Public && !c.BrowserTokens:
		return Client{ID: c.ID}, ErrInvalidClient
	}
	return c, nil
}
