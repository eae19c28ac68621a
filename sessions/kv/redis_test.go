package kv_test

import (
	"testing"
	"time"

	"github.com/google/uuid"

	"usher/sessions/kv"
	"usher/sessions/kv/kvtest"
	"usher/testenv"
)

func TestRedis(t *testing.T) {
	t.Parallel()
	if !testenv.HasRedis() {
		return
	}
	url := testenv.RedisURL(t)
	kvtest.Run(t, func(t *testing.T) (kv.Store, func(time.Duration)) { return kvtest.OpenRedis(t, url) })
}

func TestRoundTrips(t *testing.T) {
	t.Parallel()
	if !testenv.HasRedis() {
		return
	}
	proxied, turns := testenv.CountURLTurns(t, testenv.RedisURL(t))
	store, _ := kvtest.OpenRedis(t, proxied)
	tenant, user, integration := uuid.NewString(), uuid.NewString(), uuid.NewString()
	ctx, old, key := t.Context(), kv.Key{1}, kv.Key{2}
	put := func(key, replaces kv.Key) error {
		_, _, _, err := store.Put(ctx, tenant, user, key, []byte("v"), time.Hour, integration, replaces)
		return err
	}
	if err := put(old, kv.Key{}); err != nil { // opens the connection
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		call func() error
		want int
	}{
		{"Put", func() error { return put(kv.Key{3}, kv.Key{}) }, 1},
		{"Put that replaces", func() error { return put(key, old) }, 1},
		{"Get", func() error { _, _, err := store.Get(ctx, tenant, key); return err }, 1},
		{"Get of nothing", func() error { _, _, err := store.Get(ctx, tenant, old); return err }, 1},
		{"Replace", func() error { _, err := store.Replace(ctx, tenant, user, key, []byte("w"), time.Hour); return err }, 1},
		{"Raise", func() error { return store.Raise(ctx, tenant, integration, 1) }, 1},
		{"List", func() error { _, _, err := store.List(ctx, tenant, user); return err }, 2},
		{"Delete", func() error { return store.Delete(ctx, tenant, user, key) }, 1},
		{"Retire", func() error { return store.Retire(ctx, tenant, user, 1) }, 2},
	} {
		before := turns()
		if err := test.call(); err != nil {
			t.Fatalf("%s: %v", test.name, err)
		}
		if got := turns() - before; got != test.want {
			t.Errorf("%s: got %d round trips, want %d", test.name, got, test.want)
		}
	}
}

// TestForgotten shows what an evicting or restarted Redis leads to: unknown,
// never wrong.
func TestForgotten(t *testing.T) {
	t.Parallel()
	if !testenv.HasRedis() {
		return
	}
	store, advance := kvtest.OpenRedis(t, testenv.RedisURL(t))
	tenant, user, integration := uuid.NewString(), uuid.NewString(), uuid.NewString()
	ctx := t.Context()
	if err := store.Retire(ctx, tenant, user, 5); err != nil {
		t.Fatal(err)
	}
	// The epoch outlives every session that it guards, then goes.
	advance(kv.MaxLife)
	if _, epoch, _, err := store.Put(ctx, tenant, user, kv.Key{1}, []byte("v"), time.Hour, integration, kv.Key{}); err != nil || epoch != 5 {
		t.Errorf("Put after 90 days: got epoch %d, error %v; want 5", epoch, err)
	}
	advance(kv.MaxLife + 48*time.Hour)
	if _, epoch, generation, err := store.Put(ctx, tenant, user, kv.Key{1}, []byte("v"), time.Hour, integration, kv.Key{}); err != nil || epoch != 0 || generation != -1 {
		t.Errorf("Put after an empty start: got epoch %d, generation %d, error %v; want 0, -1", epoch, generation, err)
	}
}
