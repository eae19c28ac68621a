package provisioning_test

import (
	"testing"

	"usher/provisioning"
	"usher/sql/store"
)

// TestFirstSignIn creates a user with everything that the token says.
func TestFirstSignIn(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		p.mirror(t)
		signIn := p.enter(t, p.anna(claims{
			"firstName": "Anna", "groups": []string{"staff", "readers"}, "credits": []any{grant("A-1", 1)},
			"meta": map[string]any{"plan": "gold", "seats": 3}, "onboard": true, "jti": "first",
		}))
		if !signIn.Created || !signIn.Changed || !signIn.Onboarding || signIn.Target.Location() != "/inside" {
			t.Errorf("got %+v, want a user created, to be onboarded, sent to /inside", signIn)
		}
		p.wantPerson(t, signIn.UserID, person{
			Email: "anna@example.com", Groups: []string{"readers", "staff"}, Credits: []string{"A-1/1"},
			Meta: `{"plan":"gold","seats":3}`,
		})
		if got := p.profile(t, signIn.UserID); got.FirstName != "Anna" || got.Status != store.StatusActive || !got.CreatedAt.Equal(p.clock.now()) {
			t.Errorf("got %+v, want the active user Anna, created now", got)
		}
	})
}

// linking are settings with a link policy.
func linking(policy string) provisioning.Settings {
	return provisioning.Settings{LinkPolicy: &policy}
}

// TestIdentity goes through the table "Who is it".
func TestIdentity(t *testing.T) {
	play(t, []scenario{
		{name: "known sub", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(nil))
			p.mirror(t)
			again := p.enter(t, p.anna(claims{"firstName": "Anna"}))
			wantUser(t, again, first.UserID)
			wantSame(t, "users", p.users(t), 1)
		}},
		{name: "a removed integration holds nobody", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(claims{"groups": []string{"staff"}}))
			again := p.install(t, provisioning.Settings{})
			again.refused(t, again.anna(nil), provisioning.EmailInUse)
			p.mirror(t)
			if err := p.svc.Remove(t.Context(), p.tenant, p.ID, byAPI); err != nil {
				t.Fatalf("Remove: %v", err)
			}
			wantUser(t, again.enter(t, again.anna(nil)), first.UserID)
			p.wantPerson(t, first.UserID, person{Email: "anna@example.com", Groups: []string{"staff"}})
		}},
		{name: "sub is compared byte for byte", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(nil))
			p.mirror(t)
			other := p.enter(t, p.anna(claims{"sub": "Anna-1", "email": "other@example.com"}))
			wantOther(t, other, first.UserID)
		}},
		{name: "no sub, known by e-mail", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(claims{"sub": nil}))
			p.mirror(t)
			wantUser(t, p.enter(t, p.anna(claims{"sub": nil, "name": "A"})), first.UserID)
		}},
		{name: "e-mail in another spelling", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(claims{"sub": nil, "email": "Jos\u00e9@B\u00fccher.example"}))
			p.mirror(t)
			for _, spelling := range []string{"jose\u0301@b\u00fccher.example", "JOS\u00c9@BU\u0308CHER.EXAMPLE", "  jos\u00e9@xn--bcher-kva.example "} {
				wantUser(t, p.enter(t, p.anna(claims{"sub": nil, "email": spelling})), first.UserID)
			}
			wantSame(t, "users", p.users(t), 1)
			wantSame(t, "shown e-mail", p.person(t, first.UserID).Email, "jos\u00e9@xn--bcher-kva.example")
		}},
		{name: "dots and plus make another person", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(claims{"sub": nil, "email": "a.nna@example.com"}))
			p.mirror(t)
			wantOther(t, p.enter(t, p.anna(claims{"sub": nil, "email": "anna@example.com"})), first.UserID)
			wantOther(t, p.enter(t, p.anna(claims{"sub": nil, "email": "a.nna+x@example.com"})), first.UserID)
		}},
		{name: "sub attached once", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(claims{"sub": nil}))
			p.mirror(t)
			wantUser(t, p.enter(t, p.anna(nil)), first.UserID)
			wantSame(t, "journal", p.journal(t, first.UserID),
				[]string{`user_created {"email":"anna@example.com","identity":"` + p.identities(t, first.UserID)[0] + `"}`, `subject_set {"identity":"` + p.identities(t, first.UserID)[0] + `","sub":"anna-1"}`})
			wantUser(t, p.enter(t, p.anna(claims{"email": "new@example.com"})), first.UserID)
			p.refused(t, p.anna(claims{"sub": "anna-2", "email": "new@example.com"}), provisioning.SubjectConflict)
			wantSame(t, "users", p.users(t), 1)
		}},
		{name: "subject conflict", run: func(t *testing.T, p *place) {
			p.enter(t, p.anna(nil))
			p.mirror(t)
			p.refused(t, p.anna(claims{"sub": "anna-2"}), provisioning.SubjectConflict)
		}},
		{name: "no sub any more", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(nil))
			p.mirror(t)
			wantUser(t, p.enter(t, p.anna(claims{"sub": nil})), first.UserID)
			wantUser(t, p.enter(t, p.anna(nil)), first.UserID)
			p.refused(t, p.anna(claims{"sub": "anna-2"}), provisioning.SubjectConflict)
		}},
		{name: "sub is not attached on an unverified e-mail", run: func(t *testing.T, p *place) {
			p.enter(t, p.anna(claims{"sub": nil}))
			p.mirror(t)
			p.refused(t, p.anna(claims{"email_verified": false}), provisioning.EmailInUse)
		}},
		{name: "user without identity is linked", run: func(t *testing.T, p *place) {
			user := p.bareUser(t, "Anna@example.com")
			p.mirror(t)
			signIn := p.enter(t, p.anna(nil))
			wantUser(t, signIn, user)
			if signIn.Created {
				t.Error("got a created user, want the present one")
			}
			wantSame(t, "journal", p.journal(t, user), []string{
				`email_changed {"from":"Anna@example.com","to":"anna@example.com"}`,
				`user_linked {"by":"email","identity":"` + p.identities(t, user)[0] + `"}`,
			})
		}},
		{name: "user without identity, unverified e-mail", run: func(t *testing.T, p *place) {
			p.bareUser(t, "anna@example.com")
			p.mirror(t)
			p.refused(t, p.anna(claims{"email_verified": false}), provisioning.EmailInUse)
			p.enter(t, p.anna(claims{"email_verified": true}))
		}},
		{name: "user without identity, policy never", wish: linking(store.LinkNever), run: func(t *testing.T, p *place) {
			p.bareUser(t, "anna@example.com")
			p.mirror(t)
			p.refused(t, p.anna(nil), provisioning.EmailInUse)
		}},
		{name: "another's user, policy unclaimed", run: func(t *testing.T, p *place) {
			other := p.install(t, provisioning.Settings{})
			other.enter(t, other.anna(nil))
			p.mirror(t)
			p.refused(t, p.anna(nil), provisioning.EmailInUse)
			p.refused(t, p.anna(claims{"sub": nil}), provisioning.EmailInUse)
		}},
		{name: "another's user, policy never", wish: linking(store.LinkNever), run: func(t *testing.T, p *place) {
			other := p.install(t, provisioning.Settings{})
			other.enter(t, other.anna(nil))
			p.mirror(t)
			p.refused(t, p.anna(nil), provisioning.EmailInUse)
		}},
		{name: "another's user, policy trusted", wish: linking(store.LinkTrusted), run: func(t *testing.T, p *place) {
			other := p.install(t, provisioning.Settings{})
			first := other.enter(t, other.anna(nil))
			p.mirror(t)
			p.refused(t, p.anna(claims{"email_verified": false}), provisioning.EmailInUse)
			wantUser(t, p.enter(t, p.anna(claims{"sub": "other-sub"})), first.UserID)
			wantSame(t, "identities", p.count(t, "identities"), 2)
			wantUser(t, other.enter(t, other.anna(nil)), first.UserID)
		}},
		{name: "same sub from two integrations is two people", run: func(t *testing.T, p *place) {
			other := p.install(t, provisioning.Settings{})
			first := p.enter(t, p.anna(nil))
			p.mirror(t)
			wantOther(t, other.enter(t, other.anna(claims{"email": "anna@other.example"})), first.UserID)
			wantSame(t, "users", p.users(t), 2)
		}},
		{name: "renamed elsewhere", run: func(t *testing.T, p *place) {
			// Another integration, which is trusted with our people, renames
			// one. That says nothing about who has the new address here.
			other := p.install(t, linking(store.LinkTrusted))
			first := p.enter(t, p.anna(claims{"sub": nil}))
			wantUser(t, other.enter(t, other.anna(nil)), first.UserID)
			other.enter(t, other.anna(claims{"email": "boss@example.com"}))
			p.mirror(t)
			p.refused(t, p.anna(claims{"sub": nil, "email": "boss@example.com"}), provisioning.EmailInUse)
			p.refused(t, p.anna(claims{"sub": "boss", "email": "boss@example.com"}), provisioning.EmailInUse)
			wantUser(t, p.enter(t, p.anna(claims{"sub": nil})), first.UserID)
		}},
		{name: "renamed elsewhere, trusted", wish: linking(store.LinkTrusted), run: func(t *testing.T, p *place) {
			other := p.install(t, linking(store.LinkTrusted))
			first := p.enter(t, p.anna(claims{"sub": nil}))
			other.enter(t, other.anna(nil))
			other.enter(t, other.anna(claims{"email": "new@example.com"}))
			p.mirror(t)
			wantUser(t, p.enter(t, p.anna(claims{"sub": nil, "email": "new@example.com"})), first.UserID)
			wantUser(t, p.enter(t, p.anna(claims{"email": "new@example.com"})), first.UserID)
			wantSame(t, "identities", p.count(t, "identities"), 2)
		}},
		{name: "the old address of one is the new one of another", wish: linking(store.LinkTrusted), run: func(t *testing.T, p *place) {
			other := p.install(t, linking(store.LinkTrusted))
			anna := p.enter(t, p.anna(nil))
			bob := p.enter(t, p.anna(claims{"sub": "bob", "email": "bob@example.com"}))
			other.enter(t, other.anna(nil))
			other.enter(t, other.anna(claims{"sub": "bob", "email": "bob@example.com"}))
			other.enter(t, other.anna(claims{"email": "new@example.com"}))
			other.enter(t, other.anna(claims{"sub": "bob"}))
			p.mirror(t)
			wantUser(t, p.enter(t, p.anna(claims{"sub": "bob"})), bob.UserID)
			wantSame(t, "Bob's e-mail", p.person(t, bob.UserID).Email, "anna@example.com")
			wantSame(t, "Anna's e-mail", p.person(t, anna.UserID).Email, "new@example.com")
		}},
		{name: "nobody, auto-create off", wish: provisioning.Settings{AutoCreate: new(bool)}, run: func(t *testing.T, p *place) {
			user := p.bareUser(t, "bob@example.com")
			p.mirror(t)
			p.refused(t, p.anna(nil), provisioning.UserUnknown)
			wantUser(t, p.enter(t, p.anna(claims{"sub": "bob", "email": "bob@example.com"})), user)
		}},
		{name: "known sub, new e-mail, free", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(nil))
			p.mirror(t)
			second := p.enter(t, p.anna(claims{"email": "Anna@New.example"}))
			wantUser(t, second, first.UserID)
			wantSame(t, "e-mail", p.person(t, first.UserID).Email, "Anna@New.example")
			wantSame(t, "journal", p.journal(t, first.UserID), []string{
				`user_created {"email":"anna@example.com","identity":"` + p.identities(t, first.UserID)[0] + `"}`,
				`email_changed {"from":"anna@example.com","to":"Anna@New.example"}`,
			})
			// The old address is free again.
			wantOther(t, p.enter(t, p.anna(claims{"sub": "anna-2"})), first.UserID)
		}},
		{name: "known sub, new e-mail, taken", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(nil))
			bob := p.enter(t, p.anna(claims{"sub": "bob", "email": "bob@example.com"}))
			p.mirror(t)
			again := p.enter(t, p.anna(claims{"email": "bob@example.com", "groups": []string{"staff"}}))
			wantUser(t, again, first.UserID)
			wantSame(t, "warnings", warnings(again), []string{"email_conflict"})
			p.wantPerson(t, first.UserID, person{Email: "anna@example.com", Groups: []string{"staff"}})
			wantSame(t, "fingerprint", p.db.Rows(t, `
SELECT fingerprint FROM identities WHERE tenant_id = $1 AND user_id = $2`, p.tenant.ID, first.UserID), []string{"null"})
			// It follows as soon as the address is free.
			p.enter(t, p.anna(claims{"sub": "bob", "email": "bob@new.example"}))
			p.enter(t, p.anna(claims{"email": "bob@example.com", "groups": []string{"staff"}}))
			p.wantPerson(t, first.UserID, person{Email: "bob@example.com", Groups: []string{"staff"}})
			p.wantPerson(t, bob.UserID, person{Email: "bob@new.example"})
		}},
		{name: "known sub, new e-mail, taken by a user of nobody", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(nil))
			bare := p.bareUser(t, "bob@example.com")
			p.mirror(t)
			again := p.enter(t, p.anna(claims{"email": "bob@example.com"}))
			wantUser(t, again, first.UserID)
			wantSame(t, "warnings", warnings(again), []string{"email_conflict"})
			p.wantPerson(t, bare, person{Email: "bob@example.com"})
		}},
		{name: "disabled user", run: func(t *testing.T, p *place) {
			first := p.enter(t, p.anna(nil))
			p.disable(t, first.UserID)
			p.mirror(t)
			p.refused(t, p.anna(nil), provisioning.UserDisabled)
			p.refused(t, p.anna(claims{"groups": []string{"staff"}, "email": "new@example.com"}), provisioning.UserDisabled)
			p.refused(t, p.anna(claims{"sub": nil}), provisioning.UserDisabled)
		}},
		{name: "disabled user without identity", run: func(t *testing.T, p *place) {
			user := p.bareUser(t, "anna@example.com")
			p.disable(t, user)
			p.mirror(t)
			p.refused(t, p.anna(nil), provisioning.UserDisabled)
		}},
		{name: "erased user", run: func(t *testing.T, p *place) {
			other := p.install(t, provisioning.Settings{})
			first := p.enter(t, p.anna(claims{"firstName": "Anna", "groups": []string{"staff"}, "credits": []any{grant("A", 1)}, "meta": map[string]any{"a": 1}}))
			p.mirror(t)
			by := provisioning.By{Actor: "api", Reference: "ref-3"}
			if err := p.svc.Erase(t.Context(), p.tenant, first.UserID, by); err != nil {
				t.Fatal(err)
			}
			for _, table := range []string{"users", "identities", "group_members", "grants", "journal"} {
				for _, row := range p.db.Rows(t, "SELECT * FROM "+table+" WHERE tenant_id = $1", p.tenant.ID) {
					if containsAny(row, "anna", "Anna", "staff") {
						t.Errorf("%s: got %s, want no personal data after erasure", table, row)
					}
				}
			}
			p.refused(t, p.anna(nil), provisioning.UserDisabled)
			p.refused(t, p.anna(claims{"email": "anna@new.example"}), provisioning.UserDisabled)
			p.refused(t, p.anna(claims{"sub": "anna-2"}), provisioning.UserDisabled)
			p.refused(t, p.anna(claims{"sub": nil, "email": "ANNA@Example.com"}), provisioning.UserDisabled)
			other.refused(t, other.anna(claims{"sub": "anna-3"}), provisioning.UserDisabled)
			// The same sub from another integration is somebody else.
			other.enter(t, other.anna(claims{"email": "anna@elsewhere.example"}))

			if err := p.svc.SetDisabled(t.Context(), p.tenant, first.UserID, false, by); err != nil {
				t.Fatal(err)
			}
			back := p.enter(t, p.anna(nil))
			wantOther(t, back, first.UserID)
			if !back.Created {
				t.Error("got a known user after the tombstones were lifted, want a new one")
			}
			wantSame(t, "status of the erased", p.profile(t, first.UserID).Status, store.StatusErased)
		}},
	})
}

func wantUser(t testing.TB, signIn provisioning.SignIn, want string) {
	t.Helper()
	if signIn.UserID != want || signIn.Created {
		t.Errorf("got user %s (created: %v), want the present user %s", signIn.UserID, signIn.Created, want)
	}
}

func wantOther(t testing.TB, signIn provisioning.SignIn, not string) {
	t.Helper()
	if signIn.UserID == not || !signIn.Created {
		t.Errorf("got user %s (created: %v), want a new one beside %s", signIn.UserID, signIn.Created, not)
	}
}
