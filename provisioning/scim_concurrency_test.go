package provisioning_test

import (
	"errors"
	"fmt"
	"testing"

	"usher/provisioning"
)

// TestSCIMTwins: a directory makes somebody at two instances while that person
// opens links at both. There is one user, and one answer of the directory's is a
// creation.
func TestSCIMTwins(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		d := p.directory(t)
		for round := range 8 {
			name := fmt.Sprintf("p%d", round)
			users := make([]string, 8)
			errs := make([]error, 8)
			together(len(users), func(n int) {
				s := instances[n%2]
				if n < 4 {
					var u provisioning.SCIMUser
					u, errs[n] = s.CreateSCIMUser(t.Context(), p.tenant, d, saying(name), byDirectory)
					users[n] = u.ID
					return
				}
				var signIn provisioning.SignIn
				signIn, errs[n] = p.open(t, s, claims{"iat": p.clock.now().Unix(), "sub": "id-" + name, "email": name + "@example.com", "jti": fmt.Sprint(name, n)})
				users[n] = signIn.UserID
			})
			made, one := 0, ""
			for n, err := range errs {
				var taken *provisioning.SCIMTaken
				if n < 4 && errors.As(err, &taken) {
					continue
				}
				if err != nil {
					t.Fatalf("round %d, call %d: %v", round, n, err)
				}
				if n < 4 {
					made++
				}
				if one == "" {
					one = users[n]
				}
				if users[n] != one {
					t.Errorf("round %d: got users %v, want one", round, users)
				}
			}
			if made != 1 {
				t.Errorf("round %d: got %d creations, want 1", round, made)
			}
			if got := p.db.Rows(t, `SELECT count(*) FROM users WHERE email = '`+name+`@example.com'`)[0]; got != "1" {
				t.Errorf("round %d: got %s users in the database, want 1", round, got)
			}
		}
	})
}

// TestSCIMLostUpdates: parallel changes of different attributes are all there at
// the end, and of members of a group too.
func TestSCIMLostUpdates(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		d := p.directory(t)
		var ids []string
		for n := range 4 {
			ids = append(ids, p.provision(t, d, saying(fmt.Sprintf("p%d", n))).ID)
		}
		group, err := p.svc.CreateSCIMGroup(t.Context(), p.tenant, d, func(g *provisioning.SCIMGroupSaid) error { g.DisplayName = "chess"; return nil }, byDirectory)
		if err != nil {
			t.Fatal(err)
		}
		changes := []func(*provisioning.SCIMPerson){
			func(p *provisioning.SCIMPerson) { p.GivenName = "Given" },
			func(p *provisioning.SCIMPerson) { p.FamilyName = "Family" },
			func(p *provisioning.SCIMPerson) { p.Phone = "+1" },
			func(p *provisioning.SCIMPerson) { p.Locale = "de" },
			func(p *provisioning.SCIMPerson) { p.DisplayName = "Shown" },
			func(p *provisioning.SCIMPerson) { p.Email = "new@example.com" },
			func(p *provisioning.SCIMPerson) { p.UserName = "renamed" },
			func(p *provisioning.SCIMPerson) { p.Active = false },
		}
		errs := make([]error, len(changes)+len(ids))
		together(len(errs), func(n int) {
			s := instances[n%2]
			if n < len(changes) {
				_, errs[n] = s.ChangeSCIMUser(t.Context(), p.tenant, d, ids[0], setting(changes[n]), byDirectory)
				return
			}
			errs[n] = s.ChangeSCIMGroup(t.Context(), p.tenant, d, group, func(g *provisioning.SCIMGroupSaid) error {
				g.Members.Add(ids[n-len(changes)])
				return nil
			}, byDirectory)
		})
		if err := errors.Join(errs...); err != nil {
			t.Fatal(err)
		}
		u, err := p.svc.SCIMUser(t.Context(), p.tenant, d, ids[0])
		if err != nil {
			t.Fatal(err)
		}
		want := provisioning.SCIMPerson{
			ExternalID: "id-p0", UserName: "renamed", GivenName: "Given", FamilyName: "Family", DisplayName: "Shown",
			Email: "new@example.com", Phone: "+1", Locale: "de",
		}
		if u.SCIMPerson != want || len(u.Groups) != 1 {
			t.Errorf("got %+v, want %+v in one group", u, want)
		}
		g, err := p.svc.SCIMGroup(t.Context(), p.tenant, d, group, true)
		if err != nil || len(g.Members) != len(ids) {
			t.Errorf("got %+v, error %v, want %d members", g, err, len(ids))
		}
		if got := p.db.Rows(t, `SELECT count(*) FROM group_members`)[0]; got != fmt.Sprint(len(ids)) {
			t.Errorf("got %s memberships in the database, want %d", got, len(ids))
		}
	})
}
