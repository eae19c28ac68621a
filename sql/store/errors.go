package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net"
	"strings"

	"github.com/lib/pq"
	"github.com/lib/pq/pqerror"
	sqlitedriver "modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

var (
	// ErrUnavailable is a passing fault of the database: down, failing over,
	// read-only, full, or slower than the time allowed. Nothing was decided.
	ErrUnavailable = errors.New("the database is unavailable")
	// ErrNotFound means that no such row exists in this tenant.
	ErrNotFound = errors.New("not found")
	// ErrTaken means that a name that must be unique is in use already.
	ErrTaken = errors.New("already in use")
	// errReadOnly means that a server takes no writes where one is wanted that
	// does.
	errReadOnly = fmt.Errorf("%w: the server takes no writes", ErrUnavailable)
	// errMoved means that the state has changed between reading and writing.
	errMoved = errors.New("the state has moved on")
)

// fault is the one place that knows the drivers' errors. It wraps passing
// faults in ErrUnavailable, unique violations in ErrTaken and a missing row in
// ErrNotFound; anything else is a defect and stays what it is.
func fault(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, ErrUnavailable), errors.Is(err, ErrTaken), errors.Is(err, ErrNotFound):
		return err
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case passing(err):
		return fmt.Errorf("%w: %w", ErrUnavailable, err)
	case violates(err, pqUnique, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY):
		return fmt.Errorf("%w: %w", ErrTaken, err)
	}
	return err
}

// SQLSTATE codes (PostgreSQL manual, appendix A).
const (
	pqUnique     = "23505"
	pqForeignKey = "23503"
	pqDeadlock   = "40P01"
	pqSerialise  = "40001"
	pqCancelled  = "57014" // by statement_timeout as well
	pqReadOnly   = "25006"
	pqNotHere    = "0A000" // what a standby answers to BEGIN READ WRITE
	pqOvertaken  = "UM001" // ours, raised by usher_apply_1
)

// passing reports whether waiting may cure err.
func passing(err error) bool {
	// A backup or an export that cannot be written, or read, says nothing of the
	// database, though its system error looks like one of the network. What the
	// driver opens, such as sslrootcert, may come back.
	if file, ok := errors.AsType[*fs.PathError](err); ok && file.Op != "open" {
		return false
	}
	var netErr net.Error
	if errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone) || errors.Is(err, sql.ErrTxDone) ||
		errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) || errors.As(err, &netErr) {
		return true
	}
	var pqErr *pq.Error
	if errors.As(err, &pqErr) {
		switch pqErr.Code.Class() {
		case "08", // connection exceptions
			"53", // out of connections, memory or disk
			"55", // lock not available in time
			"57", // statement cancelled (a deadline arrives as this), shut-down
			"58", // system errors
			"40": // deadlock, serialisation: the retries are used up
			return true
		}
		return refusesWrites(err)
	}
	var liteErr *sqlitedriver.Error
	if errors.As(err, &liteErr) {
		switch liteErr.Code() & 0xff {
		case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR,
			sqlite3.SQLITE_READONLY, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_INTERRUPT, sqlite3.SQLITE_NOMEM:
			return true
		}
	}
	// A server that is starting or gone answers with an unexpected end; and
	// database/sql, once closed, with errors that it does not export.
	return errors.Is(err, net.ErrClosed) || errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) ||
		strings.HasSuffix(err.Error(), "sql: database is closed") || strings.HasSuffix(err.Error(), "sql: statement is closed")
}

// refusesWrites reports whether err comes from a server that takes no writes: a
// standby, or one that was told so.
func refusesWrites(err error) bool {
	return violates(err, pqReadOnly) || violates(err, pqNotHere) || errors.Is(err, errReadOnly)
}

// violates reports whether err is the constraint violation named by a
// SQLSTATE and SQLite's extended codes.
func violates(err error, state pqerror.Code, codes ...int) bool {
	var pqErr *pq.Error
	if errors.As(err, &pqErr) {
		return pqErr.Code == state
	}
	var liteErr *sqlitedriver.Error
	if errors.As(err, &liteErr) {
		for _, code := range codes {
			if liteErr.Code() == code {
				return true
			}
		}
	}
	return false
}

// moved reports whether err says that a concurrent change got in between.
func moved(err error) bool {
	return errors.Is(err, errMoved) || violates(err, pqOvertaken) ||
		violates(err, pqUnique, sqlite3.SQLITE_CONSTRAINT_UNIQUE, sqlite3.SQLITE_CONSTRAINT_PRIMARYKEY) ||
		violates(err, pqForeignKey, sqlite3.SQLITE_CONSTRAINT_FOREIGNKEY)
}

// retriable reports whether the database itself asks for another try.
func retriable(err error) bool {
	return violates(err, pqDeadlock) || violates(err, pqSerialise)
}
