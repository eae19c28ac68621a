package store

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/jmoiron/sqlx"
)

// notBackedUp are tables whose rows are worth nothing, or would be worth too much,
// in another database: sessions and one-time links that have ended since would be
// good again, and token changes are those of the instances that run now.
var notBackedUp = map[string]bool{
	"kv_sessions":         true,
	"kv_generations":      true,
	"kv_epochs":           true,
	"admin_sessions":      true,
	"admin_tickets":       true,
	"admin_attempts":      true,
	"authorization_codes": true,
	"token_changes":       true,
}

// Progress is told how much is done, and of how much in all.
type Progress func(done, total int64)

// progressEvery is how many rows pass between two words of progress.
const progressEvery = 1000

// Backup writes everything durable to w, as of one moment, while others go on
// writing. Secrets leave as they are kept: sealed under the master key. Progress
// counts rows.
func (s *Store) Backup(ctx context.Context, w io.Writer, progress Progress) (BackupSummary, error) {
	steps, err := s.Steps(ctx)
	if err != nil {
		return BackupSummary{}, err
	}
	if steps.New {
		return BackupSummary{}, fmt.Errorf("store: backup: there are no tables: %w", ErrNotFound)
	}
	sum := BackupSummary{Schema: steps.Schema, At: s.now().UTC().Truncate(time.Second), Tables: map[string]int64{}}
	out, err := newBackupWriter(w)
	if err != nil {
		return sum, fmt.Errorf("store: backup: %w", err)
	}
	if err := out.lines.Encode(backupHead{"usher", backupFormat, sum.Schema, sum.At}); err != nil {
		return sum, fmt.Errorf("store: backup: %w", err)
	}
	var seen headsSeen
	err = s.readAll(ctx, func(tx *sqlx.Tx) error {
		tables, err := s.backedUp(ctx, tx)
		if err != nil {
			return err
		}
		var total, done int64
		for _, table := range tables {
			var rows int64
			if err := tx.GetContext(ctx, &rows, `SELECT count(*) FROM "`+table+`"`); err != nil {
				return err
			}
			total += rows
		}
		for _, table := range tables {
			rows, err := s.backupTable(ctx, tx, table, out, &seen, func() {
				if done++; done%progressEvery == 0 {
					progress(done, total)
				}
			})
			if err != nil {
				return fmt.Errorf("table %s: %w", table, err)
			}
			sum.Tables[table] = rows
		}
		progress(total, total)
		return nil
	})
	sum.Heads = seen.all()
	if err == nil {
		sum.SHA256, err = out.end(sum.Tables)
	}
	if err != nil {
		return sum, fmt.Errorf("store: backup: %w", err)
	}
	return sum, nil
}

// backedUp are the tables that go into a backup, in their order there.
func (s *Store) backedUp(ctx context.Context, tx *sqlx.Tx) ([]string, error) {
	all, err := s.tables(ctx, tx)
	if err != nil {
		return nil, err
	}
	var kept []string
	for _, table := range all {
		if !notBackedUp[table] {
			kept = append(kept, table)
		}
	}
	return kept, nil
}

func (s *Store) backupTable(ctx context.Context, tx *sqlx.Tx, table string, out *backupWriter, seen *headsSeen, each func()) (n int64, err error) {
	columns, err := s.columns(ctx, tx, table)
	if err != nil {
		return 0, err
	}
	if err := out.lines.Encode(backupTable{table, columns}); err != nil {
		return 0, err
	}
	seen.table(table, columns)
	rows, err := tx.QueryContext(ctx, `SELECT `+namesOf(columns)+` FROM "`+table+`"`)
	if err != nil {
		return 0, err
	}
	defer func() { _ = rows.Close() }()
	values, into := make([]any, len(columns)), make([]any, len(columns))
	for i := range values {
		into[i] = &values[i]
	}
	for rows.Next() {
		if err := rows.Scan(into...); err != nil {
			return n, err
		}
		for i, c := range columns {
			if values[i], err = intoBackup(c.Kind, values[i]); err != nil {
				return n, fmt.Errorf("column %s: %w", c.Name, err)
			}
		}
		seen.row(values)
		if err := out.lines.Encode(values); err != nil {
			return n, err
		}
		n++
		each()
	}
	return n, rows.Err()
}

// intoBackup gives a value of either driver the form that JSON writes.
func intoBackup(kind string, value any) (any, error) {
	switch v := value.(type) {
	case nil:
		return nil, nil
	case []byte:
		if kind == holdsText {
			return string(v), nil
		}
		if kind == holdsBytes {
			return append([]byte{}, v...), nil // no bytes are not NULL
		}
	case string:
		if kind == holdsText {
			return v, nil
		}
	case int64:
		if kind == holdsInteger {
			return v, nil
		}
		if kind == holdsBoolean {
			return v != 0, nil
		}
	case bool:
		if kind == holdsBoolean {
			return v, nil
		}
	case time.Time:
		if kind == holdsTime {
			return v.UTC(), nil
		}
	}
	return nil, fmt.Errorf("a %T where %s is expected", value, kind)
}

// fromBackup is the value of either driver that intoBackup has written.
func fromBackup(kind string, text json.RawMessage) (any, error) {
	if string(text) == "null" {
		return nil, nil
	}
	var err error
	switch kind {
	case holdsText:
		var v string
		err = json.Unmarshal(text, &v)
		return v, err
	case holdsBytes:
		v := []byte{}
		err = json.Unmarshal(text, &v)
		return v, err
	case holdsInteger:
		var v int64
		err = json.Unmarshal(text, &v)
		return v, err
	case holdsBoolean:
		var v bool
		err = json.Unmarshal(text, &v)
		return v, err
	case holdsTime:
		var v time.Time
		err = json.Unmarshal(text, &v)
		return v.UTC(), err
	}
	return nil, fmt.Errorf("kind %q is unknown", kind)
}
