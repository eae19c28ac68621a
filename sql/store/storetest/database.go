package storetest

import (
	"context"
	"database/sql"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"usher/sql/store"
	"usher/testenv"
)

// Database is one empty database. Several stores can be open on it, as in
// several instances of the program, and tests can look behind them.
type Database struct {
	Kind string // as testenv.Databases names it

	address string // the file's path, or a DSN
	direct  string // the DSN of the database itself, where address leads to a pooler
	raw     *sql.DB
}

// EachDatabase runs test against every kind of database, in parallel subtests.
func EachDatabase(t *testing.T, test func(t *testing.T, db *Database)) {
	t.Helper()
	for _, kind := range testenv.Databases() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, New(t, kind))
		})
	}
}

// New makes an empty database of a kind.
func New(t testing.TB, kind string) *Database {
	t.Helper()
	return newDatabase(t, kind, testenv.UsesPooler())
}

// NewPooled makes an empty PostgreSQL database behind a pooler that lends
// connections for one transaction.
func NewPooled(t testing.TB) *Database {
	t.Helper()
	return newDatabase(t, testenv.Postgres, true)
}

func newDatabase(t testing.TB, kind string, pooled bool) *Database {
	t.Helper()
	db := &Database{Kind: kind}
	driver, dsn := "postgres", ""
	switch {
	case kind == testenv.Postgres && pooled:
		db.address, db.direct = testenv.PooledDSN(t)
		dsn = db.direct
	case kind == testenv.Postgres:
		db.address = testenv.PostgresDSN(t)
		dsn = db.address
	default:
		db.address = filepath.Join(t.TempDir(), "usher.db")
		driver, dsn = "sqlite", "file:"+db.address+"?_pragma=busy_timeout(5000)&_pragma=journal_mode(WAL)&_txlock=immediate"
	}
	var err error
	if db.raw, err = sql.Open(driver, dsn); err != nil {
		t.Fatalf("open: %v", err)
	}
	db.raw.SetMaxOpenConns(2)
	t.Cleanup(func() {
		if err := db.raw.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return db
}

// Open returns a migrated store on db.
func (db *Database) Open(t testing.TB, now func() time.Time) *store.Store {
	t.Helper()
	s := db.OpenAt(t, db.address, now, store.Options{})
	if _, err := s.Migrate(context.WithoutCancel(t.Context())); err != nil {
		t.Fatalf("migrate: %v", err)
	}
	return s
}

// OpenAt returns a store that reaches db by another address (see Address), as
// it is. Options are for PostgreSQL only.
func (db *Database) OpenAt(t testing.TB, address string, now func() time.Time, opts store.Options) *store.Store {
	t.Helper()
	var s *store.Store
	var err error
	if db.Kind == testenv.Postgres {
		opts.Direct = db.direct
		s, err = store.OpenPostgres(address, now, opts)
	} else {
		s, err = store.OpenSQLite(address, now)
	}
	if err != nil {
		t.Fatalf("open: %v", err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	return s
}

// Address is the path of the file, or the DSN.
func (db *Database) Address() string { return db.address }

// Exec runs a statement past every store.
func (db *Database) Exec(t testing.TB, statement string, args ...any) {
	t.Helper()
	if _, err := db.raw.ExecContext(context.WithoutCancel(t.Context()), statement, args...); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Tx is a transaction past every store.
type Tx struct{ tx *sql.Tx }

// Begin starts a transaction, to stand in others' way.
func (db *Database) Begin(t testing.TB) Tx {
	t.Helper()
	tx, err := db.raw.BeginTx(context.WithoutCancel(t.Context()), nil)
	if err != nil {
		t.Fatalf("begin: %v", err)
	}
	return Tx{tx}
}

// Exec runs a statement in the transaction.
func (tx Tx) Exec(t testing.TB, statement string) {
	t.Helper()
	if _, err := tx.tx.ExecContext(context.WithoutCancel(t.Context()), statement); err != nil {
		t.Fatalf("%s: %v", statement, err)
	}
}

// Rollback ends the transaction.
func (tx Tx) Rollback(t testing.TB) {
	t.Helper()
	if err := tx.tx.Rollback(); err != nil {
		t.Fatalf("rollback: %v", err)
	}
}

// Commit ends the transaction, and everybody sees what it has done.
func (tx Tx) Commit(t testing.TB) {
	t.Helper()
	if err := tx.tx.Commit(); err != nil {
		t.Fatalf("commit: %v", err)
	}
}

// Rows returns the answer to a query as text: one string for each row, its
// columns between bars.
func (db *Database) Rows(t testing.TB, query string, args ...any) []string {
	t.Helper()
	rows, err := db.raw.QueryContext(context.WithoutCancel(t.Context()), query, args...)
	if err != nil {
		t.Fatalf("%s: %v", query, err)
	}
	defer func() { _ = rows.Close() }()
	columns, err := rows.Columns()
	if err != nil {
		t.Fatal(err)
	}
	lines := []string{}
	for rows.Next() {
		values, into := make([]any, len(columns)), make([]any, len(columns))
		for i := range values {
			into[i] = &values[i]
		}
		if err := rows.Scan(into...); err != nil {
			t.Fatal(err)
		}
		fields := make([]string, len(columns))
		for i, value := range values {
			fields[i] = readable(value)
		}
		lines = append(lines, strings.Join(fields, "|"))
	}
	if err := rows.Err(); err != nil {
		t.Fatal(err)
	}
	return lines
}

func readable(value any) string {
	switch v := value.(type) {
	case nil:
		return "null"
	case time.Time:
		return v.UTC().Format(time.RFC3339Nano)
	case []byte:
		if utf8.Valid(v) && !slices.ContainsFunc(v, func(b byte) bool { return b < ' ' }) {
			return string(v)
		}
		return fmt.Sprintf("%x", v)
	}
	return fmt.Sprint(value)
}

// Tables returns the names of all tables with their columns, as
// "table(column, column)".
func (db *Database) Tables(t testing.TB) []string {
	t.Helper()
	query := `
SELECT table_name || '(' || string_agg(column_name, ', ' ORDER BY ordinal_position) || ')'
  FROM information_schema.columns WHERE table_schema = current_schema() GROUP BY table_name`
	if db.Kind == testenv.SQLite {
		query = `
SELECT m.name || '(' || (SELECT group_concat(name, ', ') FROM pragma_table_info(m.name)) || ')'
  FROM sqlite_master m WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'`
	}
	tables := slices.DeleteFunc(db.Rows(t, query), func(table string) bool { return strings.HasPrefix(table, "goose_") })
	slices.Sort(tables)
	return tables
}

// Dump returns every row of a tenant, except those of the tables left out, and of
// token_changes, which are notes for memories and nobody's state. On PostgreSQL a
// row counts as another one when it was written again with the same values.
func (db *Database) Dump(t testing.TB, tenant string, leftOut ...string) []string {
	t.Helper()
	var dump []string
	for _, entry := range db.Tables(t) {
		table, columns, _ := strings.Cut(strings.TrimSuffix(entry, ")"), "(")
		if table == "token_changes" || table == "kept_keys" || slices.Contains(leftOut, table) {
			continue
		}
		if db.Kind == testenv.Postgres {
			columns = "ctid, xmin, " + columns
		}
		key := "tenant_id"
		if table == "tenants" {
			key = "id"
		}
		rows := db.Rows(t, "SELECT "+columns+" FROM "+table+" WHERE "+key+" = $1", tenant)
		slices.Sort(rows)
		for _, row := range rows {
			dump = append(dump, table+": "+row)
		}
	}
	return dump
}

// Mirror copies every row of a tenant into another one, ids, e-mails and all,
// so that a statement that forgets its tenant finds twice as much.
func (db *Database) Mirror(t testing.TB, tenant, twin string) {
	t.Helper()
	tables := db.Tables(t)
	// What others refer to comes first.
	rank := func(entry string) int {
		table, _, _ := strings.Cut(entry, "(")
		order := []string{"tenants", "integrations", "users", "groups", "admins", "clients", "api_connections", "organizations", "custom_claims", "token_grants", "webhook_endpoints"}
		if i := slices.Index(order, table); i >= 0 {
			return i
		}
		return len(order)
	}
	slices.SortStableFunc(tables, func(a, b string) int { return rank(a) - rank(b) })
	for _, entry := range tables {
		table, columns, _ := strings.Cut(strings.TrimSuffix(entry, ")"), "(")
		if table == "tenant_hosts" || table == "token_changes" || table == "kept_keys" { // unique over all tenants
			continue
		}
		key := "tenant_id"
		if table == "tenants" {
			key = "id"
		}
		copied := make([]string, 0, strings.Count(columns, ",")+1)
		for column := range strings.SplitSeq(columns, ", ") {
			if column == key {
				column = "$1"
				if db.Kind == testenv.Postgres {
					column = "$1::uuid"
				}
			}
			copied = append(copied, column)
		}
		db.Exec(t, "INSERT INTO "+table+" ("+columns+") SELECT "+strings.Join(copied, ", ")+" FROM "+table+
			" WHERE "+key+" = $2", twin, tenant)
	}
}
