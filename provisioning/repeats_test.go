package provisioning_test

import (
	"errors"
	"sync"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

// request is a repeatable request of somebody.
func request(key, text string) provisioning.Repeatable {
	return provisioning.Repeatable{Key: key, Actor: "api_key 1", Route: "POST /x", Request: []byte(text)}
}

// begins starts a request that must be carried out.
func (p *place) begins(t *testing.T, r provisioning.Repeatable) provisioning.Attempt {
	t.Helper()
	attempt, _, err := p.svc.BeginRequest(t.Context(), p.tenant, r)
	if err != nil || attempt == nil {
		t.Fatalf("BeginRequest(%s): got %v, error %v, want an attempt", r.Key, attempt, err)
	}
	return *attempt
}

// rejects starts a request that must not be carried out.
func (p *place) rejects(t *testing.T, r provisioning.Repeatable, want error) {
	t.Helper()
	attempt, answer, err := p.svc.BeginRequest(t.Context(), p.tenant, r)
	if attempt != nil || answer != nil || !errors.Is(err, want) {
		t.Errorf("BeginRequest(%s): got %v, %q, error %v, want %v", r.Key, attempt, answer, err, want)
	}
}

func under(attempt provisioning.Attempt) provisioning.By {
	by := byAPI
	by.Attempt = &attempt
	return by
}

func TestRepeatedRequests(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.place(t, provisioning.Settings{})
		p.mirror(t)
		ctx := t.Context()

		// Carried out once; then the answer again.
		first := p.begins(t, request("one", "a"))
		p.rejects(t, request("one", "a"), provisioning.ErrInProgress)
		p.rejects(t, request("one", "b"), provisioning.ErrOtherRequest)
		if _, err := p.svc.AddGroup(ctx, p.tenant, "once", "", under(first)); err != nil {
			t.Fatal(err)
		}
		p.rejects(t, request("one", "a"), provisioning.ErrInProgress)
		if err := p.svc.KeepAnswer(ctx, first, []byte("the answer")); err != nil {
			t.Fatal(err)
		}
		attempt, answer, err := p.svc.BeginRequest(ctx, p.tenant, request("one", "a"))
		if attempt != nil || string(answer) != "the answer" || err != nil {
			t.Errorf("got %v, %q, error %v, want the answer", attempt, answer, err)
		}
		p.rejects(t, request("one", "b"), provisioning.ErrOtherRequest)
		for _, text := range p.db.Rows(t, `SELECT answer, key_hash, request_hash FROM idempotency WHERE tenant_id = $1`, p.tenant.ID) {
			if containsAny(text, "the answer", "one") {
				t.Errorf("got a readable row %q", text)
			}
		}

		// Another actor's key and another tenant's are others.
		other := request("one", "b")
		other.Actor = "api_key 2"
		p.begins(t, other)
		w.place(t, provisioning.Settings{}).begins(t, request("one", "b"))

		// A refused request frees its key.
		refused := p.begins(t, request("two", "a"))
		if err := p.svc.ReleaseRequest(ctx, refused); err != nil {
			t.Fatal(err)
		}
		second := p.begins(t, request("two", "b"))

		// One that is given up before it acted is taken over, and acts no more.
		w.clock.advance(31 * time.Second)
		third := p.begins(t, request("two", "b"))
		if _, err := p.svc.AddGroup(ctx, p.tenant, "late", "", under(second)); !errors.Is(err, provisioning.ErrOvertaken) {
			t.Errorf("got error %v for a run that was taken over, want ErrOvertaken", err)
		}
		if _, err := p.svc.AddGroup(ctx, p.tenant, "late", "", under(third)); err != nil {
			t.Errorf("got error %v after the refused run, want its work not done", err)
		}
		// Once it has acted nobody takes over, not even after a release.
		if err := p.svc.ReleaseRequest(ctx, third); err != nil {
			t.Fatal(err)
		}
		w.clock.advance(31 * time.Second)
		p.rejects(t, request("two", "b"), provisioning.ErrAnswerLost)

		// After a day keys are free, and rows go.
		w.clock.advance(24 * time.Hour)
		p.begins(t, request("one", "new"))
		if _, err := w.store.ForgetRequests(ctx, 100); err != nil {
			t.Fatal(err)
		}
		if n := p.count(t, "idempotency"); n != 1 {
			t.Errorf("got %d rows after a day, want the new one alone", n)
		}

		for _, key := range []string{"", "with space", "ü", "\x00", string(make([]byte, 129))} {
			var invalid *provisioning.Invalid
			if _, _, err := p.svc.BeginRequest(ctx, p.tenant, request(key, "a")); !errors.As(err, &invalid) {
				t.Errorf("key %q: got error %v, want an *Invalid", key, err)
			}
		}
	})
}

// TestSpentAnswers: an answer that shows a secret goes with the secret, also
// one that is kept late. The request stays known; other answers stay.
func TestSpentAnswers(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p, other := w.place(t, provisioning.Settings{}), w.place(t, provisioning.Settings{})
		ctx, name := t.Context(), "Second"
		keep := func(p *place, a provisioning.Attempt) {
			t.Helper()
			if err := p.svc.KeepAnswer(ctx, a, []byte("the secret")); err != nil {
				t.Fatal(err)
			}
		}
		install := func(p *place, key string) provisioning.Installed {
			t.Helper()
			attempt := p.begins(t, request(key, "a"))
			n, err := p.svc.Install(ctx, p.tenant, provisioning.Settings{Name: &name}, provisioning.NewKey{}, under(attempt))
			if err != nil {
				t.Fatal(err)
			}
			keep(p, attempt)
			return n
		}
		replays := func(p *place, key string) {
			t.Helper()
			if _, answer, err := p.svc.BeginRequest(ctx, p.tenant, request(key, "a")); string(answer) != "the secret" || err != nil {
				t.Errorf("%s: got %q, error %v, want the answer", key, answer, err)
			}
		}
		n := install(p, "install")
		install(p, "neighbour")
		install(other, "install")
		added := p.begins(t, request("add", "a"))
		_, key, err := p.svc.AddKey(ctx, p.tenant, n.ID, provisioning.NewKey{}, under(added))
		if err != nil {
			t.Fatal(err)
		}

		// A key retires: its own answer goes, before it was kept or after.
		if _, err := p.svc.RetireKey(ctx, p.tenant, n.ID, key.ID, w.clock.now().Add(time.Hour), byAPI); err != nil {
			t.Fatal(err)
		}
		keep(p, added)
		p.rejects(t, request("add", "a"), provisioning.ErrAnswerSpent)
		replays(p, "install")

		if err := p.svc.Remove(ctx, p.tenant, n.ID, byAPI); err != nil {
			t.Fatal(err)
		}
		w.clock.advance(time.Minute)
		p.rejects(t, request("install", "a"), provisioning.ErrAnswerSpent)
		p.rejects(t, request("install", "b"), provisioning.ErrOtherRequest)
		replays(p, "neighbour")
		replays(other, "install")
		for _, row := range p.db.Rows(t, `SELECT state, coalesce(length(answer), 0) FROM idempotency WHERE tenant_id = $1 AND state = 'spent'`, p.tenant.ID) {
			if row != "spent|0" {
				t.Errorf("got row %q, want no answer", row)
			}
		}
		if n := p.count(t, "idempotency"); n != 3 {
			t.Errorf("got %d requests, want all 3 known", n)
		}
	})
}

// TestRepeatsInParallel: of many at once, on two instances, one is carried out.
func TestRepeatsInParallel(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		p := w.place(t, provisioning.Settings{})
		services := []*provisioning.Service{w.svc, w.another(t)}
		var all sync.WaitGroup
		for n := range 16 {
			all.Go(func() {
				svc := services[n%2]
				attempt, answer, err := svc.BeginRequest(t.Context(), p.tenant, request("same", "a"))
				switch {
				case attempt != nil:
					id, _ := store.NewID()
					if _, err := svc.AddGroup(t.Context(), p.tenant, id, "made", under(*attempt)); err != nil {
						t.Errorf("AddGroup: %v", err)
					}
					if err := svc.KeepAnswer(t.Context(), *attempt, []byte(id)); err != nil {
						t.Errorf("KeepAnswer: %v", err)
					}
				case answer == nil && !errors.Is(err, provisioning.ErrInProgress):
					t.Errorf("got error %v, want an answer or ErrInProgress", err)
				}
			})
		}
		all.Wait()
		if got := p.db.Rows(t, `SELECT external_id FROM groups WHERE tenant_id = $1 AND name = 'made'`, p.tenant.ID); len(got) != 1 {
			t.Errorf("got groups %v, want one", got)
		}
	})
}
