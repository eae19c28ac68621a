//go:build linux

package faults

import (
	"net/http"
	"testing"
	"time"

	"usher/testenv"
)

// TestRedisCluster takes masters away from a Redis Cluster, and moves slots while
// people sign in.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	if !haveServers() || !*long {
		return
	}
	t.Run("with replicas", func(t *testing.T) {
		cluster := testenv.NewRedisCluster(t, 3, 1, time.Hour) // until one is lost indeed
		w := newWorldOn(t, 16, cluster.Seed())
		t.Run("slots move", func(t *testing.T) { w.try(t, slotsMove(cluster)) })
		t.Run("failover", func(t *testing.T) {
			lost := w.generationsAt(t, cluster.Nodes[:3], true)
			w.over(t, failover{
				name: "a master of a Cluster with replicas is killed",
				lose: func(t *testing.T) {
					lost.Kill(t)
					cluster.LostAfter(t, time.Second)
				},
				back: func(t *testing.T) {
					lost.Start(t)
					cluster.Await(t)
				},
				may: whileOver,
			})
		})
		w.usher.command(t, "audit", "verify")
	})
	for _, full := range []string{"no", "yes"} {
		t.Run("without replicas, full coverage "+full, func(t *testing.T) {
			cluster := testenv.NewRedisCluster(t, 3, 0, time.Second,
				"appendonly yes", "cluster-require-full-coverage "+full)
			w := newWorldOn(t, 32, cluster.Seed())
			// One that has no tenant's generations: without them nobody of the tenant
			// can be let in.
			run(t, w, []row{masterLost(cluster, w.generationsAt(t, cluster.Nodes, false), full)})
		})
	}
}

// generationsAt is a master that holds generations of a tenant, or one that holds none.
func (w *world) generationsAt(t *testing.T, masters []*testenv.RedisNode, some bool) *testenv.RedisNode {
	t.Helper()
	w.ready(t, 20*time.Second)
	for _, node := range masters {
		if holds := node.Must(t, "KEYS", "usher:g:*") != ""; holds == some {
			return node
		}
	}
	t.Fatalf("got no master for the test")
	return nil
}

// slotsMove has every slot in use leave the first master: half at first, so that
// clients are sent on key by key, and then for good.
func slotsMove(cluster *testenv.RedisCluster) row {
	from, to := cluster.Nodes[0], cluster.Nodes[1]
	return row{
		name: "slots of a Cluster move",
		begin: func(t *testing.T, _ *world) func() {
			slots := cluster.Slots(t, from)
			if len(slots) == 0 {
				t.Fatal("got no slot in use at the first master, want some")
			}
			for _, slot := range slots {
				cluster.BeginMove(t, slot, from, to)
			}
			return func() {
				for _, slot := range slots {
					cluster.FinishMove(t, slot, from, to)
				}
			}
		},
		signIn: []int{http.StatusSeeOther}, session: only200, verify: only204, within: 2 * time.Second, recovers: 5 * time.Second,
	}
}

// masterLost is a master that is killed with nobody to take its place, and comes
// back with what it had. Full is cluster-require-full-coverage.
func masterLost(cluster *testenv.RedisCluster, lost *testenv.RedisNode, full string) row {
	return row{
		name: "a master of a Cluster without replicas is killed (cluster-require-full-coverage " + full + ")",
		begin: func(t *testing.T, _ *world) func() {
			lost.Kill(t)
			return func() {
				lost.Start(t)
				cluster.Await(t)
			}
		},
		signIn: signs, session: tells, verify: passes, within: 3 * time.Second, recovers: 15 * time.Second,
	}
}
