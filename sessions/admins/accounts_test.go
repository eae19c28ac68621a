package admins

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"
)

func TestSetup(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		ctx := t.Context()
		first, err := p.SetupLink(ctx, p.here)
		if err != nil || !wellFormed(first.Token) || !first.Expires.Equal(p.clock().Add(time.Hour)) {
			t.Fatalf("got %+v, %v, want a link good for an hour", first, err)
		}
		second, err := p.SetupLink(ctx, p.here)
		if err != nil {
			t.Fatal(err)
		}
		wish := NewAccount{Email: "olga@here.example", Name: "Olga"}
		_, err = p.Setup(ctx, p.there, first.Token, wish, goodPassword, anyone, byTest)
		wantError(t, "at another tenant", err, ErrNotFound)
		_, err = p.Setup(ctx, p.here, first.Token, wish, "password1234", anyone, byTest)
		wantInvalid(t, "a weak password", err, "password")
		_, err = p.Accept(ctx, p.here, first.Token, "Olga", goodPassword, anyone, byTest)
		wantError(t, "as an invitation", err, ErrNotFound)

		// Both links at once: one owner comes of it.
		var all sync.WaitGroup
		var mu sync.Mutex
		var cookies []string
		for _, token := range []string{first.Token, second.Token, first.Token, second.Token} {
			all.Go(func() {
				cookie, err := p.Setup(ctx, p.here, token, wish, goodPassword, anyone, byTest)
				if err != nil && !errors.Is(err, ErrNotFound) {
					t.Errorf("got error %v, want %v", err, ErrNotFound)
				}
				mu.Lock()
				defer mu.Unlock()
				if cookie != "" {
					cookies = append(cookies, cookie)
				}
			})
		}
		all.Wait()
		if len(cookies) != 1 {
			t.Fatalf("got %d owners, want 1", len(cookies))
		}
		actor, _, err := p.Check(ctx, p.here, cookies[0])
		if err != nil || actor.Role != Owner || !actor.Operator || actor.Name != "Olga" {
			t.Errorf("got %+v, %v, want an owner and operator", actor, err)
		}
		if got := p.db.Rows(t, `SELECT count(*) FROM admin_tickets`); got[0] != "0" {
			t.Errorf("got %s tickets left, want none", got[0])
		}
		if again, err := p.SetupLink(ctx, p.here); err != nil || again.Token != "" {
			t.Errorf("got %+v, %v once somebody exists, want no link", again, err)
		}
		if got, want := p.acts(t, p.here), "tenant_added admin_set_up admin_signed_in"; got != want {
			t.Errorf("got acts %q, want %q", got, want)
		}
	})
}

func TestSetupLinkEnds(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		link, err := p.SetupLink(t.Context(), p.here)
		if err != nil {
			t.Fatal(err)
		}
		p.wait(SetupLife)
		_, err = p.Setup(t.Context(), p.here, link.Token, NewAccount{Email: "a@b.example"}, goodPassword, anyone, byTest)
		wantError(t, "after an hour", err, ErrNotFound)
		if err := p.store.SweepAdmins(t.Context()); err != nil {
			t.Fatal(err)
		}
		if got := p.db.Rows(t, `SELECT count(*) FROM admin_tickets`); got[0] != "0" {
			t.Errorf("got %s tickets after the sweep, want none", got[0])
		}
	})
}

func TestInvitationAndReset(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		ctx := t.Context()
		owner := actorOf(p.add(t, p.here, "olga@here.example", Owner, false))
		a, link, err := p.Invite(ctx, p.here, NewAccount{Email: "Vera@Here.example", Role: Viewer}, owner, byTest)
		if err != nil || a.Name != "Vera" || a.JoinedAt != nil {
			t.Fatalf("got %+v, %v, want an invited account", a, err)
		}
		_, _, err = p.Invite(ctx, p.here, NewAccount{Email: "vera@here.example", Role: Viewer}, owner, byTest)
		wantInvalid(t, "the same address", err, "email")
		_, err = p.SignIn(ctx, p.here, "vera@here.example", "", anyone, byTest)
		wantError(t, "before the link", err, ErrWrong)
		if kind, whose, err := p.ReadLink(ctx, p.here, link.Token); err != nil || kind != LinkInvite || whose.ID != a.ID {
			t.Errorf("got %s, %s, %v, want the invitation", kind, whose.ID, err)
		}
		_, _, err = p.ReadLink(ctx, p.there, link.Token)
		wantError(t, "at another tenant", err, ErrNotFound)
		_, err = p.Accept(ctx, p.here, link.Token, " ", goodPassword, anyone, byTest)
		wantInvalid(t, "no name", err, "name")
		newer, err := p.MakeLink(ctx, p.here, a.ID, owner, byTest)
		if err != nil {
			t.Fatal(err)
		}
		_, err = p.Accept(ctx, p.here, link.Token, "Vera", goodPassword, anyone, byTest)
		wantError(t, "the older link", err, ErrNotFound)
		cookie, err := p.Accept(ctx, p.here, newer.Token, "Vera Lund", goodPassword, anyone, byTest)
		if err != nil || !p.inside(t, p.here, cookie) {
			t.Fatalf("got error %v, want a session", err)
		}
		_, err = p.Accept(ctx, p.here, newer.Token, "Vera Lund", goodPassword, anyone, byTest)
		wantError(t, "again", err, ErrNotFound)

		// A reset ends the sessions, once it is used.
		reset, err := p.MakeLink(ctx, p.here, a.ID, owner, byTest)
		if err != nil || !p.inside(t, p.here, cookie) {
			t.Fatalf("got error %v, or the session ended by the making of a link", err)
		}
		const other = "marble wagon thistle 9"
		fresh, err := p.Accept(ctx, p.here, reset.Token, "", other, anyone, byTest)
		if err != nil || p.inside(t, p.here, cookie) || !p.inside(t, p.here, fresh) {
			t.Errorf("got error %v; want the old session ended and a new one", err)
		}
		_, err = p.SignIn(ctx, p.here, "vera@here.example", goodPassword, anyone, byTest)
		wantError(t, "the old password", err, ErrWrong)
		p.enter(t, p.here, "VERA@here.example", other)

		late, err := p.MakeLink(ctx, p.here, a.ID, owner, byTest)
		if err != nil {
			t.Fatal(err)
		}
		p.wait(LinkLife)
		_, err = p.Accept(ctx, p.here, late.Token, "", goodPassword, anyone, byTest)
		wantError(t, "after a day", err, ErrNotFound)
		if got := p.acts(t, p.here); !strings.Contains(got, "admin_invited admin_invited_again admin_joined admin_signed_in admin_reset_link_made admin_password_reset admin_signed_in") {
			t.Errorf("got acts %q", got)
		}
	})
}

// TestRights: nobody gives or touches what he does not have.
func TestRights(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		ctx := t.Context()
		operator := p.add(t, p.here, "op@here.example", Owner, true)
		owner := p.add(t, p.here, "olga@here.example", Owner, false)
		foreign := p.add(t, p.there, "foreign@there.example", Owner, false)
		key := Actor{Kind: KindAPIKey, ID: "k", Scopes: []Scope{ReadSettings, WriteSettings}}
		yes, no := true, false
		viewer := Viewer
		for what, try := range map[string]func() error{
			"a key with one right invites an owner": func() error {
				_, _, err := p.Invite(ctx, p.here, NewAccount{Email: "x@y.example", Role: Owner}, key, byTest)
				return err
			},
			"a key with one right invites a viewer": func() error {
				_, _, err := p.Invite(ctx, p.here, NewAccount{Email: "x@y.example", Role: Viewer}, key, byTest)
				return err
			},
			"an owner makes an operator": func() error {
				_, _, err := p.Invite(ctx, p.here, NewAccount{Email: "x@y.example", Role: Owner, Operator: true}, actorOf(owner), byTest)
				return err
			},
			"an owner becomes an operator": func() error {
				_, err := p.Change(ctx, p.here, owner.ID, Changes{Operator: &yes}, actorOf(owner), byTest)
				return err
			},
			"an owner takes the operator's flag": func() error {
				_, err := p.Change(ctx, p.here, operator.ID, Changes{Operator: &no}, actorOf(owner), byTest)
				return err
			},
			"an owner demotes an operator": func() error {
				_, err := p.Change(ctx, p.here, operator.ID, Changes{Role: &viewer}, actorOf(owner), byTest)
				return err
			},
			"an owner removes an operator": func() error { return p.Remove(ctx, p.here, operator.ID, actorOf(owner), byTest) },
			"an owner lets himself into an operator's account": func() error {
				_, err := p.MakeLink(ctx, p.here, operator.ID, actorOf(owner), byTest)
				return err
			},
			"a key lets itself into an owner's account": func() error {
				_, err := p.MakeLink(ctx, p.here, owner.ID, key, byTest)
				return err
			},
			"a key makes a key with other rights": func() error {
				_, _, err := p.MakeAPIKey(ctx, p.here, NewAPIKey{Name: "x", Scopes: []Scope{ReadUsers}}, key, byTest)
				return err
			},
			"an owner makes a key over tenants": func() error {
				_, _, err := p.MakeAPIKey(ctx, p.here, NewAPIKey{Name: "x", Scopes: []Scope{Operate}}, actorOf(owner), byTest)
				return err
			},
		} {
			wantError(t, what, try(), ErrNotAllowed)
		}
		for what, try := range map[string]func() error{
			"look": func() error { _, err := p.Account(ctx, p.here, foreign.ID); return err },
			"change": func() error {
				_, err := p.Change(ctx, p.here, foreign.ID, Changes{Disabled: &yes}, Command(), byTest)
				return err
			},
			"remove": func() error { return p.Remove(ctx, p.here, foreign.ID, Command(), byTest) },
			"link":   func() error { _, err := p.MakeLink(ctx, p.here, foreign.ID, Command(), byTest); return err },
			"no id":  func() error { return p.Remove(ctx, p.here, "x", Command(), byTest) },
		} {
			wantError(t, "another tenant's account: "+what, try(), ErrNotFound)
		}
		if got := p.acts(t, p.here); got != "tenant_added admin_created admin_created" {
			t.Errorf("got acts %q by what was refused", got)
		}
	})
}

// TestLastOwner: two owners try to get rid of one another, in every way at
// once. One of them stays, and can sign in.
func TestLastOwner(t *testing.T) {
	each(t, func(t *testing.T, p *place) {
		ctx := t.Context()
		p.add(t, p.there, "elsewhere@there.example", Owner, false)
		admin := Admin
		yes := true
		for range 5 {
			one := p.add(t, p.here, "one@here.example", Owner, false)
			two := p.add(t, p.here, "two@here.example", Owner, false)
			// Neither counts: one is off, the other has never been in.
			off := p.add(t, p.here, "off@here.example", Owner, false)
			if _, err := p.Change(ctx, p.here, off.ID, Changes{Disabled: &yes}, Command(), byTest); err != nil {
				t.Fatal(err)
			}
			if _, _, err := p.Invite(ctx, p.here, NewAccount{Email: "new@here.example", Role: Owner}, Command(), byTest); err != nil {
				t.Fatal(err)
			}
			var all sync.WaitGroup
			for _, id := range []string{one.ID, two.ID} {
				for _, try := range []func() error{
					func() error { return p.Remove(ctx, p.here, id, Command(), byTest) },
					func() error {
						_, err := p.Change(ctx, p.here, id, Changes{Role: &admin}, Command(), byTest)
						return err
					},
					func() error {
						_, err := p.Change(ctx, p.here, id, Changes{Disabled: &yes}, Command(), byTest)
						return err
					},
				} {
					all.Go(func() {
						if err := try(); err != nil && !errors.Is(err, ErrLastOwner) && !errors.Is(err, ErrNotFound) {
							t.Errorf("got error %v, want %v", err, ErrLastOwner)
						}
					})
				}
			}
			all.Wait()
			able := p.db.Rows(t, `SELECT email FROM admins WHERE tenant_id = $1 AND role = 'owner' AND NOT disabled AND joined_at IS NOT NULL`, p.here.ID)
			if len(able) != 1 {
				t.Fatalf("got owners %q left, want one", able)
			}
			p.db.Exec(t, `DELETE FROM admins WHERE tenant_id = $1`, p.here.ID)
		}
	})
}
