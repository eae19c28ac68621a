package tokens

import (
	"context"
	"errors"
	"slices"
)

// MissingClaims lists the custom claims that a client requires of people and
// that have no value for this one, by name. It returns ErrNotFound for a person
// who is not there.
func (t *Tokens) MissingClaims(ctx context.Context, tenant string, client Client, user string) ([]CustomClaim, error) {
	if len(client.RequiredClaims) == 0 {
		return nil, nil
	}
	claims, _, err := t.PersonClaims(ctx, tenant, user)
	if err != nil {
		return nil, err
	}
	var missing []CustomClaim
	for _, one := range claims {
		if one.Value == nil && slices.Contains(client.RequiredClaims, one.Claim.Name) {
			missing = append(missing, one.Claim)
		}
	}
	return missing, nil
}

// EnterMissing keeps what a person has said of themselves for the claims that a
// client requires and that have no value yet, as a form has them, by claim;
// others are not looked at. The errors are ErrNotFound for a person who is not
// active, or join an *Invalid, whose field is the claim, for each value that
// cannot be accepted; then nothing is kept.
func (t *Tokens) EnterMissing(ctx context.Context, tenant string, client Client, user string, values map[string]string) error {
	missing, err := t.MissingClaims(ctx, tenant, client, user)
	if err != nil || len(missing) == 0 {
		return err
	}
	var errs []error
	entered := map[string]string{}
	for _, claim := range missing {
		raw, ok := enteredClaim(claim.Type, values[claim.Name])
		if !ok {
			errs = append(errs, invalid(claim.Name, "%s", acceptedValue(claim.Type)))
			continue
		}
		entered[claim.Name] = raw
	}
	if err := errors.Join(errs...); err != nil {
		return err
	}
	return t.store.EnterValues(ctx, tenant, user, entered)
}
