package provisioning

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	"usher/sql/store"
)

const (
	// MaxSCIMMembers is how many members of a group one request may change.
	MaxSCIMMembers = 1000
	// MaxSCIMMembersShown is how many members one answer may list.
	MaxSCIMMembersShown = 10_000
)

const tooManyMembers = "a change of at most %d at once: send add and remove in parts, or DELETE the group"

// ErrTooMany means that an answer would have more members of groups than one may.
var ErrTooMany = errors.New("the groups have more members than one answer may")

// SCIMGroup is a group as a directory sees it.
type SCIMGroup struct {
	ID          string
	DisplayName string
	ExternalID  string
	Members     []store.SCIMMember // whom the directory has put there, by id
	CreatedAt   time.Time          // when the directory made it
	ChangedAt   time.Time
}

// SCIMGroupSaid is what a directory says of a group.
type SCIMGroupSaid struct {
	DisplayName string
	ExternalID  string
	Members     SCIMMembership
}

// SCIMMembership says who comes and goes: the parts of a request, one after the
// other. The zero value changes nothing.
type SCIMMembership struct {
	reset       bool // whoever is not in join goes
	join, leave map[string]bool
}

// Replace makes these users the only members.
func (m *SCIMMembership) Replace(users ...string) {
	*m = SCIMMembership{reset: true}
	m.Add(users...)
}

// Add makes users members.
func (m *SCIMMembership) Add(users ...string) {
	for _, id := range users {
		delete(m.leave, id)
		if m.join == nil {
			m.join = map[string]bool{}
		}
		m.join[id] = true
	}
}

// Remove makes users members no more.
func (m *SCIMMembership) Remove(users ...string) {
	for _, id := range users {
		delete(m.join, id)
		if m.leave == nil {
			m.leave = map[string]bool{}
		}
		m.leave[id] = true
	}
}

// SayOfGroup changes what is known of a group to what a directory says. It may be
// called more than once, each time with what is known then.
type SayOfGroup func(*SCIMGroupSaid) error

// SCIMGroupFilter chooses groups of a directory: those for which everything holds
// that is set.
type SCIMGroupFilter struct {
	ID, DisplayName, ExternalID, Member string // Member is the id of a user
}

// SCIMGroups returns a page of the groups that a directory keeps, from the one
// after offset on, and how many there are in all. Members are looked up only if
// they are wanted; ErrTooMany is returned when they are too many for an answer.
func (s *Service) SCIMGroups(ctx context.Context, tenant Tenant, d Directory, f SCIMGroupFilter, offset, limit int, members bool) ([]SCIMGroup, int64, error) {
	q := store.SCIMGroupQuery{
		ID: f.ID, NameKey: foldSCIMName(f.DisplayName), ExternalID: f.ExternalID, Member: f.Member, Offset: offset, Limit: limit,
	}
	for _, id := range []string{f.ID, f.Member} {
		if id != "" && !store.IsID(id) {
			return nil, 0, nil
		}
	}
	if !isStorable(q.NameKey + q.ExternalID) {
		return nil, 0, nil
	}
	rows, total, err := s.store.SCIMGroups(ctx, tenant.ID, d.IntegrationID, q)
	if err != nil {
		return nil, 0, err
	}
	groups, ids := make([]SCIMGroup, len(rows)), make([]string, len(rows))
	at := map[string]*SCIMGroup{}
	for i, g := range rows {
		groups[i] = SCIMGroup{
			ID: g.GroupID, DisplayName: g.DisplayName, ExternalID: g.ExternalID, CreatedAt: g.CreatedAt.UTC(), ChangedAt: g.UpdatedAt.UTC(),
		}
		ids[i], at[g.GroupID] = g.GroupID, &groups[i]
	}
	if !members || len(groups) == 0 {
		return groups, total, nil
	}
	all, err := s.store.SCIMMembers(ctx, tenant.ID, d.IntegrationID, ids, MaxSCIMMembersShown+1)
	if err == nil && len(all) > MaxSCIMMembersShown {
		err = ErrTooMany
	}
	for _, m := range all {
		at[m.GroupID].Members = append(at[m.GroupID].Members, m)
	}
	return groups, total, err
}

// SCIMGroup returns one of the groups that a directory keeps, or ErrNotFound.
func (s *Service) SCIMGroup(ctx context.Context, tenant Tenant, d Directory, id string, members bool) (SCIMGroup, error) {
	if !store.IsID(id) {
		return SCIMGroup{}, ErrNotFound
	}
	groups, _, err := s.SCIMGroups(ctx, tenant, d, SCIMGroupFilter{ID: id}, 0, 1, members)
	if err == nil && len(groups) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return SCIMGroup{}, err
	}
	return groups[0], nil
}

// CreateSCIMGroup lets a directory keep a group: the tenant's, if it has one that
// tokens would name like this, and otherwise a new one. Tokens name it by its
// externalId, or by its first displayName if it has none. The errors are *Invalid,
// *SCIMTaken, ErrDirectory and say's own.
func (s *Service) CreateSCIMGroup(ctx context.Context, tenant Tenant, d Directory, say SayOfGroup, by By) (string, error) {
	id, err := store.NewID()
	if err != nil {
		return "", err
	}
	var kept store.SCIMGroup
	err = s.store.Change(ctx, tenant.ID, func(l *store.Look) (store.Act, error) {
		var said SCIMGroupSaid
		if err := say(&said); err != nil {
			return store.Act{}, err
		}
		name, err := said.check()
		if err != nil {
			return store.Act{}, err
		}
		external, attribute := said.ExternalID, "externalId"
		if external == "" {
			external, attribute = name, "displayName"
		}
		if wrong := checkExternalID(external); wrong != nil {
			return store.Act{}, invalid(attribute, "%s", wrong.Problem)
		}
		if err := holdSCIM(ctx, l, d); err != nil {
			return store.Act{}, err
		}
		if taken, err := l.SCIMGroupTaken(ctx, d.IntegrationID, foldSCIMName(name), id); err != nil {
			return store.Act{}, err
		} else if taken {
			return store.Act{}, &SCIMTaken{Attribute: "displayName"}
		}
		if other, err := l.SCIMGroupNamed(ctx, d.IntegrationID, external); err == nil {
			return store.Act{}, &SCIMTaken{attribute, fmt.Sprintf(
				"The external id %q stays that of the group %s, now called %q. Send another externalId.", external, other.GroupID, other.DisplayName)}
		} else if !errors.Is(err, ErrNotFound) {
			return store.Act{}, err
		}
		now := l.Now()
		kept, err = l.AddSCIMGroup(ctx, store.Group{ID: id, ExternalID: external, Name: name, Revision: 1, CreatedAt: now},
			store.SCIMGroup{
				IntegrationID: d.IntegrationID, DisplayName: said.DisplayName, NameKey: foldSCIMName(name),
				ExternalID: said.ExternalID, CreatedAt: now, UpdatedAt: now,
			})
		if err != nil {
			return store.Act{}, takenIn(err, attribute)
		}
		if err := s.writeMembers(ctx, l, d, kept.GroupID, said.Members, by); err != nil {
			return store.Act{}, err
		}
		return act(by, "scim_group_added", "group "+kept.GroupID, map[string]any{
			"integration": d.IntegrationID, "external_id": external, "made": kept.Made,
		}), nil
	})
	return kept.GroupID, err
}

// ChangeSCIMGroup changes one of the groups that a directory keeps. The errors are
// ErrNotFound, ErrDirectory, *Invalid, *SCIMTaken and say's own.
func (s *Service) ChangeSCIMGroup(ctx context.Context, tenant Tenant, d Directory, id string, say SayOfGroup, by By) error {
	if !store.IsID(id) {
		return ErrNotFound
	}
	return s.store.Change(ctx, tenant.ID, func(l *store.Look) (store.Act, error) {
		if err := holdSCIM(ctx, l, d); err != nil {
			return store.Act{}, err
		}
		kept, err := l.SCIMGroup(ctx, d.IntegrationID, id)
		if err != nil {
			return store.Act{}, err
		}
		said := SCIMGroupSaid{DisplayName: kept.DisplayName, ExternalID: kept.ExternalID}
		if err := say(&said); err != nil {
			return store.Act{}, err
		}
		done, err := s.renameSCIM(ctx, l, kept, said, by)
		if err != nil {
			return store.Act{}, err
		}
		return done, s.writeMembers(ctx, l, d, id, said.Members, by)
	})
}

// renameSCIM writes what a directory calls a group. One that it made is called so
// here too; what tokens name it by stays.
func (s *Service) renameSCIM(ctx context.Context, l *store.Look, kept store.SCIMGroup, said SCIMGroupSaid, by By) (store.Act, error) {
	if said.DisplayName == kept.DisplayName && said.ExternalID == kept.ExternalID {
		return store.Act{}, nil
	}
	name, err := said.check()
	if err != nil {
		return store.Act{}, err
	}
	detail := map[string]any{}
	noteChange(detail, "display_name", kept.DisplayName, said.DisplayName)
	noteChange(detail, "scim_external_id", kept.ExternalID, said.ExternalID)
	kept.DisplayName, kept.NameKey, kept.ExternalID, kept.UpdatedAt = said.DisplayName, foldSCIMName(name), said.ExternalID, l.Now()
	rename := ""
	if kept.Made {
		rename = name
	}
	if taken, err := l.SCIMGroupTaken(ctx, kept.IntegrationID, kept.NameKey, kept.GroupID); err != nil {
		return store.Act{}, err
	} else if taken {
		return store.Act{}, &SCIMTaken{Attribute: "displayName"}
	}
	if err := l.SaveSCIMGroup(ctx, kept, rename); err != nil {
		return store.Act{}, takenIn(err, "displayName")
	}
	detail["integration"] = kept.IntegrationID
	return act(by, "scim_group_changed", "group "+kept.GroupID, detail), nil
}

// DeleteSCIMGroup ends a directory's keeping of a group: whom it has put there
// leave, as far as nobody else says that they belong there. The group itself goes
// if the directory made it and nobody is left. A large group goes in several
// rounds: after an error DeleteSCIMGroup can be called again, and goes on. The
// errors are ErrNotFound and ErrDirectory.
func (s *Service) DeleteSCIMGroup(ctx context.Context, tenant Tenant, d Directory, id string, by By) error {
	if !store.IsID(id) {
		return ErrNotFound
	}
	for done := false; !done; {
		err := s.store.Change(ctx, tenant.ID, func(l *store.Look) (store.Act, error) {
			if err := holdSCIM(ctx, l, d); err != nil {
				return store.Act{}, err
			}
			kept, err := l.SCIMGroup(ctx, d.IntegrationID, id)
			if err != nil {
				return store.Act{}, err
			}
			members, err := l.SCIMMemberIDs(ctx, d.IntegrationID, id)
			if err != nil {
				return store.Act{}, err
			}
			done = len(members) <= deleteRound
			leaving := members[:min(len(members), deleteRound)]
			if err := l.ChangeSCIMMembers(ctx, d.IntegrationID, id, nil, leaving, entriesBy(by)); err != nil || !done {
				return store.Act{}, err
			}
			gone, err := l.DropSCIMGroup(ctx, kept)
			return act(by, "scim_group_deleted", "group "+id, map[string]any{"integration": d.IntegrationID, "group_deleted": gone}), err
		})
		if err != nil {
			return err
		}
	}
	return nil
}

// check brings the name into the form that a group's name has here.
func (g SCIMGroupSaid) check() (name string, err error) {
	if name, err = checkName(g.DisplayName); err != nil {
		return "", invalid("displayName", "1 to %d characters, no control characters", maxNameRunes)
	}
	if !isStorable(g.ExternalID) || len(g.ExternalID) > maxSubjectBytes {
		return "", invalid("externalId", "a string of at most %d bytes", maxSubjectBytes)
	}
	return name, nil
}

// writeMembers brings a group's members to what a directory says.
func (s *Service) writeMembers(ctx context.Context, l *store.Look, d Directory, group string, m SCIMMembership, by By) error {
	if !m.reset && len(m.join)+len(m.leave) == 0 {
		return nil
	}
	if len(m.join)+len(m.leave) > MaxSCIMMembers {
		return invalid("members", tooManyMembers, MaxSCIMMembers)
	}
	wanted := slices.Sorted(maps.Keys(m.join))
	for _, id := range wanted {
		if !store.IsID(id) {
			return invalid("members", "the ids of users that this directory has made")
		}
	}
	known, err := l.SCIMUserIDs(ctx, d.IntegrationID, wanted)
	if err != nil {
		return err
	}
	if len(known) < len(wanted) {
		return invalid("members", "the ids of users that this directory has made")
	}
	named := slices.Concat(wanted, slices.DeleteFunc(slices.Sorted(maps.Keys(m.leave)), func(id string) bool { return !store.IsID(id) }))
	if m.reset {
		named = nil
	}
	present, err := l.SCIMMemberIDs(ctx, d.IntegrationID, group, named...)
	if err != nil {
		return err
	}
	in := map[string]bool{}
	var join, leave []string
	for _, id := range present {
		if in[id] = true; m.leave[id] || m.reset && !m.join[id] {
			leave = append(leave, id)
		}
	}
	for _, id := range wanted {
		if !in[id] {
			join = append(join, id)
		}
	}
	if len(leave) > MaxSCIMMembers {
		return invalid("members", tooManyMembers, MaxSCIMMembers)
	}
	return l.ChangeSCIMMembers(ctx, d.IntegrationID, group, join, leave, entriesBy(by))
}

// entriesBy makes lines of a journal about what somebody asked for.
func entriesBy(by By) func(string, map[string]any) (store.JournalEntry, error) {
	return func(what string, detail map[string]any) (store.JournalEntry, error) {
		return journalEntry(what, by, detail)
	}
}

func holdSCIM(ctx context.Context, l *store.Look, d Directory) error {
	err := l.HoldSCIM(ctx, d.IntegrationID, d.TokenID)
	if errors.Is(err, ErrNotFound) {
		return ErrDirectory
	}
	return err
}
