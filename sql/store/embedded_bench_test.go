package store_test

import (
	"crypto/sha256"
	"encoding/binary"
	"sync/atomic"
	"testing"
	"time"

	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// The two writes of an unchanged sign-in in the embedded store, by one caller
// and by sixteen: those that come at the same time share a commit.

func BenchmarkEmbeddedRecall(b *testing.B) {
	sc := newScene(b, storetest.New(b, testenv.SQLite))
	var n atomic.Uint64
	perCaller(b, func(b *testing.B) {
		got, err := sc.s.Recall(b.Context(), store.Recollection{
			TenantID: sc.tenant.ID, IntegrationID: sc.integration.ID, Revision: 1, Subject: "anna-1",
			Fingerprint: fingerprint("first"), Token: benchToken(b, n.Add(1)),
		})
		if err != nil || !got.Spent {
			b.Errorf("Recall: got %+v, error %v, want it spent", got, err)
		}
	})
}

func BenchmarkEmbeddedSessionPut(b *testing.B) {
	sc := newScene(b, storetest.New(b, testenv.SQLite))
	sessions := sc.s.SessionKV()
	var n atomic.Uint64
	value := make([]byte, 200)
	perCaller(b, func(b *testing.B) {
		_, _, _, err := sessions.Put(b.Context(), sc.tenant.ID, sc.first.User.ID, benchKey(n.Add(1)), value, time.Hour,
			sc.integration.ID, [32]byte{})
		if err != nil {
			b.Errorf("Put: %v", err)
		}
	})
}

// perCaller runs act one at a time, and by sixteen callers at once.
func perCaller(b *testing.B, act func(b *testing.B)) {
	b.Run("c=1", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			act(b)
		}
	})
	b.Run("c=16", func(b *testing.B) {
		b.ReportAllocs()
		b.SetParallelism(8) // times GOMAXPROCS
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				act(b)
			}
		})
	})
}

// benchKey is the n-th of keys that are spread as digests are.
func benchKey(n uint64) [32]byte {
	return sha256.Sum256(binary.LittleEndian.AppendUint64(nil, n))
}

func benchToken(b *testing.B, n uint64) store.UsedToken {
	key, iat, end := benchKey(n), int64(1000+n), int64(2000+n)
	return store.UsedToken{Key: key[:], Single: true, IssuedAt: &iat, NotAfter: &end, ExpiresAt: &end, Attempt: newID(b)}
}
