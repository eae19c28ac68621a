package main

import (
	"fmt"
	"testing"

	"usher/testenv"
)

// TestRoundTrips counts what a request costs on Postgres and Redis.
func TestRoundTrips(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return // the embedded stores have no network
	}
	database, sqlTurns := testenv.CountURLTurns(t, testenv.PostgresDSN(t))
	redis, redisTurns := testenv.CountURLTurns(t, testenv.RedisURL(t))
	i := launch(t, worldAt(database, redis))
	lumen := i.install(t, nil)
	groups, credits := []string{}, []fields{}
	for n := range 50 {
		groups = append(groups, fmt.Sprintf("g%d", n))
		credits = append(credits, fields{"orderId": fmt.Sprintf("o%d", n), "id": n + 1})
		i.admin(t, 201, "POST", "/groups", fields{"external_id": groups[n]})
		i.admin(t, 201, "POST", "/credits", fields{"id": n + 1, "name": "c"})
	}
	number := 0
	claims := func(name string) fields {
		number++
		return person(name).with(fields{
			"jti": fmt.Sprint(number), "firstName": "Anna", "groups": groups[:25], "credits": credits[:25], "meta": fields{"plan": "gold"},
		})
	}
	// Connections are opened and statements prepared.
	for n := range 24 {
		i.signIn(t, link(lumen.token(claims(fmt.Sprintf("warm%d", n/3)))))
		i.signIn(t, link(lumen.token(claims("warm").with(fields{"groups": groups[:n]}))))
	}
	i.signIn(t, link(lumen.token(claims("anna"))))
	cookie := i.signIn(t, link(lumen.token(claims("anna"))))
	for range 8 {
		i.alive(t, cookie)
	}

	for _, tt := range []struct {
		name       string
		target     func() string
		header     string
		status     int
		sql, redis int // at most
		exact      bool
	}{
		{"unchanged", func() string { return link(lumen.token(claims("anna"))) }, "X: 1", 303, 1, 1, true},
		{"unchanged, in the same browser", func() string { return link(lumen.token(claims("anna"))) }, holding(cookie), 303, 1, 1, true},
		{"changed", func() string {
			return link(lumen.token(claims("anna").with(fields{"groups": groups[25:], "credits": credits[25:], "firstName": "Änna"})))
		}, "X: 1", 303, 3, 1, false},
		{"first", func() string { return link(lumen.token(claims(fmt.Sprint("berta", number)))) }, "X: 1", 303, 3, 1, false},
		{"bad signature", func() string { return link(breakSignature(lumen.token(claims("anna")))) }, "X: 1", 401, 0, 0, true},
		{"malformed", func() string { return link("abc") }, "X: 1", 400, 0, 0, true},
		{"session", func() string { return "/auth/session" }, "", 200, 1, 1, true},
	} {
		t.Run(tt.name, func(t *testing.T) {
			// What goes on behind the answers, such as writing the sign-in log,
			// can fall into the same moment: it adds turns, and takes none away.
			leastSQL, leastRedis := 1<<30, 1<<30
			for range 20 {
				header := tt.header
				again := i.signIn(t, link(lumen.token(claims("anna"))))
				if header == "" {
					header = holding(again)
				}
				if tt.status == 401 {
					// A refusal that other keys could change has the keys loaded
					// again, at most once in a while.
					i.get(t, tt.target(), header)
				}
				target := tt.target()
				beforeSQL, beforeRedis := sqlTurns(), redisTurns()
				a := i.get(t, target, header)
				leastSQL, leastRedis = min(leastSQL, sqlTurns()-beforeSQL), min(leastRedis, redisTurns()-beforeRedis)
				if a.status != tt.status {
					t.Fatalf("got %v, want %d", a, tt.status)
				}
				if leastSQL <= tt.sql && leastRedis <= tt.redis {
					break
				}
			}
			if leastSQL > tt.sql || leastRedis > tt.redis || tt.exact && (leastSQL != tt.sql || leastRedis != tt.redis) {
				t.Errorf("got %d turns of SQL and %d of Redis, want %d and %d, exactly %v", leastSQL, leastRedis, tt.sql, tt.redis, tt.exact)
			}
		})
	}
}
