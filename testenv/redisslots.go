package testenv

import (
	"strconv"
	"strings"
	"testing"
)

// Slots are the slots of the Cluster's keys that a node has.
func (c *RedisCluster) Slots(t testing.TB, at *RedisNode) []string {
	t.Helper()
	seen := map[string]bool{}
	var slots []string
	for key := range strings.SplitSeq(at.Must(t, "KEYS", "*"), "\n") {
		if key == "" {
			continue
		}
		if slot := at.Must(t, "CLUSTER", "KEYSLOT", key); !seen[slot] {
			seen[slot] = true
			slots = append(slots, slot)
		}
	}
	return slots
}

// BeginMove moves the keys of a slot from one master to another, and leaves the
// slot between them: who asks the one is sent on to the other (ASK).
func (c *RedisCluster) BeginMove(t testing.TB, slot string, from, to *RedisNode) {
	t.Helper()
	to.Must(t, "CLUSTER", "SETSLOT", slot, "IMPORTING", from.Must(t, "CLUSTER", "MYID"))
	from.Must(t, "CLUSTER", "SETSLOT", slot, "MIGRATING", to.Must(t, "CLUSTER", "MYID"))
	for {
		keys := strings.Fields(from.Must(t, "CLUSTER", "GETKEYSINSLOT", slot, "100"))
		if len(keys) == 0 {
			return
		}
		from.Must(t, append([]string{
			"MIGRATE", "127.0.0.1", strconv.Itoa(to.Port), "", "0", "5000", "AUTH", to.Password, "KEYS",
		}, keys...)...)
	}
}

// FinishMove gives the slot to the other for good: who asks the one from now on is told
// so (MOVED).
func (c *RedisCluster) FinishMove(t testing.TB, slot string, from, to *RedisNode) {
	t.Helper()
	c.BeginMove(t, slot, from, to) // what has come meanwhile
	id := to.Must(t, "CLUSTER", "MYID")
	for _, node := range []*RedisNode{to, from} {
		node.Must(t, "CLUSTER", "SETSLOT", slot, "NODE", id)
	}
}
