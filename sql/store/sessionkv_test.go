package store_test

import (
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"

	"usher/sessions/kv"
	"usher/sessions/kv/kvtest"
	"usher/sql/store"
	"usher/testenv"
)

var _ kv.Store = (*store.SessionKV)(nil)

// openSessionKV opens an empty database; advance moves its clock.
func openSessionKV(t *testing.T, database string) (sessions *store.SessionKV, advance func(time.Duration)) {
	t.Helper()
	var passed atomic.Int64
	now := func() time.Time { return time.Now().Add(time.Duration(passed.Load())) }
	var s *store.Store
	var err error
	if database == testenv.Postgres {
		s, err = store.OpenPostgres(testenv.PostgresDSN(t), now, store.Options{})
	} else {
		s, err = store.OpenSQLite(filepath.Join(t.TempDir(), "usher.db"), now)
	}
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := s.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	if _, err := s.Migrate(t.Context()); err != nil {
		t.Fatal(err)
	}
	return s.SessionKV(), func(d time.Duration) { passed.Add(int64(d)) }
}

func TestSessionKV(t *testing.T) {
	t.Parallel()
	for _, database := range testenv.Databases() {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			kvtest.Run(t, func(t *testing.T) (kv.Store, func(time.Duration)) { return openSessionKV(t, database) })
		})
	}
}

func TestSessionKVSweep(t *testing.T) {
	t.Parallel()
	for _, database := range testenv.Databases() {
		t.Run(database, func(t *testing.T) {
			t.Parallel()
			sessions, advance := openSessionKV(t, database)
			ctx, tenant, user, integration := t.Context(), uuid.NewString(), uuid.NewString(), uuid.NewString()
			for i := range 5 {
				key, ttl := kv.Key{byte(i + 1)}, time.Hour
				if i < 3 {
					ttl = time.Minute
				}
				if _, _, _, err := sessions.Put(ctx, tenant, user, key, []byte("v"), ttl, integration, kv.Key{}); err != nil {
					t.Fatal(err)
				}
			}
			for _, step := range []struct {
				advance time.Duration
				want    int64
			}{{0, 0}, {2 * time.Minute, 3}, {0, 0}, {time.Hour, 2}} {
				advance(step.advance)
				if got, err := sessions.Sweep(ctx); err != nil || got != step.want {
					t.Errorf("Sweep after another %v: got %d, %v; want %d", step.advance, got, err, step.want)
				}
			}
		})
	}
}
