package testenv

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// RedisCluster is a Redis Cluster of a test's own.
type RedisCluster struct {
	Nodes []*RedisNode // the masters first
}

// NewRedisCluster starts masters that share the slots evenly, and for each of
// them as many replicas. A node that is silent for as long as down counts as
// lost. More are lines of everybody's redis.conf.
func NewRedisCluster(t testing.TB, masters, replicas int, down time.Duration, more ...string) *RedisCluster {
	t.Helper()
	c, password := &RedisCluster{}, redisPassword()
	// A node that a busy machine holds up meanwhile loses its place to nobody.
	lines := append([]string{"cluster-enabled yes", "cluster-node-timeout 1000", "cluster-replica-no-failover yes"}, more...)
	for i, port := range freePorts(t, masters*(1+replicas), true) {
		c.Nodes = append(c.Nodes, newRedisNode(t, port, password, false, lines...))
		first := c.Nodes[0]
		c.Nodes[i].Must(t, "CLUSTER", "SET-CONFIG-EPOCH", strconv.Itoa(i+1))
		if i > 0 {
			c.Nodes[i].Must(t, "CLUSTER", "MEET", "127.0.0.1", strconv.Itoa(first.Port))
		}
	}
	const slots = 16384
	for i, node := range c.Nodes[:masters] {
		node.Must(t, "CLUSTER", "ADDSLOTSRANGE", strconv.Itoa(i*slots/masters), strconv.Itoa((i+1)*slots/masters-1))
	}
	c.await(t, fmt.Sprint("cluster_known_nodes:", len(c.Nodes)))
	for i, node := range c.Nodes[masters:] {
		id := c.Nodes[i%masters].Must(t, "CLUSTER", "MYID")
		awaitRedis(t, "a replica", func() error {
			_, err := node.Ask("CLUSTER", "REPLICATE", id)
			return err
		})
	}
	c.await(t, "cluster_state:ok")
	for i, node := range c.Nodes[masters:] {
		node.awaitFollowing(t, c.Nodes[i%masters])
	}
	awaitRedis(t, "replicas in everybody's table", func() error {
		for _, node := range c.Nodes {
			if got := strings.Count(node.Must(t, "CLUSTER", "NODES"), "slave"); got != len(c.Nodes)-masters {
				return fmt.Errorf("%d replicas", got)
			}
		}
		return nil
	})
	// Only now: a new Cluster waits for as long before it begins. Whoever counts as
	// lost at this moment would for as long: then it is given the time to come back.
	awaitRedis(t, "nodes that all are well", func() error {
		c.LostAfter(t, down)
		for _, node := range c.Nodes {
			if table := node.Must(t, "CLUSTER", "NODES"); strings.Contains(table, ",fail") { // as a flag, beside nofailover
				c.LostAfter(t, time.Second)
				return fmt.Errorf("%q at %s", table, node.Address())
			}
		}
		return nil
	})
	c.await(t, "cluster_state:ok")
	for _, node := range c.Nodes {
		node.Must(t, "CONFIG", "SET", "cluster-replica-no-failover", "no")
	}
	return c
}

// LostAfter is how long a node that runs may be silent from now on until it is lost.
func (c *RedisCluster) LostAfter(t testing.TB, down time.Duration) {
	t.Helper()
	for _, node := range c.Nodes {
		if node.runs() {
			node.Must(t, "CONFIG", "SET", "cluster-node-timeout", strconv.FormatInt(down.Milliseconds(), 10))
		}
	}
}

// await waits until every node's CLUSTER INFO has a line.
func (c *RedisCluster) await(t testing.TB, line string) {
	t.Helper()
	for _, node := range c.Nodes {
		awaitRedis(t, line, func() error {
			if info := node.Must(t, "CLUSTER", "INFO"); !strings.Contains(info, line+"\r\n") {
				return fmt.Errorf("%.120q at %s", info, node.Address())
			}
			return nil
		})
	}
}

// Await waits until every node that runs says that the state is ok.
func (c *RedisCluster) Await(t testing.TB) {
	t.Helper()
	c.await(t, "cluster_state:ok")
}

// URL names every node.
func (c *RedisCluster) URL() string {
	var hosts []string
	for _, node := range c.Nodes {
		hosts = append(hosts, node.Address())
	}
	return fmt.Sprintf("redis://default:%s@%s", c.Nodes[0].Password, strings.Join(hosts, ","))
}

// Seed is the URL of the Cluster by its first node alone: clients have to find
// the others.
func (c *RedisCluster) Seed() string {
	return fmt.Sprintf("redis://default:%s@%s?cluster=true", c.Nodes[0].Password, c.Nodes[0].Address())
}
