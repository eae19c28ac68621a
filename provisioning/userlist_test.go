package provisioning_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"usher/provisioning"
	"usher/sql/store"
)

// found are the addresses (or ids) of all users that a filter selects, in
// their order, page by page.
func (p *place) found(t testing.TB, f provisioning.UserFilter) []string {
	t.Helper()
	names := []string{}
	for after, pages := "", 0; ; pages++ {
		users, next, err := p.svc.Users(t.Context(), p.tenant, f, after)
		if err != nil {
			t.Fatalf("Users(%+v) after %q: %v", f, after, err)
		}
		for _, u := range users {
			name, _, _ := strings.Cut(u.Email, "@")
			if name == "" {
				name = u.Status
			}
			names = append(names, name)
		}
		if next == "" {
			return names
		}
		if pages > 9 {
			t.Fatalf("Users(%+v): got more than 10 pages", f)
		}
		after = next
	}
}

func TestUsers(t *testing.T) {
	eachPlace(t, linking(store.LinkTrusted), func(t *testing.T, p *place) {
		other := p.install(t, linking(store.LinkTrusted))
		var all []string
		ids := map[string]string{}
		for n := range 120 {
			name := fmt.Sprintf("p%03d", n)
			c := claims{"sub": name, "email": name + "@Bücher.example"}
			if n%2 == 0 {
				c["groups"] = []string{"staff"}
			}
			ids[name] = p.enter(t, p.anna(c)).UserID
			all = append(all, name)
		}
		// A second source of the same membership shows nobody twice.
		other.enter(t, other.anna(claims{"sub": "p004", "email": "p004@bücher.example", "groups": []string{"staff"}}))
		other.enter(t, other.anna(claims{"sub": "p005", "email": "someone@example.com"}))
		ids["zoë"] = p.enter(t, p.anna(claims{"sub": "z", "email": "Zoë@example.com"})).UserID
		p.disable(t, ids["p010"])
		p.disable(t, ids["p011"])
		wantError(t, "erase", p.svc.Erase(t.Context(), p.tenant, ids["p012"], byAPI), nil)
		p.merge(t, ids["p000"], ids["p014"])
		p.mirror(t)

		backwards := func(names []string) []string {
			names = slices.Clone(names)
			slices.Reverse(names)
			return names
		}
		everybody := backwards(append(slices.Clone(all), "someone", "Zoë"))
		everybody[slices.Index(everybody, "p012")] = "erased"
		var staff []string
		for n := 118; n >= 0; n -= 2 {
			if n != 12 && n != 14 {
				staff = append(staff, all[n])
			}
		}
		active := slices.DeleteFunc(slices.Clone(staff), func(name string) bool { return name == "p010" })
		for _, test := range []struct {
			filter provisioning.UserFilter
			want   []string
		}{
			{provisioning.UserFilter{}, everybody},
			{provisioning.UserFilter{Status: "disabled"}, []string{"p011", "p010"}},
			{provisioning.UserFilter{Status: "erased"}, []string{"erased"}},
			{provisioning.UserFilter{Status: "merged"}, []string{"p014"}},
			{provisioning.UserFilter{Group: "staff"}, staff},
			{provisioning.UserFilter{Group: "staff", Status: "active"}, active},
			{provisioning.UserFilter{Group: "staff", Status: "disabled"}, []string{"p010"}},
			{provisioning.UserFilter{Group: "Staff"}, []string{}},
			{provisioning.UserFilter{Group: "readers"}, []string{}},
			{provisioning.UserFilter{Subject: "p005"}, []string{"someone", "p005"}},
			{provisioning.UserFilter{Subject: "p00"}, []string{}},
			{provisioning.UserFilter{Subject: "p010", Status: "active"}, []string{}},
			{provisioning.UserFilter{Email: "P003@BÜCHER.example"}, []string{"p003"}},
			{provisioning.UserFilter{Email: "p010@bücher.example", Status: "active"}, []string{}},
			{provisioning.UserFilter{Email: "nobody@example.com"}, []string{}},
			{provisioning.UserFilter{EmailPrefix: " P"}, slices.DeleteFunc(slices.Clone(all), func(n string) bool { return n == "p012" || n == "p014" })},
			{provisioning.UserFilter{EmailPrefix: "p", Status: "disabled"}, []string{"p010", "p011"}},
			{provisioning.UserFilter{EmailPrefix: "p003@xn--"}, []string{"p003"}},
			{provisioning.UserFilter{EmailPrefix: "p003@bücher.example"}, []string{"p003"}},
			{provisioning.UserFilter{EmailPrefix: "ZOË"}, []string{"Zoë"}},
			{provisioning.UserFilter{EmailPrefix: "zo\u0308"}, []string{}},
			{provisioning.UserFilter{EmailPrefix: "p00%"}, []string{}},
			{provisioning.UserFilter{EmailPrefix: "p___"}, []string{}},
			{provisioning.UserFilter{Search: ids["p020"]}, []string{"p020"}},
			{provisioning.UserFilter{Search: " p005 "}, []string{"someone", "p005"}},
			{provisioning.UserFilter{Search: "p02"}, all[20:30]},
			{provisioning.UserFilter{Search: "a b"}, []string{}},
			{provisioning.UserFilter{Search: ids["p010"], Status: "active"}, []string{}},
		} {
			if got := p.found(t, test.filter); !slices.Equal(got, test.want) {
				t.Errorf("%+v: got %q, want %q", test.filter, got, test.want)
			}
		}

		var invalid *provisioning.Invalid
		for _, test := range []struct {
			filter provisioning.UserFilter
			after  string
		}{
			{filter: provisioning.UserFilter{Status: "Active"}},
			{filter: provisioning.UserFilter{Email: "x"}},
			{filter: provisioning.UserFilter{Email: "a@b.example", Group: "g"}},
			{filter: provisioning.UserFilter{EmailPrefix: "a@b@"}},
			{filter: provisioning.UserFilter{EmailPrefix: "a b"}},
			{filter: provisioning.UserFilter{EmailPrefix: strings.Repeat("x", 300)}},
			{filter: provisioning.UserFilter{Search: "x\x00"}},
			{filter: provisioning.UserFilter{Subject: "\xff"}},
			{filter: provisioning.UserFilter{Group: "g\x00"}},
			{after: "x"},
			{after: strings.ToUpper(ids["p001"])},
			{filter: provisioning.UserFilter{EmailPrefix: "p"}, after: "q"},
			{filter: provisioning.UserFilter{EmailPrefix: "p"}, after: "p\x00"},
			{filter: provisioning.UserFilter{Group: "staff"}, after: "p"},
		} {
			if _, _, err := p.svc.Users(t.Context(), p.tenant, test.filter, test.after); !errors.As(err, &invalid) {
				t.Errorf("%+v after %q: got error %v, want an *Invalid", test.filter, test.after, err)
			}
		}
	})
}

// TestSignOut ends sessions and nothing else, and says so.
func TestSignOut(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		elsewhere := p.place(t, provisioning.Settings{})
		first := p.enter(t, p.anna(nil))
		p.mirror(t)
		ctx := t.Context()
		fault := errors.New("no session store")
		p.ender.fail(fault)
		wantError(t, "SignOut", p.svc.SignOut(ctx, p.tenant, first.UserID, byAPI), fault)
		wantError(t, "EndSession", p.svc.EndSession(ctx, p.tenant, first.UserID, "s1", byAPI), fault)
		p.ender.fail(nil)
		wantError(t, "SignOut again", p.svc.SignOut(ctx, p.tenant, first.UserID, byAPI), nil)
		wantError(t, "EndSession again", p.svc.EndSession(ctx, p.tenant, first.UserID, "s1", byAPI), nil)
		wantSame(t, "ended", p.ender.all(), []string{
			fmt.Sprintf("user %s %d", first.UserID, first.Epoch+2), "session " + first.UserID + " s1",
		})
		if again := p.enter(t, p.anna(nil)); again.UserID != first.UserID || again.Epoch != first.Epoch+2 || again.Changed {
			t.Errorf("got %+v, want an unchanged sign-in at epoch %d", again, first.Epoch+2)
		}
		lines := p.journal(t, first.UserID)
		wantSame(t, "journal", lines[len(lines)-3:], []string{"signed_out {}", "signed_out {}", `session_ended {"session":"s1"}`})
		wantSame(t, "acts", p.db.Rows(t, `
SELECT action, object, detail FROM audit_log WHERE tenant_id = $1 AND object LIKE 'user %' ORDER BY seq`, p.tenant.ID), []string{
			"user_signed_out|user " + first.UserID + "|{}", "user_signed_out|user " + first.UserID + "|{}",
			"session_ended|user " + first.UserID + `|{"session":"s1"}`,
		})
		before := p.db.Dump(t, p.tenant.ID)
		foreign := elsewhere.enter(t, elsewhere.anna(nil)).UserID
		for _, user := range []string{foreign, newID(t), "x", "x\x00"} {
			wantError(t, "SignOut", p.svc.SignOut(ctx, p.tenant, user, byAPI), provisioning.ErrNotFound)
		}
		wantError(t, "EndSession", p.svc.EndSession(ctx, p.tenant, first.UserID, noSession, byAPI), provisioning.ErrNotFound)
		wantSame(t, "rows", p.db.Dump(t, p.tenant.ID), before)
	})
}

// TestWhyInGroup finds the line of the journal behind each source.
func TestWhyInGroup(t *testing.T) {
	eachPlace(t, linking(store.LinkTrusted), func(t *testing.T, p *place) {
		ctx := t.Context()
		other := p.install(t, linking(store.LinkTrusted))
		group := p.addGroup(t, "algebra-1")
		enter := func(from *partner, reference string, groups ...string) string {
			t.Helper()
			p.clock.advance(1e9)
			in := from.arrive(from.token(t, from.anna(claims{"groups": append([]string{}, groups...)})))
			in.Reference = reference
			signIn, err := from.svc.Redeem(ctx, in)
			if err != nil {
				t.Fatal(err)
			}
			return signIn.UserID
		}
		user := enter(&p.partner, "one", "algebra-1")
		enter(&p.partner, "two")
		enter(&p.partner, "three", "algebra-1", "staff")
		enter(&other, "four", "algebra-1")
		enter(&p.partner, "five", "algebra-1")
		p.putIn(t, user, "algebra-1", true)
		p.mirror(t)
		why := func() []string {
			t.Helper()
			m, err := p.svc.WhyInGroup(ctx, p.tenant, user, group.ID)
			if err != nil || m.Group.ExternalID != "algebra-1" {
				t.Fatalf("got %+v, error %v", m, err)
			}
			lines := []string{fmt.Sprint(m.Member(), " ", len(m.Past))}
			for _, s := range m.Sources {
				began := "unknown"
				if s.Began != nil {
					began = s.Began.Reference
				}
				lines = append(lines, fmt.Sprint(map[string]string{p.ID: "ours", other.ID: "other", "": "hand"}[s.Integration], " ", s.Pinned, " ", began))
			}
			slices.Sort(lines[1:])
			return lines
		}
		wantSame(t, "why", why(), []string{"true 4", "hand true unknown", "other false four", "ours false three"})
		enter(&p.partner, "six")
		wantSame(t, "why", why(), []string{"true 5", "hand true unknown", "other false four"})

		// What came with another user says so.
		keep := p.bareUser(t, "keep@example.com")
		gone := user
		user = keep
		p.merge(t, keep, gone)
		wantSame(t, "why after a merger", why(), []string{"true 1", "hand true ref-9", "other false ref-9"})

		elsewhere := p.place(t, provisioning.Settings{})
		foreign := elsewhere.enter(t, elsewhere.anna(nil)).UserID
		for _, ids := range [][2]string{{foreign, group.ID}, {user, newID(t)}, {newID(t), group.ID}, {"x", group.ID}, {user, "algebra-1"}, {user, elsewhere.addGroup(t, "x").ID}} {
			_, err := p.svc.WhyInGroup(ctx, p.tenant, ids[0], ids[1])
			wantError(t, "of nobody", err, provisioning.ErrNotFound)
		}
	})
}

// TestJournalPage walks through a journal.
func TestJournalPage(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		user := p.enter(t, p.anna(nil)).UserID
		for n := range 7 {
			if err := p.svc.SetDisabled(t.Context(), p.tenant, user, n%2 == 0, byAPI); err != nil {
				t.Fatal(err)
			}
		}
		p.mirror(t)
		var sizes []int
		var got []string
		for before := ""; ; {
			changes, next, err := p.svc.JournalPage(t.Context(), p.tenant, user, before, 3)
			if err != nil || len(sizes) > 4 {
				t.Fatalf("got error %v after pages of %v", err, sizes)
			}
			sizes = append(sizes, len(changes))
			for _, c := range changes {
				got = append(got, c.ID)
			}
			if before = next; next == "" {
				break
			}
		}
		wantSame(t, "pages", sizes, []int{3, 3, 2})
		want := slices.Clone(got)
		slices.Sort(want)
		slices.Reverse(want)
		wantSame(t, "order", got, slices.Compact(want))
		var invalid *provisioning.Invalid
		if _, _, err := p.svc.JournalPage(t.Context(), p.tenant, user, "x", 3); !errors.As(err, &invalid) {
			t.Errorf("got error %v, want an *Invalid", err)
		}
	})
}

// TestProfileOrigins says who gave each field its value.
func TestProfileOrigins(t *testing.T) {
	eachPlace(t, linking(store.LinkTrusted), func(t *testing.T, p *place) {
		other := p.install(t, linking(store.LinkTrusted))
		p.clock.advance(1e9)
		user := p.enter(t, p.anna(claims{"firstName": "Anna", "lastName": "Meier"})).UserID
		p.clock.advance(1e9)
		other.enter(t, other.anna(claims{"lastName": "Maier"}))
		p.mirror(t)
		origins, err := p.svc.ProfileOrigins(t.Context(), p.tenant, user)
		if err != nil {
			t.Fatal(err)
		}
		for field, want := range map[string]string{"first_name": p.ID, "last_name": other.ID, "email": p.ID} {
			if got := origins[field].IntegrationID; got == nil || *got != want {
				t.Errorf("%s: got %v, want %s", field, got, want)
			}
		}
	})
}
