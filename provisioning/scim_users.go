package provisioning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"usher/sql/store"
)

// SCIMUserFilter chooses users of a directory: those for which everything holds
// that is set.
type SCIMUserFilter struct {
	ID, UserName, ExternalID, Email string
	Active                          *bool
}

// SCIMUsers returns a page of the users whom a directory keeps, in the order in
// which they were made here, from the one after offset on, and how many there are
// in all. Groups are looked up only if they are wanted.
func (s *Service) SCIMUsers(ctx context.Context, tenant Tenant, d Directory, f SCIMUserFilter, offset, limit int, groups bool) ([]SCIMUser, int64, error) {
	q := store.SCIMUserQuery{
		ID: f.ID, ExternalID: f.ExternalID, UserNameKey: foldSCIMName(f.UserName), Active: f.Active,
		Offset: offset, Limit: limit, Groups: groups,
	}
	if f.Email != "" {
		key, err := EmailKey(f.Email)
		if err != nil {
			return nil, 0, nil // nobody has what is no address
		}
		q.EmailKey = key
	}
	if f.ID != "" && !store.IsID(f.ID) || !isStorable(f.ExternalID+q.UserNameKey) {
		return nil, 0, nil
	}
	walk := s.resume(tenant, d, &q)
	records, total, err := s.store.SCIMUsers(ctx, tenant.ID, d.IntegrationID, q)
	if err == nil {
		s.pause(tenant, d, q, walk, records, total)
	}
	users := make([]SCIMUser, 0, len(records))
	for _, r := range records {
		users = append(users, scimUser(r))
	}
	return users, total, err
}

// SCIMUser returns one of the users whom a directory keeps, or ErrNotFound.
func (s *Service) SCIMUser(ctx context.Context, tenant Tenant, d Directory, id string) (SCIMUser, error) {
	if !store.IsID(id) {
		return SCIMUser{}, ErrNotFound
	}
	users, _, err := s.SCIMUsers(ctx, tenant, d, SCIMUserFilter{ID: id}, 0, 1, true)
	if err == nil && len(users) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return SCIMUser{}, err
	}
	return users[0], nil
}

// SayOf changes what is known of a person to what a directory says. It may be
// called more than once, each time with what is known then.
type SayOf func(*SCIMPerson) error

// CreateSCIMUser makes a user, or lets the directory keep the one whom a link of
// the same integration has made: who it is is decided as for a sign-in. Somebody
// whom the directory had deleted comes back.
//
// The errors are *Invalid, *SCIMTaken, ErrDirectory, say's own, and a *Refusal with
// UserDisabled for one who was erased or cannot be linked while disabled. When a
// fault gets in between, the same request can be sent again.
func (s *Service) CreateSCIMUser(ctx context.Context, tenant Tenant, d Directory, say SayOf, by By) (SCIMUser, error) {
	said := SCIMPerson{Active: true}
	if err := say(&said); err != nil {
		return SCIMUser{}, err
	}
	a, err := said.assertion(d.Subject)
	if err != nil {
		return SCIMUser{}, err
	}
	if _, taken, err := s.SCIMUsers(ctx, tenant, d, SCIMUserFilter{UserName: said.UserName}, 0, 0, false); err != nil {
		return SCIMUser{}, err
	} else if taken > 0 {
		return SCIMUser{}, &SCIMTaken{Attribute: "userName"}
	}
	user, err := s.admitSCIM(ctx, tenant, d, onlySaid(a), by)
	if err != nil {
		return SCIMUser{}, err
	}
	return s.writeSCIM(ctx, tenant, d, user, true, say, by)
}

// admitSCIM finds or makes the user whom an assertion of a directory means, and
// returns the id.
func (s *Service) admitSCIM(ctx context.Context, tenant Tenant, d Directory, a Assertion, by By) (user string, err error) {
	life := ringLife
	for try := range maxTries {
		n, err := s.installed(ctx, tenant, d.IntegrationID, life)
		if errors.Is(err, ErrNotFound) {
			return "", ErrDirectory
		} else if err != nil {
			return "", err
		}
		n.AutoCreate = true // the setting is about links: a directory says whom there is
		state, err := s.store.Read(ctx, s.inquiry(&a, &n))
		if err != nil {
			return "", err
		}
		if state.Revision != n.Revision {
			outdated := s.now()
			if err := breathe(ctx, try); err != nil {
				return "", err
			}
			life = s.now().Sub(outdated)
			continue
		}
		p, err := decide(&a, &n, &state, store.NewID)
		if refusal, ok := errors.AsType[*Refusal](err); ok {
			known := p.match == MatchSubject || p.match == MatchEmail
			if refusal.Reason == UserDisabled && known && p.user.Status == store.StatusDisabled {
				return p.user.ID, nil // what the directory says is written below
			}
			return "", refusedSCIM(refusal, d)
		} else if err != nil {
			return "", err
		}
		c := p.changes
		c.KeyID, c.Reference, c.At = "scim_token "+d.TokenID, by.Reference, s.now().UTC()
		c.Identity.Fingerprint = nil // no link has said this
		if c.Token, err = s.scimMark(); err != nil {
			return "", err
		}
		outcome, err := s.store.Apply(ctx, c)
		if err != nil {
			return "", err
		}
		if outcome == store.Applied || outcome == store.Stale {
			// Stale: a link from a clock ahead of ours; what differs is written
			// below.
			return p.user.ID, nil
		}
		if err := breathe(ctx, try); err != nil {
			return "", err
		}
	}
	return "", fmt.Errorf("%w: the person is being changed all the time", store.ErrUnavailable)
}

// scimMark stands where a sign-in has its token: it orders the data. A link that
// was made in an earlier second is from before.
func (s *Service) scimMark() (store.UsedToken, error) {
	attempt, err := store.NewID()
	if err != nil {
		return store.UsedToken{}, err
	}
	now := s.now()
	second, micro := now.Truncate(time.Second).UnixMicro(), now.UnixMicro()
	return store.UsedToken{
		Key: []byte(randomHex(16)), Attempt: attempt, IssuedAt: &second, NotAfter: &micro, ExpiresAt: &micro,
	}, nil
}

// refusedSCIM says in a directory's terms why somebody cannot be made.
func refusedSCIM(refusal *Refusal, d Directory) error {
	switch refusal.Reason {
	case EmailInUse:
		return &SCIMTaken{Attribute: "emails"}
	case SubjectConflict:
		return &SCIMTaken{Attribute: subjectAttribute(d.Subject)}
	}
	return refusal
}

// ChangeSCIMUser changes one of the users whom a directory keeps. The errors are
// ErrNotFound, ErrChanged, ErrDirectory, *Invalid, *SCIMTaken and say's own. After
// another error it can be called again.
func (s *Service) ChangeSCIMUser(ctx context.Context, tenant Tenant, d Directory, id string, say SayOf, by By) (SCIMUser, error) {
	if !store.IsID(id) {
		return SCIMUser{}, ErrNotFound
	}
	return s.writeSCIM(ctx, tenant, d, id, false, say, by)
}

// writeSCIM changes a user whom a directory keeps, or keeps from now on.
func (s *Service) writeSCIM(ctx context.Context, tenant Tenant, d Directory, user string, create bool, say SayOf, by By) (SCIMUser, error) {
	// It may enable the user.
	if err := s.endOwed(ctx, tenant, user); err != nil {
		return SCIMUser{}, err
	}
	var w scimWriter
	err := s.store.Change(ctx, tenant.ID, func(l *store.Look) (store.Act, error) {
		w = scimWriter{look: l, directory: d, by: by, create: create}
		if err := w.open(ctx, user); err != nil {
			return store.Act{}, err
		}
		return w.write(ctx, say)
	})
	if err == nil && w.epoch > 0 {
		err = unended(s.ender.EndUser(ctx, tenant.ID, user, w.epoch))
	}
	if err != nil {
		return SCIMUser{}, err
	}
	return s.SCIMUser(ctx, tenant, d, user)
}

// DeleteSCIMUser ends a directory's keeping of a user: the user is disabled, with
// all sessions and tokens, and loses the memberships that the integration gave.
// What is known of the person stays until an administrator erases it. The errors
// are those of ChangeSCIMUser. When a call has failed half-way, the next one ends
// what that has left, before it says ErrNotFound.
func (s *Service) DeleteSCIMUser(ctx context.Context, tenant Tenant, d Directory, id string, by By) error {
	if !store.IsID(id) {
		return ErrNotFound
	}
	var w scimWriter
	gone := false
	err := s.store.Change(ctx, tenant.ID, func(l *store.Look) (store.Act, error) {
		w = scimWriter{look: l, directory: d, by: by}
		err := w.open(ctx, id)
		if gone = errors.Is(err, ErrNotFound) && w.name.DeletedAt != nil; gone {
			return store.Act{}, w.again()
		} else if err != nil {
			return store.Act{}, err
		}
		return w.remove(ctx)
	})
	if err == nil && w.epoch > 0 {
		err = unended(s.ender.EndUser(ctx, tenant.ID, id, w.epoch))
	}
	if err == nil && gone {
		err = ErrNotFound
	}
	return err
}

// mayWrite reports whether what a directory expects is so.
func mayWrite(by By, version int64) error {
	if by.IfMatch != nil && !slices.Contains(by.IfMatch, version) {
		return ErrChanged
	}
	return nil
}

// signed puts who asks into lines of a journal.
func signed(entries []store.JournalEntry, by By) []store.JournalEntry {
	for i := range entries {
		entries[i].Actor, entries[i].Reference = by.Actor, by.Reference
	}
	return entries
}
