// Package store keeps everything durable: tenants, integrations, users and
// what belongs to them, in PostgreSQL or in one SQLite file.
//
// Every statement names its tenant and its columns. Records are plain; what
// they mean is decided elsewhere. Faults of the database come back as
// ErrUnavailable, so that callers need to know neither driver.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"math/rand/v2"
	"net"
	"net/url"
	"path/filepath"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
	"github.com/lib/pq"
	_ "modernc.org/sqlite"
)

// Store is an open database. It is safe for concurrent use.
type Store struct {
	dialect dialect
	now     func() time.Time

	// read serves plain queries; write serves transactions, and has a single
	// connection on SQLite, where writers exclude one another anyway; fast
	// records unchanged sign-ins, and on PostgreSQL does not wait for the
	// flush of its commit.
	read, write, fast *pool
	watch             *watch
	dropped           *dropped
	shared            *sharedCommits // nil on PostgreSQL
	checkpoints       checkpoints
	changes           changeSession // PostgreSQL only
	links             links         // PostgreSQL only
	renewals          renewals
	pooled            bool  // see Options.Direct
	direct            *pool // to the server itself; without a pooler it is write
	lazily            bool  // a statement has to say that it does not wait for the disk, see recall

	// Unchanged sign-ins on PostgreSQL, by what finds the identity.
	bySubject, byEmail *gatherer[Recollection, recollected]

	mu       sync.Mutex
	prepared map[preparedKey]*statement
	wanted   map[string]struct{} // for write, see stmtIn
}

type preparedKey struct {
	db    *pool
	query string
}

// Options are the knobs of a store; the zero value suits tests.
type Options struct {
	// Connections bounds each pool of a PostgreSQL store; 0 = 8.
	Connections int
	// DurableReplays makes an unchanged sign-in wait until its used token is
	// on disk. Without it a crash of the PostgreSQL server itself can forget
	// the tokens used in its last moments (three times wal_writer_delay).
	DurableReplays bool
	// Direct is the URL of the PostgreSQL server itself, where the store's own
	// leads to a pooler that lends a connection for one transaction (PgBouncer
	// with pool_mode=transaction). What needs a connection for longer goes there:
	// the steps of the schema, and the changes of tokens. "" = no such pooler.
	Direct string
	// Together makes every unchanged sign-in on PostgreSQL travel by the
	// statement that many can share, also one that has no company. For tests.
	Together bool
}

// defaultConnections bounds each of the two pools of a PostgreSQL store.
const defaultConnections = 8

// bounds of every statement: a slow database is answered with 503, not
// waited for.
const (
	dialTimeout      = 2 * time.Second
	statementTimeout = 5 * time.Second
	lockTimeout      = 2 * time.Second
	idleInTx         = 10 * time.Second
)

func newStore(d dialect, now func() time.Time) *Store {
	return &Store{
		dialect: d, now: now, watch: &watch{now: now}, dropped: newDropped(),
		prepared: map[preparedKey]*statement{}, wanted: map[string]struct{}{},
	}
}

// OpenPostgres opens the database that dsn (postgres://…) names. It does not
// connect yet: a database that is down is met by the first statement.
func OpenPostgres(dsn string, now func() time.Time, opts Options) (*Store, error) {
	urls, err := urlsFor(dsn, opts)
	if err != nil {
		return nil, err
	}
	size := opts.Connections
	if size == 0 {
		size = defaultConnections
	}
	s := newStore(postgres, now)
	s.watch.refused = s.renew
	s.pooled, s.changes.writable = opts.Direct != "", wantsWritable(urls.direct)
	if s.write, err = s.openPool("postgres", urls.write, size); err != nil {
		return nil, err
	}
	if s.fast, err = s.openPool("postgres", urls.fast, size); err != nil {
		return nil, errors.Join(err, s.write.Close())
	}
	if s.changes.pool, err = s.openPool("postgres", urls.direct, urls.directSize); err != nil {
		return nil, errors.Join(err, s.write.Close(), s.fast.Close())
	}
	s.read, s.direct = s.write, s.write
	if s.pooled {
		s.direct = s.changes.pool
	}
	s.lazily = s.pooled && !opts.DurableReplays
	s.bySubject, s.byEmail = s.recallGatherer("subject", opts.Together), s.recallGatherer("email_key", opts.Together)
	return s, nil
}

// OpenSQLite opens the database file at path and creates it when it is not
// there. Its folder must exist.
func OpenSQLite(path string, now func() time.Time) (*Store, error) {
	return openSQLite(path, now, "journal_mode(WAL)", "")
}

// ReadSQLite opens a database file that is there for reading alone: it leaves
// the file as it is, also what a crash has left beside it.
func ReadSQLite(path string, now func() time.Time) (*Store, error) {
	return openSQLite(path, now, "query_only(1)", "ro")
}

func openSQLite(path string, now func() time.Time, first, mode string) (*Store, error) {
	abs, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("store: %w", err)
	}
	// Pragmas stand in the DSN because they are per connection. NORMAL syncs
	// at checkpoints: a crash of the program loses nothing, a power cut may
	// lose the last commits but never tears one. "immediate" takes the write
	// lock at BEGIN, so that no transaction fails when it upgrades. The time
	// settings make times compare as PostgreSQL's do. Each of the five
	// connections has a cache of its own, in KiB; the system's lies behind it.
	q := url.Values{
		"_pragma": {
			first, fmt.Sprintf("busy_timeout(%d)", lockTimeout.Milliseconds()), "synchronous(NORMAL)", "foreign_keys(1)",
			"cache_size(-4096)", "temp_store(MEMORY)", fmt.Sprintf("wal_autocheckpoint(%d)", hugeLog),
		},
		"_txlock":      {"immediate"},
		"_time_format": {"sqlite"},
		"_timezone":    {"UTC"},
	}
	if mode != "" {
		q.Set("mode", mode)
	}
	if err := registerWholeWrites(); err != nil {
		return nil, err
	}
	dsn := (&url.URL{Scheme: "file", Path: abs, RawQuery: q.Encode()}).String()
	s := newStore(sqlite, now)
	if s.write, err = s.openPool("sqlite", dsn+"&vfs="+wholeWrites, 1); err != nil {
		return nil, err
	}
	if s.read, err = s.openPool("sqlite", dsn, 4); err != nil {
		return nil, errors.Join(err, s.write.Close())
	}
	s.write.SetConnMaxIdleTime(0) // its statements live as long as it does, see sharedConn
	s.fast, s.direct = s.write, s.write
	s.shared = &sharedCommits{store: s}
	s.checkpoints.longest = largestLog
	return s, nil
}

func (s *Store) openPool(driver, dsn string, size int) (*pool, error) {
	var db *sqlx.DB
	var err error
	if driver == "postgres" {
		var connector *pq.Connector
		if connector, err = pq.NewConnector(dsn); err == nil {
			connector.Dialer(boundedDialer{links: &s.links})
			db = sqlx.NewDb(sql.OpenDB(connector), driver)
		}
	} else {
		db, err = sqlx.Open(driver, dsn)
	}
	if err != nil {
		// The driver's message may quote the URL, which holds the password.
		return nil, fmt.Errorf("store: the %s database URL is not understood", driver)
	}
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	db.SetConnMaxIdleTime(5 * time.Minute)
	return &pool{DB: db, watch: s.watch}, nil
}

// Close lets go of every connection.
func (s *Store) Close() error {
	s.checkpoints.wait()
	var errs []error
	if s.shared != nil {
		// Not under the lock: a transaction that it waits for may ask for a statement.
		errs = append(errs, s.shared.close())
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, stmt := range s.prepared {
		errs = append(errs, unlessCut(stmt.Close()))
	}
	s.prepared = map[preparedKey]*statement{}
	if s.changes.pool != nil {
		errs = append(errs, unlessCut(s.changes.close()))
	}
	errs = append(errs, unlessCut(s.write.Close()))
	if s.read != s.write {
		errs = append(errs, unlessCut(s.read.Close()))
	}
	if s.fast != s.write {
		errs = append(errs, unlessCut(s.fast.Close()))
	}
	return errors.Join(errs...)
}

// unlessCut passes over that the server has closed a connection before us.
func unlessCut(err error) error {
	if _, cut := errors.AsType[*net.OpError](err); cut {
		return nil
	}
	return err
}

// Ping asks the database for a sign of life.
func (s *Store) Ping(ctx context.Context) error {
	var one int
	return fault(s.read.GetContext(ctx, &one, `SELECT 1`))
}

// Embedded reports whether the data lives in a SQLite file.
func (s *Store) Embedded() bool { return s.dialect == sqlite }

// stmt returns query prepared on db. Hot statements are prepared once: on
// PostgreSQL that is a round trip and most of the planning saved.
func (s *Store) stmt(ctx context.Context, db *pool, query string) (*statement, error) {
	if s.pooled && db != s.direct {
		return &statement{asker: unprepared{db.DB, query}, watch: s.watch}, nil
	}
	key := preparedKey{db, query}
	s.mu.Lock()
	stmt, ok := s.prepared[key]
	s.mu.Unlock()
	if ok {
		return stmt, nil
	}
	// Not under the lock: a database that is down must not queue up everyone.
	raw, err := db.PreparexContext(ctx, query)
	if err != nil {
		return nil, err
	}
	stmt = &statement{asker: raw, watch: s.watch}
	s.mu.Lock()
	defer s.mu.Unlock()
	if first, ok := s.prepared[key]; ok {
		return first, stmt.Close()
	}
	s.prepared[key] = stmt
	return stmt, nil
}

// stmtIn returns query prepared within tx. The first time it lives only as
// long as tx: preparing it on the pool would ask for a connection beside the
// one that tx holds, and SQLite has no other. inTx prepares it afterwards.
func (s *Store) stmtIn(ctx context.Context, tx *sqlx.Tx, query string) (asker, error) {
	if s.pooled {
		return unprepared{tx, query}, nil
	}
	s.mu.Lock()
	stmt, ok := s.prepared[preparedKey{s.write, query}]
	if !ok {
		s.wanted[query] = struct{}{}
	}
	s.mu.Unlock()
	if ok {
		return tx.StmtxContext(ctx, stmt.asker), nil
	}
	return tx.PreparexContext(ctx, query)
}

// prepareWanted prepares what stmtIn has missed. A failure is met again, and
// told, by the next one to need the statement.
func (s *Store) prepareWanted(ctx context.Context) {
	s.mu.Lock()
	wanted := s.wanted
	s.wanted = map[string]struct{}{}
	s.mu.Unlock()
	for query := range wanted {
		_, _ = s.stmt(ctx, s.write, query)
	}
}

// inTx runs do in one transaction on the writing pool and commits it when do
// returns nil. After a deadlock or a serialisation failure everything is done
// again, up to three times, so do must not build on an earlier run.
func (s *Store) inTx(ctx context.Context, do func(tx *sqlx.Tx) error) error {
	defer s.prepareWanted(ctx)
	start := s.watch.start()
	err := fault(retry(ctx, func() error { return s.inOneTx(ctx, do) }))
	s.watch.done(ctx, CallTransaction, start, err)
	return err
}

func (s *Store) inOneTx(ctx context.Context, do func(tx *sqlx.Tx) error) error {
	tx, err := s.write.BeginTxx(ctx, nil)
	if err != nil {
		return err
	}
	return carryOut(tx, do)
}

// carryOut runs do in a transaction and commits it when do returns nil.
func carryOut(tx *sqlx.Tx, do func(tx *sqlx.Tx) error) error {
	if err := do(tx); err != nil {
		if rollback := tx.Rollback(); rollback != nil && !errors.Is(rollback, sql.ErrTxDone) {
			err = errors.Join(err, rollback)
		}
		return err
	}
	return tx.Commit()
}

// maxRetries is how often a unit is tried again when the database asks for it.
const maxRetries = 3

// retry runs do until the database no longer asks for another try.
func retry(ctx context.Context, do func() error) error {
	for try := 1; ; try++ {
		err := do()
		if !retriable(err) || try > maxRetries {
			return err
		}
		if err := pause(ctx, time.Duration(1+rand.IntN(10*try))*time.Millisecond); err != nil { //nolint:gosec // jitter needs no secrecy
			return err
		}
	}
}

// pause waits for d or for the end of ctx, whichever comes first.
func pause(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
