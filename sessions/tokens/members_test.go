package tokens_test

import (
	"errors"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
	"usher/sql/store/storetest"
)

func TestMembersComeAndGo(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		now := func() time.Time { return epoch }
		s := db.Open(t, now)
		service, ctx := open(s, now), t.Context()
		tenant, other := newTenant(t, s), newTenant(t, s)
		acme, dev := newOrganization(t, service, tenant, "acme"), newOrganization(t, service, tenant, "acme.dev")
		foreign := newOrganization(t, service, other, "acme")
		anna, berta, stranger := newUser(t, db, tenant), newUser(t, db, tenant), newUser(t, db, other)
		set := func(user, role string) {
			t.Helper()
			if err := service.SetMember(ctx, tenant, acme.ID, user, role, byTest); err != nil {
				t.Fatal(err)
			}
		}
		set(anna, tokens.RoleMember)
		acted := func(want string) {
			t.Helper()
			if got := newestAct(t, s, tenant); got != want {
				t.Errorf("audit log: got %s, want %s", got, want)
			}
		}
		acted("organization_member_added organization " + acme.ID + ` {"role":"member","user":"` + anna + `"}`)
		set(anna, tokens.RoleOwner)
		changed := "organization_member_changed organization " + acme.ID + ` {"role":{"from":"member","to":"owner"},"user":"` + anna + `"}`
		acted(changed)
		before := db.Dump(t, tenant)
		set(anna, tokens.RoleOwner)
		if diff := cmp.Diff(before, db.Dump(t, tenant)); diff != "" {
			t.Errorf("what is so already was written again:\n%s", diff)
		}
		set(berta, tokens.RoleMember)
		if err := service.SetMember(ctx, tenant, dev.ID, anna, tokens.RoleMember, byTest); err != nil {
			t.Fatal(err)
		}

		want := []tokens.Member{
			{UserID: anna, Email: anna + "@example.com", Name: "Anna Meier", Status: "active", Role: "owner", Since: epoch},
			{UserID: berta, Email: berta + "@example.com", Name: "Anna Meier", Status: "active", Role: "member", Since: epoch},
		}
		var got []tokens.Member
		for after, more := "", true; more; more = after != "" {
			page, next, err := service.Members(ctx, tenant, acme.ID, after, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, m := range page {
				m.Since = m.Since.UTC()
				got = append(got, m)
			}
			after = next
		}
		if diff := cmp.Diff(want, got); diff != "" {
			t.Errorf("Members:\n%s", diff)
		}
		var of []string
		for after, more := "", true; more; more = after != "" {
			page, next, err := service.OrganizationsOf(ctx, tenant, anna, after, 1)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range page {
				of = append(of, n.GlobalID+" "+n.Name+" "+n.Role)
			}
			after = next
		}
		if want := []string{"acme acme owner", "acme.dev dev member"}; !slices.Equal(of, want) {
			t.Errorf("OrganizationsOf: got %q, want %q", of, want)
		}

		// Nobody and nothing of another tenant gets in, and nobody who is gone.
		gone := newUser(t, db, tenant)
		db.Exec(t, `UPDATE users SET status = 'erased' WHERE id = $1 AND tenant_id = $2`, gone, tenant)
		before = db.Dump(t, tenant)
		for what, test := range map[string]struct{ tenant, organization, user string }{
			"a person of another tenant":        {tenant, acme.ID, stranger},
			"an organization of another tenant": {tenant, foreign.ID, anna},
			"both from another tenant":          {other, acme.ID, anna},
			"an erased person":                  {tenant, acme.ID, gone},
			"nobody":                            {tenant, acme.ID, newID(t)},
			"nothing":                           {tenant, newID(t), anna},
			"no id":                             {tenant, acme.ID, "anna"},
		} {
			if err := service.SetMember(ctx, test.tenant, test.organization, test.user, tokens.RoleMember, byTest); !errors.Is(err, tokens.ErrNotFound) {
				t.Errorf("SetMember, %s: got error %v, want %v", what, err, tokens.ErrNotFound)
			}
			if err := service.DropMember(ctx, test.tenant, test.organization, test.user, byTest); !errors.Is(err, tokens.ErrNotFound) {
				t.Errorf("DropMember, %s: got error %v, want %v", what, err, tokens.ErrNotFound)
			}
		}
		if err := service.SetMember(ctx, tenant, acme.ID, anna, "boss", byTest); !slices.Equal(fieldsOf(err), []string{"role"}) {
			t.Errorf("an unknown role: got error %v", err)
		}
		if diff := cmp.Diff(before, db.Dump(t, tenant)); diff != "" {
			t.Errorf("refused acts changed something:\n%s", diff)
		}
		if members, _, err := service.Members(ctx, other, acme.ID, "", 10); len(members) != 0 || err != nil {
			t.Errorf("Members in another tenant: got %+v, error %v", members, err)
		}

		if err := service.DropMember(ctx, tenant, acme.ID, anna, byTest); err != nil {
			t.Fatal(err)
		}
		acted("organization_member_dropped organization " + acme.ID + ` {"role":"owner","user":"` + anna + `"}`)
		if err := service.DropMember(ctx, tenant, acme.ID, anna, byTest); !errors.Is(err, tokens.ErrNotFound) {
			t.Errorf("DropMember again: got error %v, want %v", err, tokens.ErrNotFound)
		}
	})
}

// TestMembershipCountsUpward: below counts above, never the other way round, and
// names that look alike have nothing to do with one another.
func TestMembershipCountsUpward(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		s := db.Open(t, time.Now)
		service, ctx := open(s, time.Now), t.Context()
		tenant, twin := newTenant(t, s), newID(t)
		made := map[string]tokens.Organization{}
		for _, globalID := range []string{"acme", "acme.dev", "acme.dev.tools", "acme.ops", "acme-labs", "acme-labs.dev", "a_c", "abc", "abc.d"} {
			made[globalID] = newOrganization(t, service, tenant, globalID)
		}
		in := func(role string, orgs ...string) string {
			t.Helper()
			user := newUser(t, db, tenant)
			for _, org := range orgs {
				if err := service.SetMember(ctx, tenant, made[org].ID, user, role, byTest); err != nil {
					t.Fatal(err)
				}
			}
			return user
		}
		tools, owner, root := in("member", "acme.dev.tools"), in("owner", "acme.dev"), in("member", "acme")
		labs, alike, both := in("member", "acme-labs.dev"), in("member", "abc.d"), in("member", "acme.ops", "acme-labs")
		disabled := in("member", "acme")
		db.Exec(t, `UPDATE users SET status = 'disabled' WHERE id = $1 AND tenant_id = $2`, disabled, tenant)
		// The other tenant has the same rows, ids and all, and others beside them.
		db.Mirror(t, tenant, twin)
		if err := service.SetMember(ctx, twin, made["acme-labs"].ID, tools, tokens.RoleMember, byTest); err != nil {
			t.Fatal(err)
		}
		asked := []string{"acme", "ACME.Dev", "acme.dev.tools", "acme.ops", "acme-labs", "acme-labs.dev", "a_c", "abc", "acm%", "acme.", "", "nobody", "acme.d"}
		member := func(when, user string, want ...string) {
			t.Helper()
			got, err := service.MemberOf(ctx, tenant, user, asked)
			if err != nil || len(got) != len(asked) {
				t.Fatalf("%s: got %v, error %v, want an answer to each", when, got, err)
			}
			maps.DeleteFunc(got, func(_ string, is bool) bool { return !is })
			if is := slices.Sorted(maps.Keys(got)); !slices.Equal(is, slices.Sorted(slices.Values(want))) {
				t.Errorf("%s: got %q, want %q", when, is, want)
			}
		}
		member("far below", tools, "acme", "ACME.Dev", "acme.dev.tools")
		member("an owner", owner, "acme", "ACME.Dev")
		member("at the root", root, "acme")
		member("of a name that begins alike", labs, "acme-labs", "acme-labs.dev")
		member("of a name that a pattern would match", alike, "abc")
		member("of two", both, "acme", "acme.ops", "acme-labs")
		member("disabled", disabled)
		member("nobody", newID(t))
		member("no id", "anna")

		for _, test := range []struct {
			org  string
			want []string
		}{
			{"acme", []string{"acme"}},
			{"Acme.dev.tools", []string{"acme.dev.tools", "acme.dev", "acme"}},
			{"acme-labs.dev", []string{"acme-labs.dev", "acme-labs"}},
			{"nobody", nil},
			{"acm%", nil},
		} {
			if got, err := service.Ancestors(ctx, tenant, test.org); err != nil || !slices.Equal(got, test.want) {
				t.Errorf("Ancestors of %s: got %q, error %v, want %q", test.org, got, err, test.want)
			}
		}

		// The way up ends where an organization is disabled.
		if _, err := service.ChangeOrganization(ctx, tenant, made["acme.dev"].ID, tokens.OrganizationSettings{Disabled: ptr(true)}, byTest); err != nil {
			t.Fatal(err)
		}
		member("below a disabled one", tools, "acme.dev.tools")
		member("of a disabled one", owner)
		member("beside a disabled one", both, "acme", "acme.ops", "acme-labs")
		for org, want := range map[string][]string{"acme.dev.tools": {"acme.dev.tools"}, "acme.dev": nil, "acme.ops": {"acme.ops", "acme"}} {
			if got, err := service.Ancestors(ctx, tenant, org); err != nil || !slices.Equal(got, want) {
				t.Errorf("Ancestors of %s: got %q, error %v, want %q", org, got, err, want)
			}
		}
		if got, err := service.MemberOf(ctx, twin, tools, asked); err != nil || !got["ACME.Dev"] || !got["acme-labs"] {
			t.Errorf("in the other tenant: got %v, error %v", got, err)
		}
	})
}
