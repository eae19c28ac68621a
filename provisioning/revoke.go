package provisioning

import (
	"context"
	"errors"
	"fmt"

	"usher/sql/store"
)

// What a partner may say of one of its people by a signed event.
const (
	EventLogout  = "logout"  // every session of the person ends
	EventDisable = "disable" // and nobody signs in as the person until an administrator enables it
)

// integrationActor is how an integration's act begins to say whose it is.
const integrationActor = "integration "

// Event is what a verified event token says.
type Event struct {
	Name    string // EventLogout or EventDisable
	Subject string
}

// Revocation is what has come of an event token.
type Revocation struct {
	SignIn // the integration, the key and the user, for the log
	Event  Event
	Known  bool // the integration knows the person; else there was nothing to do
}

// Revoke verifies an event token and does what it says. It is held to the rules
// of a link, and to these (as OpenID Connect Back-Channel Logout 1.0 §2.4 has
// them): sub, iat, exp and jti are required, nonce is refused, and the jti is
// good once, also among links. Once Revoke has returned, the sessions are dead
// on every instance. A person whom the integration does not know is no error,
// and does not use the token up.
//
// The error is a *Refusal, or a passing fault (see Unavailable), after which the
// same token can be sent again.
func (s *Service) Revoke(ctx context.Context, in Arrival) (Revocation, error) {
	in.Link.Presented, in.Link.Event = false, true
	for range maxTries {
		v, err := s.verify(ctx, in)
		done := Revocation{SignIn: SignIn{Integration: v.Integration, KeyID: v.KeyID, seen: v.seen}, Event: v.Event}
		if err == nil {
			err = s.limited(&v)
		}
		if err != nil {
			return done, err
		}
		signIn := s.prepare(&in, &v)
		if signIn.token.Attempt, err = store.NewID(); err != nil {
			return done, err
		}
		done.SignIn = signIn
		writing, cancel := context.WithTimeout(context.WithoutCancel(ctx), spendTime)
		err = s.revoke(writing, in, &done)
		cancel()
		if !errors.Is(err, errOutdated) {
			var refusal *Refusal
			if err != nil && !errors.As(err, &refusal) {
				s.Release(ctx, in.Tenant.ID, signIn) // the partner will send it again
			}
			return done, err
		}
		in.outdated = s.now()
	}
	return Revocation{}, fmt.Errorf("%w: %w", store.ErrUnavailable, errOutdated)
}

// checkEventAllowed refuses an event that the integration's settings do not let it
// send.
func checkEventAllowed(v *Verified) error {
	if v.Event.Name == EventDisable && !v.Integration.AllowDisable {
		return claimInvalid("event", `"logout": the integration's settings do not let it disable people`)
	}
	return nil
}

// revoke writes what a verified event says. It returns errOutdated when it was
// verified under an old revision.
func (s *Service) revoke(ctx context.Context, in Arrival, done *Revocation) error {
	n, disable := done.Integration, done.Event.Name == EventDisable
	by := By{Actor: integrationActor + n.ID, Name: n.Name, Reference: in.Reference}
	what, action := store.WhatSignedOut, "user_signed_out"
	if disable {
		what, action = store.WhatUserDisabled, store.WhatUserDisabled
	}
	entry, err := journalEntry(what, by, nil)
	if err != nil {
		return err
	}
	revoked, err := s.store.Revoke(ctx, store.Revocation{
		TenantID: in.Tenant.ID, IntegrationID: n.ID, Revision: n.Revision, Subject: done.Event.Subject, Disable: disable,
		Token: done.token, Entry: entry,
		Act: func(user string) store.Act {
			return act(by, action, "user "+user, map[string]any{"key": done.KeyID})
		},
	})
	switch {
	case err != nil:
		return err
	case revoked.Outcome == store.Moved:
		return errOutdated
	case revoked.Outcome == store.Replayed:
		return refuse(TokenReplayed, "the token was used before")
	}
	done.Known, done.UserID, done.Epoch = revoked.Known, revoked.UserID, revoked.Epoch
	if !done.Known {
		return nil
	}
	return unended(s.ender.EndUser(ctx, in.Tenant.ID, done.UserID, done.Epoch))
}

// readEvent takes from a payload whose signature holds what an event token says.
// The error is a *Refusal with ClaimMissing or ClaimInvalid.
func readEvent(payload jsonValue) (Event, error) {
	r := claimReader{payload: payload}
	event := Event{Subject: r.subject(), Name: r.freeText("event")}
	const expected = `"` + EventLogout + `" or "` + EventDisable + `"`
	switch {
	case len(r.faults) > 0:
		return Event{}, r.faults[0]
	case event.Subject == "":
		return Event{}, &Refusal{Reason: ClaimMissing, Path: "sub", Expected: expectedSubject}
	case event.Name == "":
		return Event{}, &Refusal{Reason: ClaimMissing, Path: "event", Expected: expected}
	case event.Name != EventLogout && event.Name != EventDisable:
		return Event{}, claimInvalid("event", expected)
	case payload.member("nonce").exists():
		return Event{}, claimInvalid("nonce", "none: this is no link")
	}
	return event, nil
}

// noEvent refuses an event token where a link or a presented token belongs. A
// partner's own claim of that name, with another value, means nothing to us.
func (r *claimReader) noEvent() {
	v := r.payload.member("event")
	if v.exists() && v.kind() == jsonString && (v.text() == EventLogout || v.text() == EventDisable) {
		r.invalid("event", "none: a token with an event ends sessions, and signs nobody in")
	}
}
