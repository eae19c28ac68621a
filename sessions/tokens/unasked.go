package tokens

import (
	"context"
	"errors"
)

// What stands in the way of tokens for a person who is not there to be asked.
var (
	ErrConsent = errors.New("the person has not allowed the client this")
	ErrDetails = errors.New("the client requires a claim that has no value for the person")
)

// CheckUnasked says whether a client may have scopes for a person who is not there,
// as nothing would have to be asked: the person has allowed it all of them, if its
// settings want people asked, and has a value for each claim that it requires. The
// errors are ErrConsent, ErrDetails, and ErrInvalidGrant when the person is gone.
func (t *Tokens) CheckUnasked(ctx context.Context, tenant string, client Client, user string, scopes []string) error {
	missing, err := t.MissingClaims(ctx, tenant, client, user)
	switch {
	case errors.Is(err, ErrNotFound):
		return ErrInvalidGrant
	case err != nil:
		return err
	case len(missing) > 0:
		return ErrDetails
	case !client.AskConsent:
		return nil
	}
	allowed, err := t.Consented(ctx, tenant, client, user, scopes)
	if err == nil && !allowed {
		err = ErrConsent
	}
	return err
}
