package provisioning

import (
	"context"
	"encoding/hex"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

// Arrival is a link as it comes in through a door.
type Arrival struct {
	Tenant    store.Tenant
	Link      Link
	Go        string   // the go parameter, decoded once; a go claim wins over it
	Own       []Origin // the tenant's own origins
	Nonce     string   // what this browser was given by Begin; "" = none
	Reference string   // the request's reference id

	// outdated is when keys were last seen to be older than the integration;
	// zero = never.
	outdated time.Time
}

// SignIn is a person who may have a session.
type SignIn struct {
	Integration store.Integration
	KeyID       string
	UserID      string
	Generation  int64 // the integration's, for the session
	Epoch       int64 // the user's, for the session
	Version     int64 // of the user, as this sign-in left it
	Created     bool  // by this sign-in
	Changed     bool  // something of the user was written
	Added       int   // memberships
	Removed     int
	Granted     int // credits
	Revoked     int
	Onboarding  bool // to the onboarding page first
	Target      Target
	Warnings    []Warning

	// Session lengths: the integration's, shortened by the token where it
	// says so.
	Idle, Absolute time.Duration

	// Authorized are the resources to which the token narrows the person's
	// rights; nil = default rights.
	Authorized []string

	// Spent stands for the token in the session that it makes.
	Spent string

	// TokenEnds is when a presented token ends; zero = never, and always for
	// one that was spent.
	TokenEnds time.Time
	// TokenMade is when the token says that it was made (iat); zero = it does not.
	TokenMade time.Time

	token           store.UsedToken
	acceptableUntil time.Time // zero = for ever
	seen            seen
}

// spendTime is how long recording a sign-in may take once it has begun. A
// client that hangs up meanwhile does not stop it half-way.
const spendTime = 3 * time.Second

// maxTries bounds how often a sign-in is planned again because others have
// changed the same person meanwhile.
const maxTries = 24

// Redeem verifies a link, provisions its user and spends its token: all of it
// or nothing. The session is the caller's to make; when that fails, Release
// gives the token back.
//
// The error is a *Refusal, or a fault of the database (see Unavailable). The
// SignIn beside a refusal holds what is known for the log, and for
// TokenReplayed also Spent and Target: the browser that has the session of
// this very token is simply sent on.
func (s *Service) Redeem(ctx context.Context, in Arrival) (SignIn, error) {
	in.Link.Presented = false
	return s.admit(ctx, in, func(ctx context.Context, v Verified, signIn *SignIn) error {
		before := s.unspent.of(in.Tenant.ID, signIn) // Run may be just about to
		err := s.record(ctx, in, v, signIn)
		if refusal, refused := errors.AsType[*Refusal](err); refused && refusal.Reason == TokenReplayed {
			if waiting := slices.Concat(before, s.unspent.of(in.Tenant.ID, signIn)); len(waiting) > 0 {
				err = s.recordAgain(ctx, in, v, signIn, waiting)
			}
		}
		switch {
		case err == nil:
			s.claims.note(&v, s.now())
		case !errors.Is(err, errOutdated):
			err = s.settle(in, *signIn, err)
		}
		return err
	})
}

// admit verifies a link and lets write bring the user up to date, again under a
// fresh copy of the integration when that returns errOutdated.
func (s *Service) admit(ctx context.Context, in Arrival, write func(context.Context, Verified, *SignIn) error) (SignIn, error) {
	var last error
	for range 3 {
		v, err := s.verify(ctx, in)
		if err == nil && !in.Link.Presented {
			err = s.limited(&v)
		}
		if err != nil {
			return SignIn{Integration: v.Integration, KeyID: v.KeyID, seen: v.seen}, err
		}
		signIn := s.prepare(&in, &v)
		if signIn.token.Attempt, err = store.NewID(); err != nil {
			return signIn, err
		}
		// From here on something may be written.
		writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), spendTime)
		err = write(writing, v, &signIn)
		cancel()
		if !errors.Is(err, errOutdated) {
			return signIn, err
		}
		// The integration has changed since its keys were loaded.
		last, in.outdated = err, s.now()
	}
	return SignIn{}, fmt.Errorf("%w: %w", store.ErrUnavailable, last)
}

// errOutdated means that the token was verified under an old revision.
var errOutdated = errors.New("the integration is being changed")

// verifyKnown checks the token against the tenant's keys and settings. A refusal may
// be due to what has changed elsewhere, so it is given only under those loaded a
// moment ago.
func (s *Service) verifyKnown(ctx context.Context, in Arrival) (Verified, error) {
	arrived, life := s.now(), ringLife
	if !in.outdated.IsZero() {
		life = arrived.Sub(in.outdated)
	}
	ring, err := s.rings.get(ctx, in.Tenant.ID, life)
	if err != nil {
		return Verified{}, err
	}
	v, err := s.verifyUnder(ring, in)
	if err == nil || !v.signed && !dependsOnKeys(err) {
		return v, err
	}
	newest, loadErr := s.rings.getFor(ctx, in.Tenant.ID, arrived)
	if loadErr != nil {
		return Verified{}, loadErr
	}
	// Another request may have had it loaded meanwhile: what counts is whether
	// these keys are the ones tried.
	if newest == ring {
		return v, err
	}
	return s.verifyUnder(newest, in)
}

// verifyUnder is Verify with the checks for which a ring's settings are enough,
// though they need more than the token.
func (s *Service) verifyUnder(ring *Keyring, in Arrival) (Verified, error) {
	v, err := Verify(ring, in.Link, s.now())
	switch {
	case err != nil || in.Link.Presented:
		return v, err
	case in.Link.Event:
		return v, checkEventAllowed(&v)
	default:
		return v, checkNonce(&v, in.Nonce)
	}
}

// dependsOnKeys reports whether other keys or settings could lead to another
// answer to a token that no known key has signed. To one that is signed they
// always could: a later check would not have been reached.
func dependsOnKeys(err error) bool {
	refusal, ok := errors.AsType[*Refusal](err)
	if !ok {
		return false
	}
	switch refusal.Reason {
	case TokenMissing, TooLarge, TokenMalformed, ClaimMissing, ClaimInvalid:
		return false
	default:
		return true
	}
}

// prepare works out what does not depend on the person. The token's attempt is for
// those to name who spend it.
func (s *Service) prepare(in *Arrival, v *Verified) SignIn {
	n, key := &v.Integration, v.SpendKey
	var spent [2 * len(key)]byte
	hex.Encode(spent[:], key[:])
	signIn := SignIn{
		Integration: *n, KeyID: v.KeyID, Warnings: v.Assertion.Warnings,
		Idle: n.SessionIdle, Absolute: n.SessionAbsolute, Spent: string(spent[:]),
		Authorized: v.Assertion.Authorized, TokenEnds: v.Ends, TokenMade: v.Assertion.IssuedAt,
		token: store.UsedToken{Key: key[:], Single: v.Single}, acceptableUntil: v.AcceptableUntil,
		seen: v.seen,
	}
	if !v.Assertion.IssuedAt.IsZero() {
		iat := v.Assertion.IssuedAt.UnixMicro()
		signIn.token.IssuedAt = &iat
	}
	if !v.Assertion.ExpiresAt.IsZero() {
		end := v.Assertion.ExpiresAt.Add(maxLeeway).UnixMicro()
		signIn.token.NotAfter = &end
	}
	if in.Link.Presented {
		signIn.token.NotAfter = rememberedUntil(&v.Assertion, n)
	}
	// An older token can arrive for the whole max-age, whatever this one's exp.
	signIn.token.ExpiresAt = signIn.token.NotAfter
	if n.MaxAge > 0 && !v.Assertion.IssuedAt.IsZero() {
		end := v.Assertion.IssuedAt.Add(n.MaxAge + maxLeeway).UnixMicro()
		signIn.token.ExpiresAt = &end
	}
	if wish := v.Assertion.SessionLength; wish > 0 {
		signIn.Absolute = min(signIn.Absolute, wish)
		signIn.Idle = min(signIn.Idle, signIn.Absolute)
	}
	if in.Link.Presented {
		return signIn // it leads nowhere
	}

	wanted := in.Go
	if v.Assertion.Go != "" {
		wanted = v.Assertion.Go
	}
	// A token is never carried on, whoever put it there.
	if strings.Contains(wanted, in.Link.Token) {
		wanted = ""
	}
	target, warning := placesOf(*n, in.Own).Resolve(wanted)
	signIn.Target = target
	if warning != nil {
		signIn.Warnings = append(signIn.Warnings, *warning)
	}
	return signIn
}

// record spends the token and brings the user up to date. It returns
// errOutdated when the keys that v was verified with are not the present ones.
func (s *Service) record(ctx context.Context, in Arrival, v Verified, signIn *SignIn) error {
	a, n := &v.Assertion, &v.Integration
	q := recollection(a, n, signIn.token)
	if err := s.revived(ctx, a, n, signIn.token.Key); err != nil {
		return err
	}
	entered := false
	for try := range maxTries {
		known, err := s.store.Recall(ctx, q)
		if err != nil {
			return err
		}
		if !known.Current {
			return errOutdated
		}
		if known.Known {
			return s.recalled(known, signIn)
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
		outcome, err := s.change(ctx, in, v, known.Generation, signIn)
		if err != nil {
			return err
		}
		switch outcome {
		case store.Applied, store.Stale:
			return nil
		case store.Replayed:
			return refuse(TokenReplayed, "the token was used before")
		case store.Moved:
			if err := breathe(ctx, try); err != nil {
				return err
			}
		}
	}
	return fmt.Errorf("%w: the person is being changed all the time", store.ErrUnavailable)
}

// recollection asks whether the last token of the person said the same.
func recollection(a *Assertion, n *store.Integration, token store.UsedToken) store.Recollection {
	print := fingerprint(a, n)
	return store.Recollection{
		TenantID: n.TenantID, IntegrationID: n.ID, Revision: n.Revision,
		Subject: a.Subject, EmailKey: a.EmailKey, Fingerprint: print[:], Token: token,
	}
}

// revived refuses a token of the second in which its integration was installed
// again, if it was used under a removed one.
func (s *Service) revived(ctx context.Context, a *Assertion, n *store.Integration, key []byte) error {
	if n.AcceptAfter.IsZero() || !a.IssuedAt.Truncate(time.Second).Equal(n.AcceptAfter.Truncate(time.Second)) {
		return nil
	}
	used, err := s.store.UsedUnderRemoved(ctx, n.TenantID, key)
	if err == nil && used {
		return refuse(TokenTooOld, "it was used under an integration that has been removed")
	}
	return err
}

// recalled is a sign-in that changes nothing.
func (s *Service) recalled(known store.Recalled, signIn *SignIn) error {
	signIn.UserID, signIn.Generation, signIn.Epoch = known.UserID, known.Generation, known.SessionEpoch
	signIn.Version, signIn.Onboarding = known.Version, known.Onboarding
	switch {
	case known.Status != store.StatusActive:
		return refuse(UserDisabled, "the user is %s", known.Status)
	case !known.Spent && signIn.token.Single:
		return refuse(TokenReplayed, "the token was used before")
	}
	return nil
}

// change plans on what is there now and writes the plan.
func (s *Service) change(ctx context.Context, in Arrival, v Verified, generation int64, signIn *SignIn) (store.Outcome, error) {
	a, n := &v.Assertion, &v.Integration
	state, err := s.store.Read(ctx, s.inquiry(a, n))
	if err != nil {
		return "", err
	}
	if state.Revision != n.Revision {
		return store.Moved, nil // Recall will say so again
	}
	p, err := decide(a, n, &state, store.NewID)
	if err == nil && in.Link.Presented && !p.changes.Identity.Create && unordered(a, n, s.now()) {
		signIn.meet(p.user, generation)
		signIn.Warnings = append(signIn.Warnings, unorderedWarning)
		return store.Stale, nil
	}
	counted := false
	if err == nil && p.empties && n.DriftGuard {
		p, counted, err = s.guard(ctx, in, v, &state, p)
	}
	if err != nil {
		s.unknown.note(n, p.unknown, s.now().UTC())
		return "", err
	}
	c := p.changes
	c.KeyID, c.Reference, c.At, c.Token = v.KeyID, in.Reference, s.now().UTC(), signIn.token
	outcome, err := s.store.Apply(ctx, c)
	if counted && err == nil && outcome != store.Applied {
		err = s.store.ForgetEmptying(ctx, n.TenantID, n.ID, p.user.ID)
	}
	if err != nil {
		return "", err
	}
	if outcome == store.Replayed || outcome == store.Moved {
		return outcome, nil // nothing was written
	}
	signIn.meet(p.user, generation)
	if outcome == store.Applied {
		if c.User.Changed {
			signIn.Version++
		}
		s.unknown.note(n, p.unknown, c.At)
		signIn.Created, signIn.Changed = p.created, c.User.Changed
		signIn.Added, signIn.Removed = len(c.Join), len(c.Leave)
		signIn.Granted, signIn.Revoked = len(c.Grant), len(c.Revoke)
		signIn.Warnings = append(signIn.Warnings, p.warnings...)
	} else {
		signIn.Warnings = append(signIn.Warnings, staleWarning)
	}
	return outcome, nil
}

// meet takes what a session needs to know of the user.
func (i *SignIn) meet(u store.User, generation int64) {
	i.UserID, i.Epoch, i.Version, i.Generation, i.Onboarding = u.ID, u.SessionEpoch, u.Version, generation, u.Onboarding
}

var staleWarning = Warning{
	Code: "token_stale", Path: "iat", Text: "a newer token of this person was used, so nothing of this one was applied",
}

// inquiry is what the plan for an assertion needs to know.
func (s *Service) inquiry(a *Assertion, n *store.Integration) store.Inquiry {
	inquiry := store.Inquiry{
		TenantID: n.TenantID, IntegrationID: n.ID, Subject: a.Subject, EmailKey: a.EmailKey,
		Tombstones: s.tombstones(n.TenantID, n.ID, a),
	}
	if a.Groups != nil {
		inquiry.Groups = *a.Groups
	}
	if a.Credits != nil {
		for _, g := range *a.Credits {
			inquiry.Credits = append(inquiry.Credits, g.ID)
		}
	}
	return inquiry
}

// settle gives the token back when it is not certain that nothing was spent.
func (s *Service) settle(in Arrival, signIn SignIn, err error) error {
	var refusal *Refusal
	if err != nil && !errors.As(err, &refusal) {
		s.unspend(in.Tenant.ID, signIn)
	}
	return err
}

// Release gives a sign-in's token back, because the session could not be made.
// What it changed stays: opening the link again finds it unchanged.
func (s *Service) Release(ctx context.Context, tenant string, signIn SignIn) {
	detached, cancel := context.WithTimeout(context.WithoutCancel(ctx), spendTime)
	defer cancel()
	if err := s.store.Unspend(detached, tenant, signIn.Integration.ID, signIn.token); err != nil {
		s.unspend(tenant, signIn)
	}
}

// breathe waits a moment before another try, longer as others keep winning.
func breathe(ctx context.Context, try int) error {
	if try == 0 {
		return nil
	}
	timer := time.NewTimer(time.Duration(rand.IntN(2*try)+1) * time.Millisecond) //nolint:gosec // jitter needs no secrecy
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
}

// personKey names the person that a token means, within the process.
func personKey(a *Assertion, n *store.Integration) string {
	if a.Subject != "" {
		return n.ID + " sub " + a.Subject
	}
	return n.ID + " email " + a.EmailKey
}
