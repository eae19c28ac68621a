package kvtest

import (
	"context"
	"crypto/rand"
	"sync"
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
	return openRedis(t, url, redis.NewClient(opts))
}

// OpenRedisCluster is [OpenRedis] for a Cluster: a URL of the store's form and
// the addresses of its nodes.
func OpenRedisCluster(t testing.TB, url, password string, nodes ...string) (store *kv.Redis, advance func(d time.Duration)) {
	t.Helper()
	return openRedis(t, url, redis.NewClusterClient(&redis.ClusterOptions{Addrs: nodes, Password: password}))
}

// OpenRedisSentinel is [OpenRedis] for a master that Sentinels name.
func OpenRedisSentinel(t testing.TB, url, password, master string, sentinels ...string) (store *kv.Redis, advance func(d time.Duration)) {
	t.Helper()
	return openRedis(t, url, redis.NewFailoverClient(&redis.FailoverOptions{
		MasterName: master, SentinelAddrs: sentinels, Password: password,
	}))
}

// openRedis opens a store, and looks after its keys by raw.
func openRedis(t testing.TB, url string, raw redis.UniversalClient) (store *kv.Redis, advance func(d time.Duration)) {
	t.Helper()
	prefix := "test-" + rand.Text() + ":"
	clock := new(atomic.Int64)
	clock.Store(time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).UnixNano())
	store, err := kv.OpenPatientRedis(url, prefix, func() time.Time { return time.Unix(0, clock.Load()) }, Patience)
	if err != nil {
		t.Fatal(err)
	}
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

func keysUnder(ctx context.Context, t testing.TB, raw redis.UniversalClient, prefix string) (keys []string) {
	t.Helper()
	var mu sync.Mutex
	scan := func(ctx context.Context, node *redis.Client) error {
		found := node.Scan(ctx, 0, prefix+"*", 1000).Iterator()
		mu.Lock()
		defer mu.Unlock()
		for found.Next(ctx) {
			keys = append(keys, found.Val())
		}
		return found.Err()
	}
	var err error
	switch raw := raw.(type) {
	case *redis.ClusterClient:
		err = raw.ForEachMaster(ctx, scan)
	case *redis.Client:
		err = scan(ctx, raw)
	}
	if err != nil {
		t.Errorf("listing keys: %v", err)
	}
	return keys
}
