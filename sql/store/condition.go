package store

import (
	"context"
	"time"

	"github.com/pressly/goose/v3"
)

// OldestPostgres is the oldest version that the program works on, as
// server_version_num counts them.
const OldestPostgres = 130000

// PoolConnections is how many connections one process opens at most with the
// zero Options: two pools, and one connection for token changes.
const PoolConnections = 2*defaultConnections + 1

// Condition is how the database itself is, seen from a new connection.
type Condition struct {
	Version  string        // such as "PostgreSQL 16.4" or "SQLite 3.50.1"
	TooOld   bool          // older than OldestPostgres
	Schema   string        // that tables are made in; "" = there is none
	ReadOnly bool          // writes are refused here
	Standby  bool          // because it follows another server
	Ahead    time.Duration // by how much its clock is ahead of ours; 0 for SQLite

	// Of PostgreSQL alone.
	Most, Used int    // connections that this user may open in all, and those that are open
	Limits     bool   // the time limits that we ask for with the connection are in force
	Commit     string // synchronous_commit of the writing pool
	Flush      bool   // fsync: what is committed survives a crash of the machine
	Place      string // the same for all addresses of one database, while its server runs
	Elsewhere  bool   // the pooler leads to another database than Options.Direct
}

// Condition asks the database how it is. It writes nothing.
func (s *Store) Condition(ctx context.Context) (Condition, error) {
	if s.dialect == sqlite {
		c := Condition{Schema: "main"}
		err := s.read.QueryRowxContext(ctx, `SELECT 'SQLite ' || sqlite_version()`).Scan(&c.Version)
		return c, fault(err)
	}
	var c Condition
	var number int
	var clock time.Time
	conn, err := s.write.Connx(ctx) // made before the clocks are compared: that may take seconds
	if err != nil {
		return c, fault(err)
	}
	defer func() { _ = conn.Close() }() // it goes back to the pool
	before := s.now()
	// The time comes from a statement of its own: the next one may take long.
	if err := conn.QueryRowxContext(ctx, `SELECT clock_timestamp()`).Scan(&clock); err != nil {
		return c, fault(err)
	}
	after := s.now()
	c.Ahead = clock.Sub(before.Add(after.Sub(before) / 2))
	err = conn.QueryRowxContext(ctx, `
SELECT 'PostgreSQL ' || split_part(current_setting('server_version'), ' ', 1), current_setting('server_version_num')::int,
       coalesce(current_schema(), ''), pg_is_in_recovery(), current_setting('transaction_read_only')::boolean,
       least(current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int,
             (SELECT nullif(rolconnlimit, -1) FROM pg_roles WHERE rolname = current_user),
             (SELECT nullif(datconnlimit, -1) FROM pg_database WHERE datname = current_database())),
       (SELECT count(*) FROM pg_stat_activity WHERE datid IS NOT NULL),
       current_setting('statement_timeout') <> '0' AND current_setting('lock_timeout') <> '0',
       current_setting('synchronous_commit'), current_setting('fsync')::boolean`).
		Scan(&c.Version, &number, &c.Schema, &c.Standby, &c.ReadOnly, &c.Most, &c.Used, &c.Limits, &c.Commit, &c.Flush)
	c.TooOld = err == nil && number < OldestPostgres
	const place = `SELECT concat_ws('/', pg_postmaster_start_time(), current_database(), current_schema())`
	if err == nil {
		err = conn.GetContext(ctx, &c.Place, place)
	}
	if err == nil && s.pooled {
		var direct string
		err = s.direct.GetContext(ctx, &direct, place)
		c.Elsewhere = c.Place != direct
	}
	return c, fault(err)
}

// Steps compares the schema with what this program knows.
type Steps struct {
	New     bool  // there is no schema yet
	Missing int   // steps that Migrate would take
	Schema  int64 // the newest step taken
	Known   int64 // the newest step that this program knows
}

// Newer reports whether a newer program has changed the schema.
func (s Steps) Newer() bool { return s.Schema > s.Known }

// Steps reports which steps Migrate would take, and takes none.
func (s *Store) Steps(ctx context.Context) (Steps, error) {
	provider, err := s.steps()
	if err != nil {
		return Steps{}, err
	}
	there := `SELECT to_regclass('` + goose.DefaultTablename + `') IS NOT NULL`
	if s.dialect == sqlite {
		there = `SELECT count(*) > 0 FROM sqlite_master WHERE name = '` + goose.DefaultTablename + `'`
	}
	var found bool
	if err := s.read.GetContext(ctx, &found, there); err != nil {
		return Steps{}, fault(err)
	}
	var taken []int64
	if found {
		if err := s.read.SelectContext(ctx, &taken, `
SELECT version_id FROM `+goose.DefaultTablename+` WHERE is_applied ORDER BY version_id`); err != nil {
			return Steps{}, fault(err)
		}
	}
	steps := Steps{}
	done := make(map[int64]bool, len(taken))
	for _, version := range taken {
		done[version] = true
		steps.Schema = max(steps.Schema, version)
	}
	for _, source := range provider.ListSources() {
		steps.Known = max(steps.Known, source.Version)
		if !done[source.Version] {
			steps.Missing++
		}
	}
	steps.New = steps.Schema == 0
	return steps, nil
}
