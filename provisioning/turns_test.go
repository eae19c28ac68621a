package provisioning_test

import (
	"fmt"
	"testing"

	"usher/provisioning"
	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// TestTurns counts the round trips to PostgreSQL, once its statements are
// prepared.
func TestTurns(t *testing.T) {
	t.Parallel()
	if !testenv.HasPostgres() {
		return
	}
	db := storetest.New(t, testenv.Postgres)
	w := newWorld(t, db)
	p := w.place(t, provisioning.Settings{})
	address, turns := testenv.CountURLTurns(t, db.Address())
	s := w.service(db.OpenAt(t, address, w.clock.now, store.Options{Connections: 1}))
	took := func(c claims) int {
		t.Helper()
		before := turns()
		if _, err := p.open(t, s, c); err != nil {
			t.Fatal(err)
		}
		return turns() - before
	}
	many := claims{}
	groups, credits := []string{}, []any{}
	for i := range 50 {
		groups = append(groups, fmt.Sprint("many", i))
		p.addGroup(t, groups[i])
		if i < 20 {
			credits = append(credits, grant(fmt.Sprint("o", i), 1))
		}
	}
	many["groups"], many["credits"] = groups, credits

	for _, c := range []claims{p.anna(nil), p.anna(claims{"name": "A"})} {
		took(c) // warms up
	}
	for _, test := range []struct {
		name string
		c    claims
		want int
	}{
		{"unchanged", p.anna(claims{"name": "A", "jti": "1"}), 1},
		{"changed", p.anna(claims{"name": "B"}), 3},
		{"stale", p.anna(claims{"name": "C", "iat": p.ago(9000)}), 3},
		{"first", p.anna(claims{"sub": "b", "email": "b@example.com", "groups": []string{"staff", "readers"}}), 3},
		{"changed, with many groups", p.anna(many), 3},
		{"unchanged, with many groups", p.anna(many), 1},
	} {
		if got := took(test.c); got != test.want {
			t.Errorf("%s: got %d round trips, want %d", test.name, got, test.want)
		}
	}
}
