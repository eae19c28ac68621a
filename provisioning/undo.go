package provisioning

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"usher/sql/store"
)

// UndoWish says what shall be undone: all that one request did, a sign-in's or
// an administrator's; all that an integration's tokens did since a time; or what
// they took from people's groups before the drift guard held.
type UndoWish struct {
	Reference   string    `json:"reference,omitempty"`   // of the request
	Integration string    `json:"integration,omitempty"` // its id
	Since       time.Time `json:"since,omitzero"`
	Emptied     string    `json:"emptied,omitempty"` // an integration's id
}

// UndoPreview is what an undoing would do.
type UndoPreview struct {
	People  int64 // whom it concerns
	Entries int64 // of the journal that would be undone, if all could be
	First   []UndoPerson
}

// UndoPerson is what becomes of one person's changes.
type UndoPerson struct {
	UserID string
	Email  string
	Lines  []UndoLine
}

// Done counts the lines that are undone, if only in part.
func (p UndoPerson) Done() int {
	n := 0
	for _, line := range p.Lines {
		if line.Does {
			n++
		}
	}
	return n
}

// Undone is what came of an undoing: of one person at once, of more by a job.
type Undone struct {
	Person UndoPerson
	Job    *Job // nil = Person tells all
}

const (
	// undoPreviewPeople is how many people a preview shows.
	undoPreviewPeople = 20
	// maxUndoChanges bounds what is looked at of one person's journal.
	maxUndoChanges = 50_000
	// maxReferenceBytes is how long a reference may be.
	maxReferenceBytes = 128
)

// picked checks a wish and says which entries it means. before ends a span of
// time, so that what comes during the undoing stays.
func (w UndoWish) picked(before time.Time) (store.Picked, error) {
	switch {
	case w.Reference != "" && w.Integration != "" || w.Emptied != "" && (w.Reference != "" || w.Integration != ""):
		return store.Picked{}, invalid("reference", "give a reference, an integration and a time, or emptied: one of the three")
	case w.Emptied != "" && store.IsID(w.Emptied):
		return store.Picked{EmptiedBy: w.Emptied}, nil
	case w.Emptied != "":
		return store.Picked{}, invalid("emptied", "the id of an integration")
	case w.Reference != "":
		if len(w.Reference) > maxReferenceBytes || !isStorable(w.Reference) {
			return store.Picked{}, invalid("reference", "the reference id of a request")
		}
		return store.Picked{Reference: w.Reference}, nil
	case !store.IsID(w.Integration):
		return store.Picked{}, invalid("integration", "the id of an integration")
	case w.Since.IsZero() || w.Since.Year() < 1970 || w.Since.Year() > 9999:
		return store.Picked{}, invalid("since", "a time like 2030-01-31T12:00:00Z")
	}
	return store.Picked{IntegrationID: w.Integration, From: w.Since, Before: before}, nil
}

// PreviewUndo says what Undo would do now. ErrNotFound means that there is
// nothing that it could concern.
func (s *Service) PreviewUndo(ctx context.Context, tenant store.Tenant, wish UndoWish) (UndoPreview, error) {
	picked, err := wish.picked(s.now())
	if err != nil {
		return UndoPreview{}, err
	}
	var preview UndoPreview
	err = s.store.View(ctx, tenant.ID, func(l *store.Look) error {
		var err error
		if preview.People, preview.Entries, err = l.CountPicked(ctx, picked); err != nil {
			return err
		}
		users, err := l.PickedUsers(ctx, picked, "", undoPreviewPeople)
		if err != nil {
			return err
		}
		for _, user := range users {
			person, _, err := undoOf(ctx, l, picked, user, By{Actor: "preview"})
			if err != nil {
				return err
			}
			preview.First = append(preview.First, person)
		}
		return nil
	})
	if err == nil && preview.Entries == 0 {
		err = ErrNotFound
	}
	return preview, err
}

// Undo takes back what wish names, as far as PreviewUndo says: of one person at
// once, of several by a job. It is written into the journal like any change,
// so that it can be undone as well; the next token of each person is compared
// with everything again. ErrNotFound means that there is nothing that it could
// concern, and an *Invalid that nothing of it can be undone.
func (s *Service) Undo(ctx context.Context, tenant store.Tenant, wish UndoWish, by By) (Undone, error) {
	picked, err := wish.picked(s.now())
	if err != nil {
		return Undone{}, err
	}
	var users []string
	err = s.store.View(ctx, tenant.ID, func(l *store.Look) error {
		var err error
		users, err = l.PickedUsers(ctx, picked, "", 2)
		return err
	})
	switch {
	case err != nil:
		return Undone{}, err
	case len(users) == 0:
		return Undone{}, ErrNotFound
	case len(users) > 1 || wish.Reference == "":
		j, err := s.StartJob(ctx, tenant, JobUndo, wish, by)
		return Undone{Job: &j}, err
	}
	var undone Undone
	var epoch int64
	err = s.store.Change(ctx, tenant.ID, func(l *store.Look) (store.Act, error) {
		person, c, err := undoOf(ctx, l, picked, users[0], by)
		if err != nil {
			return store.Act{}, err
		}
		undone.Person = person
		if person.Done() == 0 {
			return store.Act{}, invalid("reference", "nothing of it can be undone (any more)")
		}
		if epoch, err = l.Correct(ctx, users[0], c); err != nil {
			return store.Act{}, err
		}
		return act(by, "sign_in_undone", "user "+users[0], map[string]any{
			"reference": wish.Reference, "undone": person.Done(), "left": len(person.Lines) - person.Done(),
		}), nil
	})
	if err != nil {
		return Undone{}, err
	}
	if epoch > 0 {
		return undone, unended(s.ender.EndUser(ctx, tenant.ID, users[0], epoch))
	}
	return undone, nil
}

// undoOf reads what undoing one person's entries depends on, and decides.
func undoOf(ctx context.Context, l *store.Look, picked store.Picked, user string, by By) (UndoPerson, store.Correction, error) {
	// Reading the standing locks the user: the journal does not grow any more.
	st, err := l.Standing(ctx, user)
	if err != nil {
		return UndoPerson{}, store.Correction{}, err
	}
	state := undoState{standing: st, picked: map[string]bool{}, taken: map[string]bool{}, by: by}
	ids, err := l.PickedEntries(ctx, picked, user)
	if err != nil {
		return UndoPerson{}, store.Correction{}, err
	}
	person := UndoPerson{UserID: user, Email: st.User.Email}
	if len(ids) == 0 { // erased meanwhile
		return person, store.Correction{}, nil
	}
	for _, id := range ids {
		state.picked[id] = true
	}
	if state.changes, err = l.ChangesSince(ctx, user, ids[0], maxUndoChanges); err != nil {
		return UndoPerson{}, store.Correction{}, err
	}
	if err := state.look(ctx, l); err != nil {
		return UndoPerson{}, store.Correction{}, err
	}
	var c store.Correction
	person.Lines, c, err = planUndo(state)
	return person, c, err
}

// look finds out about groups, addresses and identities that entries name.
func (u *undoState) look(ctx context.Context, l *store.Look) error {
	var groups []string
	for _, change := range u.changes {
		if !u.picked[change.ID] {
			continue
		}
		var d changeDetail
		_ = json.Unmarshal([]byte(change.Detail), &d) // see walk
		switch change.What {
		case store.WhatGroupAdded, store.WhatGroupRemoved:
			groups = append(groups, d.Group)
		case store.WhatEmailChanged:
			var from string
			if json.Unmarshal(d.From, &from) != nil || from == "" {
				continue
			}
			key, err := EmailKey(from)
			if err != nil {
				continue
			}
			if u.taken[emailName(key)], err = l.EmailTaken(ctx, key, u.standing.User.ID); err != nil {
				return err
			}
		case store.WhatIdentityDetached, store.WhatSubjectUnset:
			if !store.IsID(d.Identity) || !store.IsID(d.Integration) {
				continue
			}
			var err error
			u.taken[identityName(d.Identity)], err = l.IdentityTaken(ctx, store.Identity{
				ID: d.Identity, IntegrationID: d.Integration, Subject: d.Subject, EmailKey: d.Email,
			})
			if err != nil {
				return err
			}
		}
	}
	var err error
	u.groups, err = l.GroupIDs(ctx, groups)
	return err
}

func (s *Service) checkUndo(_ context.Context, _ store.Tenant, parameters []byte) error {
	var wish UndoWish
	if err := json.Unmarshal(parameters, &wish); err != nil {
		return invalid("parameters", "an object with reference, or with integration and since")
	}
	_, err := wish.picked(s.now())
	return err
}

// undoneMany is the result of JobUndo.
type undoneMany struct {
	People int64 `json:"people"` // of whom something was undone
	Undone int64 `json:"undone"` // entries
	Left   int64 `json:"left"`   // entries that could not be
}

// undoOne undoes the entries of the next person.
func (s *Service) undoOne(ctx context.Context, b *store.Batch) (func(context.Context) error, error) {
	var wish UndoWish
	var result undoneMany
	if err := errors.Join(json.Unmarshal([]byte(b.Job.Parameters), &wish), json.Unmarshal([]byte(b.Job.Result), &result)); err != nil {
		return nil, err
	}
	picked, err := wish.picked(b.Job.CreatedAt)
	if err != nil {
		return nil, err
	}
	if b.Job.Cursor == "" {
		if b.Job.Total, _, err = b.CountPicked(ctx, picked); err != nil {
			return nil, err
		}
	}
	users, err := b.PickedUsers(ctx, picked, b.Job.Cursor, 1)
	if err != nil {
		return nil, err
	}
	if len(users) == 0 {
		b.Finish()
		return nil, nil
	}
	user := users[0]
	person, c, err := undoOf(ctx, b.Look, picked, user, b.Job.By())
	if err != nil {
		return nil, fmt.Errorf("undoing for user %s: %w", user, err)
	}
	var epoch int64
	if person.Done() > 0 {
		if epoch, err = b.Correct(ctx, user, c); err != nil {
			return nil, err
		}
		result.People++
	}
	result.Undone += int64(person.Done())
	result.Left += int64(len(person.Lines) - person.Done())
	b.Job.Cursor = user
	b.Job.Done++
	if err := b.SetResult(result); err != nil || epoch == 0 {
		return nil, err
	}
	tenant := b.Job.TenantID
	return func(ctx context.Context) error { return s.ender.EndUser(ctx, tenant, user, epoch) }, nil
}
