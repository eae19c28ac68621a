package provisioning

import (
	"context"
	"strings"
	"unicode/utf8"

	"usher/sql/store"
)

const (
	maxDescriptionChars = 1000
	// deleteRound is how many memberships one transaction of a group's
	// deletion takes away.
	deleteRound = 500
)

// ManualSource is the source of memberships given by hand.
const ManualSource = store.ManualSource

// Group returns one group by its id, or ErrNotFound.
func (s *Service) Group(ctx context.Context, tenant store.Tenant, id string) (store.Group, error) {
	if !store.IsID(id) {
		return store.Group{}, ErrNotFound
	}
	return s.store.Group(ctx, tenant.ID, id)
}

// Groups lists groups whose external id begins with prefix, in the order of
// these ids, at most size from the one after the given id; next is where the
// following page starts, "" after the last.
func (s *Service) Groups(ctx context.Context, tenant store.Tenant, prefix, after string, size int) (groups []store.Group, next string, err error) {
	if !isStorable(after) {
		return nil, "", invalid("after", "the external id of a group")
	}
	if !isStorable(prefix) || utf8.RuneCountInString(prefix) > maxGroupChars {
		return nil, "", invalid("prefix", "how an external id begins: at most %d characters", maxGroupChars)
	}
	groups, err = s.store.Groups(ctx, tenant.ID, prefix, after, size+1)
	if len(groups) > size {
		groups = groups[:size]
		next = groups[size-1].ExternalID
	}
	return groups, next, err
}

// GroupSettings is a wish to change a group; nil keeps what is. The external
// id stays: it is what tokens name.
type GroupSettings struct {
	Name        *string
	Description *string // at most 1000 characters
}

// ChangeGroup changes what wish names. The errors are ErrNotFound, ErrChanged
// and *Invalid.
func (s *Service) ChangeGroup(ctx context.Context, tenant store.Tenant, id string, wish GroupSettings, by By) (store.Group, error) {
	if !store.IsID(id) {
		return store.Group{}, ErrNotFound
	}
	return s.store.ChangeGroup(ctx, tenant.ID, id, func(g *store.Group) (store.Act, error) {
		detail := map[string]any{}
		if wish.Name != nil {
			name, err := checkName(*wish.Name)
			if err != nil {
				return store.Act{}, err
			}
			noteChange(detail, "name", g.Name, name)
			g.Name = name
		}
		if wish.Description != nil {
			text, err := checkDescription(*wish.Description)
			if err != nil {
				return store.Act{}, err
			}
			noteChange(detail, "description", g.Description, text)
			g.Description = text
		}
		return changed(by, "group_changed", "group "+g.ID, detail), nil
	})
}

// checkDescription accepts text of several lines.
func checkDescription(text string) (string, error) {
	text = strings.TrimSpace(strings.ReplaceAll(text, "\r\n", "\n"))
	if !utf8.ValidString(text) || utf8.RuneCountInString(text) > maxDescriptionChars ||
		strings.ContainsFunc(text, func(r rune) bool { return isControl(r) && r != '\n' && r != '\t' }) {
		return "", invalid("description", "at most %d characters, no control characters but line ends", maxDescriptionChars)
	}
	return text, nil
}

// GroupUse says what hangs on a group.
func (s *Service) GroupUse(ctx context.Context, tenant store.Tenant, id string) (GroupUse, error) {
	return s.store.GroupUse(ctx, tenant.ID, id)
}

// GroupMembers lists the people in a group with their sources, in the order of
// their ids; next is where the following page starts, "" after the last.
func (s *Service) GroupMembers(ctx context.Context, tenant store.Tenant, id, after string, size int) (members []GroupMember, next string, err error) {
	if after != "" && !store.IsID(after) {
		return nil, "", invalid("after", "the id of a user")
	}
	if _, err := s.Group(ctx, tenant, id); err != nil {
		return nil, "", err
	}
	members, err = s.store.GroupMembers(ctx, tenant.ID, id, after, size+1)
	if len(members) > size {
		members = members[:size]
		next = members[size-1].UserID
	}
	return members, next, err
}

// SetMember puts a person into a group by hand, or pins or unpins a membership
// given by hand. A pinned one survives every sign-in; one that is not goes with
// the next token that lists groups without this one, unless the integration
// owns its memberships only. ErrNotFound is returned for an unknown group or
// person, and for one who was erased.
func (s *Service) SetMember(ctx context.Context, tenant store.Tenant, group, user string, pinned bool, by By) error {
	if !store.IsID(group) || !store.IsID(user) {
		return ErrNotFound
	}
	entry, err := journalEntry("", by, nil)
	if err != nil {
		return err
	}
	return s.store.SetMember(ctx, tenant.ID, group, user, pinned, entry,
		act(by, "group_member_set", "group "+group, map[string]any{"user": user, "pinned": pinned}))
}

// DropMember takes away a membership given by hand; what integrations gave
// stays. ErrNotFound is returned when there is none.
func (s *Service) DropMember(ctx context.Context, tenant store.Tenant, group, user string, by By) error {
	if !store.IsID(group) || !store.IsID(user) {
		return ErrNotFound
	}
	entry, err := journalEntry("", by, nil)
	if err != nil {
		return err
	}
	return s.store.DropMember(ctx, tenant.ID, group, user, entry,
		act(by, "group_member_dropped", "group "+group, map[string]any{"user": user}))
}

// DeleteGroup takes a group away, with all memberships; each is noted in the
// person's journal. Tokens that name it name an unknown group from then on. A
// large group goes in several rounds: after an error DeleteGroup can be called
// again, and goes on. The errors are ErrNotFound and ErrChanged.
func (s *Service) DeleteGroup(ctx context.Context, tenant store.Tenant, id string, by By) error {
	g, err := s.Group(ctx, tenant, id)
	if err != nil {
		return err
	}
	entry, err := journalEntry("", by, nil)
	if err != nil {
		return err
	}
	doing := func(action string) func(int) store.Act {
		return func(memberships int) store.Act {
			return act(by, action, "group "+id, map[string]any{
				"external_id": g.ExternalID, "name": g.Name, "memberships": memberships,
			})
		}
	}
	for done := false; !done; {
		done, err = s.store.DeleteGroup(ctx, tenant.ID, id, store.Deletion{
			Limit: deleteRound, Entry: entry, Emptied: doing("group_emptied"), Deleted: doing("group_deleted"),
		})
		if err != nil {
			return err
		}
	}
	return nil
}
