package store

import (
	"context"
	"database/sql"

	"github.com/jmoiron/sqlx"
)

// asker is a statement that is asked again and again: *sqlx.Stmt, which is
// prepared, or unprepared.
type asker interface {
	GetContext(ctx context.Context, dest any, args ...any) error
	SelectContext(ctx context.Context, dest any, args ...any) error
	QueryxContext(ctx context.Context, args ...any) (*sqlx.Rows, error)
	QueryRowxContext(ctx context.Context, args ...any) *sqlx.Row
	QueryRowContext(ctx context.Context, args ...any) *sql.Row
	ExecContext(ctx context.Context, args ...any) (sql.Result, error)
	Close() error
}

var (
	_ asker = (*sqlx.Stmt)(nil)
	_ asker = unprepared{}
)

// unprepared is a statement behind a pooler that lends a server's connection for one
// transaction: what is prepared on one would be asked for on another. The driver,
// told so by binary_parameters, sends text and arguments in one message, which
// nothing can come between.
type unprepared struct {
	on interface {
		sqlx.ExtContext
		GetContext(ctx context.Context, dest any, query string, args ...any) error
		SelectContext(ctx context.Context, dest any, query string, args ...any) error
		QueryRowContext(ctx context.Context, query string, args ...any) *sql.Row
	} // *sqlx.DB or *sqlx.Tx
	query string
}

func (u unprepared) GetContext(ctx context.Context, dest any, args ...any) error {
	return u.on.GetContext(ctx, dest, u.query, args...)
}

func (u unprepared) SelectContext(ctx context.Context, dest any, args ...any) error {
	return u.on.SelectContext(ctx, dest, u.query, args...)
}

func (u unprepared) QueryxContext(ctx context.Context, args ...any) (*sqlx.Rows, error) {
	return u.on.QueryxContext(ctx, u.query, args...)
}

func (u unprepared) QueryRowxContext(ctx context.Context, args ...any) *sqlx.Row {
	return u.on.QueryRowxContext(ctx, u.query, args...)
}

func (u unprepared) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	return u.on.QueryRowContext(ctx, u.query, args...)
}

func (u unprepared) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	return u.on.ExecContext(ctx, u.query, args...)
}

// Close has nothing to let go of.
func (unprepared) Close() error { return nil }
