package testenv

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"
)

// SentinelName is what the Sentinels of [NewRedisSentinel] call the master.
const SentinelName = "usher"

// RedisSentinel is a master, its replicas and three Sentinels, a test's own.
type RedisSentinel struct {
	Nodes     []*RedisNode // the first one is the master at the start
	Sentinels []*RedisNode
}

// NewRedisSentinel starts a master with replicas, and three Sentinels that take
// it for lost when it is silent for as long as down. More are lines of every
// redis.conf.
func NewRedisSentinel(t testing.TB, replicas int, down time.Duration, more ...string) *RedisSentinel {
	t.Helper()
	s, password := &RedisSentinel{}, redisPassword()
	ports := freePorts(t, 1+replicas+3, false)
	for i, port := range ports[:1+replicas] {
		lines := more[:len(more):len(more)]
		if i > 0 {
			lines = append(lines, fmt.Sprintf("replicaof 127.0.0.1 %d", ports[0]))
		}
		s.Nodes = append(s.Nodes, newRedisNode(t, port, password, false, lines...))
	}
	for _, port := range ports[1+replicas:] {
		s.Sentinels = append(s.Sentinels, newRedisNode(t, port, "", true,
			"protected-mode no",
			fmt.Sprintf("sentinel monitor %s 127.0.0.1 %d 2", SentinelName, ports[0]),
			fmt.Sprintf("sentinel auth-pass %s %s", SentinelName, password),
			fmt.Sprintf("sentinel down-after-milliseconds %s %d", SentinelName, time.Hour.Milliseconds()),
			fmt.Sprintf("sentinel failover-timeout %s 5000", SentinelName)))
	}
	s.Settle(t)
	s.LostAfter(t, down) // only now: on a busy machine they are silent meanwhile
	return s
}

// LostAfter is how long the master may be silent from now on until it is lost.
func (s *RedisSentinel) LostAfter(t testing.TB, down time.Duration) {
	t.Helper()
	for _, sentinel := range s.Sentinels {
		sentinel.Must(t, "SENTINEL", "SET", SentinelName, "down-after-milliseconds", strconv.FormatInt(down.Milliseconds(), 10))
	}
}

// Settle waits until every Sentinel knows the others, and the master its
// replicas, all of which follow.
func (s *RedisSentinel) Settle(t testing.TB) {
	t.Helper()
	for _, sentinel := range s.Sentinels {
		awaitRedis(t, "Sentinels that know everybody", func() error {
			said := strings.Split(sentinel.Must(t, "SENTINEL", "MASTER", SentinelName), "\n")
			got := map[string]string{}
			for i := 0; i+1 < len(said); i += 2 {
				got[said[i]] = said[i+1]
			}
			if want := fmt.Sprint(len(s.Nodes) - 1); got["num-slaves"] != want || got["num-other-sentinels"] != "2" || got["flags"] != "master" {
				return fmt.Errorf("%s replicas, %s other Sentinels, %s", got["num-slaves"], got["num-other-sentinels"], got["flags"])
			}
			return nil
		})
	}
	awaitRedis(t, "replicas that follow", func() error {
		master := s.Master(t)
		role, err := master.Ask("ROLE")
		if err == nil && strings.Count(role, "127.0.0.1") != len(s.Nodes)-1 {
			err = fmt.Errorf("the master is %q", role)
		}
		return err
	})
}

// Master is the node that most of the Sentinels name; it waits until they do.
func (s *RedisSentinel) Master(t testing.TB) *RedisNode {
	t.Helper()
	var master *RedisNode
	awaitRedis(t, "Sentinels that agree", func() error {
		votes := map[string]int{}
		for _, sentinel := range s.Sentinels {
			_, port, _ := strings.Cut(sentinel.Must(t, "SENTINEL", "GET-MASTER-ADDR-BY-NAME", SentinelName), "\n")
			votes[port]++
		}
		for _, node := range s.Nodes {
			if votes[fmt.Sprint(node.Port)] >= 2 {
				master = node
				return nil
			}
		}
		return fmt.Errorf("votes %v", votes)
	})
	return master
}

// URL is the address by the Sentinels.
func (s *RedisSentinel) URL() string {
	var hosts []string
	for _, sentinel := range s.Sentinels {
		hosts = append(hosts, sentinel.Address())
	}
	return fmt.Sprintf("redis://default:%s@%s/0?master=%s", s.Nodes[0].Password, strings.Join(hosts, ","), SentinelName)
}
