package kv_test

import (
	"crypto/sha256"
	"strconv"
	"testing"
	"time"

	"usher/sessions/kv"
	"usher/testenv"
)

// BenchmarkRedis does what a sign-in and what a check does, one at a time.
func BenchmarkRedis(b *testing.B) {
	store, err := kv.OpenRedis(testenv.RedisURL(b), "bench:"+strconv.FormatInt(time.Now().UnixNano(), 36)+":", time.Now)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { _ = store.Close() })
	value := make([]byte, 300)
	b.Run("put", func(b *testing.B) {
		b.ReportAllocs()
		for n := range b.N {
			key := kv.Key(sha256.Sum256(strconv.AppendInt(nil, int64(n), 10)))
			if _, _, _, err := store.Put(b.Context(), "tenant", "user-"+strconv.Itoa(n%1000), key, value, time.Minute, "integration", kv.Key{}); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("get", func(b *testing.B) {
		b.ReportAllocs()
		key := kv.Key(sha256.Sum256([]byte("0")))
		for b.Loop() {
			if _, _, err := store.Get(b.Context(), "tenant", key); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("counters", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, _, err := store.Counters(b.Context(), "tenant", "user-1", "integration"); err != nil {
				b.Fatal(err)
			}
		}
	})
}
