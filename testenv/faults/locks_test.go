//go:build linux

package faults

import (
	"context"
	"database/sql"
	"database/sql/driver"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"
)

// usersLocked holds a lock that neither a reader nor a writer gets past.
func usersLocked(t *testing.T, w *world) func() {
	db, err := sql.Open("postgres", w.postgres.url(w.postgres.address))
	if err != nil {
		t.Fatal(err)
	}
	tx, err := db.Begin()
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.Exec("LOCK TABLE users, identities IN ACCESS EXCLUSIVE MODE"); err != nil {
		t.Fatal(err)
	}
	return func() {
		if err := tx.Rollback(); err != nil {
			t.Error(err)
		}
		_ = db.Close()
	}
}

// Usher locks a user before the identities (usher_apply_1). An opposite is a
// session that locks a person's identity, waits until somebody waits for it, and
// then wants the user: a deadlock. Postgres refuses whoever looks for one first,
// and this session looks too late for that.
type opposite struct {
	*sql.Conn
	lockIdentity, lockUser string
}

// cross makes one deadlock, when somebody waits.
func (o opposite) cross(ctx context.Context) {
	const somebody = `SELECT EXISTS (SELECT 1 FROM pg_locks WHERE NOT granted AND pg_backend_pid() = ANY (pg_blocking_pids(pid)))`
	for waits := false; !waits; {
		if o.QueryRowContext(ctx, somebody).Scan(&waits) != nil {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(5 * time.Millisecond):
		}
	}
	_, _ = o.ExecContext(ctx, o.lockUser)
}

// opposed runs an opposite for everybody until the fault ends. Those who are
// stubborn keep the identity and make deadlock after deadlock, more than anybody
// tries again; the others let go after each, and the next try succeeds.
func opposed(stubborn bool, least int) func(*testing.T, *world) func() {
	return func(t *testing.T, w *world) func() {
		db, err := sql.Open("postgres", w.postgres.url(w.postgres.address)+"&deadlock_timeout=60s")
		if err != nil {
			t.Fatal(err)
		}
		for _, p := range w.people { // so that everybody has an identity to lock
			w.present(p, p.current())
		}
		before := deadlocks(t, db)
		ctx, cancel := context.WithCancel(context.Background())
		var group sync.WaitGroup
		for _, row := range rows(t, db, `SELECT id, user_id FROM identities`) {
			conn, err := db.Conn(ctx)
			if err != nil {
				t.Fatal(err)
			}
			o := opposite{
				conn, fmt.Sprintf("SELECT 1 FROM identities WHERE id = '%s' FOR UPDATE", row[0]),
				fmt.Sprintf("SELECT 1 FROM users WHERE id = '%s' FOR UPDATE", row[1]),
			}
			for _, statement := range []string{"BEGIN", o.lockIdentity} {
				if _, err := o.ExecContext(ctx, statement); err != nil {
					t.Fatal(err)
				}
			}
			group.Go(func() {
				for ctx.Err() == nil {
					_, _ = o.ExecContext(ctx, "SAVEPOINT before")
					o.cross(ctx)
					_, _ = o.ExecContext(ctx, "ROLLBACK TO before")
					if stubborn {
						continue
					}
					_, _ = o.ExecContext(ctx, "ROLLBACK")
					select {
					case <-ctx.Done():
					case <-time.After(again):
					}
					_, _ = o.ExecContext(ctx, "BEGIN")
					_, _ = o.ExecContext(ctx, o.lockIdentity)
				}
				_ = o.Raw(func(any) error { return driver.ErrBadConn }) // what it holds ends with it
			})
		}
		return func() {
			cancel()
			group.Wait()
			// A server process counts its own a moment later, when it rests.
			eventually(t, time.Minute, fmt.Sprint(least, " deadlocks at least"), func() error {
				if got := deadlocks(t, db) - before; got < least {
					return fmt.Errorf("%d", got)
				}
				return nil
			})
			_ = db.Close()
		}
	}
}

// deadlocks is how many Postgres has ended.
func deadlocks(t *testing.T, db *sql.DB) int {
	t.Helper()
	n, err := strconv.Atoi(rows(t, db, `SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()`)[0][0])
	if err != nil {
		t.Fatal(err)
	}
	return n
}
