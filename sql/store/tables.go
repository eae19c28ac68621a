package store

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jmoiron/sqlx"
	"github.com/pressly/goose/v3"
)

// What a column holds, the same for both databases.
const (
	holdsText    = "text" // ids included
	holdsBytes   = "bytes"
	holdsInteger = "integer"
	holdsBoolean = "boolean"
	holdsTime    = "time"
)

// columnKinds says what a declared type holds, by its name in either database.
var columnKinds = map[string]string{
	"TEXT": holdsText, "UUID": holdsText, "VARCHAR": holdsText,
	"BYTEA": holdsBytes, "BLOB": holdsBytes,
	"INTEGER": holdsInteger, "INT8": holdsInteger, "INT4": holdsInteger, "INT2": holdsInteger,
	"BOOL": holdsBoolean, "BOOLEAN": holdsBoolean,
	"TIMESTAMPTZ": holdsTime, "TIMESTAMP": holdsTime,
}

// column is a column of a table as the database has it.
type column struct {
	Name     string `json:"name"`
	Kind     string `json:"kind"`
	declared string // in this database
}

// tables returns the names of all tables but the schema's own bookkeeping, each
// after those that it refers to, by the name where that leaves a choice.
func (s *Store) tables(ctx context.Context, tx *sqlx.Tx) ([]string, error) {
	names, references := `
SELECT table_name FROM information_schema.tables
 WHERE table_schema = current_schema() AND table_type = 'BASE TABLE' ORDER BY table_name`, `
SELECT c.relname, r.relname FROM pg_constraint f
  JOIN pg_class c ON c.oid = f.conrelid JOIN pg_class r ON r.oid = f.confrelid
 WHERE f.contype = 'f' AND f.connamespace = current_schema()::regnamespace`
	if s.dialect == sqlite {
		names = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%' ORDER BY name`
		references = `
SELECT m.name, f."table" FROM sqlite_master m, pragma_foreign_key_list(m.name) f WHERE m.type = 'table'`
	}
	var all []string
	if err := tx.SelectContext(ctx, &all, names); err != nil {
		return nil, err
	}
	all = slices.DeleteFunc(all, func(name string) bool { return name == goose.DefaultTablename })
	rows, err := tx.QueryContext(ctx, references)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	before := map[string][]string{}
	for rows.Next() {
		var from, to string
		if err := rows.Scan(&from, &to); err != nil {
			return nil, err
		}
		if from != to {
			before[from] = append(before[from], to)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var ordered []string
	for len(ordered) < len(all) {
		next := slices.IndexFunc(all, func(name string) bool {
			return !slices.Contains(ordered, name) &&
				!slices.ContainsFunc(before[name], func(to string) bool { return !slices.Contains(ordered, to) })
		})
		if next < 0 {
			return nil, fmt.Errorf("store: tables refer to one another in a circle, among them %v", all)
		}
		ordered = append(ordered, all[next])
	}
	return ordered, nil
}

// columns returns the columns of a table in their order.
func (s *Store) columns(ctx context.Context, tx *sqlx.Tx, table string) ([]column, error) {
	query := `
SELECT column_name, udt_name FROM information_schema.columns
 WHERE table_schema = current_schema() AND table_name = $1 ORDER BY ordinal_position`
	if s.dialect == sqlite {
		query = `SELECT name, type FROM pragma_table_info($1) ORDER BY cid`
	}
	rows, err := tx.QueryContext(ctx, query, table)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	var found []column
	for rows.Next() {
		var c column
		if err := rows.Scan(&c.Name, &c.declared); err != nil {
			return nil, err
		}
		if c.Kind = columnKinds[strings.ToUpper(c.declared)]; c.Kind == "" {
			return nil, fmt.Errorf("store: column %s.%s has the type %s, which no backup knows", table, c.Name, c.declared)
		}
		found = append(found, c)
	}
	return found, rows.Err()
}

// namesOf lists columns as a statement does.
func namesOf(columns []column) string {
	names := make([]string, len(columns))
	for i, c := range columns {
		names[i] = `"` + c.Name + `"`
	}
	return strings.Join(names, ", ")
}

// hasRows reports whether anything stands in a table.
func hasRows(ctx context.Context, tx *sqlx.Tx, table string) (bool, error) {
	var found bool
	err := tx.GetContext(ctx, &found, `SELECT EXISTS (SELECT 1 FROM "`+table+`")`)
	return found, err
}

// unbounded lifts the limit on how long a statement may take, for tx alone.
func (s *Store) unbounded(ctx context.Context, tx *sqlx.Tx) error {
	if s.dialect == sqlite {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SET LOCAL statement_timeout = 0`)
	return err
}

// readAll is a read-only transaction that sees one moment.
func (s *Store) readAll(ctx context.Context, do func(tx *sqlx.Tx) error) error {
	tx, err := s.read.BeginTxx(ctx, s.dialect.snapshot())
	if err != nil {
		return fault(err)
	}
	defer func() { _ = tx.Rollback() }() // there is nothing to commit
	if err := s.unbounded(ctx, tx); err != nil {
		return fault(err)
	}
	return fault(do(tx))
}
