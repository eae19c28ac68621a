package provisioning

import (
	"context"
	"fmt"

	"usher/sql/store"
)

// Present verifies the token of an embed and provisions its user, as a sign-in
// does, but spends nothing: the same token may be presented again while it
// lasts. What it says about the person is applied only if it is newer than
// everything that was used or applied before.
//
// The error is a *Refusal, or a fault of the database (see Unavailable); beside
// it the SignIn holds what is known for the log.
func (s *Service) Present(ctx context.Context, in Arrival) (SignIn, error) {
	in.Link.Presented = true
	// Claims are not counted for the drift guard. A partner's embeds and calls
	// are made by other code than its links, often with fewer claims, and come
	// any number of times: next to the links they would look like a claim that
	// has vanished, or hide that one has. The guard against emptied groups
	// counts people, and holds at this door too.
	return s.admit(ctx, in, func(ctx context.Context, v Verified, signIn *SignIn) error {
		return s.bring(ctx, in, v, signIn)
	})
}

// bring brings the user of a presented token up to date. It returns errOutdated
// when the keys that v was verified with are not the present ones.
func (s *Service) bring(ctx context.Context, in Arrival, v Verified, signIn *SignIn) error {
	a, n := &v.Assertion, &v.Integration
	q := recollection(a, n, signIn.token)
	if err := s.revivedAnyhow(ctx, v); err != nil {
		return err
	}
	entered := false
	for try := range maxTries {
		known, err := s.store.Recall(ctx, q)
		switch {
		case err != nil:
			return err
		case !known.Current:
			return errOutdated
		case known.Known:
			return s.recalled(known, signIn)
		}
		met, err := s.store.Identify(ctx, q)
		switch {
		case err != nil:
			return err
		case !met.Current:
			return errOutdated
		case met.Known && met.Status != store.StatusActive:
			signIn.UserID = met.UserID
			return refuse(UserDisabled, "the user is %s", met.Status)
		case met.Known && met.Dated:
			signIn.know(met, staleWarning)
			return nil
		case met.Known && unordered(a, n, s.now()):
			signIn.know(met, unorderedWarning)
			return nil
		}
		if !entered {
			leave, waited, err := s.people.enter(ctx, personKey(a, n))
			if err != nil {
				return fmt.Errorf("%w: %w", store.ErrUnavailable, err)
			}
			defer leave()
			entered = true
			if waited {
				continue // whoever was there before may have written the same
			}
		}
		outcome, err := s.change(ctx, in, v, met.Generation, signIn)
		switch {
		case err != nil:
			return err
		case outcome == store.Applied, outcome == store.Stale:
			return nil
		}
		if err := breathe(ctx, try); err != nil {
			return err
		}
	}
	return fmt.Errorf("%w: the person is being changed all the time", store.ErrUnavailable)
}

// revivedAnyhow is revived for a token that may have been presented or spent
// under the removed integration.
func (s *Service) revivedAnyhow(ctx context.Context, v Verified) error {
	for _, key := range [][]byte{v.SpendKey[:], v.SpentAs[:]} {
		if err := s.revived(ctx, &v.Assertion, &v.Integration, key); err != nil {
			return err
		}
	}
	return nil
}

// know takes what a session needs to know of a user to whom nothing is applied.
func (i *SignIn) know(met store.Met, why Warning) {
	i.UserID, i.Epoch, i.Version, i.Generation = met.UserID, met.SessionEpoch, met.Version, met.Generation
	i.Onboarding = met.Onboarding
	i.Warnings = append(i.Warnings, why)
}

var unorderedWarning = Warning{
	Code: "token_stale", Path: "iat",
	Text: "it is too old to tell whether a newer token of this person was used, so nothing of it was applied",
}
