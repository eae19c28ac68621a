package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"strings"
)

// sharedTx is a transaction that small writes share on SQLite, see sharedCommits.
// Its statements go past database/sql, which takes as long for each of them as
// SQLite does for most of them. It is for one goroutine at a time.
type sharedTx struct{ on *sharedConn }

// sharedConn is the connection of those transactions, with what was prepared on
// it. It belongs to whoever has the connection.
type sharedConn struct {
	conn     driver.ConnPrepareContext
	prepared map[string]sharedStmt // by their texts, which are few

	// Room for what goes in and out of one statement.
	args   []driver.NamedValue
	values []driver.Value
}

// sharedStmt is a statement that is kept.
type sharedStmt struct {
	driverStmt
	order []int // which argument stands at each place, the first one is 0
}

type driverStmt interface {
	driver.Stmt
	driver.StmtExecContext
	driver.StmtQueryContext
}

// transact begins a transaction, in which nobody else can write, and commits it when
// do returns nil. With driver.ErrBadConn nothing can be done on the connection any
// more.
func (c *sharedConn) transact(do func(tx *sharedTx) error) (err error) {
	tx := &sharedTx{c}
	if _, err := tx.exec(`BEGIN IMMEDIATE`); err != nil {
		return err
	}
	panics, done := true, false
	defer func() {
		if done {
			return
		}
		// After some faults, as that of a full disk, SQLite has ended it by itself.
		_, still := tx.exec(`ROLLBACK`)
		if panics || still != nil {
			err = errors.Join(err, still, c.close(), driver.ErrBadConn)
		}
	}()
	err = do(tx)
	panics = false
	if err == nil {
		_, err = tx.exec(`COMMIT`)
	}
	done = err == nil
	return err
}

// exec runs a statement without rows, and returns how many it has changed. The
// first of args is $1 in the text.
func (tx *sharedTx) exec(query string, args ...any) (int64, error) {
	stmt, err := tx.on.prepare(query, args)
	if err != nil {
		return 0, err
	}
	defer clear(tx.on.args)
	result, err := stmt.ExecContext(context.Background(), tx.on.args)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// row reads the first row of a query into dest, or returns sql.ErrNoRows. It takes
// pointers to texts, numbers, truth values and bytes; NULL is only for bytes.
func (tx *sharedTx) row(query string, dest []any, args ...any) (err error) {
	c := tx.on
	stmt, err := c.prepare(query, args)
	if err != nil {
		return err
	}
	defer clear(c.args)
	rows, err := stmt.QueryContext(context.Background(), c.args)
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	c.values = append(c.values[:0], make([]driver.Value, len(dest))...)
	defer clear(c.values)
	if err := rows.Next(c.values); errors.Is(err, io.EOF) {
		return sql.ErrNoRows
	} else if err != nil {
		return err
	}
	for i, value := range c.values {
		if err := scan(dest[i], value); err != nil {
			return fmt.Errorf("store: column %d: %w", i+1, err)
		}
	}
	return nil
}

// scan hands over one value as the driver of SQLite returns it.
func scan(dest any, value driver.Value) error {
	switch to := dest.(type) {
	case *string:
		if text, ok := value.(string); ok {
			*to = text
			return nil
		}
	case *int64:
		if n, ok := value.(int64); ok {
			*to = n
			return nil
		}
	case *bool:
		if n, ok := value.(int64); ok {
			*to = n != 0
			return nil
		}
	case *[]byte:
		if value == nil {
			*to = nil
			return nil
		}
		if bytes, ok := value.([]byte); ok {
			*to = bytes
			return nil
		}
	}
	return fmt.Errorf("%T does not fit into %T", value, dest)
}

// prepare returns a statement, and has its arguments in c.args.
func (c *sharedConn) prepare(query string, args []any) (sharedStmt, error) {
	stmt, ok := c.prepared[query]
	if !ok {
		text, order := inPlaces(query)
		prepared, err := c.conn.PrepareContext(context.Background(), text)
		if err != nil {
			return sharedStmt{}, err
		}
		if stmt.driverStmt, ok = prepared.(driverStmt); !ok {
			return sharedStmt{}, errors.Join(fmt.Errorf("store: %T takes no context", prepared), prepared.Close())
		}
		stmt.order = order
		c.prepared[query] = stmt
	}
	c.args = c.args[:0]
	for place, i := range stmt.order {
		if i >= len(args) {
			return sharedStmt{}, fmt.Errorf("store: $%d stands in a statement with %d arguments", i+1, len(args))
		}
		value := args[i]
		if !driver.IsValue(value) {
			var err error
			if value, err = driver.DefaultParameterConverter.ConvertValue(value); err != nil {
				return sharedStmt{}, fmt.Errorf("store: $%d: %w", i+1, err)
			}
		}
		c.args = append(c.args, driver.NamedValue{Ordinal: place + 1, Value: value})
	}
	return stmt, nil
}

// close lets go of what was prepared.
func (c *sharedConn) close() error {
	var errs []error
	for _, stmt := range c.prepared {
		errs = append(errs, stmt.Close())
	}
	clear(c.prepared)
	return errors.Join(errs...)
}

// inPlaces writes "?" for each "$N" of a statement, and returns which argument
// stands at each place, from 0. For the driver "$N" is a name, which it would read
// and look for every time. Texts in the statement hold no such thing.
func inPlaces(query string) (string, []int) {
	var b strings.Builder
	order := []int{}
	for {
		before, after, found := strings.Cut(query, "$")
		b.WriteString(before)
		if !found {
			return b.String(), order
		}
		n, digits := 0, 0
		for digits < len(after) && '0' <= after[digits] && after[digits] <= '9' {
			n = 10*n + int(after[digits]-'0')
			digits++
		}
		b.WriteByte('?')
		order = append(order, n-1)
		query = after[digits:]
	}
}
