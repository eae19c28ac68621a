package provisioning_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

var byAPI = provisioning.By{Actor: "api", Reference: "ref-9"}

// TestJournal says who did what and when, for each kind of change.
func TestJournal(t *testing.T) {
	eachPlace(t, linking(store.LinkTrusted), func(t *testing.T, p *place) {
		other := p.install(t, provisioning.Settings{})
		user := other.enter(t, other.anna(claims{"sub": nil, "groups": []string{"readers"}, "credits": []any{grant("B", 1)}})).UserID
		p.mirror(t)
		p.clock.advance(time.Second)
		p.enter(t, p.anna(claims{"sub": nil}))
		for i, c := range []claims{
			{}, // the sub
			{"email": "new@example.com"},
			{"email": "new@example.com", "firstName": "Anna", "phone": "1"},
			{"email": "new@example.com", "meta": map[string]any{"b": 1, "a": nil}},
			{"email": "new@example.com", "groups": []string{"staff", "readers"}},
			{"email": "new@example.com", "groups": []string{"staff"}},
			{"email": "new@example.com", "credits": []any{grant("A", 1), grant("A", 99)}},
			{"email": "new@example.com", "credits": []any{grant("A", 99)}},
			{"email": "New@example.com"},
			{"email": "New@example.com", "meta": map[string]any{"b": []any{2.50}, "c": "<x>"}},
			{"email": "New@example.com", "meta": map[string]any{"b": nil}},
		} {
			p.clock.advance(time.Second)
			in := p.arrive(p.token(t, p.anna(c)))
			in.Reference = fmt.Sprint("step-", i)
			if _, err := p.svc.Redeem(t.Context(), in); err != nil {
				t.Fatalf("%v: %v", c, err)
			}
		}
		p.clock.advance(time.Second)
		consuming := provisioning.By{Actor: "api", Reference: "ref-8"}
		for range 2 { // the second time is the same request
			if err := p.svc.Consume(t.Context(), p.tenant, user, other.ID, "B", 1, "key", consuming); err != nil {
				t.Fatal(err)
			}
		}
		p.disable(t, user)
		if err := p.svc.SetDisabled(t.Context(), p.tenant, user, false, byAPI); err != nil {
			t.Fatal(err)
		}

		changes, err := p.svc.Journal(t.Context(), p.tenant, user, 1000)
		if err != nil {
			t.Fatal(err)
		}
		ids := p.identities(t, user)
		got := []string{}
		for i := range changes {
			c := changes[len(changes)-1-i]
			who := "nobody"
			switch {
			case c.IntegrationID != nil && *c.IntegrationID == p.ID && *c.KeyID == p.key.ID && c.Actor == "":
				who = "ours"
			case c.IntegrationID != nil && *c.IntegrationID == other.ID && *c.KeyID == other.key.ID && c.Actor == "":
				who = "other"
			case c.IntegrationID == nil && c.KeyID == nil:
				who = c.Actor
			}
			got = append(got, fmt.Sprintf("%s %s %s %s %s", c.At.Sub(epoch), who, c.Reference, c.What, c.Detail))
		}
		wantSame(t, "journal", strings.Join(got, "\n"), strings.Join([]string{
			`0s other ref-1 user_created {"email":"anna@example.com","identity":"` + ids[0] + `"}`,
			`0s other ref-1 group_added {"group":"readers","was_member":false}`,
			`0s other ref-1 credit_granted {"id":1,"order_id":"B"}`,
			`1s ours ref-1 user_linked {"by":"email","identity":"` + ids[1] + `"}`,
			`2s ours step-0 subject_set {"identity":"` + ids[1] + `","sub":"anna-1"}`,
			`3s ours step-1 email_changed {"from":"anna@example.com","to":"new@example.com"}`,
			`4s ours step-2 profile_changed {"first_name":{"from":"","to":"Anna"},"phone":{"from":"","to":"1"}}`,
			`5s ours step-3 meta_changed {"from":{},"removed":[],"set":["b"],"to":{"b":1}}`,
			`6s ours step-4 group_added {"group":"readers","was_member":true}`,
			`6s ours step-4 group_added {"group":"staff","was_member":false}`,
			`7s ours step-5 group_removed {"group":"readers","source":"` + p.ID + `","still_member":true}`,
			`8s ours step-6 credit_granted {"id":1,"order_id":"A"}`,
			`8s ours step-6 credit_parked {"id":99,"order_id":"A"}`,
			`9s ours step-7 credit_revoked {"id":1,"order_id":"A"}`,
			`10s ours step-8 email_changed {"from":"new@example.com","to":"New@example.com"}`,
			`11s ours step-9 meta_changed {"from":{"b":1},"removed":[],"set":["b","c"],"to":{"b":[2.5],"c":"\u003cx\u003e"}}`,
			`12s ours step-10 meta_changed {"from":{"b":[2.5]},"removed":["b"],"set":[],"to":{}}`,
			`13s api ref-8 credit_consumed {"id":1,"integration":"` + other.ID + `","order_id":"B"}`,
			`13s api ref-2 user_disabled {}`,
			`13s api ref-9 user_enabled {}`,
		}, "\n"))

		if err := p.svc.Erase(t.Context(), p.tenant, user, byAPI); err != nil {
			t.Fatal(err)
		}
		wantSame(t, "journal after erasure", p.journal(t, user), []string{"user_erased {}"})
	})
}

func TestSetDisabled(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		first := p.enter(t, p.anna(nil))
		p.mirror(t)
		p.disable(t, first.UserID)
		p.disable(t, first.UserID) // a second call repeats the first
		p.refused(t, p.anna(nil), provisioning.UserDisabled)
		if err := p.svc.SetDisabled(t.Context(), p.tenant, first.UserID, false, byAPI); err != nil {
			t.Fatal(err)
		}
		wantSame(t, "ended", p.ender.all(), []string{
			fmt.Sprintf("user %s %d", first.UserID, first.Epoch+1), fmt.Sprintf("user %s %d", first.UserID, first.Epoch+2),
			// Enabling looks whether anything is left to end.
			fmt.Sprintf("older %s %d", first.UserID, first.Epoch+2),
		})
		if again := p.enter(t, p.anna(nil)); again.Epoch != first.Epoch+2 || again.UserID != first.UserID {
			t.Errorf("got %+v, want user %s at epoch %d", again, first.UserID, first.Epoch+2)
		}
	})
}

// TestSetDisabledFails reports it when the sessions cannot be ended.
func TestSetDisabledFails(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		first := p.enter(t, p.anna(nil))
		fault := errors.New("no session store")
		p.ender.fail(fault)
		wantError(t, "disable", p.svc.SetDisabled(t.Context(), p.tenant, first.UserID, true, byAPI), fault)
		wantError(t, "erase", p.svc.Erase(t.Context(), p.tenant, first.UserID, byAPI), fault)
		p.ender.fail(nil)
		wantError(t, "erase again", p.svc.Erase(t.Context(), p.tenant, first.UserID, byAPI), nil)
		wantSame(t, "ended", len(p.ender.all()), 1)
		p.refused(t, p.anna(nil), provisioning.UserDisabled)
	})
}

// TestUsersOfNobody answers ErrNotFound for what this tenant has not.
func TestUsersOfNobody(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		elsewhere := p.place(t, provisioning.Settings{})
		foreign := elsewhere.enter(t, elsewhere.anna(claims{"credits": []any{grant("A", 1)}})).UserID
		before := p.db.Dump(t, elsewhere.tenant.ID)
		ctx := t.Context()
		for _, user := range []string{newID(t), foreign, strings.ToUpper(foreign), "", "anna", "x\x00", "\xff", "{" + foreign + "}"} {
			_, err := p.svc.Profile(ctx, p.tenant, user)
			wantError(t, "Profile "+user, err, provisioning.ErrNotFound)
			wantError(t, "SetDisabled "+user, p.svc.SetDisabled(ctx, p.tenant, user, true, byAPI), provisioning.ErrNotFound)
			wantError(t, "Erase "+user, p.svc.Erase(ctx, p.tenant, user, byAPI), provisioning.ErrNotFound)
			wantError(t, "Consume "+user, p.svc.Consume(ctx, p.tenant, user, elsewhere.ID, "A", 1, "k", byAPI), provisioning.ErrNotFound)
			if changes, err := p.svc.Journal(ctx, p.tenant, user, 10); len(changes) > 0 || (err != nil && !errors.Is(err, provisioning.ErrNotFound)) {
				t.Errorf("Journal %q: got %v, error %v, want nothing", user, changes, err)
			}
		}
		_, err := p.svc.ProfileByEmail(ctx, p.tenant, "anna@example.com")
		wantError(t, "ProfileByEmail", err, provisioning.ErrNotFound)
		var invalid *provisioning.Invalid
		if _, err := p.svc.ProfileByEmail(ctx, p.tenant, "a\x00@b.c"); !errors.As(err, &invalid) {
			t.Errorf("ProfileByEmail: got error %v, want an *Invalid", err)
		}
		wantSame(t, "the other tenant's rows", p.db.Dump(t, elsewhere.tenant.ID), before)
		wantSame(t, "ended", len(p.ender.all()), 0)

		p.enter(t, p.anna(nil))
		profile, err := p.svc.ProfileByEmail(ctx, p.tenant, " ANNA@Example.com ")
		if err != nil || profile.Email != "anna@example.com" {
			t.Errorf("ProfileByEmail: got %+v, error %v, want anna@example.com", profile, err)
		}
	})
}

func TestCatalog(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		p.mirror(t)
		ctx := t.Context()
		before := p.db.Dump(t, p.tenant.ID)
		_, err := p.svc.AddGroup(ctx, p.tenant, "staff", "Again", byAPI)
		wantError(t, "AddGroup", err, provisioning.ErrTaken)
		_, err = p.svc.AddCredit(ctx, p.tenant, 1, "Again", byAPI)
		wantError(t, "AddCredit", err, provisioning.ErrTaken)
		var invalid *provisioning.Invalid
		for _, id := range []string{"", strings.Repeat("g", 65), "a\x00", "a\n", "\xff"} {
			if _, err := p.svc.AddGroup(ctx, p.tenant, id, "Name", byAPI); !errors.As(err, &invalid) {
				t.Errorf("AddGroup(%q): got error %v, want an *Invalid", id, err)
			}
		}
		for _, id := range []int64{0, -1, 1 << 53} {
			if _, err := p.svc.AddCredit(ctx, p.tenant, id, "Name", byAPI); !errors.As(err, &invalid) {
				t.Errorf("AddCredit(%d): got error %v, want an *Invalid", id, err)
			}
		}
		wantSame(t, "rows", p.db.Dump(t, p.tenant.ID), before)
		if _, _, err := p.svc.Groups(ctx, p.tenant, "", "a\x00", 200); !errors.As(err, &invalid) {
			t.Errorf("Groups: got error %v, want an *Invalid", err)
		}

		var moreGroups, moreCredits []string
		for i := range 201 {
			moreGroups = append(moreGroups, fmt.Sprintf("('%s', '%s', 'g%03d', 'G', '', '%s')", p.tenant.ID, newID(t), i, at(0)))
			moreCredits = append(moreCredits, fmt.Sprintf("('%s', %d, 'C', '%s')", p.tenant.ID, 1000+i, at(0)))
		}
		p.db.Exec(t, "INSERT INTO groups (tenant_id, id, external_id, name, description, created_at) VALUES "+strings.Join(moreGroups, ", "))
		p.db.Exec(t, "INSERT INTO credits (tenant_id, id, name, created_at) VALUES "+strings.Join(moreCredits, ", "))
		var groups, pages int
		for after := ""; pages == 0 || after != ""; pages++ {
			page, next, err := p.svc.Groups(ctx, p.tenant, "", after, 200)
			if err != nil || pages > 5 {
				t.Fatalf("page %d: error %v", pages, err)
			}
			groups, after = groups+len(page), next
		}
		wantSame(t, "groups and pages", []int{groups, pages}, []int{204, 2})
		var credits int
		pages = 0
		for after := int64(0); pages == 0 || after != 0; pages++ {
			page, next, err := p.svc.Credits(ctx, p.tenant, after, 200)
			if err != nil || pages > 5 {
				t.Fatalf("page %d: error %v", pages, err)
			}
			credits, after = credits+len(page), next
		}
		wantSame(t, "credits and pages", []int{credits, pages}, []int{204, 2})
	})
}
