//go:build linux

package faults

import (
	"fmt"
	"net/http"
	"testing"
	"time"

	"usher/testenv"
)

// TestPooled has people sign in at two instances whose connections are lent by a
// PgBouncer, three of them for one transaction each: nobody notices.
func TestPooled(t *testing.T) {
	t.Parallel()
	if !haveServers() || !testenv.HasPgBouncer() {
		return
	}
	pooled, direct := testenv.PooledDSN(t)
	redis := newRedis(t)
	first := newUsher("DATABASE_URL="+pooled, "DATABASE_DIRECT_URL="+direct,
		fmt.Sprintf("REDIS_URL=redis://default:%s@%s/0", redis.password, redis.address))
	second := first.twin()
	for _, u := range []*usher{first, second} {
		u.start(t)
		t.Cleanup(func() { u.stop(t) })
	}
	l := open(t, first, 16)
	l.doors = []*door{&first.door, &second.door}
	for i, p := range l.people {
		p.steady = i/2%2 == 0
	}
	tokens := l.revokes(t)
	stop := make(chan struct{})
	time.AfterFunc(lasts, func() { close(stop) })
	s := l.rush(l.people, workers, stop)
	if good := s.total(http.StatusSeeOther, http.StatusOK, http.StatusNoContent); good == 0 || good != s.total() {
		t.Errorf("got %v, want every answer good", s)
	}
	for _, k := range tokens {
		k.hold(t)
	}
	l.settle(t)
	l.live(t)
	l.replay(t)
	l.scan(t, database{"postgres", direct})
	first.command(t, "audit", "verify")
	first.command(t, "doctor")
	for _, v := range l.violations {
		t.Error(v)
	}
	reported(line{fault: "PgBouncer lends three connections", runs: s.total(), seen: s.String(), slowest: s.slowest, violations: len(l.violations)})
	if t.Failed() {
		t.Logf("the logs end:\n%s\n%s", first.lastWords(), second.lastWords())
	}
}
