package kv

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/redis/go-redis/v9"
)

// NodeCondition is how one Redis server is.
type NodeCondition struct {
	Version    string        // such as "7.2.4"; "" = it does not say
	Mode       string        // standalone, cluster or sentinel, as it calls itself
	Replica    bool          // it follows another one, and takes no writes
	Eviction   string        // maxmemory-policy
	Used, Most int64         // bytes; Most 0 = no limit of its own
	Evicted    int64         // keys that it has dropped since its start
	AppendOnly bool          // every write goes to a file
	Snapshots  string        // the setting "save"; "" = none, or it does not say
	SaveFailed bool          // the last snapshot could not be written: it may refuse writes
	Ahead      time.Duration // by how much its clock is ahead of ours
}

// Clustered reports whether the address is a Cluster's.
func (r *Redis) Clustered() bool { return r.cluster }

// Condition asks each Redis that keeps sessions how it is: one server, the one
// that a Sentinel names, or the masters of a Cluster. It writes nothing.
func (r *Redis) Condition(ctx context.Context) ([]NodeCondition, error) {
	if c, ok := r.client.(*redis.ClusterClient); ok {
		var mu sync.Mutex
		var nodes []NodeCondition
		err := c.ForEachMaster(ctx, func(ctx context.Context, node *redis.Client) error {
			one, err := r.condition(ctx, node)
			mu.Lock()
			defer mu.Unlock()
			nodes = append(nodes, one)
			return err
		})
		return nodes, err
	}
	one, err := r.condition(ctx, r.client)
	return []NodeCondition{one}, err
}

func (r *Redis) condition(ctx context.Context, node redis.Cmdable) (NodeCondition, error) {
	text, err := node.Info(ctx).Result()
	if err != nil {
		return NodeCondition{}, fmt.Errorf("kv: info: %w", err)
	}
	c := parseInfo(text)
	if c.Mode == "sentinel" {
		return c, nil // which knows none of the other commands
	}
	before := r.now()
	clock, err := node.Time(ctx).Result()
	if err != nil {
		return c, fmt.Errorf("kv: time: %w", err)
	}
	after := r.now()
	c.Ahead = clock.Sub(before.Add(after.Sub(before) / 2))
	// Hosted servers often keep CONFIG to themselves.
	saves, err := node.ConfigGet(ctx, "save").Result()
	var refused redis.Error
	if err != nil && !errors.As(err, &refused) {
		return c, fmt.Errorf("kv: config: %w", err)
	}
	c.Snapshots = saves["save"]
	return c, nil
}

// parseInfo reads the answer to INFO: lines of name:value in sections. What is
// missing stays zero.
func parseInfo(text string) NodeCondition {
	values := map[string]string{}
	for line := range strings.Lines(text) {
		if name, value, ok := strings.Cut(strings.TrimRight(line, "\r\n"), ":"); ok {
			values[name] = value
		}
	}
	number := func(name string) int64 {
		n, _ := strconv.ParseInt(values[name], 10, 64)
		return n
	}
	return NodeCondition{
		Version: values["redis_version"], Mode: values["redis_mode"], Replica: values["role"] == "slave",
		Eviction: values["maxmemory_policy"], Used: number("used_memory"), Most: number("maxmemory"),
		Evicted: number("evicted_keys"), AppendOnly: values["aof_enabled"] == "1",
		SaveFailed: values["rdb_last_bgsave_status"] == "err",
	}
}
