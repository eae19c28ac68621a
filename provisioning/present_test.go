package provisioning_test

import (
	"fmt"
	"slices"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// shown are the claims of a token that is presented: Anna's, in the form of the
// format for embeds, with an empty e-mail.
func (p *partner) shown(changes claims) claims {
	c := p.anna(claims{"iss": p.AppID, "email": ""})
	for name, value := range changes {
		if c[name] = value; value == nil {
			delete(c, name)
		}
	}
	return c
}

// present shows a token to an embed.
func (p *partner) present(t testing.TB, c claims) (provisioning.SignIn, error) {
	t.Helper()
	return p.svc.Present(t.Context(), p.arrive(p.token(t, c)))
}

// view is present for a token that has to be good.
func (p *partner) view(t testing.TB, c claims) provisioning.SignIn {
	t.Helper()
	signIn, err := p.present(t, c)
	if err != nil {
		t.Fatalf("presenting %v: got error %v, want none", c, err)
	}
	if signIn.Integration.ID != p.ID || signIn.KeyID != p.key.ID || signIn.UserID == "" || signIn.Generation < 1 || signIn.Version < 1 {
		t.Fatalf("presenting %v: got %+v, want one of integration %s by key %s", c, signIn, p.ID, p.key.ID)
	}
	return signIn
}

// unseen presents a token that has to be refused and to leave nothing behind.
func (p *partner) unseen(t testing.TB, c claims, want provisioning.Reason) {
	t.Helper()
	before := p.db.Dump(t, p.tenant.ID)
	_, err := p.present(t, c)
	wantRefused(t, err, want)
	wantSame(t, fmt.Sprintf("after refusing %v", c), p.db.Dump(t, p.tenant.ID), before)
}

// version is a user's in the database.
func (p *place) version(t testing.TB, user string) int64 {
	t.Helper()
	known, err := p.svc.Principal(t.Context(), p.tenant, user, 1<<50)
	if err != nil {
		t.Fatalf("Principal(%s): %v", user, err)
	}
	return known.Version
}

func TestPresent(t *testing.T) {
	play(t, []scenario{
		{name: "creates, and recognises again", run: func(t *testing.T, p *place) {
			token := p.shown(claims{"groups": []string{"staff"}, "firstName": "Anna", "authorizedVotes": []string{"v1"}})
			p.mirror(t)
			first := p.view(t, token)
			if !first.Created || first.TokenEnds != p.clock.now().Add(time.Hour) {
				t.Errorf("got %+v, want a new user, and an end after an hour", first)
			}
			wantSame(t, "rights", first.Authorized, []string{"v1"})
			p.wantPerson(t, first.UserID, person{Groups: []string{"staff"}})
			before := p.db.Dump(t, p.tenant.ID)
			for range 3 {
				again := p.view(t, token)
				if again.UserID != first.UserID || again.Created || again.Changed || again.Version != first.Version || len(again.Warnings) > 0 {
					t.Errorf("again: got %+v, want user %s as before", again, first.UserID)
				}
			}
			wantSame(t, "after presenting it again", p.db.Dump(t, p.tenant.ID), before)
			wantSame(t, "version", first.Version, p.version(t, first.UserID))
		}},
		{name: "a jti is not spent, at either door", run: func(t *testing.T, p *place) {
			token := p.shown(claims{"jti": "once", "email": "anna@example.com"})
			user := p.view(t, token).UserID
			p.view(t, token)
			signIn := p.enter(t, token) // the callback takes it too, once
			p.refused(t, token, provisioning.TokenReplayed)
			again := p.view(t, token)
			if signIn.UserID != user || again.UserID != user {
				t.Errorf("got users %s and %s, want %s", signIn.UserID, again.UserID, user)
			}
		}},
		{name: "single use is for links", wish: provisioning.Settings{SingleUse: pointer(true)}, run: func(t *testing.T, p *place) {
			token := p.shown(claims{"email": "anna@example.com"})
			p.enter(t, token)
			p.view(t, token)
			p.view(t, token)
			p.refused(t, token, provisioning.TokenReplayed)
		}},
		{name: "the e-mail of the callback stays", run: func(t *testing.T, p *place) {
			user := p.enter(t, p.anna(everything)).UserID
			seen := p.view(t, p.shown(nil))
			if seen.UserID != user || seen.Created || seen.Changed {
				t.Errorf("got %+v, want user %s unchanged", seen, user)
			}
			p.wantPerson(t, user, annaWithEverything)
		}},
		{name: "one token empties groups and narrows nothing", run: func(t *testing.T, p *place) {
			user := p.enter(t, p.anna(claims{"groups": []string{"staff"}, "iat": p.ago(5000)})).UserID
			seen := p.view(t, p.shown(claims{"groups": []any{}, "authorizedVotes": []any{}}))
			if seen.Authorized != nil || seen.Removed != 1 {
				t.Errorf("got rights %q and %d groups left, want default rights and 1", seen.Authorized, seen.Removed)
			}
			p.wantPerson(t, user, person{Email: "anna@example.com"})
		}},
		{name: "the callback reads rights too", run: func(t *testing.T, p *place) {
			signIn := p.enter(t, p.anna(claims{"authorizedResources": []string{"b", "a"}}))
			wantSame(t, "rights", signIn.Authorized, []string{"a", "b"})
			if !signIn.TokenEnds.IsZero() {
				t.Errorf("got the end %v of a spent token, want none", signIn.TokenEnds)
			}
			wantSame(t, "rights of the next", p.enter(t, p.anna(claims{"jti": "2"})).Authorized, []string(nil))
		}},
		{name: "refusals leave nothing", wish: provisioning.Settings{AutoCreate: pointer(false), UnknownGroups: pointer(store.UnknownRefuse)}, run: func(t *testing.T, p *place) {
			p.unseen(t, p.shown(nil), provisioning.UserUnknown)
			p.unseen(t, p.shown(claims{"iss": nil}), provisioning.IssuerMismatch)
			p.unseen(t, p.shown(claims{"sub": nil}), provisioning.ClaimMissing)
			p.unseen(t, p.shown(claims{"authorizedVotes": "v1"}), provisioning.ClaimInvalid)
			p.bareUser(t, "anna@example.com")
			p.unseen(t, p.shown(claims{"email": "anna@example.com", "groups": []string{"nobody"}}), provisioning.ClaimInvalid)
		}},
		{name: "a disabled user", run: func(t *testing.T, p *place) {
			token := p.shown(nil)
			user := p.view(t, token).UserID
			p.disable(t, user)
			p.unseen(t, token, provisioning.UserDisabled)
			p.unseen(t, p.shown(claims{"name": "A", "iat": p.ago(5000)}), provisioning.UserDisabled)
			p.unseen(t, p.shown(claims{"name": "A", "jti": "new"}), provisioning.UserDisabled)
		}},
		{name: "a nonce is for links", run: func(t *testing.T, p *place) {
			p.change(t, provisioning.Settings{SignInURL: pointer("https://partner.example/in"), RequireNonce: pointer(true)})
			p.view(t, p.shown(nil))
			p.refused(t, p.anna(nil), provisioning.ClaimMissing)
		}},
		{name: "versions", run: func(t *testing.T, p *place) {
			for i, step := range []struct {
				name   string
				signIn provisioning.SignIn
			}{
				{"created by a link", p.enter(t, p.anna(claims{"iat": p.ago(9000)}))},
				{"changed by a link", p.enter(t, p.anna(claims{"iat": p.ago(8000), "groups": []string{"staff"}}))},
				{"the same link", p.enter(t, p.anna(claims{"iat": p.ago(8000), "groups": []string{"staff"}}))},
				{"a stale link", p.enter(t, p.anna(claims{"iat": p.ago(9000), "groups": []string{"admins"}}))},
				{"another form of the same", p.view(t, p.shown(claims{"iat": p.ago(7000)}))},
				{"changed by a view", p.view(t, p.shown(claims{"iat": p.ago(6000), "groups": []any{}}))},
				{"a stale view", p.view(t, p.shown(claims{"iat": p.ago(6500), "groups": []string{"admins"}}))},
			} {
				want := []int64{1, 2, 2, 2, 2, 3, 3}[i]
				if step.signIn.Version != want {
					t.Errorf("%s: got version %d, want %d", step.name, step.signIn.Version, want)
				}
				if last := p.version(t, step.signIn.UserID); last != 3 {
					t.Errorf("got version %d in the database, want 3", last)
				}
			}
		}},
	})
}

// TestPresentedOrder: what is presented is applied when it is newer than all
// that was used or applied, and never twice.
func TestPresentedOrder(t *testing.T) {
	noAge := provisioning.Settings{EmbedMaxAge: pointer(int64(0))}
	in := func(group string) []string { return []string{group} }
	groups := func(t *testing.T, p *place, user string, want ...string) {
		t.Helper()
		if got := p.person(t, user).Groups; !slices.Equal(got, want) {
			t.Errorf("got groups %q, want %q", got, want)
		}
	}
	stale := func(t *testing.T, signIn provisioning.SignIn) {
		t.Helper()
		wantSame(t, "warnings", warnings(signIn), []string{"token_stale"})
	}
	play(t, []scenario{
		{name: "newer, older and equal", run: func(t *testing.T, p *place) {
			user := p.view(t, p.shown(claims{"iat": p.ago(5000), "groups": in("staff")})).UserID
			p.mirror(t)
			p.view(t, p.shown(claims{"iat": p.ago(4000), "groups": in("readers")}))
			groups(t, p, user, "readers")
			for _, older := range []jsonText{p.ago(4500), p.ago(4000)} {
				stale(t, p.view(t, p.shown(claims{"iat": older, "groups": in("admins")})))
				groups(t, p, user, "readers")
			}
			// The first one once more, as an old tab would.
			stale(t, p.view(t, p.shown(claims{"iat": p.ago(5000), "groups": in("staff")})))
			groups(t, p, user, "readers")
		}},
		{name: "link, then view", run: func(t *testing.T, p *place) {
			user := p.enter(t, p.anna(claims{"iat": p.ago(4000), "groups": in("staff")})).UserID
			stale(t, p.view(t, p.shown(claims{"iat": p.ago(5000), "groups": in("readers")})))
			stale(t, p.view(t, p.shown(claims{"iat": p.ago(4000), "groups": in("readers")})))
			groups(t, p, user, "staff")
			p.view(t, p.shown(claims{"iat": p.ago(3000), "groups": in("readers")}))
			groups(t, p, user, "readers")
		}},
		{name: "view, then link", run: func(t *testing.T, p *place) {
			user := p.view(t, p.shown(claims{"iat": p.ago(4000), "groups": in("staff"), "email": "anna@example.com"})).UserID
			stale(t, p.enter(t, p.anna(claims{"iat": p.ago(5000), "groups": in("readers")})))
			groups(t, p, user, "staff")
			p.enter(t, p.anna(claims{"iat": p.ago(3000), "groups": in("readers")}))
			groups(t, p, user, "readers")
			stale(t, p.view(t, p.shown(claims{"iat": p.ago(4000), "groups": in("staff"), "email": "anna@example.com"})))
			groups(t, p, user, "readers")
		}},
		{name: "an unchanged view counts as used", run: func(t *testing.T, p *place) {
			user := p.view(t, p.shown(claims{"iat": p.ago(5000), "groups": in("staff")})).UserID
			p.view(t, p.shown(claims{"iat": p.ago(3000), "groups": in("staff")}))
			stale(t, p.view(t, p.shown(claims{"iat": p.ago(4000), "groups": in("readers")})))
			groups(t, p, user, "staff")
		}},
		{name: "after an administrator's change", run: func(t *testing.T, p *place) {
			token := p.shown(claims{"groups": in("staff")})
			user := p.view(t, token).UserID
			p.enter(t, p.anna(claims{"groups": []any{}}))
			stale(t, p.view(t, token))
			groups(t, p, user)
		}},
		{name: "without iat, once each", wish: noAge, run: func(t *testing.T, p *place) {
			one, two := p.shown(claims{"iat": nil, "groups": in("staff")}), p.shown(claims{"iat": nil, "groups": in("readers")})
			user := p.view(t, one).UserID
			p.view(t, one)
			groups(t, p, user, "staff")
			p.view(t, two)
			groups(t, p, user, "readers")
			stale(t, p.view(t, one))
			groups(t, p, user, "readers")
			p.forget(t)
			stale(t, p.view(t, one))
			groups(t, p, user, "readers")
		}},
		{name: "of two integrations", run: func(t *testing.T, p *place) {
			other := p.install(t, provisioning.Settings{})
			user := p.view(t, p.shown(claims{"iat": p.ago(3000), "groups": in("staff")})).UserID
			foreign := other.view(t, other.shown(claims{"iat": p.ago(5000), "groups": in("readers")})).UserID
			if foreign == user {
				t.Error("got one user for the sub of two integrations, want two")
			}
			groups(t, p, user, "staff")
			groups(t, p, foreign, "readers")
		}},
	})
}

// TestPresentedLate: a token older than the memory of used ones changes nobody
// who is known.
func TestPresentedLate(t *testing.T) {
	for name, maxAge := range map[string]int64{"limited links": 180, "unlimited links": 0} {
		t.Run(name, func(t *testing.T) {
			eachPlace(t, provisioning.Settings{MaxAge: &maxAge}, func(t *testing.T, p *place) {
				late, newcomer := p.shown(claims{"groups": []string{"staff"}}), p.shown(claims{"sub": "bob", "groups": []string{"staff"}})
				later := p.shown(claims{"sub": "cleo", "groups": []string{"staff"}})
				byEmail := func() claims {
					return p.shown(claims{"sub": nil, "email": "dora@example.com", "groups": []string{"readers"}})
				}
				began, dora := p.clock.now().Unix(), p.view(t, byEmail())
				p.clock.advance(time.Minute)
				p.view(t, byEmail())
				user := p.enter(t, p.anna(claims{"groups": []string{"readers"}})).UserID
				p.view(t, p.shown(claims{"sub": "cleo", "groups": []string{"readers"}}))
				p.clock.advance(55 * time.Minute)
				p.forget(t)
				p.mirror(t)
				for _, token := range []claims{late, later} {
					seen := p.view(t, token)
					wantSame(t, "warnings", warnings(seen), []string{"token_stale"})
					wantSame(t, "groups", p.person(t, seen.UserID).Groups, []string{"readers"})
				}
				if seen := p.view(t, late); seen.UserID != user || seen.Changed {
					t.Errorf("got %+v, want user %s unchanged", seen, user)
				}
				// Known by the e-mail alone: not even the sub is attached.
				seen := p.view(t, p.shown(claims{"sub": "dora", "email": "dora@example.com", "groups": []string{"staff"}, "iat": began + 30}))
				wantSame(t, "user", seen.UserID, dora.UserID)
				wantSame(t, "warnings", warnings(seen), []string{"token_stale"})
				wantSame(t, "groups", p.person(t, dora.UserID).Groups, []string{"readers"})

				created := p.view(t, newcomer)
				if !created.Created {
					t.Errorf("got %+v, want somebody new", created)
				}
				wantSame(t, "groups of somebody new", p.person(t, created.UserID).Groups, []string{"staff"})
			})
		})
	}
}

// TestPresentedIsForgotten: rows of presented tokens do not stay for ever.
func TestPresentedIsForgotten(t *testing.T) {
	for name, maxAge := range map[string]int64{"limited links": 180, "unlimited links": 0} {
		t.Run(name, func(t *testing.T) {
			eachPlace(t, provisioning.Settings{MaxAge: &maxAge}, func(t *testing.T, p *place) {
				p.view(t, p.shown(nil))
				p.view(t, p.shown(claims{"exp": p.clock.now().Unix() + 1e6}))
				wantSame(t, "used tokens", p.count(t, "used_tokens"), 2)
				p.clock.advance(time.Hour + 11*time.Minute)
				p.forget(t)
				wantSame(t, "used tokens afterwards", p.count(t, "used_tokens"), 0)
			})
		})
	}
}

func TestParallelFirstPresentations(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		p.mirror(t)
		for name, tokens := range map[string]func(i int) claims{
			"one token":     func(int) claims { return p.shown(everything) },
			"different iat": func(i int) claims { return p.shown(claims{"sub": "d", "iat": p.ago(i)}) },
			"with an attached sub": func(i int) claims {
				c := p.shown(claims{"sub": "e", "email": "e@example.com"})
				if i == 0 {
					delete(c, "sub")
				}
				return c
			},
		} {
			users := p.users(t)
			seen := make([]provisioning.SignIn, 24)
			together(len(seen), func(i int) {
				show := instances[i%2].Present
				if i%3 == 0 {
					show = instances[i%2].Recognize
				}
				var err error
				if seen[i], err = show(t.Context(), p.arrive(p.token(t, tokens(i)))); err != nil {
					t.Errorf("%s: %d: %v", name, i, err)
				}
			})
			created := 0
			for i, s := range seen {
				if s.UserID != seen[0].UserID {
					t.Errorf("%s: %d: got %+v, want user %s", name, i, s, seen[0].UserID)
				}
				if s.Created {
					created++
				}
			}
			wantSame(t, name+": created", created, 1)
			wantSame(t, name+": users", p.users(t), users+1)
			wantSame(t, name+": identities", p.count(t, "identities"), users+1)
		}
	})
}

// TestPresentUnderAnOldRevision: an instance that has not heard of a change
// looks again.
func TestPresentUnderAnOldRevision(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		old := p.shown(nil)
		p.view(t, old)
		if _, err := instances[1].ChangeIntegration(t.Context(), p.tenant, p.ID, provisioning.Settings{GroupScope: pointer(store.ScopeOwned)}, byAPI); err != nil {
			t.Fatal(err)
		}
		if seen := p.view(t, p.shown(claims{"jti": "2"})); seen.Integration.Revision != 2 {
			t.Errorf("got revision %d, want 2", seen.Integration.Revision)
		}
		key, err := instances[1].Integration(t.Context(), p.tenant, p.ID)
		if err != nil {
			t.Fatal(err)
		}
		if _, _, err := instances[1].AddKey(t.Context(), p.tenant, p.ID, provisioning.NewKey{}, byAPI); err != nil {
			t.Fatal(err)
		}
		if _, err := instances[1].RetireKey(t.Context(), p.tenant, p.ID, key.Keys[0].ID, time.Time{}, byAPI); err != nil {
			t.Fatal(err)
		}
		p.unseen(t, old, provisioning.KeyRetired)
	})
}

// TestPresentAfterReinstallation: tokens of a removed integration stay dead,
// those of the very second of the installation too, if they were presented.
func TestPresentAfterReinstallation(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		token := func(n partner, c claims) string { return mint(t, "", p.Secret, n.shown(c)) }
		before := claims{"iat": p.clock.now().Unix() - 1}
		presented := token(p.partner, nil)
		if _, err := p.svc.Present(t.Context(), p.arrive(presented)); err != nil {
			t.Fatal(err)
		}
		if err := p.svc.Remove(t.Context(), p.tenant, p.ID, byAPI); err != nil {
			t.Fatal(err)
		}
		name := "Again"
		again, err := p.svc.Install(t.Context(), p.tenant, provisioning.Settings{Name: &name}, provisioning.NewKey{Secret: p.Secret}, byAPI)
		if err != nil {
			t.Fatal(err)
		}
		n := partner{world: p.world, tenant: p.tenant, Installed: again, key: again.Keys[0]}
		_, err = p.svc.Present(t.Context(), p.arrive(token(n, before)))
		wantRefused(t, err, provisioning.TokenTooOld)
		_, err = p.svc.Present(t.Context(), p.arrive(presented)) // its iss names the removed one
		wantRefused(t, err, provisioning.IntegrationRemoved)
		if _, err := p.svc.Present(t.Context(), p.arrive(token(n, nil))); err != nil {
			t.Errorf("a token of the new integration: got error %v, want none", err)
		}
	})
}

// TestPresentWithoutTheDatabase answers a passing fault and writes nothing.
func TestPresentWithoutTheDatabase(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		known := p.arrive(p.token(t, p.shown(nil)))
		if _, err := p.svc.Recognize(t.Context(), known); err != nil {
			t.Fatal(err)
		}
		fresh := p.arrive(p.token(t, p.shown(claims{"sub": "bob", "groups": []string{"staff"}})))
		before := p.db.Dump(t, p.tenant.ID)
		if err := p.store.Close(); err != nil {
			t.Fatal(err)
		}
		for name, call := range map[string]func() error{
			"Present, known": func() error { _, err := p.svc.Present(t.Context(), known); return err },
			"Present, fresh": func() error { _, err := p.svc.Present(t.Context(), fresh); return err },
			"Recognize":      func() error { _, err := p.svc.Recognize(t.Context(), fresh); return err },
			"Principal":      func() error { _, err := p.svc.Principal(t.Context(), p.tenant, newID(t), 1); return err },
		} {
			if err := call(); !provisioning.Unavailable(err) {
				t.Errorf("%s: got error %v, want a fault of the database", name, err)
			}
		}
		if _, err := p.svc.Recognize(t.Context(), known); err != nil {
			t.Errorf("somebody recognised a moment ago: got error %v, want none", err)
		}
		p.clock.advance(6 * time.Second)
		if _, err := p.svc.Recognize(t.Context(), known); !provisioning.Unavailable(err) {
			t.Errorf("some seconds later: got error %v, want a fault of the database", err)
		}
		wantSame(t, "rows", p.db.Dump(t, p.tenant.ID), before)
	})
}
