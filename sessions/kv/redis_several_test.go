package kv_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/sessions/kv"
	"usher/sessions/kv/kvtest"
	"usher/testenv"
)

// never is how long a server may be silent before another takes its place, in
// tests that want no failover on a busy machine.
const never = time.Hour

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
	cluster := testenv.NewRedisCluster(t, 3, 1, never)
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
	s := testenv.NewRedisSentinel(t, 1, never)
	kvtest.Run(t, func(t *testing.T) (kv.Store, func(time.Duration)) {
		return kvtest.OpenRedisSentinel(t, s.URL(), s.Nodes[0].Password, testenv.SentinelName, addresses(s.Sentinels)...)
	})
}

// TestPutOnce: a node of a Cluster that takes a session and does not answer in
// time is not sent it again.
func TestPutOnce(t *testing.T) {
	t.Parallel()
	if !testenv.HasRedis() {
		return
	}
	cluster := testenv.NewRedisCluster(t, 1, 0, never)
	node := cluster.Nodes[0]
	store, err := kv.OpenRedis(cluster.Seed(), kv.DefaultPrefix, time.Now) // with the bounds of its own
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	put := func() error {
		_, _, _, err := store.Put(t.Context(), "t", "u", kv.Key{1}, []byte("v"), time.Hour, "i", kv.Key{2})
		return err
	}
	var many sync.WaitGroup // of connections: a new one could not be opened to a node that hangs
	for range 20 {
		many.Go(func() {
			if err := put(); err != nil {
				t.Error(err)
			}
		})
	}
	many.Wait()
	node.Must(t, "CONFIG", "RESETSTAT")
	node.Hang(t)
	err = put()
	node.GoOn(t)
	if err == nil {
		t.Error("Put at a node that hangs: got no error, want one")
	}
	if said := node.Must(t, "INFO", "commandstats"); !strings.Contains(said, "cmdstat_set:calls=1,") || !strings.Contains(said, "cmdstat_getdel:calls=1,") {
		t.Errorf("got %s, want one SET and one GETDEL", said)
	}
}

// TestNewMaster: a replica of a Cluster that takes a lost master's place is found,
// although nobody names it.
func TestNewMaster(t *testing.T) {
	t.Parallel()
	if !testenv.HasRedis() {
		return
	}
	cluster := testenv.NewRedisCluster(t, 3, 1, never)
	store, err := kv.OpenPatientRedis(cluster.Seed(), kv.DefaultPrefix, time.Now, kvtest.Patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	touch := func() error { // all masters
		for i := range byte(30) {
			if _, _, err := store.Get(t.Context(), "t", kv.Key{i}); err != nil {
				return err
			}
		}
		return nil
	}
	if err := touch(); err != nil {
		t.Fatal(err)
	}
	cluster.Nodes[1].Kill(t)
	if err := touch(); err == nil {
		t.Error("without a master: got no error, want one")
	}
	cluster.LostAfter(t, time.Second) // only now may a replica take its place
	if err := eventually(t, touch); err != nil {
		t.Errorf("with a new master: got %v, want all well", err)
	}
}

// TestRefusals: a server that will not do as asked is a fault, never "there is no
// session" and never success.
func TestRefusals(t *testing.T) {
	t.Parallel()
	if !testenv.HasRedis() {
		return
	}
	for name, test := range map[string]struct {
		server func(t *testing.T) *testenv.RedisNode
		reads  bool // Get is answered
	}{
		"too few replicas": {func(t *testing.T) *testenv.RedisNode { return testenv.NewRedis(t, "min-replicas-to-write 1") }, true},
		"full": {func(t *testing.T) *testenv.RedisNode {
			n := testenv.NewRedis(t)
			n.Must(t, "CONFIG", "SET", "maxmemory", "1")
			return n
		}, true},
		"replica": {func(t *testing.T) *testenv.RedisNode { return testenv.NewReplica(t, testenv.NewRedis(t)) }, true},
		"replica of a lost master": {func(t *testing.T) *testenv.RedisNode {
			master := testenv.NewRedis(t)
			n := testenv.NewReplica(t, master, "replica-serve-stale-data no")
			master.Kill(t)
			return n
		}, false},
		"Cluster without its slots": {func(t *testing.T) *testenv.RedisNode { return testenv.NewRedis(t, "cluster-enabled yes") }, false},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			server := test.server(t)
			store, err := kv.OpenPatientRedis(server.URL(), kv.DefaultPrefix, time.Now, kvtest.Patience)
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { _ = store.Close() })
			get := func() error { _, _, err := store.Get(t.Context(), "t", kv.Key{1}); return err }
			if !test.reads { // the replica notices a moment later
				if err := eventually(t, func() error {
					if get() == nil {
						return errors.New("no error")
					}
					return nil
				}); err != nil {
					t.Errorf("Get: got %v, want one", err)
				}
			} else if err := get(); err != nil {
				t.Errorf("Get: got %v, want an answer", err)
			}
			_, _, _, put := store.Put(t.Context(), "t", "u", kv.Key{1}, []byte("v"), time.Hour, "i", kv.Key{})
			for call, err := range map[string]error{
				"Put": put, "Retire": store.Retire(t.Context(), "t", "u", 1), "Raise": store.Raise(t.Context(), "t", "i", 1),
			} {
				if err == nil {
					t.Errorf("%s: got no error, want one", call)
				}
			}
		})
	}
}
