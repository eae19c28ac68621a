package kv_test

import (
	"testing"
	"time"

	"usher/sessions/kv"
	"usher/sessions/kv/kvtest"
	"usher/testenv"
)

// addresses are those of nodes.
func addresses(nodes []*testenv.RedisNode) []string {
	var list []string
	for _, node := range nodes {
		list = append(list, node.Address())
	}
	return list
}

// TestRedisCluster holds three masters to the contract. The keys of one session
// lie in slots of their own, so most steps cross from node to node.
func TestRedisCluster(t *testing.T) {
	t.Parallel()
	if !testenv.HasRedis() {
		return
	}
	cluster := testenv.NewRedisCluster(t, 3, 1)
	kvtest.Run(t, func(t *testing.T) (kv.Store, func(time.Duration)) {
		return kvtest.OpenRedisCluster(t, cluster.Seed(), cluster.Nodes[0].Password, addresses(cluster.Nodes)...)
	})
}

// TestRedisSentinel holds the master that Sentinels name to the contract.
func TestRedisSentinel(t *testing.T) {
	t.Parallel()
	if !testenv.HasRedis() {
		return
	}
	s := testenv.NewRedisSentinel(t, 1)
	kvtest.Run(t, func(t *testing.T) (kv.Store, func(time.Duration)) {
		return kvtest.OpenRedisSentinel(t, s.URL(), s.Nodes[0].Password, testenv.SentinelName, addresses(s.Sentinels)...)
	})
}
