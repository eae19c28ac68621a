package provisioning_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
	"usher/sql/store"
)

// enterAs is enter with a reference of its own, a minute later.
func (p *partner) enterAs(t *testing.T, reference string, c claims) string {
	t.Helper()
	p.clock.advance(time.Minute)
	c["iat"] = p.clock.now().Unix()
	in := p.arrive(p.token(t, c))
	in.Reference = reference
	signIn, err := p.svc.Redeem(t.Context(), in)
	if err != nil {
		t.Fatalf("sign-in %s: %v", reference, err)
	}
	return signIn.UserID
}

// undo undoes what a request did, as the request with another reference.
func (p *place) undo(t *testing.T, reference, as string) provisioning.Undone {
	t.Helper()
	p.clock.advance(time.Minute)
	preview, err := p.svc.PreviewUndo(t.Context(), p.tenant, provisioning.UndoWish{Reference: reference})
	if err != nil {
		t.Fatalf("PreviewUndo(%s): %v", reference, err)
	}
	undone, err := p.svc.Undo(t.Context(), p.tenant, provisioning.UndoWish{Reference: reference},
		provisioning.By{Actor: "admin 1", Name: "Ada", Reference: as})
	if err != nil {
		t.Fatalf("Undo(%s): %v", reference, err)
	}
	if diff := cmp.Diff(preview.First[0].Lines, undone.Person.Lines); diff != "" {
		t.Errorf("undoing %s differs from its preview (-preview +done):\n%s", reference, diff)
	}
	return undone
}

// unversioned is a user's profile without the number of its changes.
func (p *place) unversioned(t *testing.T, user string) store.Profile {
	t.Helper()
	profile := p.profile(t, user)
	profile.Version = 0
	return profile
}

func credits(list ...string) []map[string]any {
	all := []map[string]any{}
	for i, order := range list {
		all = append(all, map[string]any{"orderId": order, "id": i%3 + 1})
	}
	return all
}

// wantLeft compares what an undoing has left, as "what: why".
func wantLeft(t *testing.T, undone provisioning.Undone, want ...string) {
	t.Helper()
	got := []string{}
	for _, line := range undone.Person.Lines {
		if line.Why != "" {
			got = append(got, line.Entry.What+": "+line.Why)
		}
	}
	slices.Sort(got)
	slices.Sort(want)
	if diff := cmp.Diff(append([]string{}, want...), got); diff != "" {
		t.Errorf("what an undoing left (-want +got):\n%s", diff)
	}
}

func TestUndoSignIn(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		first := claims{
			"sub": "anna-1", "email": "anna@example.com", "firstName": "Anna", "phone": "1", "email_verified": true,
			"groups": []string{"staff", "readers"}, "credits": credits("a", "b"), "meta": map[string]any{"plan": "gold", "old": 1.50},
		}
		anna := p.enterAs(t, "one", first)
		p.mirror(t)
		good := p.unversioned(t, anna)
		p.enterAs(t, "two", claims{
			"sub": "anna-1", "email": "anna.new@example.com", "firstName": "Änna", "phone": "2", "email_verified": false,
			"groups": []string{"admins"}, "credits": credits("b", "c", "a"), "meta": map[string]any{"plan": "none", "old": null, "new": true},
		})
		if cmp.Equal(good, p.unversioned(t, anna)) {
			t.Fatal("the second sign-in changed nothing")
		}
		wantLeft(t, p.undo(t, "two", "undo-two"))
		if diff := cmp.Diff(good, p.unversioned(t, anna)); diff != "" {
			t.Errorf("after the undoing (-before the sign-in +now):\n%s", diff)
		}
		// Nothing is left to undo.
		if _, err := p.svc.Undo(t.Context(), p.tenant, provisioning.UndoWish{Reference: "two"}, byAPI); !isInvalid(err) {
			t.Errorf("once more: got error %v, want *Invalid", err)
		}
		// The undoing of the undoing, and the undoing after that.
		wantLeft(t, p.undo(t, "undo-two", "redo-two"))
		p.wantPerson(t, anna, person{
			Email: "anna.new@example.com", Groups: []string{"admins"}, Credits: []string{"a/3", "b/1", "c/2"},
			Meta: `{"new":true,"plan":"none"}`,
		})
		wantLeft(t, p.undo(t, "two", "undo-two-again"))
		if diff := cmp.Diff(good, p.unversioned(t, anna)); diff != "" {
			t.Errorf("after the second undoing (-before the sign-in +now):\n%s", diff)
		}
		// The person comes back by the old address, and the same token is compared again.
		if again := p.enterAs(t, "three", first); again != anna {
			t.Errorf("got user %s, want %s", again, anna)
		}
		// What created somebody leaves the person.
		wantLeft(t, p.undo(t, "one", "undo-one"), "user_created: The person stays, and so do the profile and the meta that came with it. Disable or erase the account instead.")
		p.wantPerson(t, anna, person{Email: "anna@example.com", Meta: good.Meta})
		if acts := p.db.Rows(t, `SELECT detail FROM audit_log WHERE action = 'sign_in_undone' AND reference = 'undo-one'`); !cmp.Equal(acts, []string{`{"left":1,"reference":"one","undone":4}`}) {
			t.Errorf("got acts %v", acts)
		}
		p.enterAs(t, "four", first)
		if diff := cmp.Diff(good, p.unversioned(t, anna)); diff != "" {
			t.Errorf("after the next sign-in (-before +now):\n%s", diff)
		}
	})
}

func TestUndoLeavesWhatHasMovedOn(t *testing.T) {
	eachPlace(t, provisioning.Settings{LinkPolicy: pointer("trusted")}, func(t *testing.T, p *place) {
		base := claims{"sub": "anna-1", "email": "anna@example.com", "firstName": "A", "lastName": "B", "meta": map[string]any{"a": 1, "b": 1}}
		anna := p.enterAs(t, "one", base)
		p.enterAs(t, "two", claims{
			"sub": "anna-1", "email": "anna2@example.com", "firstName": "C", "lastName": "D", "meta": map[string]any{"a": 2, "b": 2},
			"groups": []string{"staff", "readers", "admins"}, "credits": credits("a", "b"),
		})
		// Since then: one group gone and come back, one field changed, a credit
		// consumed, the old address taken.
		p.enterAs(t, "three", claims{
			"sub": "anna-1", "email": "anna2@example.com", "firstName": "E", "meta": map[string]any{"b": 3}, "groups": []string{"readers", "admins"},
		})
		p.enterAs(t, "four", claims{"sub": "anna-1", "email": "anna2@example.com", "groups": []string{"staff", "readers", "admins"}})
		if err := p.svc.Consume(t.Context(), p.tenant, anna, p.ID, "a", 1, "key", byAPI); err != nil {
			t.Fatal(err)
		}
		p.enterAs(t, "five", claims{"sub": "berta", "email": "anna@example.com"})
		p.mirror(t)
		wantLeft(t, p.undo(t, "two", "undo-two"),
			"credit_granted: It has been changed again since.",
			"email_changed: Somebody else has the old address now.",
			"group_added: It has been changed again since.",
			`meta_changed: Changed again since: b.`,
			"profile_changed: Changed again since: first_name.",
		)
		p.wantPerson(t, anna, person{
			Email: "anna2@example.com", Groups: []string{"staff"}, Credits: []string{"a/1 consumed"}, Meta: `{"a":1,"b":3}`,
		})
		if got := p.profile(t, anna); got.FirstName != "E" || got.LastName != "B" {
			t.Errorf("got name %s %s, want E B", got.FirstName, got.LastName)
		}
	})
}

func TestUndoLink(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		anna := p.enterAs(t, "one", claims{"sub": "anna-1", "email": "anna@example.com"})
		other := p.install(t, provisioning.Settings{LinkPolicy: pointer("trusted")})
		if linked := other.enterAs(t, "link", claims{"sub": "x", "email": "anna@example.com"}); linked != anna {
			t.Fatalf("got user %s, want %s", linked, anna)
		}
		p.mirror(t)
		identities := func() []string {
			return p.db.Rows(t, `SELECT subject FROM identities WHERE tenant_id = $1 ORDER BY subject`, p.tenant.ID)
		}
		wantLeft(t, p.undo(t, "link", "undo-link"))
		if diff := cmp.Diff([]string{"anna-1"}, identities()); diff != "" {
			t.Errorf("identities (-want +got):\n%s", diff)
		}
		if ended := p.ender.all(); len(ended) != 1 || !strings.HasPrefix(ended[0], "user "+anna+" ") {
			t.Errorf("got sessions ended %v, want those of %s", ended, anna)
		}
		p.clock.advance(time.Minute)
		p.svc.FinishEndings(t.Context())
		if ended := p.ender.all(); len(ended) != 2 || !strings.HasPrefix(ended[1], "older "+anna+" ") {
			t.Errorf("got sessions ended %v, want older ones of %s looked after", ended, anna)
		}
		wantLeft(t, p.undo(t, "undo-link", "redo-link"))
		if diff := cmp.Diff([]string{"anna-1", "x"}, identities()); diff != "" {
			t.Errorf("identities after the undoing of the undoing (-want +got):\n%s", diff)
		}
		if again := other.enterAs(t, "again", claims{"sub": "x", "email": "anna@example.com"}); again != anna {
			t.Errorf("got user %s, want %s", again, anna)
		}
	})
}

func TestUndoSubject(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		anna := p.enterAs(t, "one", claims{"email": "anna@example.com"})
		p.enterAs(t, "two", claims{"email": "anna@example.com", "sub": "wrong"})
		p.mirror(t)
		wantLeft(t, p.undo(t, "two", "undo-two"))
		if again := p.enterAs(t, "three", claims{"email": "anna@example.com", "sub": "right"}); again != anna {
			t.Errorf("got user %s, want %s", again, anna)
		}
		wantLeft(t, p.undo(t, "three", "undo-three"))
		wantLeft(t, p.undo(t, "undo-three", "redo-three"))
		p.refused(t, claims{"email": "anna@example.com", "sub": "wrong", "iat": p.clock.now().Unix()}, provisioning.SubjectConflict)
	})
}

// TestUndoIntegration undoes everything since a time, by a job.
func TestUndoIntegration(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		other := p.install(t, provisioning.Settings{LinkPolicy: pointer("trusted")})
		const people = 30
		claimsOf := func(i int, groups ...string) claims {
			return claims{"sub": fmt.Sprint(i), "email": fmt.Sprintf("p%d@example.com", i), "groups": append([]string{}, groups...)}
		}
		var users []string
		for i := range people {
			users = append(users, p.enterAs(t, "before", claimsOf(i, "staff", "readers")))
			other.enterAs(t, "other", claimsOf(i, "admins"))
		}
		p.clock.advance(time.Hour)
		since := p.clock.now()
		for i := range people {
			p.enterAs(t, fmt.Sprintf("drift %d", i), claimsOf(i))
		}
		p.clock.advance(time.Minute)
		p.mirror(t)
		wish := provisioning.UndoWish{Integration: p.ID, Since: since}
		preview, err := p.svc.PreviewUndo(t.Context(), p.tenant, wish)
		if err != nil || preview.People != people || preview.Entries != 2*people || len(preview.First) != 20 {
			t.Fatalf("PreviewUndo: got %d people, %d entries, %d shown, error %v", preview.People, preview.Entries, len(preview.First), err)
		}
		undone, err := p.svc.Undo(t.Context(), p.tenant, wish, byAPI)
		if err != nil || undone.Job == nil {
			t.Fatalf("Undo: got %+v, error %v, want a job", undone, err)
		}
		p.workOff(t)
		j := p.job(t, undone.Job.ID)
		if want := `{"people":30,"undone":60,"left":0}`; j.State != store.JobDone || j.Result != want || j.Done != people {
			t.Errorf("got %s with %s (%s), want %s", j.State, j.Result, j.Error, want)
		}
		for _, user := range users {
			got := p.person(t, user)
			if diff := cmp.Diff([]string{"admins", "readers", "staff"}, got.Groups); diff != "" {
				t.Fatalf("groups of %s (-want +got):\n%s", got.Email, diff)
			}
		}
		// By the job's own reference it is undone in turn, by a job.
		again, err := p.svc.Undo(t.Context(), p.tenant, provisioning.UndoWish{Reference: byAPI.Reference}, provisioning.By{Actor: "admin 1", Reference: "redo"})
		if err != nil || again.Job == nil {
			t.Fatalf("Undo of the job: got %+v, error %v, want a job", again, err)
		}
		p.workOff(t)
		if got := p.person(t, users[0]); !cmp.Equal(got.Groups, []string{"admins"}) {
			t.Errorf("got groups %v after the undoing of the undoing, want admins", got.Groups)
		}
	})
}

// TestUndoRacesSignIns undoes while the person signs in: the end is that of
// one order or the other, and the journal tells how it came.
func TestUndoRacesSignIns(t *testing.T) {
	eachPlace(t, provisioning.Settings{}, func(t *testing.T, p *place) {
		for round := range 8 {
			c := claims{"sub": fmt.Sprint(round), "email": fmt.Sprintf("r%d@example.com", round)}
			user := p.enterAs(t, "base", c)
			c["groups"] = []string{"staff", "readers"}
			reference := fmt.Sprintf("bad %d", round)
			p.enterAs(t, reference, c)
			p.clock.advance(time.Minute)
			c["iat"] = p.clock.now().Unix()
			c["groups"] = []string{"staff", "admins"}
			token := p.token(t, c)
			var all sync.WaitGroup
			for _, svc := range []*provisioning.Service{p.svc, p.another(t)} {
				all.Go(func() {
					_, err := svc.Undo(t.Context(), p.tenant, provisioning.UndoWish{Reference: reference}, byAPI)
					if err != nil && !isInvalid(err) {
						t.Errorf("Undo: %v", err)
					}
				})
			}
			all.Go(func() {
				if _, err := p.svc.Redeem(t.Context(), p.arrive(token)); err != nil {
					t.Errorf("Redeem: %v", err)
				}
			})
			all.Wait()
			got := p.person(t, user).Groups
			// The sign-in first: staff stays, as it was kept; the undoing takes it
			// away. The undoing first: the sign-in gives both.
			if !cmp.Equal(got, []string{"admins"}) && !cmp.Equal(got, []string{"admins", "staff"}) {
				t.Errorf("got groups %v, want those of one order or the other", got)
			}
		}
	})
}

func TestUndoRefused(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p, other := w.place(t, provisioning.Settings{}), w.place(t, provisioning.Settings{})
		p.enterAs(t, "mine", p.anna(claims{"groups": []string{"staff"}}))
		for _, wish := range []provisioning.UndoWish{
			{},
			{Integration: p.ID},
			{Since: epoch},
			{Integration: "x", Since: epoch},
			{Reference: "mine", Integration: p.ID, Since: epoch},
			{Reference: "a\x00b"},
			{Reference: strings.Repeat("x", 200)},
		} {
			if _, err := p.svc.PreviewUndo(t.Context(), p.tenant, wish); !isInvalid(err) {
				t.Errorf("PreviewUndo %+v: got error %v, want *Invalid", wish, err)
			}
			if _, err := p.svc.Undo(t.Context(), p.tenant, wish, byAPI); !isInvalid(err) {
				t.Errorf("Undo %+v: got error %v, want *Invalid", wish, err)
			}
		}
		before := p.db.Dump(t, p.tenant.ID)
		for _, wish := range []provisioning.UndoWish{{Reference: "mine"}, {Integration: p.ID, Since: epoch}} {
			if _, err := other.svc.PreviewUndo(t.Context(), other.tenant, wish); !errors.Is(err, provisioning.ErrNotFound) {
				t.Errorf("PreviewUndo %+v elsewhere: got error %v, want ErrNotFound", wish, err)
			}
			if _, err := other.svc.Undo(t.Context(), other.tenant, wish, byAPI); !errors.Is(err, provisioning.ErrNotFound) {
				t.Errorf("Undo %+v elsewhere: got error %v, want ErrNotFound", wish, err)
			}
		}
		if diff := cmp.Diff(before, p.db.Dump(t, p.tenant.ID)); diff != "" {
			t.Errorf("another tenant's undoing touched this one (-before +after):\n%s", diff)
		}
	})
}
