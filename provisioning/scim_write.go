package provisioning

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"usher/sql/store"
)

// scimWriter writes what a directory says of one user, in one transaction.
type scimWriter struct {
	look      *store.Look
	directory Directory
	by        By
	create    bool

	standing store.Standing
	name     store.SCIMUser // what the directory calls the user; new when create
	epoch    int64          // out: the session epoch to publish; 0 = no sessions end
}

// open locks the user and reads what there is.
func (w *scimWriter) open(ctx context.Context, user string) error {
	err := holdSCIM(ctx, w.look, w.directory)
	if err != nil {
		return err
	}
	if w.standing, err = w.look.Standing(ctx, user); err != nil {
		return err
	}
	if status := w.standing.User.Status; status != store.StatusActive && status != store.StatusDisabled {
		return ErrNotFound
	}
	w.name, err = w.look.SCIMUser(ctx, w.directory.IntegrationID, user)
	switch missing := errors.Is(err, ErrNotFound); {
	case err != nil && !missing:
		return err
	case w.create && !missing && w.name.DeletedAt == nil:
		return &SCIMTaken{
			Attribute: "userName",
			Why:       fmt.Sprintf("This person is the user %s, whom the directory has as %q: two may have been merged here.", user, w.name.UserName),
		}
	case w.create:
		back := w.name.DeactivatedEpoch
		w.name = store.SCIMUser{
			IntegrationID: w.directory.IntegrationID, UserID: user, CreatedAt: w.look.Now(), DeactivatedEpoch: back,
		}
		return nil
	case missing || w.name.DeletedAt != nil:
		return ErrNotFound
	}
	return mayWrite(w.by, w.standing.User.Version)
}

// write brings the user to what say makes of it. The act is that of disabling or
// enabling, if there is such a change: the rest is in the person's journal.
func (w *scimWriter) write(ctx context.Context, say SayOf) (store.Act, error) {
	was := personOf(w.standing.User.UserRow, w.name, w.standing.User.Status)
	person := was
	if w.create {
		person.Active = true
	}
	if err := say(&person); err != nil {
		return store.Act{}, err
	}
	if person == was && !w.create {
		return store.Act{}, w.again()
	}
	a, err := person.assertion(w.directory.Subject)
	if err != nil {
		return store.Act{}, err
	}
	correction, err := w.correct(ctx, &a)
	if err != nil {
		return store.Act{}, err
	}
	key := foldSCIMName(person.UserName)
	if taken, err := w.look.SCIMNameTaken(ctx, w.directory.IntegrationID, key, w.standing.User.ID); err != nil {
		return store.Act{}, err
	} else if taken {
		return store.Act{}, &SCIMTaken{Attribute: "userName"}
	}
	if _, err := w.look.Correct(ctx, w.standing.User.ID, correction); err != nil {
		return store.Act{}, takenIn(err, "emails")
	}
	act, err := w.setActive(ctx, person.Active)
	if err != nil {
		return store.Act{}, err
	}
	w.name.UserName, w.name.UserNameKey, w.name.ExternalID = person.UserName, key, person.ExternalID
	w.name.UpdatedAt, w.name.DeletedAt = w.look.Now(), nil
	return act, takenIn(w.look.SaveSCIMUser(ctx, w.name), "userName")
}

// again publishes once more that the directory has disabled a user: the call that
// did it may have failed half-way.
func (w *scimWriter) again() error {
	if u := w.standing.User; u.Status == store.StatusDisabled && w.name.DeactivatedEpoch != nil {
		w.epoch = u.SessionEpoch
	}
	return nil
}

// correct is what changes of the profile, the e-mail and the identity, by the
// rules that sign-ins go by; but an e-mail that somebody else has is no mere
// warning.
func (w *scimWriter) correct(ctx context.Context, a *Assertion) (store.Correction, error) {
	p := planner{assertion: a, newID: store.NewID}
	p.out.user = w.standing.User
	if err := p.profile(); err != nil {
		return store.Correction{}, err
	}
	if err := w.email(ctx, &p); err != nil {
		return store.Correction{}, err
	}
	c := store.Correction{}
	if err := w.identity(ctx, &p, &c); err != nil {
		return store.Correction{}, err
	}
	row := p.out.user.UserRow
	c.Row, c.Journal = &row, signed(p.out.changes.Journal, w.by)
	return c, nil
}

func (w *scimWriter) email(ctx context.Context, p *planner) error {
	a, u := p.assertion, &p.out.user
	if a.EmailKey != "" {
		taken, err := w.look.EmailTaken(ctx, a.EmailKey, u.ID)
		if err != nil {
			return err
		}
		if taken {
			return &SCIMTaken{Attribute: "emails"}
		}
	}
	if u.Email == a.Email {
		return nil
	}
	if err := p.note(store.WhatEmailChanged, map[string]any{"from": u.Email, "to": a.Email}); err != nil {
		return err
	}
	u.Email, u.EmailKey = a.Email, optional(a.EmailKey)
	return nil
}

// identity makes the integration know the person as its directory does.
func (w *scimWriter) identity(ctx context.Context, p *planner, c *store.Correction) error {
	a, user := p.assertion, w.standing.User.ID
	own := store.Identity{IntegrationID: w.directory.IntegrationID, UserID: user}
	at := slices.IndexFunc(w.standing.Identities, func(id store.Identity) bool {
		return id.IntegrationID == own.IntegrationID && id.Subject != nil && *id.Subject == a.Subject
	})
	if at < 0 {
		at = slices.IndexFunc(w.standing.Identities, func(id store.Identity) bool { return id.IntegrationID == own.IntegrationID })
	}
	if at >= 0 {
		own = w.standing.Identities[at]
	}
	next := own
	next.EmailKey = optional(a.EmailKey)
	if a.Subject != "" {
		next.Subject = optional(a.Subject)
	}
	if at >= 0 && equalText(next.Subject, own.Subject) && equalText(next.EmailKey, own.EmailKey) {
		return nil
	}
	if at < 0 {
		id, err := store.NewID()
		if err != nil {
			return err
		}
		next.ID = id
	}
	taken, err := w.look.IdentityTaken(ctx, next)
	if err != nil {
		return err
	}
	if taken {
		return &SCIMTaken{Attribute: subjectAttribute(w.directory.Subject)}
	}
	if at < 0 {
		c.Attach = append(c.Attach, next)
		return p.note(store.WhatUserLinked, map[string]any{"by": "scim", "identity": next.ID, "integration": next.IntegrationID})
	}
	c.Identities = append(c.Identities, next)
	if equalText(next.Subject, own.Subject) {
		return nil
	}
	return p.note(store.WhatSubjectSet, map[string]any{
		"identity": next.ID, "integration": next.IntegrationID, "sub": a.Subject,
	})
}

// setActive disables or enables the user. A directory enables only whom it has
// disabled: what an administrator has done since stays.
func (w *scimWriter) setActive(ctx context.Context, active bool) (store.Act, error) {
	u := w.standing.User
	switch {
	case !active && u.Status == store.StatusDisabled:
		return store.Act{}, w.again()
	case !active:
		entry, err := journalEntry(store.WhatUserDisabled, w.by, nil)
		if err != nil {
			return store.Act{}, err
		}
		if w.epoch, err = w.look.SetDisabled(ctx, u.ID, true, entry); err != nil {
			return store.Act{}, err
		}
		epoch := w.epoch
		w.name.DeactivatedEpoch = &epoch
		return act(w.by, store.WhatUserDisabled, "user "+u.ID, nil), nil
	case u.Status == store.StatusActive:
		w.name.DeactivatedEpoch = nil
		return store.Act{}, nil
	case w.name.DeactivatedEpoch == nil || *w.name.DeactivatedEpoch != u.SessionEpoch:
		w.name.DeactivatedEpoch = nil
		return store.Act{}, nil
	}
	entry, err := journalEntry(store.WhatUserEnabled, w.by, nil)
	if err != nil {
		return store.Act{}, err
	}
	w.name.DeactivatedEpoch = nil
	_, err = w.look.SetDisabled(ctx, u.ID, false, entry)
	return act(w.by, store.WhatUserEnabled, "user "+u.ID, nil), err
}

// remove is DeleteSCIMUser within its transaction.
func (w *scimWriter) remove(ctx context.Context) (store.Act, error) {
	correction, err := withoutMemberships(w.standing, w.directory.IntegrationID, w.by)
	if err != nil {
		return store.Act{}, err
	}
	if _, err := w.look.Correct(ctx, w.standing.User.ID, correction); err != nil {
		return store.Act{}, err
	}
	done, err := w.setActive(ctx, false)
	if err != nil {
		return store.Act{}, err
	}
	now := w.look.Now()
	w.name.UpdatedAt, w.name.DeletedAt = now, &now
	return done, w.look.SaveSCIMUser(ctx, w.name)
}

// withoutMemberships is withoutHoldings for the groups alone.
func withoutMemberships(st store.Standing, integration string, by By) (store.Correction, error) {
	st.Grants = nil
	return withoutHoldings(st, integration, by)
}

// takenIn names the attribute of which the database says that another one has it.
func takenIn(err error, attribute string) error {
	if errors.Is(err, ErrTaken) {
		return &SCIMTaken{Attribute: attribute}
	}
	return err
}

func equalText(a, b *string) bool {
	if a == nil || b == nil {
		return a == b
	}
	return *a == *b
}
