package store

import (
	"context"
	"fmt"
	"strings"
)

// UserQuery chooses users of a tenant. At most one of EmailPrefix, Subject and
// Group is set; Status narrows any of them.
type UserQuery struct {
	EmailPrefix string // of the compared form; the answer is in the order of that form
	Subject     string // at any integration
	Group       string // external id
	Status      string // "" = all
	// After is where the page before ended: the compared e-mail with
	// EmailPrefix, else the id; "" = the first page.
	After string
	Limit int
}

// Users returns the users that a query chooses, newest first, or in the order
// of their e-mails. Every form of the query walks along an index and stops at
// the limit; only a Group with a Status may have to pass by members who have
// another one.
func (s *Store) Users(ctx context.Context, tenant string, q UserQuery) ([]Profile, error) {
	query, args := s.dialect.userQuery(tenant, q)
	// Not prepared: it depends on the values which index is the best one.
	rows, err := s.read.QueryxContext(ctx, query, args...)
	if err != nil {
		return nil, fault(err)
	}
	return scanProfiles(rows)
}

// lastRune sorts behind whatever can follow a prefix.
const lastRune = "\U0010ffff"

func (d dialect) userQuery(tenant string, q UserQuery) (query string, args []any) {
	args = []any{tenant}
	bind := func(value any) string {
		args = append(args, value)
		return fmt.Sprintf("$%d", len(args))
	}
	status := func(column string) string {
		switch q.Status {
		case "":
			return ""
		case StatusActive:
			return " AND " + column + " = 'active'"
		case StatusDisabled, StatusErased, StatusMerged:
			// Written out as the index has it that holds those who are not active.
			return " AND " + column + " = '" + q.Status + "' AND " + column + " <> 'active'"
		}
		return " AND false"
	}
	var b strings.Builder
	b.WriteString(d.profileQuery() + "\n WHERE u.tenant_id = $1")
	if q.EmailPrefix != "" {
		column := "u.email_key" + d.bytewise()
		if q.After != "" {
			b.WriteString(" AND " + column + " > " + bind(q.After))
		} else {
			b.WriteString(" AND " + column + " >= " + bind(q.EmailPrefix))
		}
		b.WriteString(" AND " + column + " < " + bind(q.EmailPrefix+lastRune) + status("u.status"))
		b.WriteString("\n ORDER BY " + column + " LIMIT " + bind(q.Limit))
		return b.String(), args
	}
	older := func(column string) string {
		if q.After == "" {
			return ""
		}
		return " AND " + column + " < " + bind(q.After)
	}
	switch {
	case q.Subject != "":
		b.WriteString(" AND u.id " + d.among("SELECT user_id FROM identities WHERE tenant_id = $1 AND subject = "+bind(q.Subject)) +
			older("u.id") + status("u.status"))
	case q.Group != "":
		// The page is made of members first, each once whatever the number of
		// its sources, and their rows are read then.
		page := "SELECT DISTINCT m.user_id FROM group_members m" + d.indexedBy("group_members_page")
		if q.Status != "" {
			page += " JOIN users x ON x.tenant_id = m.tenant_id AND x.id = m.user_id"
		}
		page += " WHERE m.tenant_id = $1 AND m.group_id = (SELECT id FROM groups WHERE tenant_id = $1 AND external_id = " +
			bind(q.Group) + ")" + older("m.user_id") + status("x.status") +
			" ORDER BY m.user_id DESC LIMIT " + bind(q.Limit)
		b.WriteString(" AND u.id " + d.among(page))
	default:
		b.WriteString(older("u.id") + status("u.status"))
	}
	b.WriteString("\n ORDER BY u.id DESC LIMIT " + bind(q.Limit))
	return b.String(), args
}
