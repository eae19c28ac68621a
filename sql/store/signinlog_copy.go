package store

import (
	"context"
	"database/sql/driver"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/jmoiron/sqlx"
)

const (
	// copied is how much of a copy is handed to the driver at once, in bytes.
	copied = 64 << 10
	// copiedLine is more than most entries take.
	copiedLine = 1 << 10
)

// logPostgres is LogSignIns. The rows are written as the lines that COPY reads
// (PostgreSQL manual, COPY, "Text Format"): handed over value by value, each
// would go through database/sql, which costs more than all the rest.
func (s *Store) logPostgres(ctx context.Context, rows []SignIn, counts []SignInCount) error {
	start := s.watch.start()
	err := fault(retry(ctx, func() error {
		conn, err := s.write.Connx(ctx)
		if err != nil {
			return err
		}
		defer func() { _ = conn.Close() }()
		tx, err := conn.BeginTxx(ctx, nil)
		if err != nil {
			return err
		}
		return carryOut(tx, func(tx *sqlx.Tx) error {
			if err := copySignIns(ctx, conn, rows); err != nil {
				return err
			}
			return addAllCounts(ctx, tx, counts)
		})
	}))
	s.watch.done(ctx, CallTransaction, start, err)
	return err
}

// copySignIns copies the rows within the transaction of a connection.
func copySignIns(ctx context.Context, conn *sqlx.Conn, rows []SignIn) error {
	return conn.Raw(func(raw any) (err error) {
		preparer, ok := raw.(driver.ConnPrepareContext)
		if !ok {
			return fmt.Errorf("store: %T does not copy", raw)
		}
		stmt, err := preparer.PrepareContext(ctx, `COPY sign_ins (`+strings.Join(signInFields, ", ")+`) FROM STDIN`)
		if err != nil {
			return err
		}
		// The end of the copy, whose error is that of the rows.
		defer func() { err = errors.Join(err, stmt.Close()) }()
		stream, ok := stmt.(interface {
			// CopyData takes lines without the end of the last one.
			CopyData(ctx context.Context, lines string) (driver.Result, error)
		})
		if !ok {
			return fmt.Errorf("store: %T does not copy", stmt)
		}
		lines := make([]byte, 0, min(copiedLine*len(rows), copied+copiedLine))
		values := make([]any, 0, len(signInFields))
		for i := range rows {
			if values, err = rows[i].values(values[:0]); err != nil {
				return err
			}
			if len(lines) > 0 {
				lines = append(lines, '\n')
			}
			if lines, err = appendCopyLine(lines, values); err != nil {
				return err
			}
			if len(lines) < copied && i < len(rows)-1 {
				continue
			}
			if _, err := stream.CopyData(ctx, string(lines)); err != nil {
				return err
			}
			lines = lines[:0]
		}
		return nil
	})
}

// appendCopyLine appends the values of a row (see SignIn.values) without the end
// of the line. Times are in the years 1 to 9999.
func appendCopyLine(line []byte, values []any) ([]byte, error) {
	const null = `\N`
	for i, value := range values {
		if i > 0 {
			line = append(line, '\t')
		}
		switch v := value.(type) {
		case string:
			line = appendCopyText(line, v)
		case *string:
			if v == nil {
				line = append(line, null...)
			} else {
				line = appendCopyText(line, *v)
			}
		case *int64:
			line = strconv.AppendInt(line, *v, 10)
		case *bool:
			line = strconv.AppendBool(line, *v)
		case *time.Time:
			if v == nil {
				line = append(line, null...)
			} else {
				line = v.UTC().AppendFormat(line, time.RFC3339Nano)
			}
		default:
			return nil, fmt.Errorf("store: COPY takes no %T", value)
		}
	}
	return line, nil
}

func appendCopyText(line []byte, text string) []byte {
	for {
		i := strings.IndexAny(text, "\\\n\r\t")
		if i < 0 {
			return append(line, text...)
		}
		line = append(line, text[:i]...)
		switch text[i] {
		case '\\':
			line = append(line, `\\`...)
		case '\n':
			line = append(line, `\n`...)
		case '\r':
			line = append(line, `\r`...)
		case '\t':
			line = append(line, `\t`...)
		}
		text = text[i+1:]
	}
}
