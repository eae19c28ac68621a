//go:build linux

package faults

import (
	"database/sql"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	_ "github.com/lib/pq"
	_ "modernc.org/sqlite"
)

// mustBeEmpty are queries that find something only where an invariant is
// broken. They read the same on both databases.
var mustBeEmpty = []struct{ invariant, query string }{
	{"I2 one user per e-mail", `SELECT tenant_id, email_key FROM users WHERE email_key IS NOT NULL GROUP BY tenant_id, email_key HAVING count(*) > 1`},
	{"I2 one user per identity", `SELECT tenant_id, integration_id, subject FROM identities GROUP BY tenant_id, integration_id, subject HAVING count(*) > 1`},
	{"I2 every user has an identity", `SELECT u.tenant_id, u.id FROM users u LEFT JOIN identities i ON i.user_id = u.id AND i.tenant_id = u.tenant_id WHERE i.id IS NULL`},
	{"I3 a token is used once", `SELECT tenant_id, integration_id, token_key FROM used_tokens GROUP BY tenant_id, integration_id, token_key HAVING count(*) > 1`},
	{"I4 a grant is there once", `SELECT tenant_id, user_id, integration_id, order_id FROM grants WHERE revoked_at IS NULL GROUP BY tenant_id, user_id, integration_id, order_id, credit_id HAVING count(*) > 1`},
	{"I6 an identity has its user", `SELECT i.tenant_id, i.id FROM identities i LEFT JOIN users u ON u.id = i.user_id AND u.tenant_id = i.tenant_id WHERE u.id IS NULL`},
	{"I6 an identity has its integration", `SELECT i.tenant_id, i.id FROM identities i LEFT JOIN integrations n ON n.id = i.integration_id AND n.tenant_id = i.tenant_id WHERE n.id IS NULL`},
	{"I6 a membership has its user", `SELECT m.tenant_id, m.user_id FROM group_members m LEFT JOIN users u ON u.id = m.user_id AND u.tenant_id = m.tenant_id WHERE u.id IS NULL`},
	{"I6 a membership has its group", `SELECT m.tenant_id, m.user_id FROM group_members m LEFT JOIN groups g ON g.id = m.group_id AND g.tenant_id = m.tenant_id WHERE g.id IS NULL`},
	{"I6 a membership has its source", `SELECT m.tenant_id, m.user_id FROM group_members m LEFT JOIN integrations n ON n.id = m.source AND n.tenant_id = m.tenant_id WHERE n.id IS NULL`},
	{"I6 a grant has its user", `SELECT g.tenant_id, g.user_id FROM grants g LEFT JOIN users u ON u.id = g.user_id AND u.tenant_id = g.tenant_id WHERE u.id IS NULL`},
	{"I6 a grant has its integration", `SELECT g.tenant_id, g.user_id FROM grants g LEFT JOIN integrations n ON n.id = g.integration_id AND n.tenant_id = g.tenant_id WHERE n.id IS NULL`},
	{"I6 a used token has its identity", `SELECT t.tenant_id, t.identity_id FROM used_tokens t LEFT JOIN identities i ON i.id = t.identity_id AND i.tenant_id = t.tenant_id WHERE i.id IS NULL`},
	{"I6 a kept session has its user", `SELECT s.tenant_id, s.user_id FROM kv_sessions s LEFT JOIN users u ON u.id = s.user_id AND u.tenant_id = s.tenant_id WHERE u.id IS NULL`},
	{"I6 a journal entry has its user", `SELECT j.tenant_id, j.id FROM journal j LEFT JOIN users u ON u.id = j.user_id AND u.tenant_id = j.tenant_id WHERE u.id IS NULL`},
	{"I8 an identity is of its user's tenant", `SELECT i.tenant_id, u.tenant_id FROM identities i JOIN users u ON u.id = i.user_id WHERE u.tenant_id <> i.tenant_id`},
	{"I8 a membership is of its group's tenant", `SELECT m.tenant_id, g.tenant_id FROM group_members m JOIN groups g ON g.id = m.group_id WHERE g.tenant_id <> m.tenant_id`},
	{"I8 a grant is of its user's tenant", `SELECT g.tenant_id, u.tenant_id FROM grants g JOIN users u ON u.id = g.user_id WHERE u.tenant_id <> g.tenant_id`},
	{"I9 one live refresh token a family", `SELECT f.tenant_id, f.family FROM refresh_tokens r JOIN token_grants f ON f.id = r.grant_id AND f.tenant_id = r.tenant_id WHERE r.used_at IS NULL GROUP BY f.tenant_id, f.family HAVING count(*) > 1`},
	{"I10 a row for every group that an administrator made", `SELECT g.tenant_id, g.id FROM groups g WHERE NOT EXISTS (SELECT 1 FROM audit_log a WHERE a.tenant_id = g.tenant_id AND a.object LIKE '%' || CAST(g.id AS text) || '%')`},
	{"I10 the log has no gap", `SELECT tenant_id, count(*) FROM audit_log GROUP BY tenant_id HAVING count(*) <> max(seq)`},
}

// database is where the truth is; it is read past every proxy.
type database struct{ driver, dsn string }

// scan notes how the database breaks the invariants, or differs from what people
// were answered. Every link has been settled before.
func (l *ledger) scan(t *testing.T, at database) {
	t.Helper()
	l.invariants(t, at)
	db, err := sql.Open(at.driver, at.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	l.scanPeople(t, db)
}

// invariants notes how the database breaks them.
func (l *ledger) invariants(t *testing.T, at database) {
	t.Helper()
	db, err := sql.Open(at.driver, at.dsn)
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	for _, rule := range mustBeEmpty {
		for _, row := range rows(t, db, rule.query) {
			l.violate("%s: %v", rule.invariant, row)
		}
	}
	if at.driver == "sqlite" {
		for _, row := range rows(t, db, `PRAGMA integrity_check`) {
			if row[0] != "ok" {
				l.violate("the file is damaged: %v", row)
			}
		}
	}
}

// held is what the database holds of somebody.
type held struct {
	ID, FirstName string
	Version       int
	Groups        []string
	Orders        []string
}

func (l *ledger) scanPeople(t *testing.T, db *sql.DB) {
	t.Helper()
	found := map[string]*held{} // by integration and name
	byID := map[string]*held{}
	for _, row := range rows(t, db, `SELECT n.app_id, i.subject, u.id, u.first_name, u.meta FROM identities i
		JOIN users u ON u.id = i.user_id AND u.tenant_id = i.tenant_id
		JOIN integrations n ON n.id = i.integration_id AND n.tenant_id = i.tenant_id`) {
		var meta struct{ V int }
		if err := json.Unmarshal([]byte(row[4]), &meta); err != nil {
			l.violate("I1: meta of %s: %v", row[1], err)
		}
		h := &held{ID: row[2], FirstName: row[3], Version: meta.V}
		found[row[0]+" "+row[1]], byID[row[2]] = h, h
	}
	for _, row := range rows(t, db, `SELECT m.user_id, g.external_id FROM group_members m JOIN groups g ON g.id = m.group_id AND g.tenant_id = m.tenant_id`) {
		if h := byID[row[0]]; h != nil {
			h.Groups = append(h.Groups, row[1])
		}
	}
	for _, row := range rows(t, db, `SELECT user_id, order_id FROM grants WHERE revoked_at IS NULL`) {
		if h := byID[row[0]]; h != nil {
			h.Orders = append(h.Orders, row[1])
		}
	}
	used := 0
	for _, p := range l.people {
		h := found[p.at.appID+" "+p.name]
		newest := 0
		for _, k := range p.tokens {
			if k.state == acknowledged || k.state == spent {
				used++
				newest = k.version
			}
		}
		switch {
		case h == nil && newest > 0:
			l.violate("I7: %s of %s was let in and is not there", p.email(), p.at.host)
			continue
		case h == nil:
			continue
		case newest == 0:
			l.violate("I7: %s of %s is there and never was let in", p.email(), p.at.host)
		}
		want := held{
			ID: h.ID, FirstName: fmt.Sprint("v", newest), Version: newest, Groups: groupsAt(newest), Orders: ordersAt(newest),
		}
		slices.Sort(h.Groups)
		slices.Sort(h.Orders)
		slices.Sort(want.Groups)
		slices.Sort(want.Orders)
		if diff := cmp.Diff(want, *h); diff != "" {
			l.violate("I1, I4: %s of %s (want -, got +): %s", p.email(), p.at.host, strings.Join(strings.Fields(diff), " "))
		}
	}
	if len(found) > len(l.people) {
		l.violate("I7: got %d people, want at most %d", len(found), len(l.people))
	}
	least := used
	if l.ended {
		least = len(l.people) // the newest of each
	}
	kept, err := strconv.Atoi(rows(t, db, `SELECT count(*) FROM used_tokens`)[0][0])
	if err != nil || kept > used || kept < least {
		l.violate("I3: got %d used tokens, %v, want %d to %d, as were accepted", kept, err, least, used)
	}
}

// rows reads a whole answer as text.
func rows(t *testing.T, db *sql.DB, query string) [][]string {
	t.Helper()
	result, err := db.Query(query)
	if err != nil {
		t.Fatalf("%v: %s", err, query)
	}
	defer result.Close()
	columns, err := result.Columns()
	if err != nil {
		t.Fatal(err)
	}
	var all [][]string
	for result.Next() {
		row, into := make([]sql.NullString, len(columns)), make([]any, len(columns))
		for i := range row {
			into[i] = &row[i]
		}
		if err := result.Scan(into...); err != nil {
			t.Fatal(err)
		}
		texts := make([]string, len(row))
		for i := range row {
			texts[i] = row[i].String
		}
		all = append(all, texts)
	}
	if err := result.Err(); err != nil {
		t.Fatal(err)
	}
	return all
}

// sql gives a Postgres a statement as its superuser.
func (s *server) sql(statement string) error {
	db, err := sql.Open("postgres", s.url(s.address))
	if err != nil {
		return err
	}
	defer db.Close()
	_, err = db.Exec(statement)
	return err
}

// url is the Postgres as reached at an address.
func (s *server) url(address string) string {
	return fmt.Sprintf("postgres://postgres:%s@%s/postgres?sslmode=disable&connect_timeout=5", s.password, address)
}
