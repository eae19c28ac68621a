package store_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"usher/sql/store"
	"usher/sql/store/storetest"
)

// addOrganization writes an organization by its global id, without a secret that
// anybody knows; parent is an id or "".
func addOrganization(t testing.TB, s *store.Store, tenant, parent, globalID string) (string, error) {
	t.Helper()
	n := store.Organization{ParentID: parent, Client: store.Client{
		TenantID: tenant, ID: newID(t), ClientID: globalID, Kind: store.KindOrganization, Name: globalID,
		AccessTokenFormat: store.FormatJWT, Revision: 1, CreatedAt: now(), UpdatedAt: now(),
	}}
	secret := store.Secret{TenantID: tenant, ID: newID(t), OwnerID: n.ID, Digest: []byte(newID(t)), CreatedAt: now()}
	return n.ID, s.AddOrganization(t.Context(), n, secret, byTest)
}

// addPeople makes users whom no integration knows.
func addPeople(t testing.TB, db *storetest.Database, tenant string, count int) []string {
	t.Helper()
	var users []string
	for range count {
		id := newID(t)
		db.Exec(t, `
INSERT INTO users (tenant_id, id, version, status, session_epoch, email, first_name, last_name, name, phone, birthdate,
                   locale, picture, meta, onboarding, created_at, updated_at)
VALUES ($1, $2, 1, 'active', 0, '', '', '', '', '', '', '', '', '{}', false, $3, $3)`, tenant, id, now())
		users = append(users, id)
	}
	return users
}

func put(t testing.TB, s *store.Store, tenant, organization, user, role string) {
	t.Helper()
	if err := s.SetOrganizationMember(t.Context(), tenant, organization, user, role, func(string) store.Act { return byTest }); err != nil {
		t.Fatalf("SetOrganizationMember: %v", err)
	}
}

// TestChildOfADeletedParent: whatever comes first, no organization is left
// without the one above it.
func TestChildOfADeletedParent(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s, second := db.Open(t, now), db.Open(t, now)
		tenant := addTenant(t, s).ID
		errHasChild := errors.New("there is one below it")
		for i := range 20 {
			root := fmt.Sprintf("root%d", i)
			id, err := addOrganization(t, s, tenant, "", root)
			if err != nil {
				t.Fatal(err)
			}
			user := addPeople(t, db, tenant, 1)[0]
			var all sync.WaitGroup
			var added, joined, deleted error
			all.Go(func() { _, added = addOrganization(t, s, tenant, id, root+".child") })
			all.Go(func() {
				joined = s.SetOrganizationMember(t.Context(), tenant, id, user, store.OrganizationMembership, func(string) store.Act { return byTest })
			})
			all.Go(func() {
				deleted = second.DeleteOrganization(t.Context(), tenant, id, func(_ store.Organization, use store.OrganizationUse) (store.Act, error) {
					if use.Children > 0 {
						return store.Act{}, errHasChild
					}
					return byTest, nil
				})
			})
			all.Wait()
			left := db.Rows(t, `SELECT global_id FROM organizations WHERE tenant_id = $1 AND global_id LIKE $2 ORDER BY global_id`, tenant, root+"%")
			clients := db.Rows(t, `SELECT client_id FROM clients WHERE tenant_id = $1 AND client_id LIKE $2 ORDER BY client_id`, tenant, root+"%")
			if !slices.Equal(left, clients) {
				t.Errorf("%s: got organizations %q and clients %q, want the same", root, left, clients)
			}
			want := []string{root, root + ".child"}
			switch {
			case deleted == nil:
				want = []string{}
				if !errors.Is(added, store.ErrNotFound) {
					t.Errorf("%s: the child of a deleted one: got error %v, want %v", root, added, store.ErrNotFound)
				}
			case !errors.Is(deleted, errHasChild) || added != nil || joined != nil:
				t.Errorf("%s: added: %v, joined: %v, deleted: %v", root, added, joined, deleted)
			}
			if joined != nil && !errors.Is(joined, store.ErrNotFound) {
				t.Errorf("%s: got error %v of who joined", root, joined)
			}
			if !slices.Equal(left, want) {
				t.Errorf("%s: got %q, want %q (deleted: %v)", root, left, want, deleted)
			}
		}
		if orphans := db.Rows(t, `
SELECT organization_id FROM organization_members m WHERE tenant_id = $1 AND NOT EXISTS (
    SELECT 1 FROM organizations n WHERE n.id = m.organization_id AND n.tenant_id = m.tenant_id)`, tenant); len(orphans) != 0 {
			t.Errorf("got members of nothing: %q", orphans)
		}
	})
}

// TestSameNameInParallel: of many who want one global id, one gets it.
func TestSameNameInParallel(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, now)
		tenant := addTenant(t, s).ID
		errs := make([]error, 10)
		var all sync.WaitGroup
		for i := range errs {
			all.Go(func() { _, errs[i] = addOrganization(t, s, tenant, "", "acme") })
		}
		all.Wait()
		made := 0
		for _, err := range errs {
			if err == nil {
				made++
			} else if !errors.Is(err, store.ErrTaken) {
				t.Errorf("got error %v, want %v", err, store.ErrTaken)
			}
		}
		if rows := db.Rows(t, `SELECT global_id FROM organizations WHERE tenant_id = $1`, tenant); made != 1 || len(rows) != 1 {
			t.Errorf("got %d made and the rows %q, want one", made, rows)
		}
	})
}

// TestOrganizationsFollowPeople: a merged person's memberships are the other's,
// with the higher role of two, and an erased person has none.
func TestOrganizationsFollowPeople(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, now)
		tenant, ctx := addTenant(t, s).ID, t.Context()
		people := addPeople(t, db, tenant, 3)
		keep, gone, third := people[0], people[1], people[2]
		var ids []string
		for _, globalID := range []string{"a", "b", "c", "d"} {
			id, err := addOrganization(t, s, tenant, "", globalID)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, id)
		}
		const member, owner = store.OrganizationMembership, store.OrganizationOwnership
		for _, m := range []struct {
			organization int
			user, role   string
		}{
			{0, keep, owner},
			{0, gone, member},
			{1, keep, member},
			{1, gone, owner},
			{2, gone, member},
			{2, third, owner},
		} {
			put(t, s, tenant, ids[m.organization], m.user, m.role)
		}
		twin := newID(t)
		db.Mirror(t, tenant, twin)
		members := func(tenant string) string {
			t.Helper()
			rows := db.Rows(t, `
SELECT n.global_id, m.user_id, m.role FROM organization_members m JOIN organizations n ON n.id = m.organization_id AND n.tenant_id = m.tenant_id
 WHERE m.tenant_id = $1 ORDER BY n.global_id, m.user_id`, tenant)
			return strings.NewReplacer(keep, "keep", gone, "gone", third, "third").Replace(strings.Join(rows, " "))
		}
		before := members(twin)
		entry := func() store.JournalEntry { return store.JournalEntry{ID: newID(t), What: "test", Detail: "{}"} }
		if _, err := s.MergeUsers(ctx, tenant, keep, gone, func(_, _ store.MergeSide) (store.Merger, error) {
			return store.Merger{Meta: "{}", KeepEntry: entry(), GoneEntry: entry(), Act: byTest}, nil
		}); err != nil {
			t.Fatal(err)
		}
		if got, want := members(tenant), "a|keep|owner b|keep|owner c|keep|member c|third|owner"; got != want {
			t.Errorf("after a merge: got %q, want %q", got, want)
		}
		none := store.Erasure{
			Subject: func(string, string) []byte { return nil },
			Email:   func(string) []byte { return nil },
		}
		if _, err := s.Erase(ctx, tenant, keep, none, entry(), byTest); err != nil {
			t.Fatal(err)
		}
		if got, want := members(tenant), "c|third|owner"; got != want {
			t.Errorf("after an erasure: got %q, want %q", got, want)
		}
		if got := members(twin); got != before {
			t.Errorf("in the other tenant: got %q, want %q", got, before)
		}
	})
}

// TestMergeWhileAnOrganizationGoes: neither fails because of the other.
func TestMergeWhileAnOrganizationGoes(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s, second := db.Open(t, now), db.Open(t, now)
		tenant := addTenant(t, s).ID
		for i := range 10 {
			people := addPeople(t, db, tenant, 2)
			id, err := addOrganization(t, s, tenant, "", fmt.Sprintf("o%d", i))
			if err != nil {
				t.Fatal(err)
			}
			put(t, s, tenant, id, people[1], store.OrganizationMembership)
			var all sync.WaitGroup
			all.Go(func() {
				if _, err := s.MergeUsers(t.Context(), tenant, people[0], people[1], func(_, _ store.MergeSide) (store.Merger, error) {
					entry := store.JournalEntry{ID: newID(t), What: "test", Detail: "{}"}
					other := store.JournalEntry{ID: newID(t), What: "test", Detail: "{}"}
					return store.Merger{Meta: "{}", KeepEntry: entry, GoneEntry: other, Act: byTest}, nil
				}); err != nil {
					t.Errorf("MergeUsers: %v", err)
				}
			})
			all.Go(func() {
				if err := second.DeleteOrganization(t.Context(), tenant, id, func(store.Organization, store.OrganizationUse) (store.Act, error) {
					return byTest, nil
				}); err != nil {
					t.Errorf("DeleteOrganization: %v", err)
				}
			})
			all.Wait()
		}
		for _, table := range []string{"organizations", "organization_members", "clients"} {
			if rows := db.Rows(t, "SELECT 1 FROM "+table+" WHERE tenant_id = $1", tenant); len(rows) != 0 {
				t.Errorf("%s: got %d rows, want none", table, len(rows))
			}
		}
	})
}
