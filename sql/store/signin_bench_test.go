package store_test

import (
	"testing"

	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// BenchmarkRead reads what the plan of one person's changed sign-in needs.
func BenchmarkRead(b *testing.B) {
	eachBench(b, func(b *testing.B, sc *scene) {
		for b.Loop() {
			state, err := sc.s.Read(b.Context(), store.Inquiry{
				TenantID: sc.tenant.ID, IntegrationID: sc.integration.ID, Subject: "anna-1", EmailKey: "anna@example.com",
				Groups: []string{"staff", "readers"}, Credits: []int64{1},
			})
			if err != nil || state.BySubject == nil {
				b.Fatalf("got %+v, error %v, want the person", state, err)
			}
		}
	})
}

// BenchmarkApply lets the same person leave a group and join it again, in turn.
func BenchmarkApply(b *testing.B) {
	eachBench(b, func(b *testing.B, sc *scene) {
		change, version := sc.first, int64(1)
		change.Identity.Create, change.User.Create, change.Grant = false, false, nil
		membership := sc.first.Join
		for n := uint64(1); b.Loop(); n++ {
			change.User.Version, change.Token = version, benchToken(b, n)
			change.Journal = []store.JournalEntry{{ID: newID(b), What: store.WhatGroupAdded, Detail: "{}"}}
			change.Join, change.Leave = nil, membership
			if n%2 == 0 {
				change.Join, change.Leave = membership, nil
			}
			if got, err := sc.s.Apply(b.Context(), change); err != nil || got != store.Applied {
				b.Fatalf("got %q, error %v, want it applied", got, err)
			}
			version++
		}
	})
}

// eachBench runs a benchmark on SQLite, and on Postgres when it is there.
func eachBench(b *testing.B, bench func(b *testing.B, sc *scene)) {
	kinds := []string{testenv.SQLite}
	if testenv.HasPostgres() {
		kinds = append(kinds, testenv.Postgres)
	}
	for _, kind := range kinds {
		b.Run(kind, func(b *testing.B) {
			sc := newScene(b, storetest.New(b, kind))
			b.ReportAllocs()
			bench(b, sc)
		})
	}
}
