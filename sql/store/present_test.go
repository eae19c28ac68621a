package store_test

import (
	"errors"
	"testing"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
)

// TestIdentify tells whom a token means and whether it is to be applied, and
// writes nothing.
func TestIdentify(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		sc := newScene(t, db) // with a token of iat 100
		twin := newID(t)
		db.Mirror(t, sc.tenant.ID, twin)
		user := sc.first.User.ID
		met := store.Met{
			Current: true, Generation: 1, Known: true, UserID: user, Status: store.StatusActive, Version: 1, Onboarding: true,
		}
		dated, outdated := met, met
		dated.Dated, outdated.Current = true, false
		before := db.Dump(t, sc.tenant.ID)
		for _, test := range []struct {
			name   string
			change func(q *store.Recollection)
			want   store.Met
		}{
			{"newer", func(*store.Recollection) {}, met},
			{"by e-mail", func(q *store.Recollection) { q.Subject = "" }, met},
			{"as old", func(q *store.Recollection) { q.Token = token(t, "x", 100) }, dated},
			{"older", func(q *store.Recollection) { q.Token = token(t, "x", 99) }, dated},
			{"without iat", func(q *store.Recollection) { q.Token.IssuedAt = nil }, met},
			{"without iat, used", func(q *store.Recollection) { q.Token = sc.first.Token; q.Token.IssuedAt = nil }, dated},
			{"somebody else", func(q *store.Recollection) { q.Subject = "bob" }, store.Met{Current: true, Generation: 1}},
			{"another revision", func(q *store.Recollection) { q.Revision = 2 }, outdated},
		} {
			q := store.Recollection{
				TenantID: sc.tenant.ID, IntegrationID: sc.integration.ID, Revision: 1, Subject: "anna-1",
				EmailKey: "anna@example.com", Token: token(t, "second", 200),
			}
			test.change(&q)
			got, err := sc.s.Identify(t.Context(), q)
			if diff := cmp.Diff(test.want, got); diff != "" || err != nil {
				t.Errorf("%s: got error %v and (-want +got):\n%s", test.name, err, diff)
			}
		}
		q := store.Recollection{TenantID: newID(t), IntegrationID: sc.integration.ID, Revision: 1, Subject: "anna-1", Token: token(t, "x", 1)}
		if got, err := sc.s.Identify(t.Context(), q); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("another tenant: got %+v, error %v; want ErrNotFound", got, err)
		}
		if diff := cmp.Diff(before, db.Dump(t, sc.tenant.ID)); diff != "" {
			t.Errorf("rows (-before +after):\n%s", diff)
		}

		p, err := sc.s.Principal(t.Context(), sc.tenant.ID, user)
		want := store.Principal{Email: "anna@example.com", Status: store.StatusActive, Version: 1, Groups: []string{"staff"}}
		if diff := cmp.Diff(want, p); diff != "" || err != nil {
			t.Errorf("Principal: got error %v and (-want +got):\n%s", err, diff)
		}
		if _, err := sc.s.Principal(t.Context(), newID(t), user); !errors.Is(err, store.ErrNotFound) {
			t.Errorf("Principal at another tenant: got error %v, want ErrNotFound", err)
		}
	})
}
