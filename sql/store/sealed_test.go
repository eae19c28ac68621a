package store_test

import (
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
)

// sealed is a value that names a master key.
func sealed(key byte, text string) []byte { return append([]byte{1, key, key, key, key}, text...) }

// TestReseal: only what is as it was read is replaced, in the tenant meant, and the
// act is recorded with it or not at all.
func TestReseal(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		sc, other := newScene(t, db), newScene(t, db)
		at := now().UTC()
		for _, s := range []*scene{sc, other} {
			for n := range 3 {
				db.Exec(t, `
INSERT INTO integration_keys (tenant_id, id, integration_id, algorithm, sealed_secret, created_at)
VALUES ($1, $2, $3, 'HS256', $4, $5)`, s.tenant.ID, fmt.Sprint("key-", n), s.integration.ID, sealed(7, fmt.Sprint("old ", n)), at)
			}
		}
		column := store.SealedColumns()[0]
		list := func(after *store.SealedValue, limit int) []store.SealedValue {
			t.Helper()
			values, err := sc.s.SealedElsewhere(t.Context(), column, sealed(8, ""), after, limit)
			if err != nil {
				t.Fatal(err)
			}
			return values
		}
		var all []store.SealedValue
		for page := list(nil, 2); len(page) > 0; page = list(&all[len(all)-1], 2) {
			all = append(all, page...)
		}
		var mine []store.Resealed
		for _, v := range all {
			if v.TenantID == sc.tenant.ID && string(v.Sealed[5:8]) == "old" {
				mine = append(mine, store.Resealed{SealedValue: v, Next: sealed(8, "new"+string(v.Sealed[8:]))})
			}
		}
		if len(mine) != 3 {
			t.Fatalf("got %d values of the tenant in %v, want 3", len(mine), all)
		}

		db.Exec(t, `UPDATE integration_keys SET sealed_secret = $1 WHERE tenant_id = $2 AND id = 'key-1'`, sealed(7, "changed"), sc.tenant.ID)
		act := func(n int64) store.Act {
			return store.Act{By: store.By{Actor: "command"}, Action: "master_key_rotated", Object: "master_key x", Detail: map[string]any{"values": n}}
		}
		for round, want := range []int64{2, 0} {
			if n, err := sc.s.Reseal(t.Context(), column, mine, sc.tenant.ID, act); n != want || err != nil {
				t.Errorf("Reseal, round %d: got %d and %v, want %d", round, n, err, want)
			}
		}
		values := func(tenant string) []string {
			var all []string
			for _, row := range db.Rows(t, `SELECT id, sealed_secret FROM integration_keys WHERE tenant_id = $1 AND id LIKE 'key-%' ORDER BY id`, tenant) {
				all = append(all, row[len("key-n|"):])
			}
			return all
		}
		text := func(value []byte) string {
			return db.Rows(t, `SELECT CAST($1 AS `+map[string]string{"postgres": "bytea", "sqlite": "blob"}[db.Kind]+`)`, value)[0]
		}
		if diff := cmp.Diff([]string{text(sealed(8, "new 0")), text(sealed(7, "changed")), text(sealed(8, "new 2"))}, values(sc.tenant.ID)); diff != "" {
			t.Errorf("the tenant's values (-want +got):\n%s", diff)
		}
		if diff := cmp.Diff([]string{text(sealed(7, "old 0")), text(sealed(7, "old 1")), text(sealed(7, "old 2"))}, values(other.tenant.ID)); diff != "" {
			t.Errorf("the other tenant's values (-want +got):\n%s", diff)
		}
		acts := db.Rows(t, `SELECT detail FROM audit_log WHERE tenant_id = $1 AND action = 'master_key_rotated'`, sc.tenant.ID)
		if diff := cmp.Diff([]string{`{"values":2}`}, acts); diff != "" {
			t.Errorf("acts (-want +got):\n%s", diff)
		}
	})
}

// TestSealedCounts counts what is sealed in all tenants, by master key.
func TestSealedCounts(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		sc, other := newScene(t, db), newScene(t, db)
		db.Exec(t, `UPDATE integration_keys SET sealed_secret = NULL`)
		at := now().UTC()
		for n, s := range []*scene{sc, other} {
			db.Exec(t, `
INSERT INTO signing_keys (tenant_id, kid, number, algorithm, public_jwk, private_key, created_at, active_at)
VALUES ($1, 'kid', 9, 'ES256', '{}', $2, $3, $3)`, s.tenant.ID, sealed(byte(7+n), "private"), at)
			db.Exec(t, `
INSERT INTO job_parts (tenant_id, job_id, part, content, expires_at) VALUES ($1, $2, 1, $3, $4)`,
				s.tenant.ID, s.integration.ID, sealed(7, "part"), at.Add(time.Hour))
		}
		for range 2 { // the first stays
			if err := sc.s.KeepKey(t.Context(), "digest", sealed(8, "kept")); err != nil {
				t.Fatal(err)
			}
		}
		lasting := []store.SealedCount{
			{Table: "kept_keys", Head: sealed(8, ""), Values: 1},
			{Table: "signing_keys", Head: sealed(7, ""), Values: 1},
			{Table: "signing_keys", Head: sealed(8, ""), Values: 1},
		}
		parts := store.SealedCount{Table: "job_parts", Head: sealed(7, ""), Values: 2, Passing: true}
		for _, tt := range []struct {
			passing bool
			want    []store.SealedCount
		}{{false, lasting}, {true, append([]store.SealedCount{parts}, lasting...)}} {
			got, err := sc.s.SealedCounts(t.Context(), tt.passing)
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(tt.want, got); diff != "" {
				t.Errorf("passing %v (-want +got):\n%s", tt.passing, diff)
			}
		}
	})
}
