package store_test

import (
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
)

// entry is one of the log, minutes after the first.
func entry(t *testing.T, tenant string, minutes int, change func(*store.SignIn)) store.SignIn {
	t.Helper()
	at := now().UTC().Truncate(time.Hour).Add(time.Duration(minutes) * time.Minute)
	id, err := store.LogID(at)
	if err != nil {
		t.Fatal(err)
	}
	row := store.SignIn{
		TenantID: tenant, ID: id, Reference: fmt.Sprintf("REF%d", minutes), At: at, Door: store.DoorGet, Outcome: store.SignedIn, Count: 1,
	}
	if change != nil {
		change(&row)
	}
	return row
}

// TestSignInLog writes entries and finds them by everything that they can be
// searched by, alone and together.
func TestSignInLog(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, tenant, other := t.Context(), newID(t), newID(t)
		// The key looks like a time, which SQLite does not tell from a text.
		one, two, anna, key := newID(t), newID(t), newID(t), "2026-01-02"
		issued := now().UTC().Add(-time.Minute).Truncate(time.Microsecond)
		refuse := func(reason, integration string) func(*store.SignIn) {
			return func(r *store.SignIn) {
				r.Outcome, r.Reason, r.IntegrationID, r.EmailKey = store.Refused, reason, integration, "anna@example.com"
			}
		}
		rows := []store.SignIn{
			entry(t, tenant, 0, func(r *store.SignIn) {
				r.IntegrationID, r.KeyID, r.UserID, r.Email, r.EmailKey, r.Subject = one, key, anna, "Anna@Example.com", "anna@example.com", "s"
				r.IssuedAt, r.Header, r.Payload = &issued, `{"alg":"HS256"}`, `{"sub":"s","x":"\u0000\"<ä"}`
				r.Detail, r.Path, r.Expected = "a\tb\r\nc\\d", `\N`, `\\.`
				r.Warnings = store.Warnings{{Code: "claim_null", Path: "meta", Text: "null is the same as absent"}}
				r.Created, r.Changed, r.Added, r.Removed, r.Granted, r.Revoked = true, true, 1, 2, 3, 4
				r.Target, r.Network, r.UserAgent, r.Door = "/x", "192.0.2.0/24", "Firefox", store.DoorPost
			}),
			entry(t, tenant, 1, refuse("token_expired", one)),
			entry(t, tenant, 2, refuse("token_expired", two)),
			entry(t, tenant, 3, refuse("signature_invalid", one)),
			entry(t, tenant, 4, func(r *store.SignIn) { r.Outcome, r.IntegrationID, r.UserID = store.Reopened, two, anna }),
			entry(t, tenant, 5, func(r *store.SignIn) {
				r.Outcome, r.Reason, r.Count, r.Reference = store.Suppressed, "token_expired", 70, ""
			}),
			entry(t, tenant, 6, func(r *store.SignIn) { r.IntegrationID = two }),
		}
		if err := s.LogSignIns(ctx, rows, nil); err != nil {
			t.Fatalf("LogSignIns: %v", err)
		}
		if err := s.LogSignIns(ctx, rows[:1], nil); !errors.Is(err, store.ErrTaken) {
			t.Errorf("the same again: got error %v, want ErrTaken", err)
		}
		if err := s.LogSignIns(ctx, []store.SignIn{entry(t, other, 1, refuse("token_expired", one))}, nil); err != nil {
			t.Fatalf("the other tenant's: %v", err)
		}

		tests := []struct {
			name   string
			filter store.SignInFilter
			before int // index of a row, + 1
			limit  int
			want   []int // indexes of rows
		}{
			{"everything", store.SignInFilter{}, 0, 10, []int{6, 5, 4, 3, 2, 1, 0}},
			{"a page", store.SignInFilter{}, 0, 2, []int{6, 5}},
			{"the next page", store.SignInFilter{}, 5 + 1, 2, []int{4, 3}},
			{"reference", store.SignInFilter{Reference: "REF3"}, 0, 10, []int{3}},
			{"reference of another", store.SignInFilter{Reference: "REF9"}, 0, 10, nil},
			{"e-mail", store.SignInFilter{EmailKey: "anna@example.com"}, 0, 10, []int{3, 2, 1, 0}},
			{"e-mail and reason", store.SignInFilter{EmailKey: "anna@example.com", Reason: "token_expired"}, 0, 10, []int{2, 1}},
			{"e-mail and integration", store.SignInFilter{EmailKey: "anna@example.com", IntegrationID: one}, 0, 10, []int{3, 1, 0}},
			{"user", store.SignInFilter{UserID: anna}, 0, 10, []int{4, 0}},
			{"user and outcome", store.SignInFilter{UserID: anna, Outcome: store.SignedIn}, 0, 10, []int{0}},
			{"integration", store.SignInFilter{IntegrationID: two}, 0, 10, []int{6, 4, 2}},
			{"integration and outcome", store.SignInFilter{IntegrationID: two, Outcome: store.Refused}, 0, 10, []int{2}},
			{"integration and signed in", store.SignInFilter{IntegrationID: two, Outcome: store.SignedIn}, 0, 10, []int{6}},
			{"integration and reason", store.SignInFilter{IntegrationID: one, Reason: "token_expired"}, 0, 10, []int{1}},
			{"reason", store.SignInFilter{Reason: "token_expired"}, 0, 10, []int{5, 2, 1}},
			{"reason and outcome", store.SignInFilter{Reason: "token_expired", Outcome: store.Refused}, 0, 10, []int{2, 1}},
			{"outcome", store.SignInFilter{Outcome: store.Refused}, 0, 10, []int{3, 2, 1}},
			{"signed in", store.SignInFilter{Outcome: store.SignedIn}, 0, 10, []int{6, 0}},
			{"a time", store.SignInFilter{From: rows[2].At, To: rows[5].At}, 0, 10, []int{4, 3, 2}},
			{"a time and a reason", store.SignInFilter{Reason: "token_expired", From: rows[2].At}, 0, 10, []int{5, 2}},
			{
				"all of it",
				store.SignInFilter{
					Reference: "REF1", EmailKey: "anna@example.com", IntegrationID: one, Reason: "token_expired", Outcome: store.Refused,
					From: rows[0].At, To: rows[6].At,
				},
				6 + 1, 10,
				[]int{1},
			},
		}
		for _, test := range tests {
			before := ""
			if test.before > 0 {
				before = rows[test.before-1].ID
			}
			got, err := s.SignIns(ctx, tenant, test.filter, before, test.limit)
			if err != nil {
				t.Errorf("%s: %v", test.name, err)
				continue
			}
			indexes := []int(nil)
			for _, row := range got {
				indexes = append(indexes, slices.IndexFunc(rows, func(r store.SignIn) bool { return r.ID == row.ID }))
			}
			if diff := cmp.Diff(test.want, indexes); diff != "" {
				t.Errorf("%s (-want +got):\n%s", test.name, diff)
			}
		}

		whole, err := s.SignInByReference(ctx, tenant, "REF0")
		if err != nil {
			t.Fatalf("SignInByReference: %v", err)
		}
		if diff := cmp.Diff(rows[0], whole, cmp.Comparer(func(a, b time.Time) bool { return a.Equal(b) })); diff != "" {
			t.Errorf("an entry (-written +read):\n%s", diff)
		}
		if _, err := s.SignInByReference(ctx, other, "REF0"); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another tenant's reference: got error %v, want ErrNotFound", err)
		}

		if n, err := s.ForgetSignIns(ctx, tenant, rows[5].At, 2); err != nil || n != 2 {
			t.Errorf("ForgetSignIns: got %d, error %v, want 2", n, err)
		}
		if n, err := s.ForgetSignIns(ctx, tenant, rows[5].At, 10); err != nil || n != 3 {
			t.Errorf("ForgetSignIns: got %d, error %v, want 3", n, err)
		}
		if left, err := s.SignIns(ctx, tenant, store.SignInFilter{}, "", 10); err != nil || len(left) != 2 {
			t.Errorf("got %d entries left, error %v, want 2", len(left), err)
		}
		if left, err := s.SignIns(ctx, other, store.SignInFilter{}, "", 10); err != nil || len(left) != 1 {
			t.Errorf("got %d entries of the other tenant, error %v, want 1", len(left), err)
		}
	})
}

// TestSignInCounts adds to counts, keeps the latest time and sums over keys.
func TestSignInCounts(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		ctx, tenant, other, integration := t.Context(), newID(t), newID(t), newID(t)
		start := time.Date(2026, time.May, 4, 9, 0, 0, 0, time.UTC)
		count := func(tenant string, hours int, key, reason string, n, users int64, minute int) store.SignInCount {
			at := start.Add(time.Duration(hours)*time.Hour + time.Duration(minute)*time.Minute)
			return store.SignInCount{
				TenantID: tenant, Hour: store.HourOf(at), IntegrationID: integration, KeyID: key, Reason: reason,
				Count: n, NewUsers: users, LastAt: at.UnixMicro(),
			}
		}
		for _, batch := range [][]store.SignInCount{
			{count(tenant, 0, "a", "", 3, 1, 5), count(tenant, 0, "b", "", 2, 0, 6), count(other, 0, "a", "", 100, 100, 7)},
			{count(tenant, 0, "a", "", 4, 1, 4), count(tenant, 0, "a", "token_expired", 9, 0, 8), count(tenant, 2, "a", "", 1, 0, 1)},
		} {
			if err := s.LogSignIns(ctx, nil, batch); err != nil {
				t.Fatalf("LogSignIns: %v", err)
			}
		}
		got, err := s.SignInCounts(ctx, tenant, start, start.Add(90*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		slices.SortFunc(got, func(a, b store.SignInCount) int { return len(a.Reason) - len(b.Reason) })
		want := []store.SignInCount{count("", 0, "", "", 9, 2, 6), count("", 0, "", "token_expired", 9, 0, 8)}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("counts (-want +got):\n%s", diff)
		}
		usage, err := s.KeyUsage(ctx, tenant, start.Add(30*time.Minute))
		if err != nil {
			t.Fatal(err)
		}
		wantUsage := map[string]store.KeyUse{
			"a": {LastUsed: start.Add(2*time.Hour + time.Minute), SignIns: 8, Refused: 9},
			"b": {LastUsed: start.Add(6 * time.Minute), SignIns: 2},
		}
		if diff := cmp.Diff(wantUsage, usage); diff != "" {
			t.Errorf("use of keys (-want +got):\n%s", diff)
		}
	})
}

// TestLogID orders ids by time, to the microsecond.
func TestLogID(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, time.May, 4, 9, 0, 0, 0, time.UTC)
	last := ""
	for i := range 3000 {
		id, err := store.LogID(at.Add(time.Duration(i) * time.Microsecond))
		if err != nil || !store.IsID(id) || id <= last {
			t.Fatalf("got id %q after %q, error %v, want a greater one", id, last, err)
		}
		last = id
	}
}
