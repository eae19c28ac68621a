package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"

	"github.com/pressly/goose/v3"

	"usher/sql/migrations"
)

// Migrate brings the schema up to date and reports how many steps it took. Of
// several instances that start at once one does it, and the others wait.
func (s *Store) Migrate(ctx context.Context) (applied int, err error) {
	provider, err := s.steps()
	if err != nil {
		return 0, err
	}
	applied, err = up(ctx, provider)
	if s.dialect == sqlite {
		// Without a session lock goose looks at the version before a step has
		// the write lock. Whoever comes second fails on what is there already,
		// and finds the work done when it looks again. Each failure means that
		// somebody else took a step.
		for try := 1; err != nil && try <= len(provider.ListSources())+maxRetries; try++ {
			var more int
			more, err = up(ctx, provider)
			applied += more
		}
	}
	if err != nil {
		return applied, fmt.Errorf("store: migrate: %w", fault(err))
	}
	return applied, nil
}

// steps reads the steps of this database's kind. It does not connect.
func (s *Store) steps() (*goose.Provider, error) {
	dialectName, read := goose.DialectSQLite3, migrations.SQLite
	options := []goose.ProviderOption{goose.WithDisableGlobalRegistry(true)}
	if s.dialect == postgres {
		dialectName, read = goose.DialectPostgres, migrations.Postgres
		options = append(options, goose.WithSessionLocker(schemaLock{}))
	}
	files, err := read()
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	provider, err := goose.NewProvider(dialectName, s.direct.DB.DB, files, options...)
	if err != nil {
		return nil, fmt.Errorf("store: %w", fault(err))
	}
	return provider, nil
}

// up takes the steps that are missing, and counts those that it took before a
// failure as well.
func up(ctx context.Context, provider *goose.Provider) (applied int, err error) {
	results, err := provider.Up(ctx)
	if partial, ok := errors.AsType[*goose.PartialError](err); ok {
		results = partial.Applied
	}
	return len(results), err
}

// schemaLock is a PostgreSQL session lock for one schema. Goose's own locks
// the whole database and looks again every five seconds only, which a second
// instance would lose at every start.
type schemaLock struct{}

const schemaLockKey = `hashtextextended('usher migrate ' || current_schema(), 0)`

// lockPause is between two tries to get the lock.
const lockPause = 20 * time.Millisecond

// SessionLock implements goose's lock.SessionLocker. It waits until ctx ends;
// asking again and again instead of queueing keeps the statement within its
// time bounds. The steps, which run on the same connection, are not bounded: an
// index on a large table takes its time.
func (schemaLock) SessionLock(ctx context.Context, conn *sql.Conn) error {
	for {
		var got bool
		if err := conn.QueryRowContext(ctx, `SELECT pg_try_advisory_lock(`+schemaLockKey+`)`).Scan(&got); err != nil {
			return err
		}
		if got {
			_, err := conn.ExecContext(ctx, `SET statement_timeout = 0`)
			return err
		}
		if err := pause(ctx, lockPause); err != nil {
			return err
		}
	}
}

// SessionUnlock implements goose's lock.SessionLocker.
func (schemaLock) SessionUnlock(ctx context.Context, conn *sql.Conn) error {
	if _, err := conn.ExecContext(ctx, `RESET statement_timeout`); err != nil {
		return err
	}
	var held bool
	err := conn.QueryRowContext(ctx, `SELECT pg_advisory_unlock(`+schemaLockKey+`)`).Scan(&held)
	if err == nil && !held {
		return errors.New("the migration lock was lost")
	}
	return err
}
