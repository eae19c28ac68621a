package provisioning_test

import (
	"fmt"
	"testing"

	"usher/provisioning"
)

// TestSCIMWalk: a list that is read page by page is whole, whatever comes and goes
// meanwhile, and at another instance as well.
func TestSCIMWalk(t *testing.T) {
	eachPair(t, provisioning.Settings{}, func(t *testing.T, p *place, instances [2]*provisioning.Service) {
		ctx := t.Context()
		d := p.directory(t)
		var ids []string
		for n := range 6 {
			ids = append(ids, p.provision(t, d, saying(fmt.Sprintf("p%d", n))).ID)
		}
		page := func(s *provisioning.Service, offset int) (got []string, total int64) {
			t.Helper()
			users, total, err := s.SCIMUsers(ctx, p.tenant, d, provisioning.SCIMUserFilter{}, offset, 2, false)
			if err != nil {
				t.Fatal(err)
			}
			for _, u := range users {
				got = append(got, u.ID)
			}
			return got, total
		}
		want := func(got []string, total int64, users []string, all int64) {
			t.Helper()
			if fmt.Sprint(got) != fmt.Sprint(users) || total != all {
				t.Errorf("got %v of %d, want %v of %d", got, total, users, all)
			}
		}
		got, total := page(instances[0], 0)
		want(got, total, ids[:2], 6)
		// Who is deleted behind the walker moves nobody out of its way.
		if err := p.svc.DeleteSCIMUser(ctx, p.tenant, d, ids[0], byDirectory); err != nil {
			t.Fatal(err)
		}
		got, total = page(instances[0], 2)
		want(got, total, ids[2:4], 6)
		got, total = page(instances[1], 2) // which has not answered the page before
		want(got, total, ids[3:5], 5)
		got, total = page(instances[0], 0)
		want(got, total, ids[1:3], 5)
		p.clock.advance(2 * 60e9)
		got, total = page(instances[0], 4)
		want(got, total, ids[5:], 5)
	})
}
