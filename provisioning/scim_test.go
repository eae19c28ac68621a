package provisioning_test

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"usher/provisioning"
	"usher/sql/store"
)

// directory makes a token for the place's integration, and returns whose it is.
func (p *partner) directory(t testing.TB) provisioning.Directory {
	t.Helper()
	_, token, err := p.svc.MakeSCIMToken(t.Context(), p.tenant, p.ID, provisioning.NewSCIMToken{Name: "Okta"}, byAPI)
	if err != nil {
		t.Fatal(err)
	}
	d, err := p.svc.Directory(t.Context(), p.tenant, token)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

// saying is what a directory says of somebody with this name.
func saying(name string, more ...func(*provisioning.SCIMPerson)) provisioning.SayOf {
	return func(p *provisioning.SCIMPerson) error {
		p.UserName, p.ExternalID, p.Email = name+"@example.com", "id-"+name, name+"@example.com"
		for _, change := range more {
			change(p)
		}
		return nil
	}
}

// setting changes one thing about somebody.
func setting(change func(*provisioning.SCIMPerson)) provisioning.SayOf {
	return func(p *provisioning.SCIMPerson) error { change(p); return nil }
}

var byDirectory = provisioning.By{Actor: "scim_token 1", Name: "Okta", Reference: "r-scim"}

func (p *partner) provision(t testing.TB, d provisioning.Directory, say provisioning.SayOf) provisioning.SCIMUser {
	t.Helper()
	u, err := p.svc.CreateSCIMUser(t.Context(), p.tenant, d, say, byDirectory)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func (p *partner) told(t testing.TB, d provisioning.Directory, id string, say provisioning.SayOf) provisioning.SCIMUser {
	t.Helper()
	u, err := p.svc.ChangeSCIMUser(t.Context(), p.tenant, d, id, say, byDirectory)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

func active(is bool) provisioning.SayOf {
	return setting(func(p *provisioning.SCIMPerson) { p.Active = is })
}

// TestSCIMIdentity: whoever a directory makes and whoever comes by a link of the
// same integration are one, in either order.
func TestSCIMIdentity(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		ctx := t.Context()
		d := p.directory(t)
		// First the directory, then the link.
		anna := p.provision(t, d, saying("anna", func(p *provisioning.SCIMPerson) { p.GivenName = "Anna" }))
		signIn, err := p.open(t, p.svc, claims{"iat": p.clock.now().Unix(), "sub": "id-anna", "email": "anna@example.com"})
		if err != nil || signIn.UserID != anna.ID {
			t.Errorf("got user %s, error %v, want %s", signIn.UserID, err, anna.ID)
		}
		// First the link, then the directory: what it does not say stays.
		first, err := p.open(t, p.svc, claims{"iat": p.clock.now().Unix(), "sub": "id-ben", "email": "ben@example.com", "firstName": "Ben", "phone": "+1"})
		if err != nil {
			t.Fatal(err)
		}
		ben := p.provision(t, d, saying("ben", func(p *provisioning.SCIMPerson) { p.GivenName = "Benjamin" }))
		if ben.ID != first.UserID || ben.GivenName != "Benjamin" || ben.Phone != "+1" {
			t.Errorf("got %+v, want the user of the link with the new name", ben)
		}
		// A sub that is attached to an identity known by its e-mail.
		third, err := p.open(t, p.svc, claims{"iat": p.clock.now().Unix(), "email": "carl@example.com"})
		if err != nil {
			t.Fatal(err)
		}
		if carl := p.provision(t, d, saying("carl")); carl.ID != third.UserID {
			t.Errorf("got %s, want %s", carl.ID, third.UserID)
		}
		if again, err := p.open(t, p.svc, claims{"iat": p.clock.now().Unix(), "sub": "id-carl", "email": "carl@example.com"}); err != nil || again.UserID != third.UserID {
			t.Errorf("got %+v, error %v", again.UserID, err)
		}
		// The partner knows the e-mail under another sub.
		if _, err := p.open(t, p.svc, claims{"iat": p.clock.now().Unix(), "sub": "x", "email": "dora@example.com"}); err != nil {
			t.Fatal(err)
		}
		var taken *provisioning.SCIMTaken
		if _, err := p.svc.CreateSCIMUser(ctx, p.tenant, d, saying("dora"), byDirectory); !errors.As(err, &taken) || taken.Attribute != "externalId" {
			t.Errorf("got error %v, want externalId to be taken", err)
		}
		// A link that says otherwise counts, and so does the directory after it.
		if _, err := p.open(t, p.svc, claims{"iat": p.clock.now().Unix(), "sub": "id-anna", "email": "anna@example.com", "firstName": "Ann"}); err != nil {
			t.Fatal(err)
		}
		if got, _ := p.svc.SCIMUser(ctx, p.tenant, d, anna.ID); got.GivenName != "Ann" || got.Version <= anna.Version {
			t.Errorf("got %+v, want what the link said", got)
		}
		p.told(t, d, anna.ID, setting(func(p *provisioning.SCIMPerson) { p.GivenName = "Anne" }))
		if _, err := p.open(t, p.svc, claims{"iat": p.clock.now().Unix(), "sub": "id-anna", "email": "anna@example.com", "firstName": "Ann"}); err != nil {
			t.Fatal(err)
		}
		if got, _ := p.svc.SCIMUser(ctx, p.tenant, d, anna.ID); got.GivenName != "Ann" {
			t.Errorf("got %q: the same link as before counted as unchanged", got.GivenName)
		}
	})
}

// TestSCIMSubject: which attribute is the sub is the connection's choice.
func TestSCIMSubject(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		for choice, sub := range map[string]string{
			store.SCIMSubjectUserName: "u-name@example.com", store.SCIMSubjectExternalID: "id-u-id", store.SCIMSubjectNone: "",
		} {
			if _, err := p.svc.ChangeSCIM(t.Context(), p.tenant, p.ID, provisioning.SCIMSettings{Subject: &choice}, byAPI); err != nil {
				t.Fatal(err)
			}
			d := p.directory(t)
			name := map[string]string{store.SCIMSubjectUserName: "u-name", store.SCIMSubjectExternalID: "u-id", store.SCIMSubjectNone: "u-none"}[choice]
			u := p.provision(t, d, saying(name))
			in := claims{"iat": p.clock.now().Unix(), "email": name + "@example.com"}
			if sub != "" {
				in["sub"] = sub
			}
			if signIn, err := p.open(t, p.svc, in); err != nil || signIn.UserID != u.ID {
				t.Errorf("%s: got user %s, error %v, want %s", choice, signIn.UserID, err, u.ID)
			}
		}
		var invalid *provisioning.Invalid
		email := "email"
		if _, err := p.svc.ChangeSCIM(t.Context(), p.tenant, p.ID, provisioning.SCIMSettings{Subject: &email}, byAPI); !errors.As(err, &invalid) || invalid.Field != "subject" {
			t.Errorf("got error %v, want the subject refused", err)
		}
	})
}

// TestSCIMActive: a directory enables whom it has disabled, and nobody whom an
// administrator has.
func TestSCIMActive(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		ctx := t.Context()
		d := p.directory(t)
		anna := p.provision(t, d, saying("anna"))
		enters := func() bool {
			_, err := p.open(t, p.svc, claims{"iat": p.clock.now().Unix(), "sub": "id-anna", "email": "anna@example.com"})
			return err == nil
		}
		if got := p.told(t, d, anna.ID, active(false)); got.Active || enters() {
			t.Fatalf("got %+v, want her out", got)
		}
		if got := p.told(t, d, anna.ID, setting(func(p *provisioning.SCIMPerson) { p.FamilyName = "Berg" })); got.Active || got.FamilyName != "Berg" {
			t.Errorf("got %+v, want her changed and still out", got)
		}
		if got := p.told(t, d, anna.ID, active(true)); !got.Active || !enters() {
			t.Fatalf("got %+v, want her back", got)
		}
		// An administrator disables her, before or after the directory has.
		if err := p.svc.SetDisabled(ctx, p.tenant, anna.ID, true, byAPI); err != nil {
			t.Fatal(err)
		}
		if got := p.told(t, d, anna.ID, active(true)); got.Active || enters() {
			t.Errorf("got %+v, want her out as the administrator has said", got)
		}
		if err := p.svc.SetDisabled(ctx, p.tenant, anna.ID, false, byAPI); err != nil {
			t.Fatal(err)
		}
		p.told(t, d, anna.ID, active(false))
		if err := p.svc.SetDisabled(ctx, p.tenant, anna.ID, true, byAPI); err != nil {
			t.Fatal(err)
		}
		if got := p.told(t, d, anna.ID, active(true)); got.Active || enters() {
			t.Errorf("got %+v, want her out as the administrator has said again", got)
		}
		// Somebody made inactive never gets in.
		ben := p.provision(t, d, saying("ben", func(p *provisioning.SCIMPerson) { p.Active = false }))
		if _, err := p.open(t, p.svc, claims{"iat": p.clock.now().Unix(), "sub": "id-ben", "email": "ben@example.com"}); err == nil || ben.Active {
			t.Errorf("got %+v and a sign-in, want neither", ben)
		}
		// Who was erased stays away until an administrator lifts it.
		if err := p.svc.Erase(ctx, p.tenant, ben.ID, byAPI); err != nil {
			t.Fatal(err)
		}
		if _, err := p.svc.SCIMUser(ctx, p.tenant, d, ben.ID); !errors.Is(err, provisioning.ErrNotFound) {
			t.Errorf("got error %v, want %v", err, provisioning.ErrNotFound)
		}
		var refusal *provisioning.Refusal
		if _, err := p.svc.CreateSCIMUser(ctx, p.tenant, d, saying("ben"), byDirectory); !errors.As(err, &refusal) || refusal.Reason != provisioning.UserDisabled {
			t.Errorf("got error %v, want %s", err, provisioning.UserDisabled)
		}
		if left := p.db.Rows(t, `SELECT user_name FROM scim_users WHERE user_id = '`+ben.ID+`'`); len(left) != 0 {
			t.Errorf("got %q left of somebody erased", left)
		}
	})
}

// TestSCIMGroups: a directory writes its own integration's memberships, and no
// others.
func TestSCIMGroups(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		ctx := t.Context()
		d := p.directory(t)
		anna, ben := p.provision(t, d, saying("anna")), p.provision(t, d, saying("ben"))
		existing, err := p.svc.AddGroup(ctx, p.tenant, "chess", "The chess club", byAPI)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.svc.SetMember(ctx, p.tenant, existing.ID, ben.ID, false, byAPI); err != nil {
			t.Fatal(err)
		}
		// One that tokens would name the same is the same, under the tenant's name.
		id, err := p.svc.CreateSCIMGroup(ctx, p.tenant, d, func(g *provisioning.SCIMGroupSaid) error {
			g.DisplayName = "chess"
			g.Members.Add(anna.ID, ben.ID)
			return nil
		}, byDirectory)
		if err != nil || id != existing.ID {
			t.Fatalf("got group %s, error %v, want %s", id, err, existing.ID)
		}
		change := func(say func(*provisioning.SCIMGroupSaid)) {
			t.Helper()
			err := p.svc.ChangeSCIMGroup(ctx, p.tenant, d, id, func(g *provisioning.SCIMGroupSaid) error { say(g); return nil }, byDirectory)
			if err != nil {
				t.Fatal(err)
			}
		}
		members := func() string {
			t.Helper()
			g, err := p.svc.SCIMGroup(ctx, p.tenant, d, id, true)
			if err != nil {
				t.Fatal(err)
			}
			var names []string
			for _, m := range g.Members {
				names = append(names, m.UserName)
			}
			return g.DisplayName + ": " + strings.Join(names, " ")
		}
		if got, want := members(), "chess: anna@example.com ben@example.com"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		change(func(g *provisioning.SCIMGroupSaid) { g.DisplayName = "Chess"; g.Members.Replace(anna.ID) })
		if got, want := members(), "Chess: anna@example.com"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		if g, _ := p.svc.Group(ctx, p.tenant, id); g.Name != "The chess club" {
			t.Errorf("got name %q, want the tenant's own", g.Name)
		}
		// Ben is in it still, by hand.
		if got := p.profile(t, ben.ID); len(got.Groups) != 1 {
			t.Errorf("got groups %v, want the one given by hand", got.Groups)
		}
		// The last word of a request counts.
		change(func(g *provisioning.SCIMGroupSaid) {
			g.Members.Add(ben.ID)
			g.Members.Remove(anna.ID, ben.ID)
			g.Members.Add(ben.ID)
		})
		if got, want := members(), "Chess: ben@example.com"; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		// What a link of the integration says of groups replaces, as always.
		if _, err := p.open(t, p.svc, claims{"iat": p.clock.now().Unix(), "sub": "id-ben", "email": "ben@example.com", "groups": []string{}}); err != nil {
			t.Fatal(err)
		}
		if got, want := members(), "Chess: "; got != want {
			t.Errorf("got %q, want %q", got, want)
		}
		change(func(g *provisioning.SCIMGroupSaid) { g.Members.Add(anna.ID) })
		if err := p.svc.DeleteSCIMGroup(ctx, p.tenant, d, id, byDirectory); err != nil {
			t.Fatal(err)
		}
		if _, err := p.svc.Group(ctx, p.tenant, id); err != nil {
			t.Errorf("the tenant's own group is gone: %v", err)
		}
		if got := p.profile(t, anna.ID); len(got.Groups) != 0 {
			t.Errorf("got groups %v, want none", got.Groups)
		}
		// One that the directory made goes with it, unless somebody else is in it.
		for name, keep := range map[string]bool{"go": false, "draughts": true} {
			made, err := p.svc.CreateSCIMGroup(ctx, p.tenant, d, func(g *provisioning.SCIMGroupSaid) error {
				g.DisplayName = name
				g.Members.Add(anna.ID)
				return nil
			}, byDirectory)
			if err != nil {
				t.Fatal(err)
			}
			if keep {
				if err := p.svc.SetMember(ctx, p.tenant, made, ben.ID, false, byAPI); err != nil {
					t.Fatal(err)
				}
			}
			if err := p.svc.DeleteSCIMGroup(ctx, p.tenant, d, made, byDirectory); err != nil {
				t.Fatal(err)
			}
			if _, err := p.svc.Group(ctx, p.tenant, made); (err == nil) != keep {
				t.Errorf("%s: got error %v, want it kept: %v", name, err, keep)
			}
		}
		// A deletion by an administrator is one for the directory too.
		made, err := p.svc.CreateSCIMGroup(ctx, p.tenant, d, func(g *provisioning.SCIMGroupSaid) error { g.DisplayName = "whist"; return nil }, byDirectory)
		if err != nil {
			t.Fatal(err)
		}
		if err := p.svc.DeleteGroup(ctx, p.tenant, made, byAPI); err != nil {
			t.Fatal(err)
		}
		if _, err := p.svc.SCIMGroup(ctx, p.tenant, d, made, true); !errors.Is(err, provisioning.ErrNotFound) {
			t.Errorf("got error %v, want %v", err, provisioning.ErrNotFound)
		}
	})
}

// TestSCIMMerged: after a merger the directory goes on with who stays.
func TestSCIMMerged(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		ctx := t.Context()
		d := p.directory(t)
		gone := p.provision(t, d, saying("anna"))
		keep := p.bareUser(t, "anna@old.example")
		p.merge(t, keep, gone.ID)
		u, err := p.svc.SCIMUser(ctx, p.tenant, d, keep)
		if err != nil || u.UserName != "anna@example.com" {
			t.Fatalf("got %+v, error %v, want the one who stays", u, err)
		}
		if got := p.told(t, d, keep, active(false)); got.Active {
			t.Errorf("got %+v, want her out", got)
		}
		if _, err := p.open(t, p.svc, claims{"iat": p.clock.now().Unix(), "sub": "id-anna", "email": "anna@example.com"}); err == nil {
			t.Error("a link signs her in")
		}
	})
}

// TestSCIMJournal: what a directory does is in the person's journal, and what an
// administrator could do as well in the audit log.
func TestSCIMJournal(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		d := p.directory(t)
		anna := p.provision(t, d, saying("anna"))
		p.told(t, d, anna.ID, setting(func(p *provisioning.SCIMPerson) {
			p.GivenName, p.Email, p.ExternalID, p.Active = "Anna", "a@example.com", "id-2", false
		}))
		changes, err := p.svc.Journal(t.Context(), p.tenant, anna.ID, 20)
		if err != nil {
			t.Fatal(err)
		}
		var whats []string
		for _, change := range changes {
			whats = append(whats, change.What)
			if change.Actor != byDirectory.Actor && change.IntegrationID == nil {
				t.Errorf("got %+v without who did it", change)
			}
		}
		if got, want := fmt.Sprint(whats), "[user_disabled subject_set email_changed profile_changed user_created]"; got != want {
			t.Errorf("got %s, want %s", got, want)
		}
		rows := p.db.Rows(t, `SELECT action || ' ' || actor FROM audit_log WHERE object = 'user `+anna.ID+`'`)
		if fmt.Sprint(rows) != "[user_disabled "+byDirectory.Actor+"]" {
			t.Errorf("got %q in the audit log", rows)
		}
	})
}
