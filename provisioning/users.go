package provisioning

import (
	"context"
	"encoding/json"
	"fmt"
	"strings"
	"unicode/utf8"

	"usher/sql/store"
)

// Profile returns a user as the application sees it, or ErrNotFound.
func (s *Service) Profile(ctx context.Context, tenant store.Tenant, user string) (store.Profile, error) {
	if !store.IsID(user) {
		return store.Profile{}, ErrNotFound
	}
	return s.store.Profile(ctx, tenant.ID, user)
}

// ProfileByEmail finds a user by e-mail in any spelling that counts as the
// same, or returns ErrNotFound.
func (s *Service) ProfileByEmail(ctx context.Context, tenant store.Tenant, email string) (store.Profile, error) {
	key, err := EmailKey(email)
	if err != nil {
		return store.Profile{}, invalid("email", "not an e-mail address")
	}
	return s.store.ProfileByEmail(ctx, tenant.ID, key)
}

// SetDisabled disables or enables a user; ErrMerged is returned for one who was
// merged into another. Once disabling has returned, the
// user's sessions are dead and no sign-in gives a new one. After an error it
// can be called again, and has to be, until it succeeds; enabling ends first what
// an unsuccessful call has left. Enabling an erased
// user lets that person come back as somebody new.
func (s *Service) SetDisabled(ctx context.Context, tenant store.Tenant, user string, disabled bool, by By) error {
	if !store.IsID(user) {
		return ErrNotFound
	}
	what := store.WhatUserEnabled
	if disabled {
		what = store.WhatUserDisabled
	} else if err := s.endOwed(ctx, tenant, user); err != nil {
		return err
	}
	entry, err := journalEntry(what, by, nil)
	if err != nil {
		return err
	}
	epoch, err := s.store.SetDisabled(ctx, tenant.ID, user, disabled, entry, act(by, what, "user "+user, nil))
	if err != nil || !disabled {
		return err
	}
	return unended(s.ender.EndUser(ctx, tenant.ID, user, epoch))
}

// Erase removes a user's personal data for good, that of users merged into this
// one included; ErrMerged is returned for one of those. What stays are keyed
// hashes by which the person is recognised, and refused, until an admin enables the
// erased user.
func (s *Service) Erase(ctx context.Context, tenant store.Tenant, user string, by By) error {
	if !store.IsID(user) {
		return ErrNotFound
	}
	entry, err := journalEntry(store.WhatUserErased, by, nil)
	if err != nil {
		return err
	}
	epoch, err := s.store.Erase(ctx, tenant.ID, user, store.Erasure{
		Subject: func(integration, subject string) []byte { return s.subjectTombstone(tenant.ID, integration, subject) },
		Email:   func(key string) []byte { return s.emailTombstone(tenant.ID, key) },
	}, entry, act(by, store.WhatUserErased, "user "+user, nil))
	if err != nil {
		return err
	}
	s.signIns.erased(tenant.ID, user)
	return unended(s.ender.EndUser(ctx, tenant.ID, user, epoch))
}

// SignOut ends every session of a user, who can sign in again by a new link.
// After an error it can be called again, and has to be, until it succeeds.
func (s *Service) SignOut(ctx context.Context, tenant store.Tenant, user string, by By) error {
	if !store.IsID(user) {
		return ErrNotFound
	}
	entry, err := journalEntry(store.WhatSignedOut, by, nil)
	if err != nil {
		return err
	}
	epoch, err := s.store.SignOut(ctx, tenant.ID, user, entry, act(by, "user_signed_out", "user "+user, nil))
	if err != nil {
		return err
	}
	return unended(s.ender.EndUser(ctx, tenant.ID, user, epoch))
}

// EndSession ends one session of a user, by its public id, or returns
// ErrNotFound. It is recorded once it has ended: the two stores have no
// transaction in common.
func (s *Service) EndSession(ctx context.Context, tenant store.Tenant, user, session string, by By) error {
	if !store.IsID(user) {
		return ErrNotFound
	}
	detail := map[string]any{"session": session}
	entry, err := journalEntry(store.WhatSessionEnded, by, detail)
	if err != nil {
		return err
	}
	ended, err := s.ender.EndByID(ctx, tenant.ID, user, session)
	if err != nil {
		return unended(err)
	}
	if !ended {
		return ErrNotFound
	}
	return s.store.NoteOfUser(ctx, tenant.ID, user, entry, act(by, store.WhatSessionEnded, "user "+user, detail))
}

// Belongings returns all that hangs on a user, with where it came from.
func (s *Service) Belongings(ctx context.Context, tenant store.Tenant, user string) (Belongings, error) {
	if !store.IsID(user) {
		return Belongings{}, ErrNotFound
	}
	return s.store.Belongings(ctx, tenant.ID, user)
}

func (s *Service) subjectTombstone(tenant, integration, subject string) []byte {
	return s.sealer.Digest(subject, tenant, "tombstones", integration)
}

func (s *Service) emailTombstone(tenant, key string) []byte {
	return s.sealer.Digest(key, tenant, "tombstones", "email")
}

// tombstones are the digests under which an erased person would be found.
func (s *Service) tombstones(tenant, integration string, a *Assertion) [][]byte {
	var digests [][]byte
	if a.Subject != "" {
		digests = append(digests, s.subjectTombstone(tenant, integration, a.Subject))
	}
	if a.EmailKey != "" {
		digests = append(digests, s.emailTombstone(tenant, a.EmailKey))
	}
	return digests
}

// FinishOnboarding notes that the person has opened the onboarding page.
func (s *Service) FinishOnboarding(ctx context.Context, tenant store.Tenant, user string) error {
	if !store.IsID(user) {
		return ErrNotFound
	}
	return s.store.FinishOnboarding(ctx, tenant.ID, user)
}

// Journal returns a user's newest changes, newest first.
func (s *Service) Journal(ctx context.Context, tenant store.Tenant, user string, limit int) ([]store.Change, error) {
	if !store.IsID(user) {
		return nil, ErrNotFound
	}
	return s.store.Journal(ctx, tenant.ID, user, limit)
}

// JournalPage returns a page of a user's changes, newest first. before is the
// next of the page before; next is "" at the end.
func (s *Service) JournalPage(ctx context.Context, tenant store.Tenant, user, before string, size int) (changes []Change, next string, err error) {
	if !store.IsID(user) {
		return nil, "", ErrNotFound
	}
	if before != "" && !store.IsID(before) {
		return nil, "", invalid("after", "the “next” of the page before is expected")
	}
	changes, err = s.store.JournalBefore(ctx, tenant.ID, user, before, size+1)
	if len(changes) > size {
		changes = changes[:size]
		next = changes[size-1].ID
	}
	return changes, next, err
}

// maxRequestKey is how long the key of a consuming request may be.
const maxRequestKey = 128

// Consume uses up a credit that a user was granted. Repeating a request with
// the same key changes nothing and succeeds. Errors: ErrNotFound when no such
// grant holds (or it is parked), ErrConsumed when another request was first,
// ErrTaken when the key has consumed another credit, *Invalid.
func (s *Service) Consume(ctx context.Context, tenant store.Tenant, user, integration, orderID string, id int64, key string, by By) error {
	if key == "" || len(key) > maxRequestKey || !isStorable(key) {
		return invalid("Idempotency-Key", "send a key of 1 to %d bytes that names this request", maxRequestKey)
	}
	if !store.IsID(user) || !store.IsID(integration) || !isStorable(orderID) {
		return ErrNotFound
	}
	entry, err := journalEntry(store.WhatCreditConsumed, by, map[string]any{"order_id": orderID, "id": id, "integration": integration})
	if err != nil {
		return err
	}
	return s.store.Consume(ctx, tenant.ID, user, integration, store.GrantKey{OrderID: orderID, CreditID: id}, key, entry)
}

// isStorable reports whether both databases can hold a text.
func isStorable(text string) bool { return utf8.ValidString(text) && !strings.ContainsRune(text, 0) }

// journalEntry is a line of a user's journal about what somebody asked for.
func journalEntry(what string, by By, detail map[string]any) (store.JournalEntry, error) {
	id, err := store.NewID()
	if err != nil {
		return store.JournalEntry{}, fmt.Errorf("provisioning: %w", err)
	}
	if detail == nil {
		detail = map[string]any{}
	}
	text, err := json.Marshal(detail)
	if err != nil {
		return store.JournalEntry{}, fmt.Errorf("provisioning: journal: %w", err)
	}
	return store.JournalEntry{ID: id, What: what, Detail: string(text), Actor: by.Actor, Reference: by.Reference}, nil
}
