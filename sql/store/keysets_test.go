package store_test

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sql/store"
	"usher/sql/store/storetest"
)

// keySet is what a partner published at a minute, with one key for each name.
func (sc *scene) keySet(minute int, names ...string) store.KeySet {
	at := now().Add(time.Duration(minute) * time.Minute)
	set := store.KeySet{
		TenantID: sc.tenant.ID, IntegrationID: sc.integration.ID, URL: "https://partner.example/keys", FetchedAt: &at,
		LeftOut: []store.LeftOutKey{{ID: "old", Why: "too short"}},
	}
	for _, name := range names {
		set.Keys = append(set.Keys, store.SetKey{ID: name, Algorithm: "ES256", PublicKey: []byte(name)})
	}
	return set
}

// TestKeepKeySet: additions count for whoever reads them, a key that has gone
// counts everywhere, and what is older, of another URL, tenant or a removed
// integration is not written.
func TestKeepKeySet(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		sc, other := newScene(t, db), newScene(t, db)
		keep := func(set store.KeySet) {
			t.Helper()
			if err := sc.s.KeepKeySet(t.Context(), set); err != nil {
				t.Fatalf("KeepKeySet: %v", err)
			}
		}
		want := func(what string, revision int64, sets ...store.KeySet) {
			t.Helper()
			got, err := sc.s.KeySets(t.Context(), sc.tenant.ID)
			if err != nil {
				t.Fatalf("%s: %v", what, err)
			}
			if len(got) == 0 {
				got = nil
			}
			if diff := cmp.Diff(sets, got); diff != "" {
				t.Errorf("%s: key sets, -want +got:\n%s", what, diff)
			}
			integrations, _, err := sc.s.Integrations(t.Context(), sc.tenant.ID)
			if err != nil || integrations[0].Revision != revision {
				t.Errorf("%s: got revision %d, error %v, want %d", what, integrations[0].Revision, err, revision)
			}
		}
		keep(sc.keySet(1, "a"))
		want("without a URL", 1)
		setURL := func(url string) {
			t.Helper()
			if _, _, err := sc.s.ChangeIntegration(t.Context(), sc.tenant.ID, sc.integration.ID,
				func(n *store.Integration, _ []store.Key) (store.KeyChange, error) {
					n.JWKSURL = url
					return store.KeyChange{Act: byTest}, nil
				}); err != nil {
				t.Fatal(err)
			}
		}
		setURL("https://partner.example/keys")
		first, second, third := sc.keySet(1, "a"), sc.keySet(2, "a", "b"), sc.keySet(3, "b")
		keep(first)
		want("the first read", 2, first)
		keep(second)
		want("a key more", 2, second)
		keep(first)
		want("an older read", 2, second)
		keep(third)
		want("a key less", 3, third)

		foreign := sc.keySet(4)
		foreign.TenantID = other.tenant.ID
		keep(foreign)
		elsewhere := sc.keySet(4)
		elsewhere.URL = "https://elsewhere.example/keys"
		keep(elsewhere)
		want("another tenant's and another URL's", 3, third)

		failed := now().Add(5 * time.Minute)
		third.FailedAt, third.Problem = &failed, "it does not answer"
		if err := sc.s.KeySetFailed(t.Context(), third); err != nil {
			t.Fatal(err)
		}
		want("a failure", 3, third)
		back := sc.keySet(6, "b")
		keep(back)
		want("and a read after it", 3, back)
		setURL("https://elsewhere.example/keys")
		want("another URL", 4)
		elsewhere.FailedAt, elsewhere.Problem = &failed, "it does not answer"
		if err := sc.s.KeySetFailed(t.Context(), elsewhere); err != nil {
			t.Fatal(err)
		}
		want("a failure there", 4, store.KeySet{
			TenantID: sc.tenant.ID, IntegrationID: sc.integration.ID, URL: elsewhere.URL, Keys: []store.SetKey{}, LeftOut: []store.LeftOutKey{},
			FailedAt: &failed, Problem: "it does not answer",
		})
		if _, err := sc.s.RemoveIntegration(t.Context(), sc.tenant.ID, sc.integration.ID, byTest); err != nil {
			t.Fatal(err)
		}
		keep(elsewhere)
		want("a removed integration", 5)
		if sets, err := other.s.KeySets(t.Context(), other.tenant.ID); err != nil || len(sets) != 0 {
			t.Errorf("the other tenant: got %v, %v, want none", sets, err)
		}
	})
}
