package store

import (
	"context"
	"database/sql"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

// Kinds of calls that a Watcher is told of.
const (
	// CallStatement is one statement outside of a transaction, until its rows
	// can be read.
	CallStatement = "statement"
	// CallTransaction is a whole transaction, with the tries that it took.
	CallTransaction = "transaction"
)

// Watcher is told how long each call of the database took, waiting for a free
// connection included, and whether the database was unavailable. It neither waits
// nor fails.
type Watcher func(call string, took time.Duration, unavailable bool)

// Watch has w told of every call from now on. Nobody else may use the store meanwhile.
func (s *Store) Watch(w Watcher) { s.watch.tell = w }

// watch times calls; until somebody wants to know it costs nothing.
type watch struct {
	now  func() time.Time
	tell Watcher
	// refused is told that a server has refused to write; nil = nobody is.
	refused func()
}

func (w *watch) start() time.Time {
	if w.tell == nil {
		return time.Time{}
	}
	return w.now()
}

// done tells of a call. Whose client has hung up says nothing about the database.
func (w *watch) done(ctx context.Context, call string, start time.Time, err error) {
	if err != nil && w.refused != nil && refusesWrites(err) {
		w.refused()
	}
	if w.tell == nil || errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	w.tell(call, w.now().Sub(start), err != nil && errors.Is(fault(err), ErrUnavailable))
}

// pool is a pool of connections whose statements are timed.
type pool struct {
	*sqlx.DB
	watch *watch
}

func (p *pool) GetContext(ctx context.Context, dest any, query string, args ...any) error {
	start := p.watch.start()
	err := p.DB.GetContext(ctx, dest, query, args...)
	p.watch.done(ctx, CallStatement, start, err)
	return err
}

func (p *pool) SelectContext(ctx context.Context, dest any, query string, args ...any) error {
	start := p.watch.start()
	err := p.DB.SelectContext(ctx, dest, query, args...)
	p.watch.done(ctx, CallStatement, start, err)
	return err
}

func (p *pool) QueryxContext(ctx context.Context, query string, args ...any) (*sqlx.Rows, error) {
	start := p.watch.start()
	rows, err := p.DB.QueryxContext(ctx, query, args...)
	p.watch.done(ctx, CallStatement, start, err)
	return rows, err
}

func (p *pool) QueryRowxContext(ctx context.Context, query string, args ...any) *sqlx.Row {
	start := p.watch.start()
	row := p.DB.QueryRowxContext(ctx, query, args...)
	p.watch.done(ctx, CallStatement, start, row.Err())
	return row
}

func (p *pool) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	start := p.watch.start()
	result, err := p.DB.ExecContext(ctx, query, args...)
	p.watch.done(ctx, CallStatement, start, err)
	return result, err
}

// statement is a prepared one, timed. Within a transaction use its asker, which is
// not: the transaction is.
type statement struct {
	asker
	watch *watch
}

func (s *statement) GetContext(ctx context.Context, dest any, args ...any) error {
	start := s.watch.start()
	err := s.asker.GetContext(ctx, dest, args...)
	s.watch.done(ctx, CallStatement, start, err)
	return err
}

func (s *statement) SelectContext(ctx context.Context, dest any, args ...any) error {
	start := s.watch.start()
	err := s.asker.SelectContext(ctx, dest, args...)
	s.watch.done(ctx, CallStatement, start, err)
	return err
}

func (s *statement) QueryxContext(ctx context.Context, args ...any) (*sqlx.Rows, error) {
	start := s.watch.start()
	rows, err := s.asker.QueryxContext(ctx, args...)
	s.watch.done(ctx, CallStatement, start, err)
	return rows, err
}

func (s *statement) QueryRowxContext(ctx context.Context, args ...any) *sqlx.Row {
	start := s.watch.start()
	row := s.asker.QueryRowxContext(ctx, args...)
	s.watch.done(ctx, CallStatement, start, row.Err())
	return row
}

func (s *statement) QueryRowContext(ctx context.Context, args ...any) *sql.Row {
	start := s.watch.start()
	row := s.asker.QueryRowContext(ctx, args...)
	s.watch.done(ctx, CallStatement, start, row.Err())
	return row
}

func (s *statement) ExecContext(ctx context.Context, args ...any) (sql.Result, error) {
	start := s.watch.start()
	result, err := s.asker.ExecContext(ctx, args...)
	s.watch.done(ctx, CallStatement, start, err)
	return result, err
}

// PoolState is how a pool of connections stands.
type PoolState struct {
	// Name is "read", "write" or "fast", which see Store; on PostgreSQL "write"
	// reads as well, and on SQLite it is fast.
	Name             string
	Max, InUse, Idle int           // connections
	Waits            int64         // calls that had to wait for one, since the start
	Waited           time.Duration // all of them together
}

// Pools lists the pools.
func (s *Store) Pools() []PoolState {
	pools := []PoolState{s.write.state("write")}
	if s.read != s.write {
		pools = append(pools, s.read.state("read"))
	}
	if s.fast != s.write {
		pools = append(pools, s.fast.state("fast"))
	}
	return pools
}

func (p *pool) state(name string) PoolState {
	now := p.Stats()
	return PoolState{
		Name: name, Max: now.MaxOpenConnections, InUse: now.InUse, Idle: now.Idle, Waits: now.WaitCount, Waited: now.WaitDuration,
	}
}
