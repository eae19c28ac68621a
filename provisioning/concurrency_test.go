package provisioning_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// eachPair is eachPlace with two instances of the program on the database.
func eachPair(t *testing.T, wish provisioning.Settings, test func(t *testing.T, p *place, instances [2]*provisioning.Service)) {
	t.Helper()
	eachPlace(t, wish, func(t *testing.T, p *place) {
		test(t, p, [2]*provisioning.Service{p.svc, p.another(t)})
	})
}

// open redeems a link at one instance.
func (p *partner) open(t testing.TB, s *provisioning.Service, c claims) (provisioning.SignIn, error) {
	t.Helper()
	return s.Redeem(t.Context(), p.arrive(p.token(t, c)))
}

// ago is an iat that lies some milliseconds before now.
func (p *partner) ago(milliseconds int) jsonText {
	micro := p.clock.now().Add(-time.Duration(milliseconds) * time.Millisecond).UnixMicro()
	return jsonText(fmt.Sprintf("%d.%06d", micro/1e6, micro%1e6))
}

// together runs n functions at the same moment.
func together(n int, run func(i int)) {
	var all sync.WaitGroup
	start := make(chan struct{})
	for i := range n {
		all.Go(func() {
			<-start
			run(i)
		})
	}
	close(start)
	all.Wait()
}

func TestParallelFirstSignIns(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		p.mirror(t)
		for name, tokens := range map[string]func(i int) claims{
			"one token":     func(int) claims { return p.anna(everything) },
			"by e-mail":     func(int) claims { return claims{"email": "bob@example.com", "iat": p.ago(0), "onboard": true} },
			"each its own":  func(i int) claims { return p.anna(claims{"sub": "c", "email": "c@example.com", "jti": fmt.Sprint(i)}) },
			"different iat": func(i int) claims { return p.anna(claims{"sub": "d", "email": "d@example.com", "iat": p.ago(i)}) },
		} {
			users := p.users(t)
			signIns := make([]provisioning.SignIn, 32)
			together(len(signIns), func(i int) {
				var err error
				if signIns[i], err = p.open(t, instances[i%2], tokens(i)); err != nil {
					t.Errorf("%s: sign-in %d: %v", name, i, err)
				}
			})
			created := 0
			for i, s := range signIns {
				if s.UserID != signIns[0].UserID || (name == "by e-mail") != s.Onboarding {
					t.Errorf("%s: sign-in %d: got %+v, want user %s", name, i, s, signIns[0].UserID)
				}
				if s.Created {
					created++
				}
			}
			wantSame(t, name+": created", created, 1)
			wantSame(t, name+": users", p.users(t), users+1)
			wantSame(t, name+": identities", p.count(t, "identities"), users+1)
			wantSame(t, name+": journal", p.journal(t, signIns[0].UserID)[0][:12], "user_created")
		}
	})
}

// say are the claims that speak of one number only.
func (p *partner) say(k int) claims {
	return p.anna(claims{
		"groups": []string{fmt.Sprint("g", k%10)}, "credits": []any{grant(fmt.Sprint("o", k), 1)},
		"meta": map[string]any{"k": k}, "name": fmt.Sprint("n", k),
	})
}

// said is what a user looks like after say.
func (p *place) said(t *testing.T, user string, k int) {
	t.Helper()
	p.wantPerson(t, user, person{
		Email: "anna@example.com", Groups: []string{fmt.Sprint("g", k%10)}, Credits: []string{fmt.Sprintf("o%d/1", k)},
		Meta: fmt.Sprintf(`{"k":%d}`, k),
	})
	wantSame(t, "name", p.profile(t, user).Name, fmt.Sprint("n", k))
}

func (p *place) tenGroups(t *testing.T) {
	t.Helper()
	for k := range 10 {
		p.addGroup(t, fmt.Sprint("g", k))
	}
}

// TestParallelSyncs ends with the set of the token that has the newest iat,
// and of that one only.
func TestParallelSyncs(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		p.tenGroups(t)
		user := p.enter(t, p.anna(claims{"iat": p.ago(1000)})).UserID
		p.mirror(t)
		const workers, each = 8, 50
		order := rand.Perm(workers * each)
		together(workers, func(worker int) {
			for _, k := range order[worker*each : (worker+1)*each] {
				c := p.say(k)
				c["iat"] = p.ago(workers*each - k)
				if _, err := p.open(t, instances[worker%2], c); err != nil {
					t.Errorf("sign-in: %v", err)
				}
			}
		})
		p.said(t, user, workers*each-1)
		wantSame(t, "members", p.count(t, "group_members"), 1)
		wantSame(t, "users", p.users(t), 1)
	})
}

// TestUnchangedRacesChanged lets an unchanged sign-in with a newer iat race a
// changed one with an older iat, which must not win.
func TestUnchangedRacesChanged(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		p.tenGroups(t)
		p.mirror(t)
		const rounds = 40
		for round := range rounds {
			base := (rounds - round) * 1000
			said := p.say(2 * round)
			said["iat"] = p.ago(base)
			user := p.enter(t, said).UserID
			newest := 2*round + round%2
			together(4, func(i int) {
				c := p.say(2*round + i%2)
				c["iat"] = p.ago(base - 10 - i)
				if i%2 == round%2 {
					c["iat"] = p.ago(base - 100 - i)
				}
				if _, err := p.open(t, instances[i/2], c); err != nil {
					t.Errorf("sign-in: %v", err)
				}
			})
			p.said(t, user, newest)
		}
	})
}

// TestRoundsOfSyncs looks after every few parallel syncs: a mixed set would be
// mended by the next one.
func TestRoundsOfSyncs(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		p.tenGroups(t)
		user := p.enter(t, p.anna(claims{"iat": p.ago(9000)})).UserID
		p.mirror(t)
		const rounds, each = 40, 4
		for round := range rounds {
			together(each, func(i int) {
				k := round*each + i
				c := p.say(k)
				c["iat"] = p.ago(rounds*each - k)
				if _, err := p.open(t, instances[i%2], c); err != nil {
					t.Errorf("sign-in: %v", err)
				}
			})
			p.said(t, user, round*each+each-1)
		}
	})
}

func TestOneTokenInParallel(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		p.enter(t, p.anna(nil))
		p.mirror(t)
		for name, token := range map[string]claims{
			"unchanged": p.anna(claims{"jti": "1"}),
			"changed":   p.anna(claims{"jti": "2", "name": "Anna"}),
			"unknown":   p.anna(claims{"jti": "3", "sub": "bob", "email": "bob@example.com"}),
			"by e-mail": {"jti": "4", "email": "carl@example.com", "iat": p.ago(0)},
			"stale":     p.anna(claims{"jti": "5", "iat": p.ago(5000), "name": "old"}),
		} {
			var signIns atomic.Int32
			together(20, func(i int) {
				_, err := p.open(t, instances[i%2], token)
				if err == nil {
					signIns.Add(1)
					return
				}
				wantRefused(t, err, provisioning.TokenReplayed)
			})
			wantSame(t, name+": sign-ins", signIns.Load(), int32(1))
		}
		// One jti in tokens of different people.
		var signIns atomic.Int32
		users := p.users(t)
		together(20, func(i int) {
			_, err := p.open(t, instances[i%2], p.anna(claims{"jti": "6", "sub": fmt.Sprint("s", i), "email": fmt.Sprintf("s%d@example.com", i)}))
			if err == nil {
				signIns.Add(1)
				return
			}
			wantRefused(t, err, provisioning.TokenReplayed)
		})
		wantSame(t, "sign-ins by one jti", signIns.Load(), int32(1))
		wantSame(t, "users", p.users(t), users+1)
		wantSame(t, "identities", p.count(t, "identities"), users+1)
	})
}

// anyRate lets in as many as a race makes until its end: on a machine that lets
// the end wait they are more than an integration lets in by default.
var anyRate = provisioning.Settings{SignInRate: pointer(int64(0))}

// race signs in without pause, by unchanged, changed and new people's tokens,
// until some sign-ins that began after stop had returned are over. None of
// those may succeed; check sees all that do.
func race(t *testing.T, p *partner, instances [2]*provisioning.Service, newPeople bool, stop func() error, check func(provisioning.SignIn), want provisioning.Reason) {
	t.Helper()
	var stopped atomic.Bool
	var late, entered atomic.Int32
	underway := make(chan struct{})
	together(7, func(worker int) {
		if worker == 6 {
			<-underway
			if err := stop(); err != nil {
				t.Errorf("stop: %v", err)
			}
			stopped.Store(true)
			return
		}
		for i := 0; late.Load() < 30; i++ {
			c := p.anna(claims{"jti": fmt.Sprintf("%d.%d", worker, i), "groups": []string{"staff"}})
			switch {
			case worker%3 == 1:
				c["groups"], c["credits"] = []string{"readers"}, []any{grant(fmt.Sprint(worker, i), 1)}
			case worker%3 == 2 && newPeople:
				c["sub"], c["email"] = c["jti"], fmt.Sprintf("%d-%d@example.com", worker, i)
			}
			begunAfter := stopped.Load()
			signIn, err := p.open(t, instances[worker%2], c)
			if err == nil {
				if entered.Add(1) == 20 {
					close(underway)
				}
				check(signIn)
			} else {
				wantRefused(t, err, want)
			}
			if begunAfter {
				late.Add(1)
				if err == nil {
					t.Errorf("got a sign-in that began after the call had returned, want none")
				}
			}
		}
	})
}

// TestRemovalRacesSignIns removes one integration after the other: no sign-in
// that begins after that may succeed.
func TestRemovalRacesSignIns(t *testing.T) {
	eachPair(t, anyRate, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		p.mirror(t)
		ended := []string{}
		for range 4 {
			wish := linking(store.LinkTrusted)
			wish.SignInRate = anyRate.SignInRate
			from := p.install(t, wish)
			p.clock.advance(200 * time.Millisecond) // the other instance has its keys by then
			race(t, &from, instances, true,
				func() error { return p.svc.Remove(t.Context(), p.tenant, from.ID, byAPI) },
				func(s provisioning.SignIn) {
					if s.Generation != 1 {
						t.Errorf("got generation %d, want 1: its session would outlive the removal", s.Generation)
					}
				}, provisioning.IntegrationRemoved)
			ended = append(ended, fmt.Sprintf("integration %s 2", from.ID))
		}
		wantSame(t, "ended", p.ender.all(), ended)
	})
}

func TestDisablingRacesSignIns(t *testing.T) {
	eachPair(t, anyRate, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		first := p.enter(t, p.anna(nil))
		p.mirror(t)
		race(t, &p.partner, instances, false,
			func() error { return p.svc.SetDisabled(t.Context(), p.tenant, first.UserID, true, byAPI) },
			func(s provisioning.SignIn) {
				if s.Epoch != first.Epoch {
					t.Errorf("got epoch %d, want %d: its session would outlive the disabling", s.Epoch, first.Epoch)
				}
			}, provisioning.UserDisabled)
		wantSame(t, "ended", p.ender.all(), []string{fmt.Sprintf("user %s %d", first.UserID, first.Epoch+1)})
	})
}

func TestErasureRacesSignIns(t *testing.T) {
	eachPair(t, anyRate, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		first := p.enter(t, p.anna(nil))
		p.mirror(t)
		race(t, &p.partner, instances, false,
			func() error { return p.svc.Erase(t.Context(), p.tenant, first.UserID, byAPI) },
			func(provisioning.SignIn) {}, provisioning.UserDisabled)
		wantSame(t, "users", p.users(t), 1)
		wantSame(t, "identities", p.count(t, "identities"), 0)
	})
}

// TestTwoIntegrationsOneUser has both sync the same person.
func TestTwoIntegrationsOneUser(t *testing.T) {
	eachPair(t, linking(store.LinkTrusted), func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		p.tenGroups(t)
		other := p.install(t, linking(store.LinkTrusted))
		user := p.enter(t, p.anna(claims{"iat": p.ago(5000)})).UserID
		wantUser(t, other.enter(t, other.anna(claims{"iat": p.ago(5000)})), user)
		p.mirror(t)
		const each = 30
		together(4, func(worker int) {
			from := []*partner{&p.partner, &other}[worker%2]
			for _, k := range rand.Perm(each) {
				c := from.say(k)
				delete(c, "meta")
				c["iat"] = from.ago(each - k)
				if _, err := from.open(t, instances[worker/2], c); err != nil {
					t.Errorf("sign-in: %v", err)
				}
			}
		})
		last := each - 1
		wantSame(t, "sources", p.sources(t, user), []string{fmt.Sprintf("g%d|another", last%10), fmt.Sprintf("g%d|ours", last%10)})
		live := p.db.Rows(t, `
SELECT order_id FROM grants WHERE tenant_id = $1 AND user_id = $2 AND revoked_at IS NULL`, p.tenant.ID, user)
		wantSame(t, "grants", live, []string{fmt.Sprint("o", last), fmt.Sprint("o", last)})
		wantSame(t, "users", p.users(t), 1)
	})
}

func TestOneEmailInParallel(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		other := p.install(t, provisioning.Settings{})
		p.mirror(t)
		var signIns atomic.Int32
		together(16, func(i int) {
			from := []*partner{&p.partner, &other}[i/2%2]
			_, err := from.open(t, instances[i%2], from.anna(claims{"sub": fmt.Sprint("s", i)}))
			var refusal *provisioning.Refusal
			switch {
			case err == nil:
				signIns.Add(1)
			case !errors.As(err, &refusal) || (refusal.Reason != provisioning.SubjectConflict && refusal.Reason != provisioning.EmailInUse):
				t.Errorf("got error %v, want subject_conflict or email_in_use", err)
			}
		})
		wantSame(t, "sign-ins", signIns.Load(), int32(1))
		wantSame(t, "users and identities", []int{p.users(t), p.count(t, "identities"), p.count(t, "used_tokens")}, []int{1, 1, 1})

		// Known people who all move to one new address.
		for i := range 8 {
			p.enter(t, p.anna(claims{"sub": fmt.Sprint("m", i), "email": fmt.Sprintf("m%d@example.com", i)}))
		}
		var kept atomic.Int32
		together(8, func(i int) {
			s, err := p.open(t, instances[i%2], p.anna(claims{"sub": fmt.Sprint("m", i), "email": "free@example.com"}))
			if err != nil {
				t.Errorf("sign-in: %v", err)
			}
			if slices.Contains(warnings(s), "email_conflict") {
				kept.Add(1)
			}
		})
		wantSame(t, "who kept the old address", kept.Load(), int32(7))
	})
}

func TestGroupsCreatedInParallel(t *testing.T) {
	eachPair(t, provisioning.Settings{UnknownGroups: pointer(store.UnknownCreate)}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		ignoring := p.install(t, provisioning.Settings{UnknownCredits: pointer(store.UnknownIgnore)})
		p.mirror(t)
		together(17, func(i int) {
			if i == 16 {
				// The admin creates one of them at the same time.
				if _, err := p.svc.AddGroup(t.Context(), p.tenant, "new1", "", byAPI); err != nil && !errors.Is(err, provisioning.ErrTaken) {
					t.Errorf("AddGroup: %v", err)
				}
				return
			}
			from := []*partner{&p.partner, &ignoring}[i/8]
			c := from.anna(claims{
				"sub": fmt.Sprint("s", i), "email": fmt.Sprintf("s%d@example.com", i), "groups": []string{"new1", "new2", "new3"},
				"credits": []any{grant("A", 500)},
			})
			if _, err := from.open(t, instances[i%2], c); err != nil {
				t.Errorf("sign-in %d: %v", i, err)
			}
		})
		wantSame(t, "groups", p.count(t, "groups"), 6)
		for i := range 16 {
			from := []*partner{&p.partner, &ignoring}[i/8]
			c := from.anna(claims{
				"sub": fmt.Sprint("s", i), "email": fmt.Sprintf("s%d@example.com", i), "groups": []string{"new1", "new2", "new3"},
				"credits": []any{grant("A", 500)},
			})
			wantSame(t, "groups of a member", p.person(t, from.enter(t, c).UserID).Groups, []string{"new1", "new2", "new3"})
		}
	})
}

// TestCatalogueRacesSync: whoever named a group before it was there is in it
// after the next sign-in, however the two met.
func TestCatalogueRacesSync(t *testing.T) {
	eachPair(t, provisioning.Settings{UnknownCredits: pointer(store.UnknownIgnore)}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		p.mirror(t)
		for round := range 20 {
			group, credit := fmt.Sprint("later", round), int64(100+round)
			token := func(i int) claims {
				return p.anna(claims{
					"sub": fmt.Sprint("s", i), "email": fmt.Sprintf("s%d@example.com", i), "groups": []string{group},
					"credits": []any{grant("A", credit)},
				})
			}
			together(5, func(i int) {
				var err error
				switch i {
				case 3:
					_, err = p.svc.AddGroup(t.Context(), p.tenant, group, "", byAPI)
				case 4:
					_, err = p.svc.AddCredit(t.Context(), p.tenant, credit, "Credit", byAPI)
				default:
					_, err = p.open(t, instances[i%2], token(i))
				}
				if err != nil {
					t.Errorf("round %d, %d: %v", round, i, err)
				}
			})
			for i := range 3 {
				user := p.enter(t, token(i)).UserID
				p.wantPerson(t, user, person{
					Email: fmt.Sprintf("s%d@example.com", i), Groups: []string{group}, Credits: []string{fmt.Sprintf("A/%d", credit)},
				})
			}
		}
	})
}

func TestConsumeInParallel(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		user := p.enter(t, p.anna(claims{"credits": []any{grant("A", 1), grant("B", 1)}})).UserID
		p.mirror(t)
		var consumed atomic.Int32
		together(16, func(i int) {
			err := instances[i%2].Consume(t.Context(), p.tenant, user, p.ID, "A", 1, fmt.Sprint("key ", i/2), byAPI)
			switch {
			case err == nil:
				consumed.Add(1)
			case !errors.Is(err, provisioning.ErrConsumed):
				t.Errorf("got error %v, want ErrConsumed", err)
			}
		})
		wantSame(t, "requests that consumed it: one, repeated", consumed.Load(), int32(2))

		// One key for two credits.
		var won atomic.Int32
		together(8, func(i int) {
			err := instances[i%2].Consume(t.Context(), p.tenant, user, p.ID, "B", 1, "the key", byAPI)
			if err == nil {
				won.Add(1)
			}
		})
		wantSame(t, "repeats of one request", won.Load(), int32(8))
	})
}
