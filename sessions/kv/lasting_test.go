package kv_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"

	"usher/sessions/kv"
	"usher/sessions/kv/kvtest"
	"usher/testenv"
)

// TestEndingsLast: where there are replicas, an ending has happened once one has
// it. A replica that hangs makes it a fault, and holds up nothing else; what
// ended meanwhile is told again until the replica has it.
func TestEndingsLast(t *testing.T) {
	t.Parallel()
	if !testenv.HasRedis() {
		return
	}
	sentinel, cluster := testenv.NewRedisSentinel(t, 1, never), testenv.NewRedisCluster(t, 3, 1, never)
	for name, test := range map[string]struct {
		open     func(t *testing.T) *kv.Redis
		replicas []*testenv.RedisNode
	}{
		"sentinel": {func(t *testing.T) *kv.Redis {
			store, _ := kvtest.OpenRedisSentinel(t, sentinel.URL(), sentinel.Nodes[0].Password, testenv.SentinelName, addresses(sentinel.Sentinels)...)
			return store
		}, sentinel.Nodes[1:]},
		"cluster": {func(t *testing.T) *kv.Redis {
			store, _ := kvtest.OpenRedisCluster(t, cluster.Seed(), cluster.Nodes[0].Password, addresses(cluster.Nodes)...)
			return store
		}, cluster.Nodes[3:]},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			store := test.open(t)
			tenant, integration, ctx := uuid.NewString(), uuid.NewString(), t.Context()
			users := map[string]string{}
			for _, name := range []string{"deleted", "retired", "none"} {
				users[name] = uuid.NewString()
			}
			put := func(user string, key kv.Key) error {
				_, _, _, err := store.Put(ctx, tenant, user, key, []byte("v"), time.Hour, integration, kv.Key{})
				return err
			}
			if err := errors.Join(put(users["deleted"], kv.Key{1}), put(users["retired"], kv.Key{2})); err != nil {
				t.Fatal(err)
			}
			endings := map[string]func(ctx context.Context) error{
				"Delete":            func(ctx context.Context) error { return store.Delete(ctx, tenant, users["deleted"], kv.Key{1}) },
				"Retire":            func(ctx context.Context) error { return store.Retire(ctx, tenant, users["retired"], 7) },
				"Retire of nothing": func(ctx context.Context) error { return store.Retire(ctx, tenant, users["none"], 7) },
				"Raise":             func(ctx context.Context) error { return store.Raise(ctx, tenant, integration, 7) },
			}
			for _, replica := range test.replicas {
				replica.Hang(t)
			}
			for name, end := range endings {
				// Twice: what was done before is as unconfirmed as what is done now.
				for try := range 2 {
					if err := end(ctx); !errors.Is(err, kv.ErrUnconfirmed) {
						t.Errorf("%s, try %d, with a replica that hangs: got %v, want it unconfirmed", name, try, err)
					}
				}
			}
			if err := put(users["none"], kv.Key{3}); err != nil {
				t.Errorf("Put with a replica that hangs: got %v, want it done", err)
			}
			for i, key := range []kv.Key{{1}, {2}} {
				if value, _, err := store.Get(ctx, tenant, key); err != nil || value != nil {
					t.Errorf("Get of ended session %d: got %q, %v, want none", i, value, err)
				}
			}
			for _, replica := range test.replicas {
				replica.GoOn(t)
			}
			for name, end := range endings {
				if err := eventually(t, func() error { return end(ctx) }); err != nil {
					t.Errorf("%s, with a replica again: got %v, want it done", name, err)
				}
			}
			if epoch, generation, err := store.Counters(ctx, tenant, users["none"], integration); err != nil || epoch != 7 || generation != 7 {
				t.Errorf("got epoch %d, generation %d, error %v, want 7, 7", epoch, generation, err)
			}
		})
	}
}

// TestEndingsWithoutReplica: who has none waits for none.
func TestEndingsWithoutReplica(t *testing.T) {
	t.Parallel()
	if !testenv.HasRedis() {
		return
	}
	cluster := testenv.NewRedisCluster(t, 3, 0, never)
	store, _ := kvtest.OpenRedisCluster(t, cluster.Seed(), cluster.Nodes[0].Password, addresses(cluster.Nodes)...)
	tenant, user := uuid.NewString(), uuid.NewString()
	for i := range byte(20) {
		if err := store.Delete(t.Context(), tenant, user, kv.Key{i}); err != nil {
			t.Fatal(err)
		}
	}
	for _, node := range cluster.Nodes {
		if said := node.Must(t, "INFO", "commandstats"); strings.Contains(said, "cmdstat_wait:") {
			t.Errorf("got WAIT at %s, want none where nobody follows", node.Address())
		}
	}
}

// TestDebtsArePaid: an ending that no replica confirmed is done again at the
// server that takes the master's place, which has never heard of it.
func TestDebtsArePaid(t *testing.T) {
	t.Parallel()
	if !testenv.HasRedis() {
		return
	}
	first := testenv.NewRedis(t)
	second := testenv.NewReplica(t, first)
	front := testenv.NewFront(t, first.Address())
	store, err := kv.OpenPatientRedis(front.URL(first.Password), kv.DefaultPrefix, time.Now, kvtest.Patience)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = store.Close() })
	tenant, user, integration, ctx := uuid.NewString(), uuid.NewString(), uuid.NewString(), t.Context()
	key := kv.Key{1}
	if _, _, _, err := store.Put(ctx, tenant, user, key, []byte("v"), time.Hour, integration, kv.Key{}); err != nil {
		t.Fatal(err)
	}
	// Once this is confirmed the replica has everything.
	if err := eventually(t, func() error { return store.Raise(ctx, tenant, integration, 0) }); err != nil {
		t.Fatal(err)
	}
	// The replica goes on with what it has: what comes from now on is lost to it.
	second.Hang(t)
	if err := store.Delete(ctx, tenant, user, key); !errors.Is(err, kv.ErrUnconfirmed) {
		t.Fatalf("Delete: got %v, want it unconfirmed", err)
	}
	first.Kill(t)
	second.GoOn(t)
	second.Must(t, "REPLICAOF", "NO", "ONE")
	// Nothing of the connection to the first may have arrived: bring it back.
	second.Must(t, "SET", "usher:s:"+tenant+":AQAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", "v")
	front.Aim(second.Address())
	if err := eventually(t, func() error {
		value, _, err := store.Get(ctx, tenant, key)
		if err == nil && value != nil {
			err = fmt.Errorf("the session is there: %q", value)
		}
		return err
	}); err != nil {
		t.Errorf("after the failover: got %v, want the session ended again", err)
	}
}

// eventually asks until there is no error, for half a minute.
func eventually(t *testing.T, ask func() error) error {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for {
		err := ask()
		if err == nil {
			return nil
		}
		select {
		case <-ctx.Done():
			return err
		case <-tick.C:
		}
	}
}
