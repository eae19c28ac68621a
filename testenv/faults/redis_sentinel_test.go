//go:build linux

package faults

import (
	"testing"
	"time"

	"usher/testenv"
)

// TestRedisSentinel has the master of three Sentinels killed: a replica takes its
// place, and the old one comes back as a replica.
func TestRedisSentinel(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return
	}
	s := testenv.NewRedisSentinel(t, 1, time.Hour) // until one is lost indeed
	w := newWorldOn(t, 16, s.URL())
	var master *testenv.RedisNode
	for _, f := range []failover{
		{
			name: "the master of Sentinels is killed, and comes back as a replica",
			lose: func(t *testing.T) {
				master = s.Master(t)
				master.Kill(t)
				s.LostAfter(t, time.Second)
			},
			back: func(t *testing.T) {
				master.Start(t)
				s.Settle(t)
			},
			may: whileOver,
		},
		{
			name: "the master of Sentinels hangs, and goes on as a replica", long: true,
			lose: func(t *testing.T) {
				master = s.Master(t)
				master.Hang(t)
				s.LostAfter(t, time.Second)
			},
			back: func(t *testing.T) {
				master.GoOn(t)
				s.Settle(t)
			},
			may: whileOver,
		},
	} {
		if f.long && !*long {
			continue
		}
		t.Run(f.name, func(t *testing.T) { w.over(t, f) })
	}
	w.usher.command(t, "audit", "verify")
}
