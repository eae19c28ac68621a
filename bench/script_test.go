package main

import (
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestScript(t *testing.T) {
	t.Parallel()
	const (
		tenant = "01a200fb-efa8-78c7-993d-1e438c2d961a"
		mine   = "01a200fb-0000-7000-8000-000000000001"
		other  = "01a200fb-0000-7000-8000-000000000002"
	)
	values := func(texts ...string) []*string {
		var all []*string
		for _, text := range texts {
			if text == "" {
				all = append(all, nil)
			} else {
				all = append(all, &text)
			}
		}
		return all
	}
	calls := func(name, id string) recorded {
		return recorded{Name: name, Calls: []call{
			{"SELECT $1, $2, $3, $4::text", values(tenant, name, `\x000102030405060708090a0b0c0d0e0f`, "")},
			{"SELECT f($1)", values(`{"tenant":"` + tenant + `","id":"` + id + `","email":"` + name + `@example.com","it's":true}`)},
			{"SELECT $1, $10", values(id)},
		}}
	}
	got := script(calls("person-5", mine), calls("person-65", other), "raw", 1, 9)
	want := `\set person random(1, 9)
\set id1 random(1, 9223372036854775806)
SELECT '01a200fb-efa8-78c7-993d-1e438c2d961a', ('raw-' || :person)::text, E'\\x00000000000000000000000000000000', NULL::text;
SELECT f((E'{"tenant"\x3a"01a200fb-efa8-78c7-993d-1e438c2d961a","id"\x3a"' || '01a200fb00007000' || lpad(to_hex(:id1::bigint), 16, '0') || E'","email"\x3a"' || 'raw-' || :person || E'@example.com","it''s"\x3atrue}')::jsonb);
SELECT ('01a200fb00007000' || lpad(to_hex(:id1::bigint), 16, '0'))::uuid, $10;
`
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("script (-want +got):\n%s", diff)
	}
}

// TestSwapScript puts the ids of loaded people in the place of the recorded
// one's, and versions that fit.
func TestSwapScript(t *testing.T) {
	t.Parallel()
	const (
		user, identity = "01a200fb-0000-7000-8000-0000000000aa", "01a200fb-0000-7000-8000-0000000000bb"
		mine, other    = "01a200fb-0000-7000-8000-000000000001", "01a200fb-0000-7000-8000-000000000002"
		print          = `\x000102030405060708090a0b0c0d0e0f`
	)
	recording := func(id string) recorded {
		name, said := "person-1000000120", print
		document := `{"user":{"id":"` + user + `","version":12},"identity":"` + identity + `","entry":"` + id + `"}`
		return recorded{Name: name, Calls: []call{
			{"SELECT $1, $2", []*string{&name, &said}}, {"SELECT f($1)", []*string{&document}},
		}}
	}
	got := swapScript(recording(mine), recording(other), user, identity)
	of := func(n string) string {
		const at = "lpad(to_hex(1767225600000 + :person::bigint), 12, '0')"
		return "left(" + at + ", 8) || '-' || right(" + at + ", 4) || '-7" + n + "-8000-000000000000'"
	}
	half := func(id string) string {
		return `SELECT ('person-' || :person)::text, E'\\x000102030405060708090a0b0c0d0e0f';
SELECT f((E'{"user"\x3a{"id"\x3a"' || ` + of("001") + ` || '",' || E'"version"\x3a' || :version || E'},"identity"\x3a"' || ` +
			of("002") + ` || E'","entry"\x3a"' || '01a200fb00007000' || lpad(to_hex(:` + id + `::bigint), 16, '0') || '"}')::jsonb);
`
	}
	want := `\set n :n + 1
\set pass :n / :each
\set person :first + :client_id + :clients * (:n % :each)
\set version 1 + :pass
\set id1 random(1, 9223372036854775806)
\set id2 random(1, 9223372036854775806)
\if :pass % 2 = 0
` + half("id1") + "\\else\n" + half("id2") + "\\endif\n"
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("script (-want +got):\n%s", diff)
	}
}

func TestReadPgbench(t *testing.T) {
	t.Parallel()
	const good = "number of transactions actually processed: 300\nnumber of failed transactions: 0 (0.000%)\n" +
		"tps = 150.000000 (without initial connection time)\n"
	got, err := readPgbench(good)
	if want := (tally{All: 300, Counted: 300, Seconds: 2}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	// The first second is left out.
	got, err = readPgbench("progress: 1.0 s, 100.0 tps, lat 0.1 ms stddev 0.1, 0 failed\nprogress: 2.0 s, 200.0 tps, lat 0.1 ms stddev 0.1\n" + good)
	if want := (tally{All: 300, Counted: 200, Seconds: 1}); err != nil || got != want {
		t.Errorf("got %+v, %v, want %+v", got, err, want)
	}
	for _, bad := range []string{
		"", "tps = 150.0 (without initial connection time)\n",
		"number of transactions actually processed: 300\nnumber of failed transactions: 7 (2%)\ntps = 1.0 (without initial connection time)\n",
	} {
		if got, err := readPgbench(bad); err == nil {
			t.Errorf("%q: got %+v, want an error", bad, got)
		}
	}
}

func TestReadRedisBenchmark(t *testing.T) {
	t.Parallel()
	const good = `"test","rps","avg_latency_ms","min_latency_ms","p50_latency_ms","p95_latency_ms","p99_latency_ms","max_latency_ms"
"SET","5000.00","0.025","0.016","0.023","0.039","0.063","0.255"
"GET","10000.00","0.025","0.016","0.021","0.039","0.071","0.255"
`
	get, set, err := readRedisBenchmark(good, 1000)
	if err != nil {
		t.Fatal(err)
	}
	if want := (tally{All: 1000, Counted: 1000, Seconds: 0.1, P50: 0.021, P99: 0.071}); get != want {
		t.Errorf("GET: got %+v, want %+v", get, want)
	}
	if want := (tally{All: 1000, Counted: 1000, Seconds: 0.2, P50: 0.023, P99: 0.063}); set != want {
		t.Errorf("SET: got %+v, want %+v", set, want)
	}
	for _, bad := range []string{"", "\"SET\",\"5\"\n", "\"GET\",\"x\",\"1\",\"1\",\"1\",\"1\",\"1\",\"1\"\n", "\""} {
		if _, _, err := readRedisBenchmark(bad, 1); err == nil {
			t.Errorf("%q: got no error, want one", bad)
		}
	}
}
