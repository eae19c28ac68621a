package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/jmoiron/sqlx"
)

// Group returns one group, or ErrNotFound.
func (s *Store) Group(ctx context.Context, tenant, id string) (Group, error) {
	var g Group
	err := s.read.GetContext(ctx, &g, `
SELECT id, external_id, name, description, revision, created_at FROM groups WHERE tenant_id = $1 AND id = $2`, tenant, id)
	return g, fault(err)
}

// GroupUse says what hangs on a group.
type GroupUse struct {
	Members int64 // people, each once
	Manual  int64 // memberships given by hand
	Pinned  int64 // of those, the ones that no sync removes
	// ByIntegration has the memberships that each integration gave, by its id.
	ByIntegration map[string]int64
}

// GroupUse counts a group's memberships.
func (s *Store) GroupUse(ctx context.Context, tenant, group string) (GroupUse, error) {
	use := GroupUse{ByIntegration: map[string]int64{}}
	rows, err := s.read.QueryxContext(ctx, `
SELECT source, count(*), sum(CASE WHEN pinned THEN 1 ELSE 0 END)
  FROM group_members WHERE tenant_id = $1 AND group_id = $2 GROUP BY source`, tenant, group)
	if err != nil {
		return GroupUse{}, fault(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var source string
		var count, pinned int64
		if err := rows.Scan(&source, &count, &pinned); err != nil {
			return GroupUse{}, fault(err)
		}
		if source == ManualSource {
			use.Manual, use.Pinned = count, pinned
		} else {
			use.ByIntegration[source] = count
		}
	}
	if err := rows.Err(); err != nil {
		return GroupUse{}, fault(err)
	}
	err = s.read.GetContext(ctx, &use.Members, `
SELECT count(DISTINCT user_id) FROM group_members WHERE tenant_id = $1 AND group_id = $2`, tenant, group)
	return use, fault(err)
}

// ChangeGroup lets change edit a group's name and description; an act without an
// action writes nothing. It returns ErrNotFound, ErrChanged, or change's own error unaltered.
func (s *Store) ChangeGroup(ctx context.Context, tenant, id string, change func(*Group) (Act, error)) (Group, error) {
	var g Group
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		err := tx.GetContext(ctx, &g, `
SELECT id, external_id, name, description, revision, created_at
  FROM groups WHERE tenant_id = $1 AND id = $2`+s.dialect.forUpdate(), tenant, id)
		if err != nil {
			return err
		}
		act, err := change(&g)
		if err != nil {
			return err
		}
		if err := act.By.expects(g.Revision); err != nil || act.nothing() {
			return err
		}
		g.Revision++
		if _, err := tx.ExecContext(ctx, `
UPDATE groups SET name = $1, description = $2, revision = $3 WHERE tenant_id = $4 AND id = $5`,
			g.Name, g.Description, g.Revision, tenant, id); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return g, err
}

// GroupMember is a person in a group, with why.
type GroupMember struct {
	UserID  string
	Email   string
	Name    string
	Status  string
	Sources []MemberSource // by source
}

// MemberSource is one reason for somebody to be in a group.
type MemberSource struct {
	Source string // an integration's id, or ManualSource
	Pinned bool
	Since  time.Time
}

// GroupMembers returns the people in a group with an id above the given one
// ("" = from the start), in that order, at most limit.
func (s *Store) GroupMembers(ctx context.Context, tenant, group, after string, limit int) ([]GroupMember, error) {
	if after == "" {
		after = ManualSource // the nil UUID, before every id
	}
	rows, err := s.read.QueryxContext(ctx, `
SELECT m.user_id, u.email, u.name, u.first_name, u.last_name, u.status, m.source, m.pinned, m.created_at
  FROM group_members m JOIN users u ON u.tenant_id = m.tenant_id AND u.id = m.user_id
 WHERE m.tenant_id = $1 AND m.group_id = $2 AND m.user_id IN (
        SELECT DISTINCT user_id FROM group_members WHERE tenant_id = $1 AND group_id = $2 AND user_id > $3
         ORDER BY user_id LIMIT $4)
 ORDER BY m.user_id, m.source`, tenant, group, after, limit)
	if err != nil {
		return nil, fault(err)
	}
	defer func() { _ = rows.Close() }()
	var members []GroupMember
	for rows.Next() {
		var m GroupMember
		var first, last string
		var source MemberSource
		if err := rows.Scan(&m.UserID, &m.Email, &m.Name, &first, &last, &m.Status, &source.Source, &source.Pinned,
			&source.Since); err != nil {
			return nil, fault(err)
		}
		if n := len(members); n == 0 || members[n-1].UserID != m.UserID {
			if m.Name == "" {
				m.Name = joined(first, last)
			}
			members = append(members, m)
		}
		newest := &members[len(members)-1]
		newest.Sources = append(newest.Sources, source)
	}
	return members, fault(rows.Err())
}

// joined puts two names together.
func joined(first, last string) string {
	if first == "" || last == "" {
		return first + last
	}
	return first + " " + last
}

// lockUser locks a person's row, the first lock of every change of a person,
// and returns ErrNotFound for one who was erased or merged into another.
func (s *Store) lockUser(ctx context.Context, tx *sqlx.Tx, tenant, user string) error {
	var id string
	return tx.GetContext(ctx, &id, `
SELECT id FROM users WHERE tenant_id = $1 AND id = $2 AND status NOT IN ('erased', 'merged')`+s.dialect.forUpdate(), tenant, user)
}

// touchUser makes what is being planned for a person be planned again, and the
// next token of each integration be compared with what is stored.
func (s *Store) touchUser(ctx context.Context, tx *sqlx.Tx, tenant, user string) error {
	if _, err := tx.ExecContext(ctx, `
UPDATE users SET version = version + 1, updated_at = $1 WHERE tenant_id = $2 AND id = $3`,
		s.now().UTC(), tenant, user); err != nil {
		return err
	}
	_, err := tx.ExecContext(ctx, `
UPDATE identities SET fingerprint = NULL WHERE tenant_id = $1 AND user_id = $2 AND fingerprint IS NOT NULL`, tenant, user)
	return err
}

// manual is a membership given by hand, as it is.
type manual struct {
	There  bool
	Pinned bool
	Others int64 // other sources
}

func (s *Store) manualMembership(ctx context.Context, tx *sqlx.Tx, tenant, group, user string) (manual, error) {
	var rows []struct {
		Source string `db:"source"`
		Pinned bool   `db:"pinned"`
	}
	err := tx.SelectContext(ctx, &rows, `
SELECT source, pinned FROM group_members WHERE tenant_id = $1 AND group_id = $2 AND user_id = $3`, tenant, group, user)
	var m manual
	for _, row := range rows {
		if row.Source == ManualSource {
			m.There, m.Pinned = true, row.Pinned
		} else {
			m.Others++
		}
	}
	return m, err
}

// SetMember puts a person into a group by hand, or pins or unpins who was put
// there by hand. Where nothing changes nothing is written. It returns
// ErrNotFound for an unknown group or person.
func (s *Store) SetMember(ctx context.Context, tenant, group, user string, pinned bool, entry JournalEntry, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := s.lockUser(ctx, tx, tenant, user); err != nil {
			return err
		}
		external, err := s.lockGroup(ctx, tx, tenant, group)
		if err != nil {
			return err
		}
		before, err := s.manualMembership(ctx, tx, tenant, group, user)
		if err != nil || (before.There && before.Pinned == pinned) {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
INSERT INTO group_members (tenant_id, user_id, group_id, source, pinned, created_at) VALUES ($1, $2, $3, $4, $5, $6)
ON CONFLICT (user_id, group_id, source, tenant_id) DO UPDATE SET pinned = excluded.pinned`,
			tenant, user, group, ManualSource, pinned, s.now().UTC()); err != nil {
			return err
		}
		if err := s.touchUser(ctx, tx, tenant, user); err != nil {
			return err
		}
		entry.What = WhatGroupAdded
		detail := map[string]any{"group": external, "source": ManualSource, "pinned": pinned, "was_member": before.There || before.Others > 0}
		if before.There {
			entry.What = WhatGroupPinned
			detail = map[string]any{"group": external, "from": before.Pinned, "to": pinned}
		}
		if err := describe(&entry, detail); err != nil {
			return err
		}
		if err := insertJournal(ctx, tx, tenant, user, s.now().UTC(), entry); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// DropMember takes away a membership given by hand. What integrations gave
// stays. It returns ErrNotFound when there is none.
func (s *Store) DropMember(ctx context.Context, tenant, group, user string, entry JournalEntry, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := s.lockUser(ctx, tx, tenant, user); err != nil {
			return err
		}
		external, err := s.lockGroup(ctx, tx, tenant, group)
		if err != nil {
			return err
		}
		before, err := s.manualMembership(ctx, tx, tenant, group, user)
		if err == nil && !before.There {
			err = ErrNotFound
		}
		if err != nil {
			return err
		}
		if _, err := tx.ExecContext(ctx, `
DELETE FROM group_members WHERE tenant_id = $1 AND user_id = $2 AND group_id = $3 AND source = $4`,
			tenant, user, group, ManualSource); err != nil {
			return err
		}
		if err := s.touchUser(ctx, tx, tenant, user); err != nil {
			return err
		}
		entry.What = WhatGroupRemoved
		if err := describe(&entry, map[string]any{
			"group": external, "source": ManualSource, "pinned": before.Pinned, "still_member": before.Others > 0,
		}); err != nil {
			return err
		}
		if err := insertJournal(ctx, tx, tenant, user, s.now().UTC(), entry); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// lockGroup keeps a group from being deleted until the commit, and returns its
// external id.
func (s *Store) lockGroup(ctx context.Context, tx *sqlx.Tx, tenant, group string) (string, error) {
	var external string
	err := tx.GetContext(ctx, &external,
		`SELECT external_id FROM groups WHERE tenant_id = $1 AND id = $2`+s.dialect.forUpdate(), tenant, group)
	return external, err
}

func describe(entry *JournalEntry, detail map[string]any) error {
	text, err := json.Marshal(detail)
	if err != nil {
		return fmt.Errorf("store: journal: %w", err)
	}
	entry.Detail = string(text)
	return nil
}

// Deletion is how a group goes.
type Deletion struct {
	Limit int          // how many memberships one round takes away
	Entry JournalEntry // who asks, for the journals of the members
	// Emptied is the act of a round that leaves members, Deleted that of the
	// last one; both get how many memberships it took away.
	Emptied, Deleted func(memberships int) Act
}

// membership is a row of group_members.
type membership struct {
	UserID string `db:"user_id"`
	Source string `db:"source"`
	Pinned bool   `db:"pinned"`
}

// DeleteGroup takes one round of memberships of a group away, each with a line
// in the person's journal, and the group itself when none is left: done. It
// returns ErrNotFound and ErrChanged. A token that names the group names
// something unknown from then on.
func (s *Store) DeleteGroup(ctx context.Context, tenant, id string, d Deletion) (done bool, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		// The order of sign-ins: tenant, users, identities.
		if err := catalogChanged(ctx, tx, tenant); err != nil {
			return err
		}
		var members []membership
		if err := tx.SelectContext(ctx, &members, `
SELECT user_id, source, pinned FROM group_members
 WHERE tenant_id = $1 AND group_id = $2 ORDER BY user_id, source LIMIT $3`, tenant, id, d.Limit); err != nil {
			return err
		}
		if err := s.touchUsers(ctx, tx, tenant, members); err != nil {
			return err
		}
		var g Group
		err := tx.GetContext(ctx, &g, `
SELECT id, external_id, name, description, revision, created_at
  FROM groups WHERE tenant_id = $1 AND id = $2`+s.dialect.forUpdate(), tenant, id)
		if err != nil {
			return err
		}
		for _, m := range members {
			if err := s.expel(ctx, tx, tenant, g, m, d.Entry); err != nil {
				return err
			}
		}
		// From here on nobody can join: that needs the group's row.
		var left bool
		if err := tx.GetContext(ctx, &left, `
SELECT EXISTS (SELECT 1 FROM group_members WHERE tenant_id = $1 AND group_id = $2)`, tenant, id); err != nil {
			return err
		}
		done = !left
		act := d.Emptied(len(members))
		if done {
			act = d.Deleted(len(members))
			for _, statement := range []string{
				`DELETE FROM scim_groups WHERE tenant_id = $1 AND group_id = $2`,
				`DELETE FROM groups WHERE tenant_id = $1 AND id = $2`,
			} {
				if _, err := tx.ExecContext(ctx, statement, tenant, id); err != nil {
					return err
				}
			}
		}
		if err := act.By.expects(g.Revision); err != nil {
			return err
		}
		return s.record(ctx, tx, tenant, act)
	})
	return done && err == nil, err
}

// touchUsers is touchUser for all who are named, locked in the order of their
// ids.
func (s *Store) touchUsers(ctx context.Context, tx *sqlx.Tx, tenant string, members []membership) error {
	users := make([]string, 0, len(members))
	for _, m := range members {
		users = append(users, m.UserID)
	}
	list, err := json.Marshal(slices.Compact(users))
	if err != nil {
		return fmt.Errorf("store: %w", err)
	}
	among := s.dialect.among(`SELECT ` + s.dialect.asID("value") + ` FROM ` + s.dialect.jsonEach() + `($2)`)
	if s.dialect == postgres { // SQLite has one writer at a time
		if _, err := tx.ExecContext(ctx, `
SELECT 1 FROM users WHERE tenant_id = $1 AND id `+among+` ORDER BY id FOR UPDATE`, tenant, string(list)); err != nil {
			return err
		}
	}
	if _, err := tx.ExecContext(ctx, `
UPDATE users SET version = version + 1, updated_at = $3 WHERE tenant_id = $1 AND id `+among,
		tenant, string(list), s.now().UTC()); err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
UPDATE identities SET fingerprint = NULL WHERE tenant_id = $1 AND fingerprint IS NOT NULL AND user_id `+among,
		tenant, string(list))
	return err
}

// expel takes one membership away, and says so in the person's journal.
func (s *Store) expel(ctx context.Context, tx *sqlx.Tx, tenant string, g Group, m membership, entry JournalEntry) error {
	result, err := tx.ExecContext(ctx, `
DELETE FROM group_members WHERE tenant_id = $1 AND user_id = $2 AND group_id = $3 AND source = $4`,
		tenant, m.UserID, g.ID, m.Source)
	if err != nil {
		return err
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 { // a sign-in was faster
		return err
	}
	if entry.ID, err = NewID(); err != nil {
		return err
	}
	entry.What = WhatGroupRemoved
	if err := describe(&entry, map[string]any{
		"group": g.ExternalID, "source": m.Source, "still_member": false, "group_deleted": true,
	}); err != nil {
		return err
	}
	return insertJournal(ctx, tx, tenant, m.UserID, s.now().UTC(), entry)
}
