package kv

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// Watcher is told how long each round trip to Redis took, waiting for a free
// connection included, and whether Redis was unavailable: it could not be reached,
// did not answer, or would not do as asked (a replica, a server that is loading).
// It neither waits nor fails.
type Watcher func(took time.Duration, unavailable bool)

// Watch has w told of every round trip from now on. Nobody else may use the store
// meanwhile.
func (r *Redis) Watch(w Watcher) { r.tell = w }

// timed does a round trip with these commands and tells of it. What is sent to set
// up a connection is part of the time and of nothing else: older servers refuse
// some of it. Whose client has hung up says nothing about Redis.
func (r *Redis) timed(ctx context.Context, cmds []redis.Cmder, send func()) {
	if r.tell == nil {
		send()
		return
	}
	start := r.now()
	send()
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	r.tell(r.now().Sub(start), slices.ContainsFunc(cmds, func(cmd redis.Cmder) bool {
		return cmd.Err() != nil && !errors.Is(cmd.Err(), redis.Nil) && !unheeded(cmd)
	}))
}

// PoolState is how the connections to Redis stand; on a Cluster, those to all
// nodes.
type PoolState struct {
	InUse, Idle int
	Waits       int64         // calls that had to wait for one, since the start
	Waited      time.Duration // all of them together
	Timeouts    int64         // calls that got none in time
}

// Pool says how the connections stand.
func (r *Redis) Pool() PoolState {
	now := r.client.PoolStats()
	return PoolState{
		InUse: int(now.TotalConns) - int(now.IdleConns), Idle: int(now.IdleConns),
		Waits: int64(now.WaitCount), Waited: time.Duration(now.WaitDurationNs), Timeouts: int64(now.Timeouts),
	}
}
