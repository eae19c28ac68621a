package kvtest

import (
	"context"
	"crypto/rand"
	"sync/atomic"
	"testing"
	"time"

	"github.com/redis/go-redis/v9"

	"usher/sessions/kv"
)

// OpenRedis opens a store on a single Redis that others use too: its keys have
// a random prefix and are removed when the test ends. advance lowers the times
// to live that Redis keeps, and moves the store's own clock.
func OpenRedis(t testing.TB, url string) (store *kv.Redis, advance func(d time.Duration)) {
	t.Helper()
	opts, err := redis.ParseURL(url)
	if err != nil {
		t.Fatal("want the URL of a Redis") // err may hold the password
	}
	prefix := "test-" + rand.Text() + ":"
	clock := new(atomic.Int64)
	clock.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	store, err = kv.OpenRedis(url, prefix, func() time.Time { return time.Unix(0, clock.Load()) })
	if err != nil {
		t.Fatal(err)
	}
	raw := redis.NewClient(opts)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context()) // it has ended by now
		for _, key := range keysUnder(ctx, t, raw, prefix) {
			if err := raw.Del(ctx, key).Err(); err != nil {
				t.Errorf("cleaning up: %v", err)
			}
		}
		if err := store.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
		if err := raw.Close(); err != nil {
			t.Errorf("Close: %v", err)
		}
	})
	return store, func(d time.Duration) {
		t.Helper()
		clock.Add(int64(d))
		for _, key := range keysUnder(t.Context(), t, raw, prefix) {
			left, err := raw.PTTL(t.Context(), key).Result()
			if err == nil && left > 0 {
				// An end in the past removes the key.
				err = raw.PExpire(t.Context(), key, left-d).Err()
			}
			if err != nil {
				t.Fatalf("advancing: %v", err)
			}
		}
	}
}

func keysUnder(ctx context.Context, t testing.TB, raw *redis.Client, prefix string) (keys []string) {
	t.Helper()
	scan := raw.Scan(ctx, 0, prefix+"*", 1000).Iterator()
	for scan.Next(ctx) {
		keys = append(keys, scan.Val())
	}
	if err := scan.Err(); err != nil {
		t.Errorf("listing keys: %v", err)
	}
	return keys
}
