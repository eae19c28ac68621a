package store_test

import (
	"fmt"
	"sync"
	"testing"

	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// TestPooler has many people sign in by two stores that share three connections of
// a pooler, each for one transaction, while others' state changes: alone and
// together. Every link is used once, and what one statement says of its commit
// does not stay for the next.
func TestPooler(t *testing.T) {
	t.Parallel()
	if !testenv.HasPostgres() || !testenv.HasPgBouncer() {
		return
	}
	db := storetest.NewPooled(t)
	sc := newScene(t, db)
	const people, links = 20, 25
	sc.people(t, people)
	stores := []*store.Store{
		sc.s,
		db.OpenAt(t, db.Address(), now, store.Options{Connections: 4}),
		db.OpenAt(t, db.Address(), now, store.Options{Connections: 4, Together: true}),
		db.OpenAt(t, db.Address(), now, store.Options{Connections: 4, DurableReplays: true}),
	}
	before := len(sc.usedTokens(t))
	var group sync.WaitGroup
	var mu sync.Mutex
	spent := map[string]int{}
	for n, s := range stores {
		for person := range people {
			group.Go(func() {
				for link := range links {
					// Two stores are shown each link.
					name := fmt.Sprint("link ", person, " ", link, " ", n/2)
					q := sc.question(t, fmt.Sprint("person-", person), name)
					r, err := s.Recall(t.Context(), q)
					if err != nil || !r.Known {
						t.Errorf("%s: got %+v, %v, want a known person", name, r, err)
						return
					}
					if r.Spent {
						mu.Lock()
						spent[name]++
						mu.Unlock()
					}
				}
			})
		}
		group.Go(func() {
			for i := range links {
				q := store.Inquiry{TenantID: sc.tenant.ID, IntegrationID: sc.integration.ID, Subject: fmt.Sprint("person-", i%people), Groups: []string{"staff"}}
				if state, err := s.Read(t.Context(), q); err != nil || state.BySubject == nil {
					t.Errorf("reading: got %+v, %v, want a person", state, err)
				}
				group := store.Group{ID: newID(t), ExternalID: fmt.Sprint("group-", n, "-", i), Name: "Group", CreatedAt: now()}
				if err := s.AddGroup(t.Context(), sc.tenant.ID, group, byTest); err != nil {
					t.Errorf("a transaction: %v", err)
				}
			}
		})
	}
	group.Wait()
	if want := people * links * 2; len(spent) != want || len(sc.usedTokens(t))-before != want {
		t.Errorf("got %d links used and %d of them kept, want %d", len(spent), len(sc.usedTokens(t))-before, want)
	}
	for name, times := range spent {
		if times != 1 {
			t.Errorf("%s: used %d times, want once", name, times)
		}
	}
	for range testenv.PoolerConnections {
		c, err := sc.s.Condition(t.Context())
		if err != nil || c.Commit != "on" || !c.Limits || c.Elsewhere {
			t.Errorf("got %+v, %v, want commits that wait, limits, and one database", c, err)
		}
	}
}
