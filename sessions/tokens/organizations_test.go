package tokens_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
	"usher/sql/store"
	"usher/sql/store/storetest"
)

// newUser makes a person whom no integration knows.
func newUser(t *testing.T, db *storetest.Database, tenant string) string {
	t.Helper()
	id := newID(t)
	db.Exec(t, `
INSERT INTO users (tenant_id, id, version, status, session_epoch, email, email_key, first_name, last_name, name, phone,
                   birthdate, locale, picture, meta, onboarding, created_at, updated_at)
VALUES ($1, $2, 1, 'active', 0, $3, $3, 'Anna', 'Meier', '', '', '', '', '', '{}', false, $4, $4)`,
		tenant, id, id+"@example.com", epoch)
	return id
}

// newOrganization makes an organization by its global id; those above it exist.
func newOrganization(t *testing.T, service *tokens.Tokens, tenant, globalID string) tokens.Organization {
	t.Helper()
	parent, name := "", globalID
	if dot := strings.LastIndexByte(globalID, '.'); dot >= 0 {
		parent, name = globalID[:dot], globalID[dot+1:]
	}
	n, _, err := service.AddOrganization(t.Context(), tenant, parent, name, tokens.OrganizationSettings{}, byTest)
	if err != nil {
		t.Fatalf("AddOrganization %s: %v", globalID, err)
	}
	return n
}

func globalIDs(list []tokens.Organization) []string {
	ids := []string{}
	for _, n := range list {
		ids = append(ids, n.GlobalID())
	}
	return ids
}

func TestOrganizationIsMadeAndChanged(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		at := epoch
		now := func() time.Time { return at }
		s := db.Open(t, now)
		service, ctx := open(s, now), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		n, secret, err := service.AddOrganization(ctx, tenant, "", "acme", tokens.OrganizationSettings{DisplayName: ptr("Acme Ltd")}, byTest)
		if err != nil || n.GlobalID() != "acme" || n.Name != "Acme Ltd" || n.Kind != tokens.KindOrganization || n.ParentID != "" {
			t.Fatalf("got %+v, error %v", n, err)
		}
		if act := newestAct(t, s, tenant); !strings.HasPrefix(act, "organization_added organization "+n.ID+" ") || strings.Contains(act, secret) {
			t.Errorf("audit log: got %s", act)
		}
		// It is a client, which can speak for itself.
		c, err := service.AuthenticateClient(ctx, tenant, "acme", secret)
		if err != nil || c.ID != n.ID || !slices.Equal(c.Grants, []string{tokens.GrantClientCredentials}) {
			t.Errorf("AuthenticateClient: got %+v, error %v", c, err)
		}
		if _, err := service.AuthenticateClient(ctx, other, "acme", secret); !errors.Is(err, tokens.ErrInvalidClient) {
			t.Errorf("AuthenticateClient in another tenant: got error %v", err)
		}
		// A name is taken whatever it was taken for.
		if _, _, err := service.AddClient(ctx, tenant, "taken", tokens.ClientSettings{Name: ptr("T")}, byTest); err != nil {
			t.Fatal(err)
		}
		for _, name := range []string{"acme", "taken"} {
			if _, _, err := service.AddOrganization(ctx, tenant, "", name, tokens.OrganizationSettings{}, byTest); !errors.Is(err, tokens.ErrTaken) {
				t.Errorf("%s again: got error %v, want %v", name, err, tokens.ErrTaken)
			}
		}
		if _, _, err := service.AddOrganization(ctx, other, "", "acme", tokens.OrganizationSettings{}, byTest); err != nil {
			t.Errorf("the same in another tenant: %v", err)
		}
		child := newOrganization(t, service, tenant, "acme.dev")
		if child.ParentID != n.ID || child.Name != "dev" {
			t.Errorf("got %+v, want it below %s", child, n.ID)
		}
		for what, get := range map[string]func() (tokens.Organization, error){
			"Organization":           func() (tokens.Organization, error) { return service.Organization(ctx, tenant, child.ID) },
			"OrganizationByGlobalID": func() (tokens.Organization, error) { return service.OrganizationByGlobalID(ctx, tenant, "Acme.DEV") },
		} {
			got, err := get()
			got.CreatedAt, got.UpdatedAt = got.CreatedAt.UTC(), got.UpdatedAt.UTC()
			if diff := cmp.Diff(child, got, cmp.Comparer(sameClient)); diff != "" || err != nil {
				t.Errorf("%s: error %v\n%s", what, err, diff)
			}
		}

		at = at.Add(time.Second)
		for range 2 { // what is so already is no change
			got, err := service.ChangeOrganization(ctx, tenant, n.ID, tokens.OrganizationSettings{DisplayName: ptr("Acme"), Disabled: ptr(true)}, byTest)
			if err != nil || got.Name != "Acme" || !got.Disabled || got.Revision != 2 || got.GlobalID() != "acme" {
				t.Errorf("ChangeOrganization: got %+v, error %v", got, err)
			}
		}
		if got, want := newestAct(t, s, tenant), "organization_changed organization "+n.ID+
			` {"disabled":{"from":false,"to":true},"name":{"from":"Acme Ltd","to":"Acme"}}`; got != want {
			t.Errorf("audit log: got %s, want %s", got, want)
		}
		if _, err := service.AuthenticateClient(ctx, tenant, "acme", secret); !errors.Is(err, tokens.ErrInvalidClient) {
			t.Errorf("of a disabled organization: got error %v", err)
		}
		stale := byTest
		stale.IfMatch = []int64{1}
		if _, err := service.ChangeOrganization(ctx, tenant, n.ID, tokens.OrganizationSettings{DisplayName: ptr("x")}, stale); !errors.Is(err, tokens.ErrChanged) {
			t.Errorf("a change of what was: got error %v", err)
		}
		// What is no organization is none, and another tenant knows nothing of it.
		plain, err := service.ClientByClientID(ctx, tenant, "taken")
		if err != nil {
			t.Fatal(err)
		}
		for what, place := range map[string][2]string{"a plain client": {tenant, plain.ID}, "another tenant": {other, n.ID}, "no id": {tenant, "x"}} {
			for act, ask := range map[string]func() error{
				"Organization": func() error { _, err := service.Organization(ctx, place[0], place[1]); return err },
				"ChangeOrganization": func() error {
					_, err := service.ChangeOrganization(ctx, place[0], place[1], tokens.OrganizationSettings{DisplayName: ptr("x")}, byTest)
					return err
				},
				"DeleteOrganization": func() error { return service.DeleteOrganization(ctx, place[0], place[1], byTest) },
			} {
				if err := ask(); !errors.Is(err, tokens.ErrNotFound) {
					t.Errorf("%s of %s: got error %v, want %v", act, what, err, tokens.ErrNotFound)
				}
			}
		}
	})
}

// sameClient leaves out how the databases give times back.
func sameClient(a, b tokens.Client) bool {
	a.CreatedAt, a.UpdatedAt, b.CreatedAt, b.UpdatedAt = a.CreatedAt.UTC(), a.UpdatedAt.UTC(), b.CreatedAt.UTC(), b.UpdatedAt.UTC()
	return cmp.Equal(a, b)
}

func TestOrganizationIsDeleted(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, time.Now)
		service, ctx, tenant := open(s, time.Now), t.Context(), newTenant(t, s)
		root, child := newOrganization(t, service, tenant, "acme"), newOrganization(t, service, tenant, "acme.dev")
		anna, berta := newUser(t, db, tenant), newUser(t, db, tenant)
		for user, role := range map[string]string{anna: tokens.RoleMember, berta: tokens.RoleOwner} {
			if err := service.SetMember(ctx, tenant, child.ID, user, role, byTest); err != nil {
				t.Fatal(err)
			}
		}
		if err := service.SetMember(ctx, tenant, root.ID, anna, tokens.RoleMember, byTest); err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			id   string
			want tokens.OrganizationUse
		}{
			{root.ID, tokens.OrganizationUse{Children: 1, Members: 1, Secrets: 1}},
			{child.ID, tokens.OrganizationUse{Members: 2, Owners: 1, Secrets: 1}},
		} {
			if use, err := service.OrganizationUse(ctx, tenant, test.id); use != test.want || err != nil {
				t.Errorf("got %+v, error %v, want %+v", use, err, test.want)
			}
		}
		before := db.Dump(t, tenant)
		if err := service.DeleteOrganization(ctx, tenant, root.ID, byTest); !errors.Is(err, tokens.ErrHasChildren) {
			t.Errorf("with one below it: got error %v, want %v", err, tokens.ErrHasChildren)
		}
		if diff := cmp.Diff(before, db.Dump(t, tenant)); diff != "" {
			t.Errorf("a refused deletion changed something:\n%s", diff)
		}
		// Nor does it go as a client.
		if err := service.DeleteClient(ctx, tenant, child.ID, byTest); !slices.Equal(fieldsOf(err), []string{"id"}) {
			t.Errorf("DeleteClient: got error %v, want it about id", err)
		}
		if err := service.DeleteOrganization(ctx, tenant, child.ID, byTest); err != nil {
			t.Fatal(err)
		}
		if got, want := newestAct(t, s, tenant), "organization_deleted organization "+child.ID+
			` {"display_name":"dev","global_id":"acme.dev","members":2,"secrets":1}`; got != want {
			t.Errorf("audit log: got %s, want %s", got, want)
		}
		for _, table := range []string{"clients", "client_secrets", "organizations", "organization_members"} {
			if rows := db.Rows(t, "SELECT 1 FROM "+table+" WHERE tenant_id = $1", tenant); len(rows) != 1 {
				t.Errorf("%s: got %d rows, want the other organization’s", table, len(rows))
			}
		}
		if err := service.DeleteOrganization(ctx, tenant, root.ID, byTest); err != nil {
			t.Errorf("with none below it any more: %v", err)
		}
	})
}

func TestOrganizationWishesAreChecked(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		service, ctx, tenant := open(s, time.Now), t.Context(), newTenant(t, s)
		newOrganization(t, service, newTenant(t, s), "elsewhere")
		deepest := "a"
		newOrganization(t, service, tenant, deepest)
		for range tokens.MaxOrganizationDepth - 1 {
			deepest += ".a"
			newOrganization(t, service, tenant, deepest)
		}
		long := strings.Repeat("l", 63)
		newOrganization(t, service, tenant, long)
		newOrganization(t, service, tenant, long+"."+long)
		list, _, err := service.Organizations(ctx, tenant, "", "", 50)
		if err != nil {
			t.Fatal(err)
		}
		for _, test := range []struct {
			parent, name string
			shown        *string
			fields       []string
		}{
			{"", "", nil, []string{"name"}},
			{"", "Acme", nil, []string{"name"}},
			{"", "-acme", nil, []string{"name"}},
			{"", "acme.dev", nil, []string{"name"}},
			{"", "acme dev", nil, []string{"name"}},
			{"", "äcme", nil, []string{"name"}},
			{"", strings.Repeat("a", 64), nil, []string{"name"}},
			{"", "acme", ptr(" "), []string{"display_name"}},
			{"", "", ptr("a\nb"), []string{"name", "display_name"}},
			{"nobody", "acme", nil, []string{"parent"}},
			{"elsewhere", "acme", nil, []string{"parent"}},
			{"A", "acme", nil, []string{"parent"}},
			{"nobody", "", nil, []string{"name", "parent"}},
			{deepest, "acme", nil, []string{"parent"}},
			{long + "." + long, "a", nil, []string{"name"}},
		} {
			_, _, err := service.AddOrganization(ctx, tenant, test.parent, test.name, tokens.OrganizationSettings{DisplayName: test.shown}, byTest)
			if !slices.Equal(fieldsOf(err), test.fields) {
				t.Errorf("%q below %q: got error %v, want it about %q", test.name, test.parent, err, test.fields)
			}
		}
		if after, _, err := service.Organizations(ctx, tenant, "", "", 50); err != nil || !slices.Equal(globalIDs(after), globalIDs(list)) {
			t.Errorf("got %q, error %v, want nothing new", globalIDs(after), err)
		}
	})
}

// TestOrganizationsAreListedAsATree: each stands right before those below it,
// whatever its siblings are called.
func TestOrganizationsAreListedAsATree(t *testing.T) {
	t.Parallel()
	storetest.Each(t, func(t *testing.T, s *store.Store) {
		service, ctx, tenant := open(s, time.Now), t.Context(), newTenant(t, s)
		other := newTenant(t, s)
		want := []string{"acme", "acme.dev", "acme.dev.tools", "acme.dev-2", "acme-labs", "acme-labs.dev", "acme0", "acme_x", "b", "b.c"}
		for _, globalID := range []string{"b", "acme_x", "acme0", "acme-labs", "acme", "b.c", "acme-labs.dev", "acme.dev", "acme.dev-2", "acme.dev.tools"} {
			newOrganization(t, service, tenant, globalID)
		}
		newOrganization(t, service, other, "acme")
		newOrganization(t, service, other, "acme.elsewhere")
		for _, test := range []struct {
			under string
			want  []string
		}{
			{"", want},
			{"acme", want[1:4]},
			{"acme.dev", want[2:3]},
			{"acme.dev.tools", []string{}},
			{"acme-labs", want[5:6]},
			{"acm", []string{}},
			{"nobody", []string{}},
		} {
			for _, size := range []int{1, 3, 50} {
				got := []string{}
				for after, more := "", true; more; more = after != "" {
					list, next, err := service.Organizations(ctx, tenant, test.under, after, size)
					if err != nil || len(list) > size {
						t.Fatalf("got %d, error %v", len(list), err)
					}
					got, after = append(got, globalIDs(list)...), next
				}
				if !slices.Equal(got, test.want) {
					t.Errorf("under %q, %d at a time: got %q, want %q", test.under, size, got, test.want)
				}
			}
		}
		for _, bad := range []string{"A", "a..b", "a%", "a.", strings.Repeat("a.", 8) + "a"} {
			if _, _, err := service.Organizations(ctx, tenant, bad, "", 3); !slices.Equal(fieldsOf(err), []string{"under"}) {
				t.Errorf("under %q: got error %v", bad, err)
			}
			if _, _, err := service.Organizations(ctx, tenant, "", bad, 3); !slices.Equal(fieldsOf(err), []string{"after"}) {
				t.Errorf("after %q: got error %v", bad, err)
			}
		}
	})
}
