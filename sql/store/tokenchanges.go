package store

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"errors"
	"sync"
	"time"

	"github.com/jmoiron/sqlx"
)

// TokenChange names something that answers about tokens hang on, and that has
// changed: a user, an integration, a client, an API connection with its scopes and
// secrets, a grant or a token.
type TokenChange struct {
	TenantID string
	Subject  string // its id
}

// TokenPosition is how far token changes were read. The zero value is: not at
// all.
type TokenPosition struct {
	session  uint64 // of the connection that has read; 0 = none
	server   string // which process of which server answered: PostgreSQL
	seconds  int64  // when, by the clock of the database
	snapshot string // what had been committed by then: PostgreSQL
	id       int64  // of the last change by then: SQLite
}

// TokenChanges are what a reading has found.
type TokenChanges struct {
	List []TokenChange // in no order
	Lost bool          // what has changed since is not known: everything may have
	To   TokenPosition // where the next reading goes on
}

const (
	// maxTokenSilence is how long after a position a reading can go on from it,
	// and tokenChangesKept how long changes stay at least after they appeared.
	maxTokenSilence  = time.Minute
	tokenChangesKept = 2 * maxTokenSilence
	// maxTokenChanges is how many changes are named one by one.
	maxTokenChanges = 10_000
)

// TokenChanges returns what has changed since a position, of all tenants: so much
// as was committed when the reading began and not when that at the position did,
// neither more nor less. Changes are rare, and one reading for all tenants is
// shared by everybody who waits for one.
//
// On PostgreSQL a position is a snapshot, that is, exactly what had been committed
// by then; no clock and no length of a transaction matters. It speaks of the
// transactions of a server that lives: after a crash, and on the server that takes
// over, their numbers can come again. So all readings are made on one connection,
// and with a new one, or another process behind it, everything is lost. On SQLite writers exclude one another, and changes appear in the order of
// their ids.
func (s *Store) TokenChanges(ctx context.Context, since TokenPosition) (TokenChanges, error) {
	if s.dialect == sqlite {
		found, err := s.tokenChangesByID(ctx, since)
		return found, fault(err)
	}
	found, err := s.changes.read(ctx, s.now(), since)
	return found, fault(err)
}

// tokenChangesByID is TokenChanges on SQLite.
func (s *Store) tokenChangesByID(ctx context.Context, since TokenPosition) (TokenChanges, error) {
	found := TokenChanges{To: TokenPosition{session: 1, seconds: s.now().Unix(), id: since.id}}
	if found.Lost = !since.before(found.To); found.Lost {
		return found, s.lastTokenChange(ctx, &found.To.id)
	}
	stmt, err := s.stmt(ctx, s.read, `SELECT id, tenant_id, subject FROM token_changes WHERE id > $1 ORDER BY id LIMIT $2`)
	if err != nil {
		return found, err
	}
	rows, err := stmt.QueryxContext(ctx, since.id, maxTokenChanges+1)
	if err != nil {
		return found, err
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var one TokenChange
		if err := rows.Scan(&found.To.id, &one.TenantID, &one.Subject); err != nil {
			return found, err
		}
		found.List = append(found.List, one)
	}
	if err := errors.Join(rows.Err(), rows.Close()); err != nil || len(found.List) <= maxTokenChanges {
		return found, err
	}
	found.List, found.Lost = nil, true
	return found, s.lastTokenChange(ctx, &found.To.id)
}

func (s *Store) lastTokenChange(ctx context.Context, id *int64) error {
	return s.read.GetContext(ctx, id, `SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'token_changes'`)
}

// before reports whether a reading that has come to a position could go on from
// this one.
func (p TokenPosition) before(to TokenPosition) bool {
	silence := to.seconds - p.seconds
	return p.session == to.session && p.server == to.server && silence >= 0 && silence <= int64(maxTokenSilence/time.Second)
}

// ForgetTokenChanges deletes changes that were there at a position, at most limit,
// and returns how many. Everybody who reads has read them since, or has been
// silent for so long that everything is lost to them: a position that is too young
// for that deletes nothing, and neither does one of an earlier connection.
func (s *Store) ForgetTokenChanges(ctx context.Context, at TokenPosition, limit int) (int, error) {
	if s.dialect == postgres {
		n, err := s.changes.forget(ctx, at, limit)
		s.dropped.count("token_changes", int64(n))
		return n, fault(err)
	}
	if age := s.now().Unix() - at.seconds; at.session == 0 || age < int64(tokenChangesKept/time.Second) {
		return 0, nil
	}
	result, err := s.write.ExecContext(ctx, `
DELETE FROM token_changes WHERE id IN (SELECT id FROM token_changes WHERE id <= $1 ORDER BY id LIMIT $2)`, at.id, limit)
	if err != nil {
		return 0, fault(err)
	}
	n, err := result.RowsAffected()
	s.dropped.count("token_changes", n)
	return int(n), fault(err)
}

// changeSession is the connection on which token changes are read from
// PostgreSQL, made when it is needed.
type changeSession struct {
	pool     *pool // of this connection alone
	writable bool  // a server that takes no writes counts as away

	mu     sync.Mutex
	conn   *sqlx.Conn // nil = none
	stmt   *sqlx.Stmt
	number uint64    // of the connections so far
	used   time.Time // when last
}

// tokenChangesQuery always yields a row. Changes of a transaction that had not
// ended at the snapshot $1 are those that have appeared since; a number from the
// future comes from another server's backup.
const tokenChangesQuery = `
SELECT CAST(pg_current_snapshot() AS text), CAST(extract(epoch FROM statement_timestamp()) AS bigint),
       concat(pg_backend_pid(), '/', pg_postmaster_start_time()), current_setting('transaction_read_only'), c.tenant_id, c.subject
  FROM (VALUES (1)) AS one LEFT JOIN (
        SELECT tenant_id, subject FROM token_changes
         WHERE xid >= pg_snapshot_xmin($1) AND xid < pg_snapshot_xmax(pg_current_snapshot())
           AND NOT pg_visible_in_snapshot(xid, $1) LIMIT $2) AS c ON true`

func (c *changeSession) read(ctx context.Context, now time.Time, since TokenPosition) (TokenChanges, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	// A connection that was at rest may be dead without knowing it.
	if rest := now.Sub(c.used); rest < 0 || rest > maxTokenSilence {
		c.end()
	}
	c.used = now
	old := c.conn != nil
	found, err := c.readNow(ctx, since)
	if old && (errors.Is(err, driver.ErrBadConn) || errors.Is(err, sql.ErrConnDone)) {
		found, err = c.readNow(ctx, since)
	}
	return found, err
}

// readNow reads once. After a fault the connection is given up.
func (c *changeSession) readNow(ctx context.Context, since TokenPosition) (found TokenChanges, err error) {
	start := c.pool.watch.start()
	defer func() {
		c.pool.watch.done(ctx, CallStatement, start, err)
		if err != nil {
			c.end()
		}
	}()
	if err := c.begin(ctx); err != nil {
		return TokenChanges{}, err
	}
	rows, err := c.stmt.QueryxContext(ctx, null(since.snapshot), maxTokenChanges+1)
	if err != nil {
		return TokenChanges{}, err
	}
	defer func() { _ = rows.Close() }()
	found.To.session = c.number
	for rows.Next() {
		var tenant, subject *string
		var readOnly string
		if err := rows.Scan(&found.To.snapshot, &found.To.seconds, &found.To.server, &readOnly, &tenant, &subject); err != nil {
			return TokenChanges{}, err
		}
		if c.writable && readOnly == "on" {
			return TokenChanges{}, errReadOnly
		}
		if tenant != nil && subject != nil {
			found.List = append(found.List, TokenChange{*tenant, *subject})
		}
	}
	if err := rows.Err(); err != nil {
		return TokenChanges{}, err
	}
	if found.Lost = !since.before(found.To) || len(found.List) > maxTokenChanges; found.Lost {
		found.List = nil
	}
	return found, nil
}

func (c *changeSession) forget(ctx context.Context, at TokenPosition, limit int) (int, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if at.session == 0 || at.session != c.number || c.conn == nil {
		return 0, nil
	}
	result, err := c.conn.ExecContext(ctx, `
DELETE FROM token_changes WHERE id IN (
    SELECT id FROM token_changes
     WHERE xid < pg_snapshot_xmax($1) AND pg_visible_in_snapshot(xid, $1) OR xid >= pg_snapshot_xmax(pg_current_snapshot())
     ORDER BY id LIMIT $2)
   AND extract(epoch FROM statement_timestamp()) >= CAST($3 AS bigint)
   AND concat(pg_backend_pid(), '/', pg_postmaster_start_time()) = $4`,
		at.snapshot, limit, at.seconds+int64(tokenChangesKept/time.Second), at.server)
	if err != nil {
		c.end()
		return 0, err
	}
	n, err := result.RowsAffected()
	return int(n), err
}

// begin makes the connection if there is none.
func (c *changeSession) begin(ctx context.Context) error {
	if c.conn != nil {
		return nil
	}
	conn, err := c.pool.Connx(ctx)
	if err != nil {
		return err
	}
	stmt, err := conn.PreparexContext(ctx, tokenChangesQuery)
	if err != nil {
		return errors.Join(err, conn.Close())
	}
	c.conn, c.stmt, c.number = conn, stmt, c.number+1
	return nil
}

// end gives the connection up. It is closed: a pool would keep it, and what was
// read on it before could be taken for what is read on it next.
func (c *changeSession) end() {
	if c.conn == nil {
		return
	}
	_ = c.stmt.Close()
	_ = c.conn.Raw(func(any) error { return driver.ErrBadConn })
	_ = c.conn.Close()
	c.conn, c.stmt = nil, nil
}

// close ends everything.
func (c *changeSession) close() error {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.end()
	return c.pool.Close()
}
