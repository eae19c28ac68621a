package store

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"time"
)

// SCIMGroup is what a directory calls a group of ours.
type SCIMGroup struct {
	IntegrationID string    `db:"integration_id"`
	GroupID       string    `db:"group_id"`
	DisplayName   string    `db:"display_name"`
	NameKey       string    `db:"name_key"`    // the compared form; unique within the integration
	ExternalID    string    `db:"external_id"` // "" = none
	Made          bool      `db:"made"`        // by the directory: the tenant did not have the group before
	CreatedAt     time.Time `db:"created_at"`
	UpdatedAt     time.Time `db:"updated_at"`
}

// SCIMMember is a user whom a directory has put into a group.
type SCIMMember struct {
	GroupID  string `db:"group_id"`
	UserID   string `db:"user_id"`
	UserName string `db:"user_name"`
}

const scimGroupColumns = `integration_id, group_id, display_name, name_key, external_id, made, created_at, updated_at`

// SCIMGroupQuery chooses groups of a directory: those for which everything holds
// that is set.
type SCIMGroupQuery struct {
	ID, NameKey, ExternalID, Member string // Member is the id of a user
	Offset, Limit                   int    // Limit 0 = only the total is wanted
}

// SCIMGroups returns a page of the groups that a directory keeps, in the order of
// their ids, and how many there are in all.
func (s *Store) SCIMGroups(ctx context.Context, tenant, integration string, q SCIMGroupQuery) ([]SCIMGroup, int64, error) {
	args := []any{tenant, integration}
	var b strings.Builder
	// A group may be gone by the hands of a version that knows no directories.
	b.WriteString(`
 FROM scim_groups s WHERE s.tenant_id = $1 AND s.integration_id = $2
  AND EXISTS (SELECT 1 FROM groups WHERE id = s.group_id AND tenant_id = $1)`)
	is := func(condition, value string) {
		if value != "" {
			args = append(args, value)
			fmt.Fprintf(&b, condition, len(args))
		}
	}
	is(` AND s.group_id = $%d`, q.ID)
	is(` AND s.name_key = $%d`, q.NameKey)
	is(` AND s.external_id = $%d`, q.ExternalID)
	is(` AND s.group_id IN (SELECT group_id FROM group_members WHERE tenant_id = $1 AND source = $2 AND user_id = $%d)`, q.Member)
	var total int64
	if err := s.read.GetContext(ctx, &total, `SELECT count(*)`+b.String(), args...); err != nil {
		return nil, 0, fault(err)
	}
	if q.Limit == 0 || total <= int64(q.Offset) {
		return nil, total, nil
	}
	n := len(args)
	var groups []SCIMGroup
	err := s.read.SelectContext(ctx, &groups, `SELECT `+scimGroupColumns+b.String()+
		fmt.Sprintf(` ORDER BY s.group_id LIMIT $%d OFFSET $%d`, n+1, n+2), append(args, q.Limit, q.Offset)...)
	return groups, total, fault(err)
}

// SCIMMembers returns the users whom a directory has put into these groups, in
// the order of their ids within each, at most limit in all.
func (s *Store) SCIMMembers(ctx context.Context, tenant, integration string, groups []string, limit int) ([]SCIMMember, error) {
	list, err := json.Marshal(nonNil(groups))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var members []SCIMMember
	err = s.read.SelectContext(ctx, &members, `
SELECT m.group_id, m.user_id, s.user_name
  FROM group_members m JOIN scim_users s ON s.user_id = m.user_id AND s.integration_id = m.source AND s.tenant_id = m.tenant_id
   AND s.deleted_at IS NULL
 WHERE m.tenant_id = $1 AND m.source = $2
   AND m.group_id `+s.dialect.among(`SELECT `+s.dialect.asID("value")+` FROM `+s.dialect.jsonEach()+`($3)`)+`
 ORDER BY m.group_id, m.user_id LIMIT $4`, tenant, integration, string(list), limit)
	return members, fault(err)
}

// SCIMGroup returns what a directory calls a group, and keeps every other change
// of it by the directory waiting until the commit, or returns ErrNotFound.
func (l *Look) SCIMGroup(ctx context.Context, integration, group string) (SCIMGroup, error) {
	var g SCIMGroup
	err := l.tx.GetContext(ctx, &g, `
SELECT `+scimGroupColumns+` FROM scim_groups s WHERE integration_id = $1 AND group_id = $2 AND tenant_id = $3
   AND EXISTS (SELECT 1 FROM groups WHERE id = s.group_id AND tenant_id = $3)`+l.lock, integration, group, l.tenant)
	return g, fault(err)
}

// SCIMGroupTaken reports whether a directory has another group of this name.
func (l *Look) SCIMGroupTaken(ctx context.Context, integration, nameKey, group string) (bool, error) {
	var taken bool
	err := l.tx.GetContext(ctx, &taken, `
SELECT EXISTS (SELECT 1 FROM scim_groups s WHERE name_key = $1 AND integration_id = $2 AND tenant_id = $3 AND group_id <> $4
                  AND EXISTS (SELECT 1 FROM groups WHERE id = s.group_id AND tenant_id = $3))`,
		nameKey, integration, l.tenant, group)
	return taken, fault(err)
}

// SCIMGroupNamed returns what a directory calls the group that tokens name by an
// external id, or ErrNotFound.
func (l *Look) SCIMGroupNamed(ctx context.Context, integration, external string) (SCIMGroup, error) {
	var g SCIMGroup
	err := l.tx.GetContext(ctx, &g, `
SELECT `+scimGroupColumns+` FROM scim_groups WHERE integration_id = $1 AND tenant_id = $2
   AND group_id = (SELECT id FROM groups WHERE tenant_id = $2 AND external_id = $3)`, integration, l.tenant, external)
	return g, fault(err)
}

// AddSCIMGroup lets a directory keep a group of the tenant, which is made if
// there is none with g's external id; it returns the one that is kept. ErrTaken is
// returned when the directory keeps that group, or another of the name, already.
// It comes first in its transaction, as sign-ins lock the tenant first.
func (l *Look) AddSCIMGroup(ctx context.Context, g Group, kept SCIMGroup) (SCIMGroup, error) {
	err := l.tx.GetContext(ctx, &kept.GroupID,
		`SELECT id FROM groups WHERE tenant_id = $1 AND external_id = $2`+l.s.dialect.forShare(), l.tenant, g.ExternalID)
	if kept.Made = err != nil; kept.Made {
		if fault(err) != ErrNotFound {
			return kept, fault(err)
		}
		kept.GroupID = g.ID
		if err := catalogChanged(ctx, l.tx, l.tenant); err != nil {
			return kept, fault(err)
		}
		if _, err := l.tx.ExecContext(ctx, `
INSERT INTO groups (tenant_id, id, external_id, name, description, revision, created_at) VALUES ($1, $2, $3, $4, $5, $6, $7)`,
			l.tenant, g.ID, g.ExternalID, g.Name, g.Description, g.Revision, g.CreatedAt); err != nil {
			return kept, fault(err)
		}
	}
	// What a version left behind that knows no directories, and has deleted the
	// group.
	if _, err := l.tx.ExecContext(ctx, `
DELETE FROM scim_groups WHERE tenant_id = $1 AND integration_id = $2 AND name_key = $3
   AND NOT EXISTS (SELECT 1 FROM groups g WHERE g.id = scim_groups.group_id AND g.tenant_id = $1)`,
		l.tenant, kept.IntegrationID, kept.NameKey); err != nil {
		return kept, fault(err)
	}
	_, err = l.tx.ExecContext(ctx, `
INSERT INTO scim_groups (tenant_id, `+scimGroupColumns+`) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)`,
		l.tenant, kept.IntegrationID, kept.GroupID, kept.DisplayName, kept.NameKey, kept.ExternalID, kept.Made, kept.CreatedAt, kept.UpdatedAt)
	return kept, fault(err)
}

// SaveSCIMGroup writes what a directory calls a group. One that it has made has
// that for its name here as well, cut to what a name may have: rename says so.
func (l *Look) SaveSCIMGroup(ctx context.Context, g SCIMGroup, rename string) error {
	_, err := l.tx.ExecContext(ctx, `
UPDATE scim_groups SET display_name = $1, name_key = $2, external_id = $3, updated_at = $4
 WHERE integration_id = $5 AND group_id = $6 AND tenant_id = $7`,
		g.DisplayName, g.NameKey, g.ExternalID, g.UpdatedAt, g.IntegrationID, g.GroupID, l.tenant)
	if err == nil && rename != "" {
		_, err = l.tx.ExecContext(ctx, `
UPDATE groups SET name = $1, revision = revision + 1 WHERE id = $2 AND tenant_id = $3 AND name <> $1`, rename, g.GroupID, l.tenant)
	}
	return fault(err)
}

// DropSCIMGroup ends a directory's keeping of a group that has no members of the
// directory any more. The group itself goes if the directory made it, nobody else
// is in it and no other directory keeps it: gone.
func (l *Look) DropSCIMGroup(ctx context.Context, g SCIMGroup) (gone bool, err error) {
	if _, err := l.tx.ExecContext(ctx, `
DELETE FROM scim_groups WHERE integration_id = $1 AND group_id = $2 AND tenant_id = $3`, g.IntegrationID, g.GroupID, l.tenant); err != nil {
		return false, fault(err)
	}
	if !g.Made {
		return false, nil
	}
	// Nobody joins from here on: that needs the group's row.
	if _, err := l.s.lockGroup(ctx, l.tx, l.tenant, g.GroupID); err != nil {
		return false, fault(err)
	}
	result, err := l.tx.ExecContext(ctx, `
DELETE FROM groups WHERE id = $1 AND tenant_id = $2
   AND NOT EXISTS (SELECT 1 FROM group_members WHERE group_id = $1 AND tenant_id = $2)
   AND NOT EXISTS (SELECT 1 FROM scim_groups WHERE group_id = $1 AND tenant_id = $2)`, g.GroupID, l.tenant)
	if err != nil {
		return false, fault(err)
	}
	n, err := result.RowsAffected()
	return n == 1, fault(err)
}

// SCIMMemberIDs returns the ids of the users of a group whom a directory has put
// there, sorted: of all, or of those among some.
func (l *Look) SCIMMemberIDs(ctx context.Context, integration, group string, some ...string) ([]string, error) {
	query := `
SELECT user_id FROM group_members WHERE group_id = $1 AND source = $2 AND tenant_id = $3`
	args := []any{group, integration, l.tenant}
	if some != nil {
		list, err := json.Marshal(some)
		if err != nil {
			return nil, fmt.Errorf("store: %w", err)
		}
		query += ` AND user_id ` + l.s.dialect.among(`SELECT `+l.s.dialect.asID("value")+` FROM `+l.s.dialect.jsonEach()+`($4)`)
		args = append(args, string(list))
	}
	var ids []string
	err := l.tx.SelectContext(ctx, &ids, query+` ORDER BY user_id`, args...)
	return ids, fault(err)
}

// SCIMUserIDs returns those of these users whom a directory keeps, sorted.
func (l *Look) SCIMUserIDs(ctx context.Context, integration string, users []string) ([]string, error) {
	list, err := json.Marshal(nonNil(users))
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var ids []string
	err = l.tx.SelectContext(ctx, &ids, `
SELECT user_id FROM scim_users WHERE integration_id = $1 AND tenant_id = $2 AND deleted_at IS NULL
   AND user_id `+l.s.dialect.among(`SELECT `+l.s.dialect.asID("value")+` FROM `+l.s.dialect.jsonEach()+`($3)`)+`
 ORDER BY user_id`, integration, l.tenant, string(list))
	return ids, fault(err)
}

// ChangeSCIMMembers puts users into a group in the name of an integration and
// takes others out, each with a line in the person's journal that entry makes. All
// are locked in the order of their ids.
func (l *Look) ChangeSCIMMembers(ctx context.Context, integration, group string, join, leave []string,
	entry func(what string, detail map[string]any) (JournalEntry, error),
) error {
	all := slices.Sorted(slices.Values(slices.Concat(join, leave)))
	if len(all) == 0 {
		return nil
	}
	people := make([]membership, len(all))
	for i, id := range all {
		people[i].UserID = id
	}
	if err := l.s.touchUsers(ctx, l.tx, l.tenant, people); err != nil {
		return fault(err)
	}
	var external string
	err := l.tx.GetContext(ctx, &external,
		`SELECT external_id FROM groups WHERE id = $1 AND tenant_id = $2`+l.s.dialect.forShare(), group, l.tenant)
	if err != nil {
		return fault(err)
	}
	others, err := l.membersByOthers(ctx, integration, group, all)
	if err != nil {
		return err
	}
	for _, user := range join {
		if err := l.scimMember(ctx, `
INSERT INTO group_members (user_id, group_id, source, tenant_id, pinned, created_at) VALUES ($1, $2, $3, $4, false, $5)
ON CONFLICT DO NOTHING`, []any{user, group, integration, l.tenant, l.Now()}, user, func() (JournalEntry, error) {
			return entry(WhatGroupAdded, map[string]any{"group": external, "source": integration, "was_member": others[user]})
		}); err != nil {
			return err
		}
	}
	for _, user := range leave {
		if err := l.scimMember(ctx, `
DELETE FROM group_members WHERE user_id = $1 AND group_id = $2 AND source = $3 AND tenant_id = $4`,
			[]any{user, group, integration, l.tenant}, user, func() (JournalEntry, error) {
				return entry(WhatGroupRemoved, map[string]any{"group": external, "source": integration, "still_member": others[user]})
			}); err != nil {
			return err
		}
	}
	return nil
}

// scimMember writes one membership, and its line of the journal if that was a
// change.
func (l *Look) scimMember(ctx context.Context, statement string, args []any, user string, entry func() (JournalEntry, error)) error {
	stmt, err := l.s.stmtIn(ctx, l.tx, statement)
	if err != nil {
		return fault(err)
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return fault(err)
	}
	if n, err := result.RowsAffected(); err != nil || n == 0 {
		return fault(err)
	}
	line, err := entry()
	if err != nil {
		return err
	}
	return fault(insertJournal(ctx, l.tx, l.tenant, user, l.Now(), line))
}

// membersByOthers says which of these users are in a group by another source too.
func (l *Look) membersByOthers(ctx context.Context, integration, group string, users []string) (map[string]bool, error) {
	list, err := json.Marshal(users)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	var ids []string
	err = l.tx.SelectContext(ctx, &ids, `
SELECT DISTINCT user_id FROM group_members WHERE group_id = $1 AND source <> $2 AND tenant_id = $3
   AND user_id `+l.s.dialect.among(`SELECT `+l.s.dialect.asID("value")+` FROM `+l.s.dialect.jsonEach()+`($4)`),
		group, integration, l.tenant, string(list))
	others := map[string]bool{}
	for _, id := range ids {
		others[id] = true
	}
	return others, fault(err)
}
