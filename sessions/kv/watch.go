package kv

import (
	"context"
	"errors"
	"net"
	"time"

	"github.com/redis/go-redis/v9"
)

// Watcher is told how long each round trip to Redis took, waiting for a free
// connection included, and whether Redis was unavailable: it could not be reached,
// did not answer, or would not do as asked (a replica, a server that is loading).
// It neither waits nor fails.
type Watcher func(took time.Duration, unavailable bool)

// Watch has w told of every round trip from now on. Nobody else may use
// the store meanwhile.
func (r *Redis) Watch(w Watcher) { r.client.AddHook(watchHook{r.now, w}) }

// watchHook times what go-redis sends.
type watchHook struct {
	now  func() time.Time
	tell Watcher
}

func (h watchHook) DialHook(next redis.DialHook) redis.DialHook {
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		return next(ctx, network, address)
	}
}

func (h watchHook) ProcessHook(next redis.ProcessHook) redis.ProcessHook {
	return func(ctx context.Context, cmd redis.Cmder) error {
		start := h.now()
		err := next(ctx, cmd)
		h.done(ctx, start, err)
		return err
	}
}

func (h watchHook) ProcessPipelineHook(next redis.ProcessPipelineHook) redis.ProcessPipelineHook {
	return func(ctx context.Context, cmds []redis.Cmder) error {
		start := h.now()
		err := next(ctx, cmds)
		worst := err // the first one that says more than that something is not there
		for i := 0; i < len(cmds) && (worst == nil || errors.Is(worst, redis.Nil)); i++ {
			worst = cmds[i].Err()
		}
		h.done(ctx, start, worst)
		return err
	}
}

// done tells of a round trip. Whose client has hung up says nothing about Redis.
func (h watchHook) done(ctx context.Context, start time.Time, err error) {
	if errors.Is(ctx.Err(), context.Canceled) {
		return
	}
	h.tell(h.now().Sub(start), err != nil && !errors.Is(err, redis.Nil))
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
