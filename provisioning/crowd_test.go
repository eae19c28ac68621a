package provisioning_test

import (
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// TestCrowd lets 50 people open 200 links at the same moment, at two instances
// and in the company of each other: links that change nothing, the same ones
// once more, links that change something, while five of the people are disabled
// and the integration of ten others is removed. Each link lets one browser in,
// or none where somebody was ended; each use is in the database once; and of
// every person the newest token holds.
func TestCrowd(t *testing.T) {
	t.Parallel()
	if !testenv.HasPostgres() { // in SQLite one follows the other
		return
	}
	p := newWorld(t, storetest.New(t, testenv.Postgres)).place(t, provisioning.Settings{})
	instances := [2]*provisioning.Service{p.svc, p.another(t)}
	const people, disabled, changed = 50, 5, 20 // the last ten are of an integration that is removed
	removed := p.install(t, provisioning.Settings{})
	p.clock.advance(200 * time.Millisecond) // the other instance has its keys by then
	from := func(n int) *partner {
		if n >= people-10 {
			return &removed
		}
		return &p.partner
	}
	says := func(n int, name, id string, ago int) claims {
		return from(n).anna(claims{
			"sub": fmt.Sprint("s", n), "email": fmt.Sprintf("s%d@example.com", n), "name": name, "jti": id, "iat": from(n).ago(ago),
		})
	}
	ids := make([]string, people)
	for n := range people {
		ids[n] = from(n).enter(t, says(n, "before", fmt.Sprint("first ", n), 9000)).UserID
	}
	p.mirror(t)

	type link struct{ n, kind int }
	var mu sync.Mutex
	let := map[string]int{} // in, by link
	together(4*people+2, func(i int) {
		switch {
		case i == 4*people:
			for n := range disabled {
				if err := p.svc.SetDisabled(t.Context(), p.tenant, ids[n], true, byAPI); err != nil {
					t.Errorf("SetDisabled: %v", err)
				}
			}
			return
		case i == 4*people+1:
			if err := p.svc.Remove(t.Context(), p.tenant, removed.ID, byAPI); err != nil {
				t.Errorf("Remove: %v", err)
			}
			return
		}
		one := link{i % people, i / people}
		id, name, ago := fmt.Sprintf("%d/%d", one.n, one.kind/2), "before", 5000 // of kind 0 and 1 the same link
		switch {
		case one.kind == 2:
			id, ago = fmt.Sprintf("%d/other", one.n), 4000
		case one.kind == 3 && one.n >= changed:
			id, ago = fmt.Sprintf("%d/more", one.n), 3000
		case one.kind == 3:
			id, name, ago = fmt.Sprintf("%d/changed", one.n), "after", 1000
		}
		_, err := from(one.n).open(t, instances[i%2], says(one.n, name, id, ago))
		var refusal *provisioning.Refusal
		switch {
		case err == nil:
			mu.Lock()
			let[id]++
			mu.Unlock()
		case !errors.As(err, &refusal):
			t.Errorf("link %s: %v", id, err)
		case refusal.Reason == provisioning.TokenReplayed && one.kind < 2,
			refusal.Reason == provisioning.UserDisabled && one.n < disabled,
			refusal.Reason == provisioning.IntegrationRemoved && one.n >= people-10:
		default:
			t.Errorf("link %s: got %v", id, err)
		}
	})

	total := people
	for id, times := range let {
		total += times
		wantSame(t, "who came in by link "+id, times, 1)
	}
	wantSame(t, "used tokens", p.count(t, "used_tokens"), total)
	for n := range people {
		free := n >= disabled && n < people-10 // nobody ended them
		name := "before"
		if n < changed && let[fmt.Sprintf("%d/changed", n)] == 1 {
			name = "after"
		}
		wantSame(t, fmt.Sprint("name of person ", n), p.profile(t, ids[n]).Name, name)
		for _, id := range []string{"0", "other"} {
			if free && let[fmt.Sprintf("%d/%s", n, id)] != 1 {
				t.Errorf("person %d: link %s let nobody in", n, id)
			}
		}
		if free && n < changed && name != "after" {
			t.Errorf("person %d: the change was lost", n)
		}
	}
	wantSame(t, "users", p.users(t), people)
	wantSame(t, "identities", p.count(t, "identities"), people)
}
