// Package storetest opens migrated, empty stores for tests: one on a SQLite
// file, and one in a schema of its own on PostgreSQL where there is a server.
package storetest

import (
	"testing"
	"time"

	"usher/sql/store"
	"usher/testenv"
)

// Each runs test against every kind of database, in parallel subtests.
func Each(t *testing.T, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	EachAt(t, time.Now, test)
}

// EachAt is Each with the clock that the stores go by.
func EachAt(t *testing.T, now func() time.Time, test func(t *testing.T, s *store.Store)) {
	t.Helper()
	for _, kind := range testenv.Databases() {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			test(t, Open(t, kind, now))
		})
	}
}

// Open returns an empty store of the kind that testenv.Databases names.
func Open(t testing.TB, kind string, now func() time.Time) *store.Store {
	t.Helper()
	return New(t, kind).Open(t, now)
}
