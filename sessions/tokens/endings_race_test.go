package tokens_test

import (
	"errors"
	"fmt"
	"math/rand/v2"
	"sync"
	"sync/atomic"
	"testing"

	"usher/sessions/tokens"
)

// racer is a token that somebody will end while others ask about it.
type racer struct {
	user   string // "" = it is the client's own
	token  string
	ending atomic.Bool // its end has begun: it may be dead
	ended  atomic.Bool // its end was confirmed: it must be dead
}

// racers are as many tokens at a time, two instances that are asked about them,
// and one that ends them.
type racers struct {
	*people
	slots      [50]atomic.Pointer[racer]
	generation int64
	epochs     map[string]int64
}

// issue puts a new token into a slot: of every second slot a person's, and of
// each kind references and JWTs.
func (r *racers) issue(t *testing.T, slot int, user string) {
	t.Helper()
	format := formats[slot/2%len(formats)]
	one := &racer{user: user}
	if user == "" {
		one.token = r.machines.issue(t, format, "library")
	} else {
		who := tokens.Person{User: user, Integration: r.integration, Generation: r.generation, Epoch: r.epochs[user], AuthTime: epoch}
		issued, err := r.first.GrantPerson(t.Context(), r.tenant, issuer, r.in(format), who, []string{"library"})
		if err != nil {
			t.Fatal(err)
		}
		one.token = issued.Access.Token
	}
	r.slots[slot].Store(one)
}

// ask introspects a token, and holds the answer to what is known about it.
func (r *racers) ask(t *testing.T, instance *tokens.Tokens, one *racer) {
	t.Helper()
	over := one.ended.Load()
	_, err := instance.Introspect(t.Context(), r.tenant, issuer, asking(r.library), one.token)
	switch {
	case err == nil && over:
		t.Errorf("a token is live after its end was confirmed")
	case errors.Is(err, tokens.ErrNone) && !one.ending.Load():
		t.Errorf("a token is dead that nobody has ended")
	case err != nil && !errors.Is(err, tokens.ErrNone):
		t.Errorf("Introspect: %v", err)
	}
}

// end ends the token of a slot in one of the ways that there are.
func (r *racers) end(t *testing.T, one *racer) {
	t.Helper()
	one.ending.Store(true)
	var err error
	switch way := rand.IntN(3); { //nolint:gosec // a game of chance
	case one.user == "":
		err = r.second.Revoke(t.Context(), r.tenant, r.client, one.token)
	case way == 0:
		err = r.second.Revoke(t.Context(), r.tenant, r.app, one.token)
	case way == 1:
		r.db.Exec(t, `UPDATE users SET status = 'disabled' WHERE id = $1 AND tenant_id = $2`, one.user, r.tenant)
	default:
		r.db.Exec(t, `UPDATE users SET session_epoch = session_epoch + 1 WHERE id = $1 AND tenant_id = $2`, one.user, r.tenant)
	}
	if err != nil {
		t.Fatal(err)
	}
	one.ended.Store(true)
	r.ask(t, r.first, one)
	r.ask(t, r.second, one)
	if one.user != "" {
		r.db.Exec(t, `UPDATE users SET status = 'active', session_epoch = $1 WHERE id = $2 AND tenant_id = $3`,
			r.epochs[one.user]+2, one.user, r.tenant)
		r.epochs[one.user] += 2
	}
}

// TestEndingsAgainstMemory: whatever the two instances remember of what they are
// asked all the time, each token is dead for both as soon as its end is confirmed,
// and none before somebody ends it.
func TestEndingsAgainstMemory(t *testing.T) {
	eachPeople(t, func(t *testing.T, p *people) {
		const rounds, askers = 120, 3
		r := &racers{people: p, generation: 1, epochs: map[string]int64{}}
		users := make([]string, len(r.slots))
		for slot := range r.slots {
			if slot%2 == 1 {
				users[slot] = newPerson(t, p.db, p.tenant, `{}`)
			}
			r.issue(t, slot, users[slot])
		}
		var asked atomic.Int64
		var over atomic.Bool
		var all sync.WaitGroup
		for n := range askers {
			all.Go(func() {
				instance := p.first
				if n%2 == 1 {
					instance = p.second
				}
				for !over.Load() && !t.Failed() {
					r.ask(t, instance, r.slots[rand.IntN(len(r.slots))].Load()) //nolint:gosec // a game of chance
					asked.Add(1)
				}
			})
		}
		defer all.Wait()
		defer over.Store(true)
		for n := range rounds {
			if t.Failed() {
				return
			}
			slot := rand.IntN(len(r.slots)) //nolint:gosec // a game of chance
			r.end(t, r.slots[slot].Load())
			r.issue(t, slot, users[slot])
			if n%100 == 50 {
				r.endAll(t, users)
			}
			if n%50 == 25 {
				r.endSecret(t, fmt.Sprint("api", n))
			}
		}
		t.Logf("%d questions during %d endings", asked.Load(), rounds)
	})
}

// endAll has the integration sign everybody out, which is one change.
func (r *racers) endAll(t *testing.T, users []string) {
	t.Helper()
	var ended []*racer
	for slot := range r.slots {
		if one := r.slots[slot].Load(); one.user != "" {
			one.ending.Store(true)
			ended = append(ended, one)
		}
	}
	r.db.Exec(t, `UPDATE integrations SET generation = generation + 1 WHERE id = $1 AND tenant_id = $2`, r.integration, r.tenant)
	r.generation++
	for _, one := range ended {
		one.ended.Store(true)
	}
	for slot := range r.slots {
		if one := r.slots[slot].Load(); one.user != "" {
			r.ask(t, r.first, one)
			r.ask(t, r.second, one)
			r.issue(t, slot, users[slot])
		}
	}
}

// endSecret adds an API connection, retires one of its secrets, and deletes it.
func (r *racers) endSecret(t *testing.T, name string) {
	t.Helper()
	ctx := t.Context()
	n, first, err := r.first.AddConnection(ctx, r.tenant, tokens.NewConnection{Name: name}, byTest)
	if err != nil {
		t.Fatal(err)
	}
	wantsBoth := func(what, secret string, want error) {
		t.Helper()
		for range 2 { // once to remember it
			for _, instance := range []*tokens.Tokens{r.first, r.second} {
				_, err := instance.AuthenticateConnection(ctx, r.tenant, name, secret)
				wants(t, what, err, want)
			}
		}
	}
	wantsBoth("the first secret", first, nil)
	k, second, err := r.first.AddSecret(ctx, r.tenant, tokens.OfConnection, n.ID, byTest)
	if err != nil {
		t.Fatal(err)
	}
	wantsBoth("a new secret", second, nil)
	if err := r.second.RetireSecret(ctx, r.tenant, tokens.OfConnection, n.ID, k.ID, epoch, byTest); err != nil {
		t.Fatal(err)
	}
	wantsBoth("a retired secret", second, tokens.ErrInvalidClient)
	wantsBoth("the secret beside it", first, nil)
	if err := r.first.DeleteConnection(ctx, r.tenant, n.ID, byTest); err != nil {
		t.Fatal(err)
	}
	wantsBoth("a deleted connection", first, tokens.ErrInvalidClient)
}
