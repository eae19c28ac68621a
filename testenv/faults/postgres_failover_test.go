//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"testing"
	"time"
)

// pair is a world whose Postgres has a standby.
type pair struct {
	*world
	standby *server
	crashed time.Time
}

// newPair starts an Usher that knows both servers of a pair, the standby first: no
// connection may stay with it. Half of the people always say the same.
func newPair(t *testing.T, people int, more ...string) *pair {
	t.Helper()
	p := &pair{world: &world{postgres: newPostgres(t), redis: newRedis(t)}}
	p.standby = newStandby(t, p.postgres)
	p.postgres.followedBy(t)
	p.database = database{"postgres", p.postgres.url(p.postgres.address)}
	p.toPostgres, p.toRedis = newProxy(t, p.postgres.address), newProxy(t, p.redis.address)
	u := newUsher(append([]string{
		"DATABASE_URL=" + p.postgres.url(p.standby.address+","+p.postgres.address),
		fmt.Sprintf("REDIS_URL=redis://default:%s@%s/0", p.redis.password, p.toRedis.address),
	}, more...)...)
	u.start(t)
	t.Cleanup(func() { u.stop(t) })
	p.ledger = open(t, u, people)
	for i, one := range p.people {
		one.steady = i/2%2 == 0
	}
	return p
}

// failsOver crashes the primary in the middle of the load, and has the standby take
// over a moment later.
func (p *pair) failsOver(t *testing.T, _ *world) func() {
	done := make(chan struct{})
	time.AfterFunc(lasts/2, func() {
		p.postgres.crash(t)
		p.crashed = time.Now()
		time.AfterFunc(lasts/4, func() { // there is no primary for that long
			defer close(done)
			if err := p.standby.sql("SELECT pg_promote()"); err != nil {
				t.Error(err)
			}
		})
	})
	return func() {
		<-done
		p.database.dsn = p.standby.url(p.standby.address)
	}
}

// TestFailover: a standby takes over from a primary that is gone. Usher finds it by
// itself, everything that was answered is there, and no used link opens anything.
func TestFailover(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return
	}
	t.Run("every sign-in on the standby", func(t *testing.T) {
		p := newPair(t, 16, "USHER_DURABLE_SIGN_INS=true")
		tokens := p.revokes(t)
		run(t, p.world, []row{{
			name: "Postgres fails over", begin: p.failsOver,
			signIn: signs, session: tells, verify: passes, within: 3 * time.Second, recovers: 10 * time.Second,
		}})
		for _, k := range tokens {
			k.hold(t)
		}
	})
	if !*long {
		return
	}
	t.Run("changes alone on the standby", forgets)
}

// forgets measures what a failover takes back where a sign-in that changes nothing
// does not wait for the standby: links of the last moments, and nothing else.
func forgets(t *testing.T) {
	p := newPair(t, 16)
	p.ready(t, 20*time.Second)
	end := p.failsOver(t, p.world)
	stop, used := make(chan struct{}), map[*token]time.Time{}
	time.AfterFunc(lasts, func() { close(stop) })
	s := &seen{}
	for at := 0; ; at = (at + 1) % len(p.people) { // one after the other, for the times
		select {
		case <-stop:
		default:
			one := p.people[at]
			k := one.current()
			a := p.present(one, k)
			if s.note("sign-in", a); a.status == http.StatusSeeOther {
				used[k] = time.Now()
			}
			continue
		}
		break
	}
	end()
	recovered := p.ready(t, 10*time.Second)
	const forgotten = 600 * time.Millisecond // three times wal_writer_delay
	again := 0
	for _, one := range p.people {
		for _, k := range one.tokens {
			at, ok := used[k]
			if !ok {
				continue
			}
			k.state = unknown
			switch a := p.present(one, k); {
			case a.status == http.StatusUnauthorized:
			case a.status == http.StatusSeeOther && one.steady && p.crashed.Sub(at) < forgotten+slack:
				again++
			default:
				t.Errorf("got %v for a link of %s that was used %s before the crash", a, one.email(), p.crashed.Sub(at))
			}
		}
	}
	t.Logf("%d of %d links that were used open again after the failover", again, len(used))
	p.scan(t, p.database)
	for _, v := range p.violations {
		t.Error(v)
	}
	reported(line{
		fault: fmt.Sprintf("Postgres fails over, without USHER_DURABLE_SIGN_INS (%d of %d used links open again)", again, len(used)),
		runs:  s.total(), seen: s.String(), slowest: s.slowest, recovered: recovered, violations: len(p.violations),
	})
}
