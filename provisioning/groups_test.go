package provisioning_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"

	"usher/provisioning"
	"usher/sql/store"
)

// group returns a group of the place by its external id.
func (p *place) group(t *testing.T, external string) store.Group {
	t.Helper()
	groups, _, err := p.svc.Groups(t.Context(), p.tenant, external, "", 1)
	if err != nil || len(groups) != 1 {
		t.Fatalf("Groups(%s): got %v, error %v", external, groups, err)
	}
	return groups[0]
}

// newest is the last line of a user's journal.
func (p *place) newest(t *testing.T, user string) string {
	t.Helper()
	lines := p.journal(t, user)
	return lines[len(lines)-1]
}

func TestMembersByHand(t *testing.T) {
	play(t, []scenario{
		{name: "a pinned one survives a token", run: func(t *testing.T, p *place) {
			p.mirror(t)
			user := p.enter(t, p.anna(claims{"groups": []string{"readers"}})).UserID
			staff, admins := p.group(t, "staff"), p.group(t, "admins")
			for group, pinned := range map[string]bool{staff.ID: true, admins.ID: false} {
				if err := p.svc.SetMember(t.Context(), p.tenant, group, user, pinned, byAPI); err != nil {
					t.Fatal(err)
				}
			}
			if got := p.person(t, user).Groups; !slices.Equal(got, []string{"admins", "readers", "staff"}) {
				t.Errorf("got groups %v, want all three", got)
			}
			// The same token as last time is compared anew.
			p.enter(t, p.anna(claims{"groups": []string{"readers"}}))
			if got := p.person(t, user).Groups; !slices.Equal(got, []string{"readers", "staff"}) {
				t.Errorf("got groups %v after a token, want readers and the pinned one", got)
			}
		}},
		{name: "set, pin, drop", run: func(t *testing.T, p *place) {
			p.mirror(t)
			user, staff, ctx := p.enter(t, p.anna(claims{"groups": []string{"staff"}})).UserID, p.group(t, "staff"), t.Context()
			set := func(pinned bool) {
				t.Helper()
				if err := p.svc.SetMember(ctx, p.tenant, staff.ID, user, pinned, byAPI); err != nil {
					t.Fatal(err)
				}
			}
			set(true)
			if got, want := p.newest(t, user), `group_added {"group":"staff","pinned":true,"source":"`+store.ManualSource+`","was_member":true}`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			lines, acts := len(p.journal(t, user)), p.count(t, "audit_log")
			set(true) // nothing changes, nothing is written
			if len(p.journal(t, user)) != lines || p.count(t, "audit_log") != acts {
				t.Errorf("got something written for a membership that is there")
			}
			set(false)
			if got, want := p.newest(t, user), `group_pinned {"from":true,"group":"staff","to":false}`; got != want {
				t.Errorf("got %s, want %s", got, want)
			}
			use, err := p.svc.GroupUse(ctx, p.tenant, staff.ID)
			if err != nil || use.Members != 1 || use.Manual != 1 || use.Pinned != 0 || use.ByIntegration[p.ID] != 1 {
				t.Errorf("got %+v, error %v", use, err)
			}
			members, next, err := p.svc.GroupMembers(ctx, p.tenant, staff.ID, "", 10)
			if err != nil || next != "" || len(members) != 1 || len(members[0].Sources) != 2 || members[0].Email != "anna@example.com" {
				t.Errorf("got %+v, %q, error %v, want one person with two sources", members, next, err)
			}
			if err := p.svc.DropMember(ctx, p.tenant, staff.ID, user, byAPI); err != nil {
				t.Fatal(err)
			}
			if got := p.newest(t, user); !strings.Contains(got, `"still_member":true`) {
				t.Errorf("got %s, want still a member", got)
			}
			if got := p.person(t, user).Groups; !slices.Equal(got, []string{"staff"}) {
				t.Errorf("got groups %v, want the integration's membership left", got)
			}
			wantErrorIs(t, p.svc.DropMember(ctx, p.tenant, staff.ID, user, byAPI), provisioning.ErrNotFound)
			wantErrorIs(t, p.svc.SetMember(ctx, p.tenant, staff.ID, newID(t), true, byAPI), provisioning.ErrNotFound)
			wantErrorIs(t, p.svc.SetMember(ctx, p.tenant, newID(t), user, true, byAPI), provisioning.ErrNotFound)
			wantErrorIs(t, p.svc.SetMember(ctx, p.tenant, "x", user, true, byAPI), provisioning.ErrNotFound)
			if err := p.svc.Erase(ctx, p.tenant, user, byAPI); err != nil {
				t.Fatal(err)
			}
			wantErrorIs(t, p.svc.SetMember(ctx, p.tenant, staff.ID, user, true, byAPI), provisioning.ErrNotFound)
		}},
	})
}

func wantErrorIs(t *testing.T, got, want error) {
	t.Helper()
	if !errors.Is(got, want) {
		t.Errorf("got error %v, want %v", got, want)
	}
}

func TestDeleteGroup(t *testing.T) {
	play(t, []scenario{
		{name: "with members", run: func(t *testing.T, p *place) {
			p.mirror(t)
			ctx, staff := t.Context(), p.group(t, "staff")
			anna := p.enter(t, p.anna(claims{"groups": []string{"staff", "readers"}})).UserID
			if err := p.svc.SetMember(ctx, p.tenant, staff.ID, anna, true, byAPI); err != nil {
				t.Fatal(err)
			}
			stale := byAPI
			stale.IfMatch = []int64{staff.Revision + 1}
			wantErrorIs(t, p.svc.DeleteGroup(ctx, p.tenant, staff.ID, stale), provisioning.ErrChanged)
			if err := p.svc.DeleteGroup(ctx, p.tenant, staff.ID, byAPI); err != nil {
				t.Fatal(err)
			}
			if got := p.person(t, anna).Groups; !slices.Equal(got, []string{"readers"}) {
				t.Errorf("got groups %v, want readers", got)
			}
			if got := strings.Count(strings.Join(p.journal(t, anna), "\n"), `"group_deleted":true`); got != 2 {
				t.Errorf("got %d lines in the journal, want one for each membership", got)
			}
			wantErrorIs(t, p.svc.DeleteGroup(ctx, p.tenant, staff.ID, byAPI), provisioning.ErrNotFound)
			// The same token again names something unknown, and is compared anew.
			if got := warnings(p.enter(t, p.anna(claims{"groups": []string{"staff", "readers"}}))); !slices.Equal(got, []string{"group_unknown"}) {
				t.Errorf("got warnings %v, want group_unknown", got)
			}
			p.addGroup(t, "staff")
			p.enter(t, p.anna(claims{"groups": []string{"staff", "readers"}}))
			if got := p.person(t, anna).Groups; !slices.Equal(got, []string{"readers", "staff"}) {
				t.Errorf("got groups %v after the group came back", got)
			}
		}},
		{name: "in rounds", run: func(t *testing.T, p *place) {
			staff := p.group(t, "staff")
			for n := range 7 {
				p.enter(t, claims{"email": fmt.Sprintf("p%d@example.com", n), "iat": p.clock.now().Unix(), "groups": []string{"staff"}})
			}
			rounds := 0
			act := func(int) store.Act { rounds++; return store.Act{By: byAPI, Action: "x", Object: "y"} }
			entry := store.JournalEntry{ID: newID(t), Actor: "a"}
			for done := false; !done; {
				var err error
				if done, err = p.store.DeleteGroup(t.Context(), p.tenant.ID, staff.ID, store.Deletion{Limit: 3, Entry: entry, Emptied: act, Deleted: act}); err != nil {
					t.Fatal(err)
				}
			}
			if n := p.count(t, "group_members"); n != 0 {
				t.Errorf("got %d memberships left", n)
			}
			if got := p.db.Rows(t, `SELECT count(*) FROM journal WHERE tenant_id = $1 AND what = 'group_removed'`, p.tenant.ID); got[0] != "7" {
				t.Errorf("got %v lines in the journals, want 7", got)
			}
		}},
	})
}

// TestDeleteGroupAgainstSignIns: whoever signs in while a group goes is not in
// a group that is gone, and no sign-in fails.
func TestDeleteGroupAgainstSignIns(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.place(t, provisioning.Settings{})
		staff := p.group(t, "staff")
		var all sync.WaitGroup
		for n := range 6 {
			all.Go(func() {
				for turn := range 4 {
					p.enter(t, claims{"email": fmt.Sprintf("p%d@example.com", n), "iat": p.clock.now().Unix(), "groups": []string{"staff"}, "jti": fmt.Sprint(n, turn)})
				}
			})
		}
		all.Go(func() {
			if err := p.svc.DeleteGroup(t.Context(), p.tenant, staff.ID, byAPI); err != nil {
				t.Errorf("DeleteGroup: %v", err)
			}
		})
		all.Wait()
		if n := p.count(t, "group_members"); n != 0 {
			t.Errorf("got %d memberships of a group that is gone", n)
		}
	})
}

func TestChangeGroupAndCredit(t *testing.T) {
	play(t, []scenario{{name: "names", run: func(t *testing.T, p *place) {
		p.mirror(t)
		ctx, staff := t.Context(), p.group(t, "staff")
		g, err := p.svc.ChangeGroup(ctx, p.tenant, staff.ID, provisioning.GroupSettings{Name: pointer(" Staff "), Description: pointer("a\r\nb")}, byAPI)
		if err != nil || g.Name != "Staff" || g.Description != "a\nb" || g.Revision != staff.Revision+1 {
			t.Errorf("got %+v, error %v", g, err)
		}
		var invalid *provisioning.Invalid
		for _, wish := range []provisioning.GroupSettings{
			{Name: pointer("")},
			{Name: pointer("a\x00")},
			{Description: pointer("a\x00")},
			{Description: pointer("a\xff")},
			{Description: pointer(strings.Repeat("x", 1001))},
		} {
			if _, err := p.svc.ChangeGroup(ctx, p.tenant, staff.ID, wish, byAPI); !errors.As(err, &invalid) {
				t.Errorf("got error %v, want an *Invalid", err)
			}
		}
		again := byAPI
		again.IfMatch = []int64{staff.Revision}
		_, err = p.svc.ChangeGroup(ctx, p.tenant, staff.ID, provisioning.GroupSettings{Name: pointer("x")}, again)
		wantErrorIs(t, err, provisioning.ErrChanged)
		_, err = p.svc.RenameCredit(ctx, p.tenant, 1, "x", provisioning.By{Actor: "a", IfMatch: []int64{7}})
		wantErrorIs(t, err, provisioning.ErrChanged)
		_, err = p.svc.RenameCredit(ctx, p.tenant, 99, "x", byAPI)
		wantErrorIs(t, err, provisioning.ErrNotFound)
		if credit, err := p.svc.RenameCredit(ctx, p.tenant, 1, "One", byAPI); err != nil || credit.Name != "One" || credit.Revision != 2 {
			t.Errorf("got %+v, error %v", credit, err)
		}
		acts := p.db.Rows(t, `SELECT action, detail FROM audit_log WHERE tenant_id = $1 ORDER BY seq DESC LIMIT 2`, p.tenant.ID)
		wantSame(t, "acts", acts, []string{
			`credit_changed|{"name":{"from":"Credit 1","to":"One"}}`,
			`group_changed|{"description":{"from":"","to":"a\nb"},"name":{"from":"Group staff","to":"Staff"}}`,
		})
	}}, {name: "use of credits", run: func(t *testing.T, p *place) {
		p.mirror(t)
		user := p.enter(t, p.anna(claims{"credits": []any{grant("A", 1), grant("B", 1), grant("A", 77)}})).UserID
		if err := p.svc.Consume(t.Context(), p.tenant, user, p.ID, "A", 1, "key", byAPI); err != nil {
			t.Fatal(err)
		}
		p.enter(t, p.anna(claims{"credits": []any{grant("A", 1), grant("A", 77)}}))
		uses, err := p.svc.CreditUses(t.Context(), p.tenant, []store.Credit{{ID: 1}, {ID: 2}})
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, "uses", uses, map[int64]store.CreditUse{1: {Granted: 1, Consumed: 1, Revoked: 1}})
		parked, err := p.svc.ParkedCredits(t.Context(), p.tenant)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, "parked", parked, []store.ParkedCredit{{ID: 77, Grants: 1}})
	}}})
}

// TestNothingChanged: what is wished and so already writes nothing.
func TestNothingChanged(t *testing.T) {
	play(t, []scenario{{name: "saved as it is", run: func(t *testing.T, p *place) {
		p.mirror(t)
		ctx, staff := t.Context(), p.group(t, "staff")
		credit, err := p.svc.AddCredit(ctx, p.tenant, 77, "Course", byAPI)
		if err != nil {
			t.Fatal(err)
		}
		tenant, err := p.svc.Tenant(ctx, p.tenant.ID)
		if err != nil {
			t.Fatal(err)
		}
		n, err := p.svc.Integration(ctx, p.tenant, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		acts := p.count(t, "audit_log")
		for _, by := range []provisioning.By{byAPI, {Actor: byAPI.Actor, Name: byAPI.Name, IfMatch: []int64{n.Revision, staff.Revision, credit.Revision, tenant.Revision}}} {
			changed, err := p.svc.ChangeIntegration(ctx, p.tenant, p.ID, provisioning.Settings{Name: &n.Name, Issuer: &n.Issuer}, by)
			if err != nil || changed.Revision != n.Revision {
				t.Errorf("integration: got revision %d, error %v, want %d", changed.Revision, err, n.Revision)
			}
			group, err := p.svc.ChangeGroup(ctx, p.tenant, staff.ID, provisioning.GroupSettings{Name: &staff.Name}, by)
			if err != nil || group.Revision != staff.Revision {
				t.Errorf("group: got revision %d, error %v, want %d", group.Revision, err, staff.Revision)
			}
			renamed, err := p.svc.RenameCredit(ctx, p.tenant, credit.ID, credit.Name, by)
			if err != nil || renamed.Revision != credit.Revision {
				t.Errorf("credit: got revision %d, error %v, want %d", renamed.Revision, err, credit.Revision)
			}
			same, err := p.svc.ChangeTenant(ctx, tenant.ID, provisioning.TenantWish{Name: &tenant.Name}, provisioning.Way{}, by)
			if err != nil || same.Revision != tenant.Revision {
				t.Errorf("tenant: got revision %d, error %v, want %d", same.Revision, err, tenant.Revision)
			}
		}
		if got := p.count(t, "audit_log"); got != acts {
			t.Errorf("got %d rows of the audit log more, want none", got-acts)
		}
		stale := provisioning.By{Actor: byAPI.Actor, Name: byAPI.Name, IfMatch: []int64{n.Revision + 1000}}
		if _, err := p.svc.ChangeIntegration(ctx, p.tenant, p.ID, provisioning.Settings{Name: &n.Name}, stale); !errors.Is(err, provisioning.ErrChanged) {
			t.Errorf("another revision: got error %v, want ErrChanged", err)
		}
	}}})
}
