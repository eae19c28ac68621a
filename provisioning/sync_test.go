package provisioning_test

import (
	"fmt"
	"strings"
	"testing"

	"usher/provisioning"
	"usher/sql/store"
)

var everything = claims{
	"firstName": "Anna", "lastName": "Lind", "name": "Anna Lind", "phone": "1", "birthdate": "1990-01-02",
	"locale": "sv", "picture": "https://example.com/a.png", "email_verified": true,
	"groups":  []string{"staff", "readers"},
	"credits": []any{grant("A", 1), grant("B", 2)},
	"meta":    map[string]any{"plan": "gold", "seats": 3},
}

var annaWithEverything = person{
	Email: "anna@example.com", Groups: []string{"readers", "staff"}, Credits: []string{"A/1", "B/2"},
	Meta: `{"plan":"gold","seats":3}`,
}

// TestAbsentNullEmpty tells what a token leaves alone from what it removes.
func TestAbsentNullEmpty(t *testing.T) {
	with := func(change func(*person)) person {
		changed := annaWithEverything
		change(&changed)
		return changed
	}
	var scenarios []scenario
	for _, test := range []struct {
		name     string
		changes  claims
		want     person
		warnings []string
	}{
		{name: "absent", changes: nil, want: annaWithEverything},
		{
			name: "null", changes: claims{"groups": null, "credits": null, "meta": null, "firstName": null}, want: annaWithEverything,
			warnings: []string{"claim_null", "claim_null", "claim_null", "claim_null"},
		},
		{name: "groups empty", changes: claims{"groups": []string{}}, want: with(func(p *person) { p.Groups = nil })},
		{name: "credits empty", changes: claims{"credits": []any{}}, want: with(func(p *person) { p.Credits = nil })},
		{name: "meta empty", changes: claims{"meta": map[string]any{}}, want: annaWithEverything},
		{
			name: "another list of groups", changes: claims{"groups": []any{"admins", "staff", "staff"}},
			want: with(func(p *person) { p.Groups = []string{"admins", "staff"} }),
		},
		{
			name: "another list of credits", changes: claims{"credits": []any{grant("B", 2), grant("B", 3), grant("C", 2), grant("B", 2)}},
			want: with(func(p *person) { p.Credits = []string{"B/2", "B/3", "C/2"} }),
		},
		{
			name: "case of order ids", changes: claims{"credits": []any{grant("a", 1), grant("A", 1), grant(" A", 1)}},
			want: with(func(p *person) { p.Credits = []string{" A/1", "A/1", "a/1"} }),
		},
		{
			name: "meta merged", changes: claims{"meta": map[string]any{"seats": nil, "x": map[string]any{"y": nil}}},
			want: with(func(p *person) { p.Meta = `{"plan":"gold","x":{"y":null}}` }),
		},
		{
			name: "everything at once", changes: claims{"groups": []any{}, "credits": []any{grant("Z", 3)}, "meta": map[string]any{"plan": nil, "seats": nil}},
			want: person{Email: "anna@example.com", Credits: []string{"Z/3"}},
		},
	} {
		scenarios = append(scenarios, scenario{name: test.name, run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(everything))
			p.mirror(t)
			second := p.enter(t, p.anna(test.changes))
			wantUser(t, second, first.UserID)
			p.wantPerson(t, first.UserID, test.want)
			wantSame(t, "warnings", strings.Join(warnings(second), " "), strings.Join(test.warnings, " "))
			if got := p.profile(t, first.UserID); got.FirstName != "Anna" || got.Picture != "https://example.com/a.png" || got.EmailVerified == nil {
				t.Errorf("got %+v, want a profile left alone", got.UserRow)
			}
		}})
	}
	play(t, scenarios)
}

// TestProfileFields clears with "" and follows every field.
func TestProfileFields(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		first := p.enter(t, p.anna(everything))
		p.mirror(t)
		p.enter(t, p.anna(claims{"lastName": "", "phone": "2", "birthdate": "", "email_verified": false, "given_name": "A"}))
		got := p.profile(t, first.UserID)
		want := store.UserRow{
			Email: "anna@example.com", EmailKey: pointer("anna@example.com"), EmailVerified: pointer(false),
			FirstName: "A", Name: "Anna Lind", Phone: "2", Locale: "sv", Picture: "https://example.com/a.png",
			Meta: `{"plan":"gold","seats":3}`,
		}
		wantSame(t, "profile", got.UserRow, want)
	})
}

// TestWrongTypes refuses the whole token and empties nothing.
func TestWrongTypes(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		p.enter(t, p.anna(everything))
		p.mirror(t)
		good := claims{"lastName": "changed", "jti": "never spent"}
		for _, test := range []struct {
			path  string
			value any
		}{
			{"groups", "staff,readers"},
			{"groups", map[string]any{}},
			{"groups", 1},
			{"groups", false},
			{"groups", ""},
			{"groups[1]", []any{"staff", nil}},
			{"groups[0]", []any{1.5}},
			{"groups[0]", []any{[]any{"staff"}}},
			{"groups[0]", []any{strings.Repeat("g", 65)}},
			{"credits", "A"},
			{"credits", map[string]any{}},
			{"credits[0]", []any{"A"}},
			{"credits[0].orderId", []any{grant("", 1)}},
			{"credits[0].orderId", []any{map[string]any{"orderId": 5, "id": 1}}},
			{"credits[1].orderId", []any{grant("A", 1), grant(strings.Repeat("o", 33), 1)}},
			{"credits[0].id", []any{map[string]any{"orderId": "A", "id": "5"}}},
			{"credits[0].id", []any{map[string]any{"orderId": "A", "id": 5.5}}},
			{"credits[0].id", []any{grant("A", 0)}},
			{"credits[0].id", []any{grant("A", 1<<53)}},
			{"meta", []any{}},
			{"meta", "{}"},
			{"meta", false},
			{"meta", map[string]any{"x": strings.Repeat("m", 16<<10)}},
			{"firstName", 7},
			{"onboard", "true"},
			{"email_verified", "false"},
			{"sub", ""},
			{"sub", "undefined"},
		} {
			name, _, _ := strings.Cut(test.path, "[")
			c := p.anna(good)
			c[name] = test.value
			refusal := p.refused(t, c, provisioning.ClaimInvalid)
			if refusal.Path != test.path {
				t.Errorf("%s = %v: got path %q, want %q", name, test.value, refusal.Path, test.path)
			}
		}
		// None of them has spent the jti.
		p.enter(t, p.anna(good))
	})
}

// TestForeignClaims ignores what a token may not say.
func TestForeignClaims(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		first := p.enter(t, p.anna(nil))
		p.mirror(t)
		before := p.written(t)
		again := p.enter(t, p.anna(claims{
			"role": "owner", "tenant": "other", "id": newID(t), "user_id": newID(t), "status": "erased", "Groups": []string{"admins"},
			"GROUPS": []string{"admins"}, "admin": true,
		}))
		wantUser(t, again, first.UserID)
		wantSame(t, "rows", p.written(t), before)
	})
}

// TestMeta covers what merging and replacing do at their edges.
func TestMeta(t *testing.T) {
	play(t, []scenario{
		{name: "replace", wish: provisioning.Settings{MetaMode: pointer(store.MetaReplace)}, run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(everything))
			p.mirror(t)
			p.enter(t, p.anna(claims{"meta": map[string]any{"x": 1}}))
			wantSame(t, "meta", p.person(t, first.UserID).Meta, `{"x":1}`)
			p.enter(t, p.anna(nil))
			wantSame(t, "meta when absent", p.person(t, first.UserID).Meta, `{"x":1}`)
			p.enter(t, p.anna(claims{"meta": map[string]any{}}))
			wantSame(t, "meta when empty", p.person(t, first.UserID).Meta, `{}`)
		}},
		{name: "round trip", run: func(t *testing.T, p *place) {
			p.mirror(t)
			meta := `{"big":123456789012345678901234567890,"deep":{"a":[1,1.0,1e2,null,{"b":""}]},"html":"<script>&\u2028","num":-0,"text":"åäö\u0001 \\\" 😀"}`
			first := p.enter(t, p.anna(claims{"meta": jsonText(meta)}))
			wantSame(t, "meta", canonical(t, p.person(t, first.UserID).Meta), canonical(t, meta))
		}},
		{name: "merged too large", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(claims{"meta": map[string]any{"a": strings.Repeat("x", 10<<10)}}))
			p.mirror(t)
			p.refused(t, p.anna(claims{"meta": map[string]any{"b": strings.Repeat("x", 10<<10)}}), provisioning.ClaimInvalid)
			p.enter(t, p.anna(claims{"meta": map[string]any{"a": nil, "b": strings.Repeat("x", 10<<10)}}))
			if got := p.person(t, first.UserID).Meta; !strings.HasPrefix(got, `{"b":"xxx`) {
				t.Errorf("got meta %.20s…, want b alone", got)
			}
		}},
		{name: "journal", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(everything))
			p.mirror(t)
			p.enter(t, p.anna(claims{"meta": map[string]any{"plan": nil, "seats": 3, "new": 1}}))
			lines := p.journal(t, first.UserID)
			wantSame(t, "journal", lines[len(lines)-1], `meta_changed {"from":{"plan":"gold"},"removed":["plan"],"set":["new"],"to":{"new":1}}`)
		}},
	})
}

// TestUnknownGroups covers the three ways with groups that do not exist.
func TestUnknownGroups(t *testing.T) {
	play(t, []scenario{
		{name: "ignore", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(claims{"groups": []string{"admins", "staff"}}))
			p.mirror(t)
			token := p.anna(claims{"groups": []string{"later", "staff"}})
			again := p.enter(t, token)
			wantSame(t, "warnings", warnings(again), []string{"group_unknown"})
			p.wantPerson(t, first.UserID, person{Email: "anna@example.com", Groups: []string{"staff"}})

			p.wantUnchanged(t, token)
			p.addGroup(t, "later")
			p.enter(t, token)
			p.wantPerson(t, first.UserID, person{Email: "anna@example.com", Groups: []string{"later", "staff"}})
			p.wantUnchanged(t, token)
		}},
		{name: "create", wish: provisioning.Settings{UnknownGroups: pointer(store.UnknownCreate)}, run: func(t *testing.T, p *place) {
			ignoring := p.install(t, provisioning.Settings{})
			bob := ignoring.enter(t, ignoring.anna(claims{"sub": "bob", "email": "bob@example.com", "groups": []string{"later"}}))
			p.mirror(t)
			token := p.anna(claims{"groups": []any{"later", 42, "staff"}})
			first := p.enter(t, token)
			wantSame(t, "warnings", warnings(first), []string{"group_created"})
			p.wantPerson(t, first.UserID, person{Email: "anna@example.com", Groups: []string{"42", "later", "staff"}})
			p.wantUnchanged(t, token)
			// Whoever was told of the group before it was there gets it now.
			ignoring.enter(t, ignoring.anna(claims{"sub": "bob", "email": "bob@example.com", "groups": []string{"later"}}))
			p.wantPerson(t, bob.UserID, person{Email: "bob@example.com", Groups: []string{"later"}})
		}},
		{name: "refuse", wish: provisioning.Settings{UnknownGroups: pointer(store.UnknownRefuse)}, run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(claims{"groups": []string{"staff"}}))
			p.mirror(t)
			token := p.anna(claims{"groups": []string{"later"}, "jti": "once"})
			if refusal := p.refused(t, token, provisioning.ClaimInvalid); refusal.Path != "groups" {
				t.Errorf("got path %q, want groups", refusal.Path)
			}
			p.refused(t, p.anna(claims{"sub": "bob", "email": "bob@example.com", "groups": []string{"later"}}), provisioning.ClaimInvalid)
			p.addGroup(t, "later")
			p.enter(t, token)
			p.wantPerson(t, first.UserID, person{Email: "anna@example.com", Groups: []string{"later"}})
		}},
		{name: "policy changed", run: func(t *testing.T, p *place) {
			token := p.anna(claims{"groups": []string{"later"}})
			first := p.enter(t, token)
			p.mirror(t)
			p.change(t, provisioning.Settings{UnknownGroups: pointer(store.UnknownCreate)})
			p.enter(t, token)
			p.wantPerson(t, first.UserID, person{Email: "anna@example.com", Groups: []string{"later"}})
		}},
	})
}

// byHand puts a user into a group as an admin does: the row, a new version of
// the user, and no fingerprint of any identity.
func (p *place) byHand(t *testing.T, user, group string, pinned bool) {
	t.Helper()
	p.db.Exec(t, `
INSERT INTO group_members (tenant_id, user_id, group_id, source, pinned, created_at)
SELECT tenant_id, $1, id, $2, $3, $4 FROM groups WHERE tenant_id = $5 AND external_id = $6`,
		user, store.ManualSource, pinned, p.clock.now(), p.tenant.ID, group)
	p.db.Exec(t, `UPDATE users SET version = version + 1 WHERE tenant_id = $1 AND id = $2`, p.tenant.ID, user)
	p.db.Exec(t, `UPDATE identities SET fingerprint = NULL WHERE tenant_id = $1 AND user_id = $2`, p.tenant.ID, user)
}

// sources are the rows behind a user's memberships: "group source", where the
// source is manual, ours or another integration's.
func (p *place) sources(t *testing.T, user string) []string {
	t.Helper()
	rows := p.db.Rows(t, `
SELECT g.external_id, CASE WHEN m.source = $1 THEN 'manual' WHEN m.source = $2 THEN 'ours' ELSE 'another' END
  FROM group_members m JOIN groups g ON g.tenant_id = m.tenant_id AND g.id = m.group_id
 WHERE m.tenant_id = $3 AND m.user_id = $4 ORDER BY 1, 2`, store.ManualSource, p.ID, p.tenant.ID, user)
	return rows
}

// TestGroupSources keeps apart who put a user into a group.
func TestGroupSources(t *testing.T) {
	play(t, []scenario{
		{name: "manual rows are replaced unless pinned", run: func(t *testing.T, p *place) {
			token := p.anna(claims{"groups": []string{"staff"}})
			first := p.enter(t, token)
			p.byHand(t, first.UserID, "admins", false)
			p.byHand(t, first.UserID, "readers", true)
			p.mirror(t)
			p.enter(t, token)
			wantSame(t, "sources", p.sources(t, first.UserID), []string{"readers|manual", "staff|ours"})
			p.enter(t, p.anna(claims{"groups": []any{}}))
			wantSame(t, "sources", p.sources(t, first.UserID), []string{"readers|manual"})
			p.wantPerson(t, first.UserID, person{Email: "anna@example.com", Groups: []string{"readers"}})
		}},
		{name: "manual rows stay when groups are absent", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(claims{"groups": []string{"staff"}}))
			p.byHand(t, first.UserID, "admins", false)
			p.mirror(t)
			p.enter(t, p.anna(claims{"name": "A"}))
			wantSame(t, "sources", p.sources(t, first.UserID), []string{"admins|manual", "staff|ours"})
		}},
		{name: "manual rows of a group that is named stay", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(nil))
			p.byHand(t, first.UserID, "staff", false)
			p.mirror(t)
			p.enter(t, p.anna(claims{"groups": []string{"staff"}}))
			wantSame(t, "sources", p.sources(t, first.UserID), []string{"staff|manual", "staff|ours"})
		}},
		{name: "scope owned", wish: provisioning.Settings{GroupScope: pointer(store.ScopeOwned)}, run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(claims{"groups": []string{"staff"}}))
			p.byHand(t, first.UserID, "admins", false)
			p.mirror(t)
			p.enter(t, p.anna(claims{"groups": []any{}}))
			wantSame(t, "sources", p.sources(t, first.UserID), []string{"admins|manual"})
		}},
		{name: "another integration's rows", wish: linking(store.LinkTrusted), run: func(t *testing.T, p *place) {
			other := p.install(t, linking(store.LinkTrusted))
			first := p.enter(t, p.anna(claims{"groups": []string{"staff", "readers"}, "credits": []any{grant("A", 1)}}))
			other.enter(t, other.anna(claims{"groups": []string{"staff", "admins"}, "credits": []any{grant("A", 1), grant("B", 2)}}))
			p.mirror(t)
			p.enter(t, p.anna(claims{"groups": []any{}, "credits": []any{}}))
			p.wantPerson(t, first.UserID, person{
				Email: "anna@example.com", Groups: []string{"admins", "staff"}, Credits: []string{"A/1", "B/2"},
			})
			wantSame(t, "sources", p.sources(t, first.UserID), []string{"admins|another", "staff|another"})
			other.enter(t, other.anna(claims{"groups": []string{"admins"}, "credits": []any{}}))
			p.wantPerson(t, first.UserID, person{Email: "anna@example.com", Groups: []string{"admins"}})
			lines := p.journal(t, first.UserID)
			if got, want := strings.Join(lines, "\n"), `group_removed {"group":"staff","source":"`+other.ID+`","still_member":false}`; !strings.Contains(got, want) {
				t.Errorf("journal: got\n%s\nwant the line %s", got, want)
			}
		}},
		{name: "what two integrations say of one user", wish: linking(store.LinkTrusted), run: func(t *testing.T, p *place) {
			other := p.install(t, linking(store.LinkTrusted))
			mine, theirs := p.anna(claims{"name": "Anna"}), p.anna(claims{"name": "Anna Lind"})
			first := p.enter(t, mine)
			p.mirror(t)
			other.enter(t, theirs)
			wantSame(t, "name", p.profile(t, first.UserID).Name, "Anna Lind")
			// Said again after the other one changed it, it is a change.
			p.enter(t, mine)
			wantSame(t, "name", p.profile(t, first.UserID).Name, "Anna")
			other.enter(t, theirs)
			wantSame(t, "name", p.profile(t, first.UserID).Name, "Anna Lind")
		}},
	})
}

// wantUnchanged opens a link that has to change nothing but the used tokens.
func (p *place) wantUnchanged(t testing.TB, c claims) {
	t.Helper()
	before := p.written(t)
	if signIn := p.enter(t, c); signIn.Changed || signIn.Created {
		t.Errorf("got a sign-in that changed something, want an unchanged one")
	}
	wantSame(t, "rows after an unchanged sign-in", p.written(t), before)
}

// TestUnchanged writes nothing of the user's when nothing changes.
func TestUnchanged(t *testing.T) {
	play(t, []scenario{
		{name: "the same token", run: func(t *testing.T, p *place) {
			p.enter(t, p.anna(everything))
			p.mirror(t)
			p.wantUnchanged(t, p.anna(everything))
			wantSame(t, "used tokens", p.count(t, "used_tokens"), 1)
		}},
		{name: "a new token that says the same", run: func(t *testing.T, p *place) {
			p.enter(t, p.anna(everything))
			p.mirror(t)
			for i := range 3 {
				c := p.anna(everything)
				c["iat"] = p.clock.now().Unix() + int64(i)
				c["jti"] = fmt.Sprint("jti ", i)
				c["groups"] = []string{"readers", "staff", "readers"}
				c["credits"] = []any{grant("B", 2), grant("A", 1), grant("A", 1)}
				c["go"] = "/elsewhere"
				p.wantUnchanged(t, c)
			}
			wantSame(t, "used tokens", p.count(t, "used_tokens"), 4)
		}},
		{name: "by e-mail", run: func(t *testing.T, p *place) {
			c := p.anna(everything)
			delete(c, "sub")
			p.enter(t, c)
			p.mirror(t)
			c["iat"] = p.clock.now().Unix() + 1
			p.wantUnchanged(t, c)
		}},
		{name: "onboarding stays pending", run: func(t *testing.T, p *place) {
			c := p.anna(claims{"onboard": true})
			first := p.enter(t, c)
			p.mirror(t)
			for range 2 {
				if again := p.enter(t, c); !again.Onboarding {
					t.Error("got no onboarding before its page was opened, want it pending")
				}
			}
			if err := p.svc.FinishOnboarding(t.Context(), p.tenant, first.UserID); err != nil {
				t.Fatal(err)
			}
			if again := p.enter(t, c); again.Onboarding {
				t.Error("got onboarding after its page was opened, want none")
			}
			p.enter(t, p.anna(claims{"onboard": true, "name": "changed"}))
			if again := p.enter(t, c); again.Onboarding {
				t.Error("got onboarding for an existing user, want none")
			}
		}},
		{name: "onboard for an existing user", run: func(t *testing.T, p *place) {
			p.enter(t, p.anna(nil))
			p.mirror(t)
			if again := p.enter(t, p.anna(claims{"onboard": true, "name": "x"})); again.Onboarding {
				t.Error("got onboarding for an existing user, want none")
			}
		}},
	})
}

// TestOrder lets the newer iat win.
func TestOrder(t *testing.T) {
	set := func(p *place, seconds int, group string) claims {
		c := p.anna(claims{"groups": []string{group}, "meta": map[string]any{"from": group}, "name": group})
		c["iat"] = p.clock.now().Unix() + int64(seconds)
		return c
	}
	play(t, []scenario{
		{name: "older token", run: func(t *testing.T, p *place) {
			first := p.enter(t, set(p, 10, "staff"))
			p.mirror(t)
			before := p.written(t)
			old := p.enter(t, set(p, 9, "admins"))
			wantUser(t, old, first.UserID)
			wantSame(t, "warnings", warnings(old), []string{"token_stale"})
			if old.Changed {
				t.Error("got a change by a stale token, want none")
			}
			wantSame(t, "rows", p.written(t), before)
			wantSame(t, "used tokens", p.count(t, "used_tokens"), 2)
		}},
		{name: "older than an unchanged one", run: func(t *testing.T, p *place) {
			first := p.enter(t, set(p, 0, "staff"))
			p.mirror(t)
			p.wantUnchanged(t, set(p, 20, "staff"))
			before := p.written(t)
			old := p.enter(t, set(p, 10, "admins"))
			wantUser(t, old, first.UserID)
			wantSame(t, "warnings", warnings(old), []string{"token_stale"})
			wantSame(t, "rows", p.written(t), before)
		}},
		{name: "equal iat", run: func(t *testing.T, p *place) {
			first := p.enter(t, set(p, 0, "staff"))
			p.mirror(t)
			for _, group := range []string{"admins", "readers", "staff"} {
				p.enter(t, set(p, 0, group))
				wantSame(t, "groups", p.person(t, first.UserID).Groups, []string{group})
			}
		}},
		{name: "fractions of a second", run: func(t *testing.T, p *place) {
			c := set(p, 0, "staff")
			c["iat"] = jsonText(fmt.Sprintf("%d.25", p.clock.now().Unix()))
			first := p.enter(t, c)
			p.mirror(t)
			c = set(p, 0, "admins")
			c["iat"] = jsonText(fmt.Sprintf("%d.125", p.clock.now().Unix()))
			p.enter(t, c)
			wantSame(t, "groups", p.person(t, first.UserID).Groups, []string{"staff"})
		}},
		{name: "no iat", wish: provisioning.Settings{MaxAge: new(int64)}, run: func(t *testing.T, p *place) {
			first := p.enter(t, set(p, 10, "staff"))
			p.mirror(t)
			c := set(p, 0, "admins")
			delete(c, "iat")
			p.enter(t, c)
			wantSame(t, "groups", p.person(t, first.UserID).Groups, []string{"admins"})
			// It does not put the newest iat back.
			p.enter(t, set(p, 9, "readers"))
			wantSame(t, "groups", p.person(t, first.UserID).Groups, []string{"admins"})
		}},
		{name: "stale with another e-mail", run: func(t *testing.T, p *place) {
			first := p.enter(t, set(p, 10, "staff"))
			p.mirror(t)
			c := set(p, 5, "admins")
			c["email"] = "old@example.com"
			wantUser(t, p.enter(t, c), first.UserID)
			wantSame(t, "e-mail", p.person(t, first.UserID).Email, "anna@example.com")
		}},
		{name: "of another identity of the user", wish: linking(store.LinkTrusted), run: func(t *testing.T, p *place) {
			other := p.install(t, linking(store.LinkTrusted))
			first := p.enter(t, set(p, 10, "staff"))
			p.mirror(t)
			other.enter(t, set(p, 5, "admins"))
			wantSame(t, "groups", p.person(t, first.UserID).Groups, []string{"admins", "staff"})
		}},
	})
}
