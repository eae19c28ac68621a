package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// putSQLite is Put in one transaction. Its order needs no commits in between
// here: what writes at all does so one after the other, so a Retire is over
// before, and its epoch is read, or it begins after and finds the session.
//
// The counters are a statement of their own: what an INSERT is to return, SQLite
// gathers in a table that it makes for it.
func (kv *SessionKV) putSQLite(ctx context.Context, tenant, user string, key [32]byte, value []byte,
	now, end time.Time, integration string, replaces [32]byte,
) (replaced []byte, epoch, generation int64, err error) {
	err = kv.store.inShared(ctx, func(tx *sharedTx) error {
		replaced = nil
		if replaces != [32]byte{} {
			err := tx.row(takeSession, []any{&replaced}, tenant, replaces[:], now)
			if err != nil && !errors.Is(err, sql.ErrNoRows) {
				return err
			}
		}
		if _, err := tx.exec(insertSession, tenant, key[:], user, value, end); err != nil {
			return err
		}
		return tx.row(readCounters, []any{&epoch, &generation}, tenant, user, integration)
	})
	if err != nil {
		return nil, 0, 0, sessionFault("put", err)
	}
	return replaced, epoch, generation, nil
}
