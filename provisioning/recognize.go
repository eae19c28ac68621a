package provisioning

import (
	"context"
	"fmt"
	"time"

	"usher/sql/store"
)

const (
	// callerLife bounds how long somebody who was recognised is taken for the
	// same without asking the database. What must count at once, a removal or a
	// disabling, is asked of the session store at every call.
	callerLife = 5 * time.Second
	// maxCallers bounds the memory of a server with very many callers.
	maxCallers = 100_000
)

// caller is somebody who was recognised a moment ago.
type caller struct {
	at time.Time // when the database was asked

	user                       string
	epoch, version, generation int64

	// What was presented, and recorded so in the database: a token that was
	// issued no later, or that is the same, changes nothing any more.
	issuedAt *int64 // microseconds since 1970; nil = no iat
	token    string
}

// covers reports whether a token is known to have nothing that could be
// applied.
func (c *caller) covers(signIn *SignIn, now time.Time) bool {
	iat := signIn.token.IssuedAt
	return now.Sub(c.at) < callerLife &&
		(c.token == signIn.Spent || iat != nil && c.issuedAt != nil && *iat <= *c.issuedAt)
}

// Recognize is Present for the token beside an API call. It asks the database
// only about somebody who is new, has a newer token, or has not called for some
// seconds. That the integration was removed or the user disabled, on whichever
// instance, counts for every call that starts later.
func (s *Service) Recognize(ctx context.Context, in Arrival) (SignIn, error) {
	in.Link.Presented, in.Link.whoOnly = true, true
	v, err := s.verify(ctx, in)
	if err != nil {
		return SignIn{Integration: v.Integration, KeyID: v.KeyID, seen: v.seen}, err
	}
	signIn := s.prepare(&in, &v)
	key := personKey(&v.Assertion, &v.Integration)
	if c, ok := s.callers.get(key); ok && c.covers(&signIn, s.now()) {
		epoch, generation, known, err := s.ender.Standing(ctx, in.Tenant.ID, c.user, signIn.Integration.ID)
		if err != nil {
			return signIn, fmt.Errorf("%w: %w", store.ErrUnavailable, err)
		}
		if known && epoch <= c.epoch && generation <= c.generation {
			signIn.UserID, signIn.Epoch, signIn.Version, signIn.Generation = c.user, c.epoch, c.version, c.generation
			return signIn, nil
		}
		// Something has ended: the database says what.
		s.callers.forget(key)
	}
	began := s.now()
	in.Link.whoOnly = false // what else the token says may have to be applied
	if signIn, err = s.Present(ctx, in); err != nil {
		return signIn, err
	}
	s.callers.put(key, caller{
		at: began, user: signIn.UserID, epoch: signIn.Epoch, version: signIn.Version, generation: signIn.Generation,
		issuedAt: signIn.token.IssuedAt, token: signIn.Spent,
	})
	return signIn, nil
}
