package store

import (
	"context"
	"database/sql"
	"errors"
	"time"
)

// insertAndCount is the end of a Put in one statement. The counters are those of
// the moment of the insert.
const insertAndCount = insertSession + `
		RETURNING
			coalesce((SELECT epoch FROM kv_epochs WHERE tenant_id = $1 AND user_id = $3), 0),
			coalesce((SELECT generation FROM kv_generations WHERE tenant_id = $1 AND integration_id = $6), -1)`

// putSQLite is Put in one transaction. Its order needs no commits in between
// here: what writes at all does so one after the other, so a Retire is over
// before, and its epoch is read, or it begins after and finds the session.
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
		return tx.row(insertAndCount, []any{&epoch, &generation}, tenant, key[:], user, value, end, integration)
	})
	if err != nil {
		return nil, 0, 0, sessionFault("put", err)
	}
	return replaced, epoch, generation, nil
}
