package store_test

import (
	"crypto/rand"
	"fmt"
	"sync/atomic"
	"testing"

	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// BenchmarkRecall is an unchanged sign-in's way through the store: alone, with 16
// at a time, and with 16 of which each goes by the statement that many share;
// then waiting for the disk, and by way of a pooler.
func BenchmarkRecall(b *testing.B) {
	if !testenv.HasPostgres() {
		return
	}
	const people = 1000
	for _, test := range []struct {
		name   string
		atOnce int
		pooled bool
		opts   store.Options
	}{
		{"alone", 1, false, store.Options{}},
		{"16 at once", 16, false, store.Options{}},
		{"16 at once, never alone", 16, false, store.Options{Together: true}},
		{"alone, durable", 1, false, store.Options{DurableReplays: true}},
		{"16 at once, durable", 16, false, store.Options{DurableReplays: true}},
		{"alone, pooled", 1, true, store.Options{}},
		{"16 at once, pooled", 16, true, store.Options{}},
		{"16 at once, pooled, durable", 16, true, store.Options{DurableReplays: true}},
	} {
		if test.pooled && !testenv.HasPgBouncer() {
			continue
		}
		b.Run(test.name, func(b *testing.B) {
			db := storetest.New(b, testenv.Postgres)
			if test.pooled {
				db = storetest.NewPooled(b)
			}
			sc := newScene(b, db)
			sc.people(b, people)
			s := db.OpenAt(b, db.Address(), now, test.opts)
			var n atomic.Int64
			b.SetParallelism(test.atOnce)
			b.ReportAllocs()
			b.ResetTimer()
			b.RunParallel(func(pb *testing.PB) {
				for pb.Next() {
					i := n.Add(1)
					q := sc.question(b, fmt.Sprint("person-", i%people), fmt.Sprint("token", i))
					q.Token.Key = make([]byte, 32)
					_, _ = rand.Read(q.Token.Key)
					if got, err := s.Recall(b.Context(), q); err != nil || !got.Spent {
						b.Fatalf("got %+v, error %v, want the token spent", got, err)
					}
				}
			})
		})
	}
}
