package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
)

// TestOverdue finds what waits in one tenant, beside another that has the same.
func TestOverdue(t *testing.T) {
	t.Parallel()
	storetest.EachAt(t, now, func(t *testing.T, s *store.Store) {
		ctx := t.Context()
		one, two, none := addTenant(t, s).ID, addTenant(t, s).ID, addTenant(t, s).ID
		suppressed := func(detail string, count int64) func(*store.SignIn) {
			return func(r *store.SignIn) { r.Outcome, r.Detail, r.Count, r.Reference = store.Suppressed, detail, count, "" }
		}
		var rows []store.SignIn
		for n, tenant := range []string{one, two} {
			rows = append(rows, entry(t, tenant, n, nil), entry(t, tenant, 10, suppressed("before", 9)),
				entry(t, tenant, 30, suppressed("slow", int64(3+n))), entry(t, tenant, 31, suppressed("slow", 4)),
				entry(t, tenant, 32, suppressed("many", 1)))
		}
		if err := s.LogSignIns(ctx, rows, nil); err != nil {
			t.Fatal(err)
		}
		hour := now().Truncate(time.Hour)
		for tenant, want := range map[string]store.SignInLog{
			one:  {Oldest: hour, Suppressed: map[string]int64{"slow": 7, "many": 1}},
			two:  {Oldest: hour.Add(time.Minute), Suppressed: map[string]int64{"slow": 8, "many": 1}},
			none: {Suppressed: map[string]int64{}},
		} {
			got, err := s.SignInLogSince(ctx, tenant, hour.Add(20*time.Minute))
			if err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("the log (-want +got):\n%s", diff)
			}
		}

		made := func(tenant string, ago time.Duration, state string) time.Time {
			at := now().Add(-ago).UTC()
			job := store.Job{
				TenantID: tenant, ID: newID(t), Kind: "export", State: state, Parameters: "{}", Result: "{}", Actor: "test", CreatedAt: at,
			}
			if err := s.AddJob(ctx, job, nil, byTest); err != nil {
				t.Fatal(err)
			}
			return at
		}
		first := made(one, time.Hour, store.JobQueued)
		second := made(one, 20*time.Minute, store.JobQueued)
		made(one, time.Minute, store.JobQueued) // has not waited for long
		made(one, time.Hour, store.JobDone)
		other := made(two, 2*time.Hour, store.JobQueued)
		waiting := func(tenant string, limit int) []time.Time {
			t.Helper()
			got, err := s.WaitingJobs(ctx, tenant, now().Add(-10*time.Minute), limit)
			if err != nil {
				t.Fatal(err)
			}
			for i := range got {
				got[i] = got[i].UTC()
			}
			return got
		}
		for _, test := range []struct {
			tenant string
			limit  int
			want   []time.Time
		}{{one, 9, []time.Time{first, second}}, {one, 1, []time.Time{first}}, {two, 9, []time.Time{other}}, {none, 9, nil}} {
			if diff := cmp.Diff(test.want, waiting(test.tenant, test.limit)); diff != "" {
				t.Errorf("waiting (-want +got):\n%s", diff)
			}
		}
		// The oldest of all is taken, and is not idle any more.
		if _, err := s.ClaimJob(ctx, newID(t), 30*time.Second); err != nil {
			t.Fatal(err)
		}
		if got := waiting(one, 9); len(got) != 1 {
			t.Errorf("got %v after one was taken, want the other", got)
		}

		for n, ticket := range []store.Ticket{
			{TenantID: one, Kind: store.TicketSetup, ExpiresAt: now().Add(time.Minute)},
			{TenantID: one, Kind: store.TicketSetup, ExpiresAt: now().Add(-time.Minute)},
			{TenantID: one, Kind: store.TicketSignIn, ExpiresAt: now().Add(time.Minute)},
			{TenantID: two, Kind: store.TicketSetup, ExpiresAt: now().Add(time.Minute)},
			{TenantID: two, Kind: store.TicketSetup, ExpiresAt: now().Add(time.Minute)},
		} {
			ticket.Digest, ticket.CreatedAt = []byte{byte(n)}, now()
			if err := s.AddTicket(ctx, ticket); err != nil {
				t.Fatal(err)
			}
		}
		for tenant, want := range map[string]int{one: 1, two: 2, none: 0} {
			if got, err := s.OpenTickets(ctx, tenant, store.TicketSetup); err != nil || got != want {
				t.Errorf("got %d open tickets, error %v, want %d", got, err, want)
			}
		}
	})
}
