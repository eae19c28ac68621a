//go:build linux

package faults

import (
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"testing"
	"time"
)

// TestKilled kills the program at random instants while people sign in, starts
// it again on the same stores and holds what is there against what people were
// answered.
func TestKilled(t *testing.T) {
	t.Parallel()
	t.Run("SQLite", func(t *testing.T) {
		t.Parallel()
		data := t.TempDir()
		u := newUsher("USHER_DATA_DIR=" + data)
		killed(t, u, database{"sqlite", "file:" + filepath.Join(data, "usher.db") + "?_pragma=busy_timeout(5000)"})
	})
	if !haveServers() {
		return
	}
	t.Run("Postgres", func(t *testing.T) {
		t.Parallel()
		postgres, redis := newPostgres(t), newRedis(t)
		at := postgres.url(postgres.address)
		u := newUsher("DATABASE_URL="+at, fmt.Sprintf("REDIS_URL=redis://default:%s@%s/0", redis.password, redis.address))
		killed(t, u, database{"postgres", at})
	})
}

func killed(t *testing.T, u *usher, at database) {
	u.start(t)
	l := open(t, u, 16)
	rounds := map[bool]int{false: 5, true: 100}[*long]
	s, slowest := &seen{}, time.Duration(0)
	for round := range rounds {
		instant := time.Duration(20+rand.IntN(480)) * time.Millisecond
		stop := make(chan struct{})
		time.AfterFunc(instant, func() {
			u.kill(t)
			close(stop)
		})
		s = l.rush(l.people, workers, stop)
		<-stop
		begun := time.Now()
		u.start(t)
		slowest = max(slowest, time.Since(begun))
		l.settle(t)
		l.live(t)
		l.replay(t)
		l.scan(t, at)
		if t.Failed() || len(l.violations) > 0 {
			t.Logf("round %d, killed after %s: %v; the log ends:\n%s", round, instant, s, u.lastWords())
			break
		}
	}
	u.command(t, "audit", "verify")
	u.stop(t)
	for _, v := range l.violations {
		t.Error(v)
	}
	reported(line{fault: "kill -9 on " + at.driver, runs: rounds, seen: "last round: " + s.String(), slowest: s.slowest, recovered: slowest, violations: len(l.violations)})
}
