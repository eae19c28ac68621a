package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"time"
)

// SessionKV is the SQL form of the session store; its contract is that of
// kv.Store in usher/sessions/kv. It is the embedded default, and lets sessions
// survive a restart.
//
// Each statement commits by itself. That is not for want of a transaction: Put
// must be seen before it reads the epoch, and Retire's epoch before it
// deletes, or under READ COMMITTED each could miss the other.
type SessionKV struct{ store *Store }

// SessionKV returns the session store in this database.
func (s *Store) SessionKV() *SessionKV { return &SessionKV{s} }

const (
	maxSessionLife    = 90 * 24 * time.Hour
	maxSessionCounter = int64(1)<<53 - 1
	sweepBatch        = 1000 // rows
)

// Put stores value under key for ttl, takes the session replaces away, and
// then reads the user's epoch (0 = never raised) and the integration's
// generation (-1 = unknown).
func (kv *SessionKV) Put(ctx context.Context, tenant, user string, key [32]byte, value []byte, ttl time.Duration,
	integration string, replaces [32]byte,
) (replaced []byte, epoch, generation int64, err error) {
	if err := checkSessionTTL(ttl); err != nil {
		return nil, 0, 0, err
	}
	db, now := kv.store, kv.store.now().UTC()
	if db.Embedded() {
		return kv.putSQLite(ctx, tenant, user, key, value, now, now.Add(ttl), integration, replaces)
	}
	if replaces != [32]byte{} {
		take, err := db.stmt(ctx, db.write, takeSession)
		if err == nil {
			err = take.GetContext(ctx, &replaced, tenant, replaces[:], now)
		}
		if err != nil && !errors.Is(err, sql.ErrNoRows) {
			return nil, 0, 0, sessionFault("put", err)
		}
	}
	if _, err := kv.exec(ctx, insertSession, tenant, key[:], user, value, now.Add(ttl)); err != nil {
		return nil, 0, 0, sessionFault("put", err)
	}
	epoch, generation, err = kv.counters(ctx, tenant, user, integration)
	if err != nil {
		return nil, 0, 0, sessionFault("put", err)
	}
	return replaced, epoch, generation, nil
}

const (
	takeSession = `
		DELETE FROM kv_sessions WHERE tenant_id = $1 AND key = $2 AND expires_at > $3
		RETURNING value`
	insertSession = `
		INSERT INTO kv_sessions (tenant_id, key, user_id, value, expires_at)
		VALUES ($1, $2, $3, $4, $5)`
	readCounters = `
		SELECT coalesce((SELECT epoch FROM kv_epochs WHERE tenant_id = $1 AND user_id = $2), 0),
			coalesce((SELECT generation FROM kv_generations WHERE tenant_id = $1 AND integration_id = $3), -1)`
)

// Counters reads the user's epoch and the integration's generation.
func (kv *SessionKV) Counters(ctx context.Context, tenant, user, integration string) (epoch, generation int64, err error) {
	epoch, generation, err = kv.counters(ctx, tenant, user, integration)
	if err != nil {
		return 0, 0, sessionFault("counters", err)
	}
	return epoch, generation, nil
}

func (kv *SessionKV) counters(ctx context.Context, tenant, user, integration string) (epoch, generation int64, err error) {
	stmt, err := kv.store.stmt(ctx, kv.store.read, readCounters)
	if err == nil {
		err = stmt.QueryRowContext(ctx, tenant, user, integration).Scan(&epoch, &generation)
	}
	return epoch, generation, err
}

// Get returns the value under key, or nil, and the known generations of the
// tenant's integrations.
func (kv *SessionKV) Get(ctx context.Context, tenant string, key [32]byte) ([]byte, map[string]int64, error) {
	values, generations, err := kv.query(ctx, `
		SELECT key, value, '' AS integration_id, 0 AS generation
		FROM kv_sessions WHERE tenant_id = $1 AND key = $2 AND expires_at > $3
		UNION ALL
		SELECT NULL, NULL, CAST(integration_id AS text), generation
		FROM kv_generations WHERE tenant_id = $1`,
		tenant, key[:], kv.store.now().UTC())
	if err != nil {
		return nil, nil, sessionFault("get", err)
	}
	return values[key], generations, nil
}

// Replace stores value for ttl if key still has a value, and reports whether
// it had.
func (kv *SessionKV) Replace(ctx context.Context, tenant, user string, key [32]byte, value []byte, ttl time.Duration) (bool, error) {
	if err := checkSessionTTL(ttl); err != nil {
		return false, err
	}
	now := kv.store.now().UTC()
	n, err := kv.exec(ctx, `
		UPDATE kv_sessions SET value = $1, expires_at = $2
		WHERE tenant_id = $3 AND user_id = $4 AND key = $5 AND expires_at > $6`,
		value, now.Add(ttl), tenant, user, key[:], now)
	if err != nil {
		return false, sessionFault("replace", err)
	}
	return n > 0, nil
}

// Delete takes sessions of a user away.
func (kv *SessionKV) Delete(ctx context.Context, tenant, user string, keys ...[32]byte) error {
	for _, key := range keys {
		if _, err := kv.exec(ctx, `
			DELETE FROM kv_sessions WHERE tenant_id = $1 AND user_id = $2 AND key = $3`,
			tenant, user, key[:]); err != nil {
			return sessionFault("delete", err)
		}
	}
	return nil
}

// List returns the values of the user's sessions by key, and the generations
// that Get returns.
func (kv *SessionKV) List(ctx context.Context, tenant, user string) (map[[32]byte][]byte, map[string]int64, error) {
	values, generations, err := kv.query(ctx, `
		SELECT key, value, '' AS integration_id, 0 AS generation
		FROM kv_sessions WHERE tenant_id = $1 AND user_id = $2 AND expires_at > $3
		UNION ALL
		SELECT NULL, NULL, CAST(integration_id AS text), generation
		FROM kv_generations WHERE tenant_id = $1`,
		tenant, user, kv.store.now().UTC())
	if err != nil {
		return nil, nil, sessionFault("list", err)
	}
	return values, generations, nil
}

// Retire raises the user's epoch to at least epoch and then takes all sessions
// of the user away.
func (kv *SessionKV) Retire(ctx context.Context, tenant, user string, epoch int64) error {
	if err := checkSessionCounter(epoch); err != nil {
		return err
	}
	if _, err := kv.exec(ctx, `
		INSERT INTO kv_epochs (tenant_id, user_id, epoch) VALUES ($1, $2, $3)
		ON CONFLICT (tenant_id, user_id) DO UPDATE SET epoch = excluded.epoch
		WHERE kv_epochs.epoch < excluded.epoch`,
		tenant, user, epoch); err != nil {
		return sessionFault("retire", err)
	}
	if _, err := kv.exec(ctx, `
		DELETE FROM kv_sessions WHERE tenant_id = $1 AND user_id = $2`,
		tenant, user); err != nil {
		return sessionFault("retire", err)
	}
	return nil
}

// Raise raises the integration's generation to at least generation.
func (kv *SessionKV) Raise(ctx context.Context, tenant, integration string, generation int64) error {
	if err := checkSessionCounter(generation); err != nil {
		return err
	}
	if _, err := kv.exec(ctx, `
		INSERT INTO kv_generations (tenant_id, integration_id, generation) VALUES ($1, $2, $3)
		ON CONFLICT (tenant_id, integration_id) DO UPDATE SET generation = excluded.generation
		WHERE kv_generations.generation < excluded.generation`,
		tenant, integration, generation); err != nil {
		return sessionFault("raise", err)
	}
	return nil
}

// Sweep removes the rows of sessions that have ended, of all tenants, and
// returns how many there were. Nothing depends on it but the room they take;
// once in some minutes is enough.
func (kv *SessionKV) Sweep(ctx context.Context) (removed int64, err error) {
	for {
		n, err := kv.exec(ctx, `
			DELETE FROM kv_sessions WHERE (tenant_id, key) IN (
				SELECT tenant_id, key FROM kv_sessions WHERE expires_at <= $1 LIMIT $2)`,
			kv.store.now().UTC(), sweepBatch)
		removed += n
		kv.store.dropped.count("kv_sessions", n)
		if err != nil {
			return removed, sessionFault("sweep", err)
		}
		if n < sweepBatch {
			return removed, nil
		}
	}
}

// exec runs a prepared statement that writes and returns how many rows it did.
func (kv *SessionKV) exec(ctx context.Context, query string, args ...any) (int64, error) {
	stmt, err := kv.store.stmt(ctx, kv.store.write, query)
	if err != nil {
		return 0, err
	}
	result, err := stmt.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return result.RowsAffected()
}

// query reads sessions and generations, told apart by which columns are set,
// in one statement: one round trip and one moment.
func (kv *SessionKV) query(ctx context.Context, query string, args ...any) (
	values map[[32]byte][]byte, generations map[string]int64, err error,
) {
	stmt, err := kv.store.stmt(ctx, kv.store.read, query)
	if err != nil {
		return nil, nil, err
	}
	rows, err := stmt.QueryxContext(ctx, args...)
	if err != nil {
		return nil, nil, err
	}
	defer func() { err = errors.Join(err, rows.Close()) }()
	values, generations = map[[32]byte][]byte{}, map[string]int64{}
	for rows.Next() {
		var key, value []byte
		var integration string
		var generation int64
		if err := rows.Scan(&key, &value, &integration, &generation); err != nil {
			return nil, nil, err
		}
		switch {
		case integration != "":
			generations[integration] = generation
		case len(key) == 32:
			values[[32]byte(key)] = value
		default:
			return nil, nil, fmt.Errorf("a session's key has %d bytes, want 32", len(key))
		}
	}
	return values, generations, rows.Err()
}

func sessionFault(what string, err error) error {
	return fmt.Errorf("store: sessions: %s: %w", what, fault(err))
}

func checkSessionTTL(ttl time.Duration) error {
	if ttl < time.Millisecond || ttl > maxSessionLife {
		return fmt.Errorf("store: sessions: time to live %v is out of range", ttl)
	}
	return nil
}

func checkSessionCounter(n int64) error {
	if n < 0 || n > maxSessionCounter {
		return fmt.Errorf("store: sessions: counter %d is out of range", n)
	}
	return nil
}
