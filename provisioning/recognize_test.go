package provisioning_test

import (
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// call recognises the token of an API call at one instance.
func (p *partner) call(t testing.TB, s *provisioning.Service, c claims) (provisioning.SignIn, error) {
	t.Helper()
	return s.Recognize(t.Context(), p.arrive(p.token(t, c)))
}

func (p *partner) recognised(t testing.TB, s *provisioning.Service, c claims) provisioning.SignIn {
	t.Helper()
	signIn, err := p.call(t, s, c)
	if err != nil {
		t.Fatalf("calling with %v: got error %v, want none", c, err)
	}
	return signIn
}

func TestRecognize(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		p.mirror(t)
		token := p.shown(claims{"groups": []string{"staff"}, "authorizedVotes": []string{"v1"}})
		first := p.recognised(t, instances[0], token)
		if !first.Created {
			t.Errorf("got %+v, want somebody new", first)
		}
		for range 3 {
			for _, s := range instances {
				again := p.recognised(t, s, token)
				wantSame(t, "user", again.UserID, first.UserID)
				wantSame(t, "rights", again.Authorized, []string{"v1"})
				if again.Version != first.Version || again.Generation != first.Generation || again.Epoch != first.Epoch || again.TokenEnds != first.TokenEnds || again.Created {
					t.Errorf("again: got %+v, want what the first call gave", again)
				}
			}
		}
		// A newer token counts at once, an older one never.
		changed := p.recognised(t, instances[0], p.shown(claims{"groups": []string{"readers"}, "iat": p.ago(-1000)}))
		if !changed.Changed || changed.Version != first.Version+1 {
			t.Errorf("got %+v, want a change and the next version", changed)
		}
		for _, s := range instances {
			if old := p.recognised(t, s, token); old.Changed || old.UserID != first.UserID {
				t.Errorf("the first token again: got %+v, want nothing changed", old)
			}
		}
		wantSame(t, "groups", p.person(t, first.UserID).Groups, []string{"readers"})
		// What happened at another instance is seen within seconds.
		p.clock.advance(5 * time.Second)
		if seen := p.recognised(t, instances[1], token); seen.Version != changed.Version {
			t.Errorf("got version %d, want %d", seen.Version, changed.Version)
		}
		wantSame(t, "users", p.users(t), 1)
	})
}

// TestRecognizeEnds: what ends elsewhere counts for the next call.
func TestRecognizeEnds(t *testing.T) {
	for name, test := range map[string]struct {
		end  func(t *testing.T, p *place, s *provisioning.Service, user string) error
		want provisioning.Reason
	}{
		"removal": {func(t *testing.T, p *place, s *provisioning.Service, _ string) error {
			t.Helper()
			return s.Remove(t.Context(), p.tenant, p.ID, byAPI)
		}, provisioning.IntegrationRemoved},
		"disabling": {func(t *testing.T, p *place, s *provisioning.Service, user string) error {
			t.Helper()
			return s.SetDisabled(t.Context(), p.tenant, user, true, byAPI)
		}, provisioning.UserDisabled},
		"erasure": {func(t *testing.T, p *place, s *provisioning.Service, user string) error {
			t.Helper()
			return s.Erase(t.Context(), p.tenant, user, byAPI)
		}, provisioning.UserDisabled},
		"signing everybody out": {func(t *testing.T, p *place, s *provisioning.Service, _ string) error {
			t.Helper()
			return s.SignEveryoneOut(t.Context(), p.tenant, p.ID, byAPI)
		}, ""},
		"a disabling that the session store forgot": {func(t *testing.T, p *place, s *provisioning.Service, user string) error {
			t.Helper()
			err := s.SetDisabled(t.Context(), p.tenant, user, true, byAPI)
			p.ender.forget()
			return err
		}, provisioning.UserDisabled},
	} {
		t.Run(name, func(t *testing.T) {
			eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
				token := p.shown(nil)
				user := p.recognised(t, instances[0], token).UserID
				p.recognised(t, instances[0], token)
				if err := test.end(t, p, instances[1], user); err != nil {
					t.Fatal(err)
				}
				before := p.db.Dump(t, p.tenant.ID)
				for range 2 {
					if _, err := p.call(t, instances[0], token); test.want != "" {
						wantRefused(t, err, test.want)
					} else if err != nil {
						t.Errorf("got error %v, want none: a token is no session", err)
					}
				}
				wantSame(t, "rows", p.db.Dump(t, p.tenant.ID), before)
			})
		})
	}
}

// TestRecognizeWithoutTheSessionStore: nobody knows what has ended, so nobody is
// let in who is only remembered.
func TestRecognizeWithoutTheSessionStore(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		token := p.shown(nil)
		p.recognised(t, p.svc, token)
		p.ender.fail(errors.New("the session store is away"))
		if _, err := p.call(t, p.svc, token); !provisioning.Unavailable(err) {
			t.Errorf("got error %v, want a passing fault", err)
		}
		p.ender.fail(nil)
		p.recognised(t, p.svc, token)
	})
}

// TestRecognizeRacesEnds: no call that begins after a removal or a disabling
// has returned is let in, on either instance.
func TestRecognizeRacesEnds(t *testing.T) {
	for name, end := range map[string]func(t *testing.T, p *place, user string) error{
		"removal": func(t *testing.T, p *place, _ string) error { return p.svc.Remove(t.Context(), p.tenant, p.ID, byAPI) },
		"disabling": func(t *testing.T, p *place, user string) error {
			return p.svc.SetDisabled(t.Context(), p.tenant, user, true, byAPI)
		},
	} {
		t.Run(name, func(t *testing.T) {
			eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
				token := p.shown(nil)
				user := p.recognised(t, p.svc, token).UserID
				var over atomic.Bool
				var calls, late atomic.Int32
				underway := make(chan struct{})
				together(9, func(worker int) {
					if worker == 8 {
						<-underway
						if err := end(t, p, user); err != nil {
							t.Errorf("got error %v, want none", err)
						}
						over.Store(true)
						return
					}
					for late.Load() < 40 {
						after := over.Load()
						_, err := p.call(t, instances[worker%2], token)
						if calls.Add(1) == 40 {
							close(underway)
						}
						if after {
							late.Add(1)
							if err == nil {
								t.Error("got a caller after the call had returned, want none")
							}
						}
					}
				})
			})
		})
	}
}

// TestPresentedTurns counts the round trips to PostgreSQL, once its statements
// are prepared.
func TestPresentedTurns(t *testing.T) {
	t.Parallel()
	if !testenv.HasPostgres() {
		return
	}
	db := storetest.New(t, testenv.Postgres)
	w := newWorld(t, db)
	p := w.place(t, provisioning.Settings{})
	address, turns := testenv.CountURLTurns(t, db.Address())
	s := w.service(db.OpenAt(t, address, w.clock.now, store.Options{Connections: 1}))
	took := func(call func() error) int {
		t.Helper()
		before := turns()
		if err := call(); err != nil {
			t.Fatal(err)
		}
		return turns() - before
	}
	arrival := func(c claims) provisioning.Arrival { return p.arrive(p.token(t, c)) }
	present := func(c claims) func() error {
		in := arrival(c)
		return func() error { _, err := s.Present(t.Context(), in); return err }
	}
	recognize := func(c claims) func() error {
		in := arrival(c)
		return func() error { _, err := s.Recognize(t.Context(), in); return err }
	}
	var user string
	principal := func(version int64) func() error {
		return func() error { _, err := s.Principal(t.Context(), p.tenant, user, version); return err }
	}
	for _, c := range []claims{p.shown(claims{"iat": p.ago(9000)}), p.shown(claims{"iat": p.ago(8000), "name": "A"}), p.shown(claims{"iat": p.ago(9000)})} {
		took(present(c)) // warms up
	}
	user = p.view(t, p.shown(claims{"sub": "warm"})).UserID
	took(principal(1))
	user = p.view(t, p.shown(claims{"iat": p.ago(8000), "name": "A"})).UserID
	for _, test := range []struct {
		name string
		call func() error
		want int
	}{
		{"Present, unchanged", present(p.shown(claims{"iat": p.ago(8000), "name": "A"})), 1},
		{"Present, unchanged and newer", present(p.shown(claims{"iat": p.ago(7000), "name": "A"})), 1},
		{"Present, stale", present(p.shown(claims{"iat": p.ago(9000)})), 2},
		{"Present, changed", present(p.shown(claims{"iat": p.ago(6000), "name": "B"})), 4},
		{"Recognize, for the first time", recognize(p.shown(claims{"iat": p.ago(6000), "name": "B"})), 1},
		{"Recognize, warm", recognize(p.shown(claims{"iat": p.ago(6000), "name": "B"})), 0},
		{"Recognize, warm, with an older token", recognize(p.shown(claims{"iat": p.ago(9000)})), 0},
		{"Recognize, a newer token", recognize(p.shown(claims{"iat": p.ago(5000), "name": "B"})), 1},
		{"Principal", principal(1), 1},
		{"Principal, warm", principal(1), 0},
		{"Principal, newer than what is kept", principal(9), 1},
	} {
		if got := took(test.call); got != test.want {
			t.Errorf("%s: got %d round trips, want %d", test.name, got, test.want)
		}
	}
	w.clock.advance(5 * time.Second)
	if got := took(recognize(p.shown(claims{"iat": p.ago(10_000), "name": "B"}))); got != 1 {
		t.Errorf("Recognize, seconds later: got %d round trips, want 1", got)
	}
}

func TestPrincipal(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		p.mirror(t)
		in := p.view(t, p.shown(claims{"email": "Anna@example.com", "groups": []string{"staff", "admins"}}))
		other := p.install(t, provisioning.Settings{LinkPolicy: pointer(store.LinkTrusted)})
		both := other.enter(t, other.anna(claims{"groups": []string{"staff", "readers"}, "email": "Anna@example.com"}))
		wantSame(t, "user of both", both.UserID, in.UserID)
		want := provisioning.Principal{
			UserID: in.UserID, Email: "Anna@example.com", Groups: []string{"admins", "readers", "staff"}, Version: both.Version, Active: true,
		}
		known := func(s *provisioning.Service, version int64) provisioning.Principal {
			t.Helper()
			got, err := s.Principal(t.Context(), p.tenant, in.UserID, version)
			if err != nil {
				t.Fatal(err)
			}
			return got
		}
		for _, s := range instances {
			wantSame(t, "principal", known(s, 0), want)
		}
		left := other.enter(t, other.anna(claims{"groups": []any{}, "iat": p.ago(-1000), "email": "Anna@example.com"}))
		wantSame(t, "kept for some seconds", known(instances[1], both.Version), want)
		want.Groups, want.Version = []string{"admins", "staff"}, left.Version
		wantSame(t, "for whoever was there at the change", known(instances[1], left.Version), want)
		p.disable(t, in.UserID)
		p.clock.advance(5 * time.Second)
		want.Active, want.Version = false, want.Version+1
		if got := known(instances[0], 0); got.Active || got.Version < left.Version {
			t.Errorf("disabled: got %+v, want one who is not active", got)
		}
		for _, nobody := range []string{newID(t), "", "x"} {
			if _, err := p.svc.Principal(t.Context(), p.tenant, nobody, 0); !errors.Is(err, provisioning.ErrNotFound) {
				t.Errorf("user %q: got error %v, want ErrNotFound", nobody, err)
			}
		}
		foreign := p.world.place(t, provisioning.Settings{})
		if _, err := p.svc.Principal(t.Context(), foreign.tenant, in.UserID, 0); !errors.Is(err, provisioning.ErrNotFound) {
			t.Errorf("at another tenant: got error %v, want ErrNotFound", err)
		}
	})
}

// TestPrincipalInParallel: however many ask at once, nobody gets less than the
// version that they have seen.
func TestPrincipalInParallel(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		p.tenGroups(t)
		together(8, func(worker int) {
			for i := range 10 {
				in, err := p.open(t, instances[worker%2], p.anna(claims{"jti": fmt.Sprint(worker, i), "groups": []string{fmt.Sprint("g", (worker+i)%10)}}))
				if err != nil {
					t.Errorf("sign-in: %v", err)
					return
				}
				got, err := instances[i%2].Principal(t.Context(), p.tenant, in.UserID, in.Version)
				if err != nil || got.Version < in.Version || len(got.Groups) != 1 {
					t.Errorf("got %+v, error %v; want version %d or later, with one group", got, err, in.Version)
				}
			}
		})
	})
}
