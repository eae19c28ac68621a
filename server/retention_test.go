package main

import (
	"fmt"
	"maps"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
)

// ending is how a table's rows end, as docs/operations.md says it.
type ending struct {
	table string
	kept  [2]time.Duration          // after the moment that row gets, at the first tenant and at the second
	row   func(at time.Time) fields // one that ended, or began, at a moment
	live  fields                    // over it: one that never goes; nil = there is none
}

const oneDay = 24 * time.Hour

func everywhere(kept time.Duration) [2]time.Duration { return [2]time.Duration{kept, kept} }

// when is a row whose time stands in one column.
func when(column string, more fields) func(at time.Time) fields {
	return func(at time.Time) fields { return fields{column: at}.with(more) }
}

// logged is how long the tenants of a keeper keep their logs.
var logged = [2]time.Duration{20 * oneDay, 200 * oneDay}

// endings are the tables whose rows end by themselves; provenElsewhere has the
// others of them.
var endings = []ending{
	{"sign_ins", logged, func(at time.Time) fields { return fields{"id": idOf(at)} }, nil},
	{"sign_in_counts", [2]time.Duration{90 * oneDay, 200 * oneDay}, func(at time.Time) fields { return fields{"hour": store.HourOf(at)} }, nil},
	{"journal", logged, when("at", nil), nil},
	{"webhook_events", logged, when("created_at", nil), nil},
	{"jobs", everywhere(90 * oneDay), when("finished_at", fields{"state": "done"}), fields{"state": "running", "finished_at": nil}},
	{"alerts", everywhere(90 * oneDay), when("changed_at", fields{"state": "closed"}), fields{"state": "open", "integration_id": someID}},
	{"unknown_names", everywhere(90 * oneDay), when("last_seen", nil), nil},
	{"integration_keys", everywhere(90 * oneDay), when("retires_at", nil), fields{"retires_at": nil}},
	{"client_secrets", everywhere(90 * oneDay), when("expires_at", nil), fields{"expires_at": nil}},
	{"api_connection_secrets", everywhere(90 * oneDay), when("expires_at", nil), fields{"expires_at": nil}},
	{"webhook_secrets", everywhere(90 * oneDay), when("expires_at", nil), fields{"expires_at": nil}},
	{"api_keys", everywhere(90 * oneDay), when("revoked_at", nil), fields{"revoked_at": nil}},
	{"scim_tokens", everywhere(90 * oneDay), when("expires_at", nil), fields{"expires_at": nil}},
	{"used_tokens", everywhere(0), func(at time.Time) fields {
		return fields{"expires_at": at.UnixMicro(), "issued_at": at.UnixMicro(), "not_after": at.UnixMicro()}
	}, fields{"expires_at": nil, "not_after": nil}},
	{"idempotency", everywhere(0), when("expires_at", nil), nil},
	{"job_parts", everywhere(0), when("expires_at", nil), nil},
	{"claim_counts", everywhere(7 * oneDay), func(at time.Time) fields { return fields{"period": at.Unix()} }, nil},
	{"drift_people", everywhere(oneDay), when("at", nil), fields{"integration_id": someID}},
	{"admin_sessions", everywhere(0), when("expires_at", nil), nil},
	{"admin_tickets", everywhere(0), when("expires_at", nil), nil},
	{"admin_attempts", everywhere(0), when("expires_at", nil), nil},
	{"kv_sessions", everywhere(0), when("expires_at", nil), nil},
	{"signing_keys", everywhere(30 * oneDay), when("gone_at", fields{"retired_at": time.Now().Add(-oneDay)}), fields{"gone_at": nil}},
	{"client_tokens", everywhere(0), when("expires_at", nil), nil},
	{"access_tokens", everywhere(0), when("expires_at", nil), nil},
	{"revoked_tokens", everywhere(0), when("expires_at", nil), nil},
	{"used_assertions", everywhere(0), when("expires_at", nil), nil},
	{"authorization_codes", everywhere(oneDay), when("expires_at", nil), nil},
	{"refresh_tokens", everywhere(oneDay), when("expires_at", nil), nil},
	{"token_grants", everywhere(oneDay), when("expires_at", nil), nil},
}

// someID is that of an integration with an open alert.
const someID = "01900000-0000-7000-8000-000000000001"

// provenElsewhere names the tests of the other tables whose rows end.
var provenElsewhere = map[string]string{
	"audit_log":          "TestRetention", // a chain, which only acts make longer
	"token_changes":      "TestForgetTokenChanges",
	"endings":            "TestFinishEndings",
	"webhook_outbox":     "TestWebhookOutbox",
	"webhook_attempts":   "TestWebhooksEndWhole",
	"webhook_deliveries": "TestWebhooksEndWhole",
}

// idOf is a UUIDv7 (RFC 9562 §5.7) of a moment.
func idOf(at time.Time) string {
	id := fmt.Sprintf("%012x", at.UnixMilli()) + "7abc8def000000000000"
	return fmt.Sprintf("%s-%s-%s-%s-%s", id[:8], id[8:12], id[12:16], id[16:20], id[20:32])
}

// TestEveryTableHasAnEnd: docs/operations.md says of each table how long its rows
// are kept. Whoever adds a table says it there, and of one whose rows end, here as
// well.
func TestEveryTableHasAnEnd(t *testing.T) {
	t.Parallel()
	ends := documentedTables(t, "### What ends by itself")
	stays := documentedTables(t, "### What stays")
	var proven []string
	for _, e := range endings {
		proven = append(proven, e.table)
	}
	proven = slices.Sorted(slices.Values(slices.AppendSeq(proven, maps.Keys(provenElsewhere))))
	if diff := cmp.Diff(ends, proven); diff != "" {
		t.Errorf("tables whose rows end (-docs/operations.md +tests):\n%s", diff)
	}
	counted := slices.DeleteFunc(slices.Clone(proven), func(table string) bool { return table == "endings" || table == "webhook_outbox" })
	if diff := cmp.Diff(counted, store.EndingTables()); diff != "" {
		t.Errorf("tables whose deleted rows are counted (-tests +counted):\n%s", diff)
	}
	declared := declaredTests(t)
	for table, test := range provenElsewhere {
		if !declared[test] {
			t.Errorf("%s: there is no test %s", table, test)
		}
	}
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		k := newKeeper(t, db)
		documented := slices.Sorted(slices.Values(slices.Concat(ends, stays)))
		if diff := cmp.Diff(documented, k.schema(t)); diff != "" {
			t.Errorf("tables (-docs/operations.md, “What is kept, and how long” +schema):\n%s", diff)
		}
	})
}

// documentedTables are those of a table in docs/operations.md.
func documentedTables(t *testing.T, heading string) []string {
	t.Helper()
	text, err := os.ReadFile("../docs/operations.md")
	if err != nil {
		t.Fatal(err)
	}
	_, section, found := strings.Cut(string(text), "\n"+heading+"\n")
	if !found {
		t.Fatalf("docs/operations.md: there is no %q", heading)
	}
	if end := strings.Index(section, "\n#"); end >= 0 {
		section = section[:end]
	}
	var tables []string
	for _, row := range regexp.MustCompile("(?m)^\\| (`[^|]*) \\|").FindAllStringSubmatch(section, -1) {
		for _, name := range regexp.MustCompile("`(\\w+)`").FindAllStringSubmatch(row[1], -1) {
			tables = append(tables, name[1])
		}
	}
	slices.Sort(tables)
	return tables
}

// TestRowsEnd: rows go two hours after their time at the latest, and not two hours
// before it, at each tenant by its own settings; a second round finds nothing more.
func TestRowsEnd(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		k := newKeeper(t, db)
		const apart = 2 * time.Hour
		now := time.Now()
		type rows struct{ table, tenant, old, fresh, live string }
		var all []rows
		for i, tenant := range k.tenants {
			for _, e := range endings {
				row := func(at time.Time, over fields) string {
					values := e.row(at)
					maps.Copy(values, over) // unlike with, keeps a nil
					for column, table := range parents {
						if of, name, _ := strings.Cut(column, "."); of == e.table {
							id, err := store.NewID()
							if err != nil {
								t.Fatal(err)
							}
							k.add(t, table, tenant, fields{"id": id})
							values[name] = id
						}
					}
					return k.add(t, e.table, tenant, values)
				}
				made := rows{
					table: e.table, tenant: tenant,
					old: row(now.Add(-e.kept[i]-apart), nil), fresh: row(now.Add(-e.kept[i]+apart), nil),
				}
				if e.live != nil {
					made.live = row(now.Add(-e.kept[i]-apart), e.live)
				}
				all = append(all, made)
			}
		}
		for range 2 {
			k.round(t)
			for _, made := range all {
				left := k.rows(t, made.table, made.tenant)
				if slices.Contains(left, made.old) {
					t.Errorf("%s of %s: got an old row after the round, want it gone", made.table, made.tenant)
				}
				if !slices.Contains(left, made.fresh) {
					t.Errorf("%s of %s: got no fresh row after the round, want it kept", made.table, made.tenant)
				}
				if made.live != "" && !slices.Contains(left, made.live) {
					t.Errorf("%s of %s: got no row that is in use, want it kept", made.table, made.tenant)
				}
			}
		}
		counts := k.store.Dropped()
		for _, e := range endings {
			if counts[e.table] != 2 {
				t.Errorf("%s: got %d rows counted, want one of each tenant", e.table, counts[e.table])
			}
		}
	})
}

// TestWebhooksEndWhole: an event goes with all that hangs on it, in batches, also
// when many events are of one moment.
func TestWebhooksEndWhole(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		k := newKeeper(t, db)
		now := time.Now().Truncate(time.Second)
		old, young := now.Add(-logged[0]-time.Hour), now.Add(-logged[0]+time.Hour)
		for _, tenant := range k.tenants {
			for i, at := range []time.Time{old, old, old, old.Add(-time.Hour), young} {
				id := fmt.Sprintf("msg_%d", i)
				k.add(t, "webhook_events", tenant, fields{"id": id, "created_at": at})
				k.add(t, "webhook_deliveries", tenant, fields{"event_id": id})
				k.add(t, "webhook_attempts", tenant, fields{"event_id": id})
			}
		}
		for _, want := range []int{3 + 1, 0} { // the oldest, and the three of one moment
			n, err := k.store.ForgetWebhooks(t.Context(), k.tenants[0], now.Add(-logged[0]), 2)
			if err != nil || n != want {
				t.Errorf("got %d, %v, want %d events gone", n, err, want)
			}
		}
		for table, want := range map[string][]string{
			"webhook_events": {"msg_4"}, "webhook_deliveries": {"msg_4"}, "webhook_attempts": {"msg_4"},
		} {
			column := "event_id"
			if table == "webhook_events" {
				column = "id"
			}
			if got := db.Rows(t, `SELECT `+column+` FROM `+table+` WHERE tenant_id = $1`, k.tenants[0]); !slices.Equal(got, want) {
				t.Errorf("%s: got %v, want %v", table, got, want)
			}
			if got := k.rows(t, table, k.tenants[1]); len(got) != 5 {
				t.Errorf("%s: got %d rows of the other tenant, want 5", table, len(got))
			}
		}
	})
}

// TestDropsShareTheWork: instances that delete at once take no more than a batch
// each, and no row twice.
func TestDropsShareTheWork(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		k := newKeeper(t, db)
		const each, batch = 30, 4
		past := time.Now().Add(-time.Hour)
		for _, tenant := range k.tenants {
			for range each {
				k.add(t, "used_assertions", tenant, fields{"expires_at": past})
			}
		}
		var all sync.WaitGroup
		var gone atomic.Int64
		for range 4 {
			all.Go(func() {
				for range each {
					n, err := k.store.ForgetAssertions(t.Context(), time.Now(), batch)
					if err != nil || n > batch {
						t.Errorf("got %d, %v, want at most %d rows gone", n, err, batch)
					}
					gone.Add(int64(n))
				}
			})
		}
		all.Wait()
		left := len(k.rows(t, "used_assertions", k.tenants[0])) + len(k.rows(t, "used_assertions", k.tenants[1]))
		if gone.Load() != 2*each || left != 0 || k.store.Dropped()["used_assertions"] != 2*each {
			t.Errorf("got %d rows gone, %d counted and %d left, want %d, %[4]d and 0",
				gone.Load(), k.store.Dropped()["used_assertions"], left, 2*each)
		}
	})
}
