package provisioning_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// merge merges gone into keep.
func (p *place) merge(t testing.TB, keep, gone string) provisioning.Merging {
	t.Helper()
	m, err := p.svc.Merge(t.Context(), p.tenant, keep, gone, "", byAPI)
	if err != nil {
		t.Fatalf("Merge: %v", err)
	}
	return m
}

// members are a user's rows in groups: "group source pinned since".
func (p *place) members(t testing.TB, user string) []string {
	t.Helper()
	return p.db.Rows(t, `
SELECT g.external_id, m.source, m.pinned, m.created_at
  FROM group_members m JOIN groups g ON g.tenant_id = m.tenant_id AND g.id = m.group_id
 WHERE m.tenant_id = $1 AND m.user_id = $2 ORDER BY g.external_id, m.source`, p.tenant.ID, user)
}

func (p *place) putIn(t testing.TB, user, group string, pinned bool) {
	t.Helper()
	p.db.Exec(t, `
INSERT INTO group_members (tenant_id, user_id, group_id, source, pinned, created_at)
SELECT tenant_id, $1, id, $2, $3, $4 FROM groups WHERE tenant_id = $5 AND external_id = $6`,
		user, store.ManualSource, pinned, p.clock.now(), p.tenant.ID, group)
}

func TestMerge(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		other := p.install(t, provisioning.Settings{})
		keep := p.enter(t, p.anna(claims{
			"firstName": "Anna", "groups": []string{"staff"}, "meta": map[string]any{"plan": "gold", "a": 1},
			"credits": []any{grant("both", 1), grant("used-there", 1), grant("used-here", 1), grant("used-twice", 1)},
		}))
		p.putIn(t, keep.UserID, "admins", false)
		p.clock.advance(time.Hour)
		second := p.enter(t, p.anna(claims{
			"sub": "anna-2", "email": "a.meier@example.com", "firstName": "A.", "groups": []string{"staff", "readers"},
			"credits": []any{grant("both", 1), grant("used-there", 1), grant("used-here", 1), grant("used-twice", 1), grant("new", 2)},
		}))
		if second.UserID == keep.UserID {
			t.Fatal("got one user, want two")
		}
		gone := second.UserID
		p.enter(t, p.anna(claims{"sub": "anna-2", "email": "a.meier@example.com", "iat": p.clock.now().Unix() + 1, "meta": map[string]any{"plan": "free", "b": []any{2}}}))
		other.enter(t, other.anna(claims{"sub": "x", "email": "third@example.com"}))
		p.putIn(t, gone, "admins", true)
		for user, orders := range map[string][]string{keep.UserID: {"used-here", "used-twice"}, gone: {"used-there", "used-twice"}} {
			for _, order := range orders {
				wantError(t, "consume", p.consume(t, user, order, 1, order+" "+user), nil)
			}
		}
		p.mirror(t)
		before := p.db.Dump(t, p.tenant.ID)
		preview, err := p.svc.PlanMerge(t.Context(), p.tenant, keep.UserID, gone)
		if err != nil {
			t.Fatal(err)
		}
		wantSame(t, "rows after a preview", p.db.Dump(t, p.tenant.ID), before)
		p.clock.advance(time.Hour)
		done := p.merge(t, keep.UserID, gone)
		wantSame(t, "what was done, and what was foretold", done, preview)
		wantSame(t, "joined", len(preview.Joined), 1)
		wantSame(t, "meta that is added", preview.MetaAdded, []string{"b"})
		wantSame(t, "clashes", len(preview.Clashes), 4)

		p.wantPerson(t, keep.UserID, person{
			Email: "anna@example.com", Meta: `{"a":1,"b":[2],"plan":"gold"}`, Groups: []string{"admins", "readers", "staff"},
			Credits: []string{"both/1", "new/2", "used-here/1 consumed", "used-there/1 consumed", "used-twice/1 consumed"},
		})
		wantSame(t, "first name", p.profile(t, keep.UserID).FirstName, "Anna")
		wantSame(t, "memberships", p.members(t, keep.UserID), []string{
			"admins|" + store.ManualSource + "|" + truth(p, true) + "|" + at(0),
			"readers|" + p.ID + "|" + truth(p, false) + "|" + at(time.Hour),
			"staff|" + p.ID + "|" + truth(p, false) + "|" + at(0),
		})
		wantSame(t, "grants", p.grants(t, keep.UserID), []string{
			"both|1|" + at(0) + "|null|null|null",
			"new|2|" + at(time.Hour) + "|null|null|null",
			"used-here|1|" + at(0) + "|null|" + at(time.Hour) + "|used-here " + keep.UserID,
			"used-there|1|" + at(0) + "|null|" + at(time.Hour) + "|used-there " + gone,
			"used-twice|1|" + at(0) + "|null|" + at(time.Hour) + "|used-twice " + keep.UserID,
		})
		wantSame(t, "what the other still holds", len(p.grants(t, gone))+len(p.members(t, gone))+len(p.identities(t, gone)), 0)
		left := p.profile(t, gone)
		if left.Status != store.StatusMerged || left.MergedInto != keep.UserID || left.EmailKey != nil || left.Active() {
			t.Errorf("got %+v, want it merged, with its address free", left)
		}
		wantSame(t, "ended", p.ender.all(), []string{fmt.Sprintf("user %s %d", gone, second.Epoch+1)})
		lines := p.journal(t, keep.UserID)
		wantSame(t, "journal", lines[len(lines)-1], `user_merged {"credits":5,"email":"a.meier@example.com","from":"`+gone+
			`","groups":["readers"],"identities":["`+preview.Identities[0].ID+`"],"meta":["b"]}`)
		lines = p.journal(t, gone)
		wantSame(t, "the other's journal", lines[len(lines)-1], `merged_into {"into":"`+keep.UserID+`"}`)
		wantSame(t, "acts", p.db.Rows(t, `SELECT object, detail, reference FROM audit_log WHERE tenant_id = $1 AND action = 'user_merged'`, p.tenant.ID),
			[]string{"user " + keep.UserID + `|{"from":"` + gone + `","grants":5,"identities":1,"memberships":2}|ref-9`})

		// Either way in leads to the one user now, whose address stays.
		p.clock.advance(time.Hour)
		for _, c := range []claims{
			{"sub": "anna-2", "email": "a.meier@example.com", "groups": []string{"readers"}},
			{"sub": nil, "email": "a.meier@example.com", "iat": p.clock.now().Unix() + 1},
			{"iat": p.clock.now().Unix() + 2},
		} {
			if again := p.enter(t, p.anna(c)); again.UserID != keep.UserID || again.Created {
				t.Errorf("sign-in with %v: got user %s, want %s", c, again.UserID, keep.UserID)
			}
		}
		wantSame(t, "groups", p.person(t, keep.UserID).Groups, []string{"admins", "readers"})
		wantSame(t, "e-mail", p.person(t, keep.UserID).Email, "anna@example.com")
		// A partner that comes to say something new is still followed.
		p.enter(t, p.anna(claims{"sub": "anna-2", "email": "a.maier@example.com", "iat": p.clock.now().Unix() + 3}))
		wantSame(t, "e-mail", p.person(t, keep.UserID).Email, "a.maier@example.com")

		// Once more ends the sessions again, and nothing else.
		before = p.db.Dump(t, p.tenant.ID, "users", "endings")
		p.merge(t, keep.UserID, gone)
		wantSame(t, "rows after a second time", p.db.Dump(t, p.tenant.ID, "users", "endings"), before)
		wantSame(t, "ended", len(p.ender.all()), 2)

		// The other is nobody to act on; whoever is erased takes it along.
		wantError(t, "disable", p.svc.SetDisabled(t.Context(), p.tenant, gone, true, byAPI), provisioning.ErrMerged)
		wantError(t, "enable", p.svc.SetDisabled(t.Context(), p.tenant, gone, false, byAPI), provisioning.ErrMerged)
		wantError(t, "erase", p.svc.Erase(t.Context(), p.tenant, gone, byAPI), provisioning.ErrMerged)
		wantError(t, "erase", p.svc.Erase(t.Context(), p.tenant, keep.UserID, byAPI), nil)
		for _, row := range p.db.Dump(t, p.tenant.ID, "used_tokens", "audit_log") {
			if containsAny(row, "example.com|", "meier", "maier", "Anna") && !strings.Contains(row, "third@") && !strings.HasPrefix(row, "tenant") {
				t.Errorf("got %q, want nothing personal left", row)
			}
		}
		p.refused(t, p.anna(claims{"sub": "anna-2", "email": "another@example.com"}), provisioning.UserDisabled)
	})
}

// truth is how the database shows a boolean.
func truth(p *place, yes bool) string {
	rows := p.db.Kind
	if strings.EqualFold(rows, "sqlite") {
		return map[bool]string{true: "1", false: "0"}[yes]
	}
	return fmt.Sprint(yes)
}

// TestMergeRefused changes nothing.
func TestMergeRefused(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		elsewhere := p.place(t, provisioning.Settings{})
		foreign := elsewhere.enter(t, elsewhere.anna(nil)).UserID
		make := func(name string) string {
			return p.enter(t, p.anna(claims{"sub": name, "email": name + "@example.com"})).UserID
		}
		a, b, c, erased := make("a"), make("b"), make("c"), make("erased")
		p.disable(t, b)
		wantError(t, "erase", p.svc.Erase(t.Context(), p.tenant, erased, byAPI), nil)
		p.merge(t, a, c)
		ended := len(p.ender.all())
		there := p.db.Dump(t, elsewhere.tenant.ID)
		var invalid *provisioning.Invalid
		for _, test := range []struct {
			name, keep, gone, seen string
			want                   error // nil = an *Invalid
		}{
			{"itself", a, a, "", nil},
			{"a disabled one", a, b, "", nil},
			{"into a disabled one", b, a, "", nil},
			{"an erased one", a, erased, "", nil},
			{"into an erased one", erased, a, "", nil},
			{"into a merged one", c, a, "", nil},
			{"a merged one elsewhere", b, c, "", nil},
			{"no id", a, "b", "", nil},
			{"into no id", "b", a, "", provisioning.ErrNotFound},
			{"nobody", a, newID(t), "", provisioning.ErrNotFound},
			{"another tenant's", a, foreign, "", provisioning.ErrNotFound},
			{"into another tenant's", foreign, a, "", provisioning.ErrNotFound},
		} {
			_, err := p.svc.Merge(t.Context(), p.tenant, test.keep, test.gone, test.seen, byAPI)
			_, foretold := p.svc.PlanMerge(t.Context(), p.tenant, test.keep, test.gone)
			for what, err := range map[string]error{"Merge": err, "PlanMerge": foretold} {
				if test.want == nil && !errors.As(err, &invalid) || test.want != nil && !errors.Is(err, test.want) {
					t.Errorf("%s of %s: got error %v, want %v", what, test.name, err, test.want)
				}
			}
		}
		d := make("d")
		before := p.db.Dump(t, p.tenant.ID)
		_, err := p.svc.Merge(t.Context(), p.tenant, a, d, "1.7", byAPI)
		wantError(t, "after a change", err, provisioning.ErrChanged)
		by := byAPI
		by.IfMatch = []int64{77}
		_, err = p.svc.Merge(t.Context(), p.tenant, a, d, "", by)
		wantError(t, "another version", err, provisioning.ErrChanged)
		wantSame(t, "rows", p.db.Dump(t, p.tenant.ID), before)
		wantSame(t, "the other tenant's rows", p.db.Dump(t, elsewhere.tenant.ID), there)
		wantSame(t, "ended", len(p.ender.all()), ended)
	})
}

// TestMergeOfALargeMeta keeps what fits.
func TestMergeOfALargeMeta(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		keep := p.enter(t, p.anna(claims{"meta": map[string]any{"a": strings.Repeat("x", 9<<10)}})).UserID
		gone := p.enter(t, p.anna(claims{"sub": "b", "email": "b@example.com", "meta": map[string]any{"b": strings.Repeat("x", 9<<10)}})).UserID
		before := p.person(t, keep).Meta
		if m := p.merge(t, keep, gone); !m.MetaTooLarge || len(m.MetaAdded) > 0 {
			t.Errorf("got %v added, too large %v, want nothing and true", m.MetaAdded, m.MetaTooLarge)
		}
		wantSame(t, "meta", p.person(t, keep).Meta, before)
	})
}

// TestMergeChain: who was merged into the one that goes has become the one who
// stays.
func TestMergeChain(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		p.mirror(t)
		var users []string
		for _, name := range []string{"a", "b", "c"} {
			users = append(users, p.enter(t, p.anna(claims{"sub": name, "email": name + "@example.com"})).UserID)
		}
		p.merge(t, users[1], users[2])
		p.merge(t, users[0], users[1])
		wantSame(t, "merged into", p.db.Rows(t, `SELECT merged_into FROM users WHERE tenant_id = $1 AND id <> $2`, p.tenant.ID, users[0]),
			[]string{users[0], users[0]})
		for _, name := range []string{"a", "b", "c"} {
			wantSame(t, "user of "+name, p.enter(t, p.anna(claims{"sub": name, "email": name + "@example.com"})).UserID, users[0])
		}
	})
}

// TestMergeFails reports it when the sessions cannot be ended, and can be done
// again.
func TestMergeFails(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		keep := p.enter(t, p.anna(nil)).UserID
		gone := p.enter(t, p.anna(claims{"sub": "b", "email": "b@example.com"})).UserID
		fault := errors.New("no session store")
		p.ender.fail(fault)
		_, err := p.svc.Merge(t.Context(), p.tenant, keep, gone, "", byAPI)
		wantError(t, "Merge", err, fault)
		p.ender.fail(nil)
		p.merge(t, keep, gone)
		wantSame(t, "ended", len(p.ender.all()), 1)
	})
}

// TestMergeBesideSignIns merges two people while both sign in, and while
// somebody merges them the other way round: in the end there is one of them,
// who holds what the last token of each integration says.
func TestMergeBesideSignIns(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		other := p.install(t, provisioning.Settings{})
		instances := []*provisioning.Service{p.svc, p.another(t)}
		const rounds = 8
		for round := range rounds {
			one := claims{"sub": fmt.Sprint("one-", round), "email": fmt.Sprintf("one%d@example.com", round)}
			two := claims{"sub": fmt.Sprint("two-", round), "email": fmt.Sprintf("two%d@example.com", round)}
			said := func(of claims, n int) claims {
				return claims{
					"sub": of["sub"], "email": of["email"], "iat": p.clock.now().Unix() + int64(n), "name": fmt.Sprint("n", n),
					"groups": []string{"staff"}, "credits": []any{grant(fmt.Sprint("o", round), 1)},
				}
			}
			first := p.enter(t, p.anna(said(one, 0))).UserID
			second := other.enter(t, other.anna(said(two, 0))).UserID
			wantError(t, "consume", p.svc.Consume(t.Context(), p.tenant, second, other.ID, fmt.Sprint("o", round), 1, fmt.Sprint("k", round), byAPI), nil)
			var all sync.WaitGroup
			start := make(chan struct{})
			for n := range 6 {
				all.Go(func() {
					<-start
					// The odd ones say the same as before: those lock no user.
					if _, err := p.open(t, instances[n%2], p.anna(said(one, n/2))); err != nil {
						t.Errorf("sign-in: %v", err)
					}
				})
				all.Go(func() {
					<-start
					if _, err := other.open(t, instances[n%2], other.anna(said(two, n/2))); err != nil {
						t.Errorf("sign-in: %v", err)
					}
				})
			}
			won := make([]bool, 2)
			for n, pair := range [][2]string{{first, second}, {second, first}} {
				all.Go(func() {
					<-start
					_, err := instances[n].Merge(t.Context(), p.tenant, pair[0], pair[1], "", byAPI)
					var invalid *provisioning.Invalid
					if won[n] = err == nil; err != nil && !errors.As(err, &invalid) {
						t.Errorf("Merge: got error %v, want none or an *Invalid", err)
					}
				})
			}
			close(start)
			all.Wait()
			if won[0] == won[1] {
				t.Fatalf("got mergers %v, want one of the two", won)
			}
			keep, gone := first, second
			if won[1] {
				keep, gone = second, first
			}
			// What either said last, once more.
			p.enter(t, p.anna(said(one, 9)))
			other.enter(t, other.anna(said(two, 9)))
			wantSame(t, "identities", len(p.identities(t, keep)), 2)
			wantSame(t, "what the other holds", len(p.identities(t, gone))+len(p.members(t, gone))+len(p.grants(t, gone)), 0)
			wantSame(t, "memberships", len(p.members(t, keep)), 2)
			used := p.db.Rows(t, `
SELECT integration_id, revoked_at, consumed_by FROM grants WHERE tenant_id = $1 AND user_id = $2 ORDER BY integration_id`, p.tenant.ID, keep)
			wantSame(t, "grants", used, []string{p.ID + "|null|null", other.ID + "|null|" + fmt.Sprint("k", round)})
			wantSame(t, "status", []string{p.profile(t, keep).Status, p.profile(t, gone).Status}, []string{"active", "merged"})
		}
		wantSame(t, "users", p.users(t), 2*rounds)
		wantSame(t, "orphans", p.db.Rows(t, `
SELECT i.id FROM identities i LEFT JOIN users u ON u.tenant_id = i.tenant_id AND u.id = i.user_id
 WHERE i.tenant_id = $1 AND (u.id IS NULL OR u.status <> 'active')`, p.tenant.ID), []string{})
	})
}
