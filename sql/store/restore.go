package store

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/jmoiron/sqlx"
)

var (
	// ErrNotEmpty means that a database to restore into holds something.
	ErrNotEmpty = errors.New("the database is not empty")
	// ErrNewerBackup means that a newer version has made the backup.
	ErrNewerBackup = errors.New("the backup is of a newer version")
)

// CheckBackup reads all of a backup and says what it holds, or why it is none
// (ErrBadBackup). Progress counts compressed bytes.
func CheckBackup(file io.ReadSeeker, progress Progress) (BackupSummary, error) {
	counted, err := countBytes(file, progress)
	if err != nil {
		return BackupSummary{}, err
	}
	var seen headsSeen
	sum, err := readBackup(counted, backupVisitor{
		head: func(backupHead) error { return nil },
		table: func(t backupTable) error {
			seen.table(t.Table, t.Columns)
			return nil
		},
		row: func(line []byte) error {
			seen.line(line)
			return nil
		},
	})
	sum.Heads = seen.all()
	return sum, err
}

// Restore loads a backup into a database without tables, or with the tables of
// the backup's version and no rows, and brings the schema up to date. The kind of
// database that the backup is from does not matter. All rows come in one
// transaction, after the whole file was read once to see that it is good: unless
// the error is nil there is no row. Nobody else may use the database meanwhile.
func (s *Store) Restore(ctx context.Context, file io.ReadSeeker, progress Progress) (BackupSummary, error) {
	sum, err := CheckBackup(file, func(done, total int64) { progress(done, 2*total) })
	if err != nil {
		return sum, err
	}
	if err := s.makeReady(ctx, sum.Schema); err != nil {
		return sum, err
	}
	counted, err := countBytes(file, func(done, total int64) { progress(total+done, 2*total) })
	if err != nil {
		return sum, err
	}
	tx, err := s.write.BeginTxx(ctx, nil)
	if err != nil {
		return sum, fmt.Errorf("store: restore: %w", fault(err))
	}
	if err := carryOut(tx, func(tx *sqlx.Tx) error { return s.load(ctx, tx, counted, sum) }); err != nil {
		return sum, fmt.Errorf("store: restore: %w", fault(err))
	}
	if _, err := s.Migrate(ctx); err != nil {
		return sum, fmt.Errorf("store: everything is restored, and bringing the schema up to date failed: the next start does it: %w", err)
	}
	return sum, nil
}

// makeReady makes the tables of a version, or finds them made and empty.
func (s *Store) makeReady(ctx context.Context, schema int64) error {
	steps, err := s.Steps(ctx)
	if err != nil {
		return err
	}
	if schema > steps.Known {
		return fmt.Errorf("%w: it has schema %d, and this version knows %d", ErrNewerBackup, schema, steps.Known)
	}
	if steps.New {
		provider, err := s.steps()
		if err != nil {
			return err
		}
		if _, err := provider.UpTo(ctx, schema); err != nil {
			return fmt.Errorf("store: migrate: %w", fault(err))
		}
		return nil
	}
	if steps.Schema != schema {
		return fmt.Errorf("%w: it has tables of schema %d, and the backup's is %d", ErrNotEmpty, steps.Schema, schema)
	}
	return s.readAll(ctx, func(tx *sqlx.Tx) error { return s.wantEmpty(ctx, tx) })
}

func (s *Store) wantEmpty(ctx context.Context, tx *sqlx.Tx) error {
	tables, err := s.tables(ctx, tx)
	if err != nil {
		return err
	}
	for _, table := range tables {
		found, err := hasRows(ctx, tx, table)
		if err != nil {
			return err
		}
		if found {
			return fmt.Errorf("%w: there are rows in %s", ErrNotEmpty, table)
		}
	}
	return nil
}

// load writes the rows of a backup that was found good.
func (s *Store) load(ctx context.Context, tx *sqlx.Tx, file io.Reader, want BackupSummary) error {
	if err := s.unbounded(ctx, tx); err != nil {
		return err
	}
	release, err := s.holdChecks(ctx, tx)
	if err != nil {
		return err
	}
	if err := s.wantEmpty(ctx, tx); err != nil { // a server may have started meanwhile
		return err
	}
	loader := &loader{store: s, tx: tx}
	got, err := readBackup(file, backupVisitor{
		head:  func(backupHead) error { return nil },
		table: func(t backupTable) error { return loader.begin(ctx, t) },
		row:   func(line []byte) error { return loader.add(ctx, line) },
	})
	if err != nil {
		return err
	}
	if got.SHA256 != want.SHA256 {
		return badBackup("it was changed while it was read")
	}
	if err := loader.flush(ctx); err != nil {
		return err
	}
	// What triggers have written of the rows that came is nobody's news.
	if _, err := tx.ExecContext(ctx, `DELETE FROM token_changes`); err != nil {
		return err
	}
	return release()
}

// holdChecks keeps others from writing, and lets rows refer to rows of the same
// table that come later. The function that it returns checks them.
func (s *Store) holdChecks(ctx context.Context, tx *sqlx.Tx) (release func() error, err error) {
	if s.dialect == sqlite {
		_, err := tx.ExecContext(ctx, `PRAGMA defer_foreign_keys = 1`) // until the commit, which checks
		return func() error { return nil }, err
	}
	if _, err := tx.ExecContext(ctx, `LOCK TABLE tenants IN EXCLUSIVE MODE`); err != nil {
		return nil, err
	}
	var within []struct {
		Table string `db:"relname"`
		Name  string `db:"conname"`
	}
	err = tx.SelectContext(ctx, &within, `
SELECT c.relname, f.conname FROM pg_constraint f JOIN pg_class c ON c.oid = f.conrelid
 WHERE f.contype = 'f' AND f.conrelid = f.confrelid AND f.connamespace = current_schema()::regnamespace`)
	if err != nil {
		return nil, err
	}
	alter := func(how string) error {
		for _, f := range within {
			if _, err := tx.ExecContext(ctx, `ALTER TABLE "`+f.Table+`" ALTER CONSTRAINT "`+f.Name+`" `+how); err != nil {
				return err
			}
		}
		return nil
	}
	return func() error {
		if _, err := tx.ExecContext(ctx, `SET CONSTRAINTS ALL IMMEDIATE`); err != nil {
			return err
		}
		return alter("NOT DEFERRABLE")
	}, alter("DEFERRABLE INITIALLY DEFERRED")
}

// loader writes rows of one table after the other.
type loader struct {
	store   *Store
	tx      *sqlx.Tx
	table   string
	columns []column
	insert  *sqlx.Stmt
	batch   []byte // PostgreSQL: rows that wait, as the beginning of a JSON array
}

// loadBatch is how many bytes of rows PostgreSQL takes in one statement.
const loadBatch = 1 << 20

func (l *loader) begin(ctx context.Context, t backupTable) error {
	if err := l.flush(ctx); err != nil {
		return err
	}
	here, err := l.store.columns(ctx, l.tx, t.Table)
	if err != nil {
		return err
	}
	if len(here) == 0 {
		return badBackup("its schema has no table %q", t.Table)
	}
	declared := map[string]column{}
	for _, c := range here {
		declared[c.Name] = c
	}
	l.table, l.columns = t.Table, nil
	for _, c := range t.Columns {
		mine, ok := declared[c.Name]
		if !ok || mine.Kind != c.Kind {
			return badBackup("the table %q has no column %q of %s", t.Table, c.Name, c.Kind)
		}
		l.columns = append(l.columns, mine)
	}
	if len(here) != len(t.Columns) {
		return badBackup("it has %d of the %d columns of %q", len(t.Columns), len(here), t.Table)
	}
	if t.Table == "webhook_outbox" { // triggers have written into it
		if _, err := l.tx.ExecContext(ctx, `DELETE FROM webhook_outbox`); err != nil {
			return err
		}
	}
	statement := `INSERT INTO "` + t.Table + `" (` + namesOf(l.columns) + `) `
	values := make([]string, len(l.columns))
	for i, c := range l.columns {
		values[i] = fmt.Sprintf("$%d", i+1)
		if l.store.dialect == postgres {
			if values[i] = fmt.Sprintf("CAST(r->>%d AS %s)", i, c.declared); c.Kind == holdsBytes {
				values[i] = fmt.Sprintf("decode(r->>%d, 'base64')", i)
			}
		}
	}
	if l.store.dialect == postgres {
		statement += `SELECT ` + strings.Join(values, ", ") + ` FROM jsonb_array_elements(CAST($1 AS jsonb)) r`
	} else {
		statement += `VALUES (` + strings.Join(values, ", ") + `)`
	}
	l.insert, err = l.tx.PreparexContext(ctx, statement)
	return err
}

func (l *loader) add(ctx context.Context, line []byte) error {
	if l.store.dialect == postgres {
		if len(l.batch) == 0 {
			l.batch = append(l.batch, '[')
		} else {
			l.batch = append(l.batch, ',')
		}
		if l.batch = append(l.batch, line...); len(l.batch) < loadBatch {
			return nil
		}
		return l.send(ctx)
	}
	var texts []json.RawMessage
	if err := json.Unmarshal(line, &texts); err != nil || len(texts) != len(l.columns) {
		return badBackup("a row of %q does not have its columns", l.table)
	}
	values := make([]any, len(texts))
	for i, text := range texts {
		var err error
		if values[i], err = fromBackup(l.columns[i].Kind, text); err != nil {
			return badBackup("a row of %q has no %s in %q", l.table, l.columns[i].Kind, l.columns[i].Name)
		}
	}
	_, err := l.insert.ExecContext(ctx, values...)
	return err
}

// flush writes what waits, and ends the table.
func (l *loader) flush(ctx context.Context) error {
	if l.insert == nil {
		return nil
	}
	var err error
	if len(l.batch) > 0 {
		err = l.send(ctx)
	}
	err = errors.Join(err, l.insert.Close())
	l.insert = nil
	return err
}

func (l *loader) send(ctx context.Context) error {
	_, err := l.insert.ExecContext(ctx, string(append(l.batch, ']')))
	l.batch = l.batch[:0]
	return err
}

// countBytes begins file anew and tells how much of it was read.
func countBytes(file io.ReadSeeker, progress Progress) (io.Reader, error) {
	size, err := file.Seek(0, io.SeekEnd)
	if err == nil {
		_, err = file.Seek(0, io.SeekStart)
	}
	return &countingReader{file: file, size: size, progress: progress}, err
}

type countingReader struct {
	file     io.Reader
	size, at int64
	progress Progress
}

func (c *countingReader) Read(p []byte) (int, error) {
	n, err := c.file.Read(p)
	c.at += int64(n)
	c.progress(c.at, c.size)
	return n, err
}
