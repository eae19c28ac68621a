package kv

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/redis/go-redis/v9"
)

// A replica has what its master writes a moment later. If the master is lost in
// that moment and the replica takes its place, it was never written. A session
// that never was means to sign in again; an ending that never was gives a session
// back to whoever holds its cookie. So where a master has replicas, an ending has
// happened once one of them has it.

// ErrUnconfirmed means that sessions have ended, and that no replica has said in
// time that it knows: a failover could bring them back. The call may be repeated.
// The store goes on telling the replica meanwhile.
var ErrUnconfirmed = errors.New("kv: no replica has confirmed the ending of sessions")

const (
	// confirmation is how long a replica may take to confirm; less than ioTimeout.
	confirmation = 300 * time.Millisecond
	// markLife is how long the key lives that is written with each confirmation.
	markLife = time.Second
	// moves is how often a slot of a Cluster is looked for that has moved.
	moves = 3
)

// step is a command on one key that is part of an ending. It may be repeated at
// any later time.
type step struct {
	key string
	do  func(ctx context.Context, p redis.Pipeliner)
}

func (r *Redis) delValue(tenant string, key Key) step {
	name := r.valueKey(tenant, key)
	return step{name, func(ctx context.Context, p redis.Pipeliner) { p.Del(ctx, name) }}
}

func (r *Redis) delListed(tenant, user string, members ...any) step {
	name := r.userKey(tenant, user)
	return step{name, func(ctx context.Context, p redis.Pipeliner) { p.ZRem(ctx, name, members...) }}
}

func (r *Redis) raiseEpoch(tenant, user string, epoch int64) step {
	name := r.userKey(tenant, user)
	return step{name, func(ctx context.Context, p redis.Pipeliner) {
		p.ZAddLT(ctx, name, redis.Z{Score: -float64(epoch), Member: epochMember})
		p.PExpire(ctx, name, indexLife)
	}}
}

func (r *Redis) raiseGeneration(tenant, integration string, generation int64) step {
	name := r.generationsKey(tenant)
	return step{name, func(ctx context.Context, p redis.Pipeliner) {
		p.ZAddGT(ctx, name, redis.Z{Score: float64(generation), Member: integration})
	}}
}

// askRole asks the server that a pipeline goes to whether it has replicas. On a
// Cluster it asks nothing and returns nil: there a pipeline goes to several.
func (r *Redis) askRole(ctx context.Context, p redis.Pipeliner) *redis.Cmd {
	if r.cluster {
		return nil
	}
	return p.Do(ctx, "role")
}

// unheeded reports whether a command failed on which nothing hangs: servers may
// keep ROLE to themselves. Then replicas are not known of, and not waited for.
func unheeded(cmd redis.Cmder) bool {
	var refused redis.Error
	return cmd.Name() == "role" && errors.As(cmd.Err(), &refused)
}

// followed reads the answer to ROLE: "master", its offset, and an array with an
// entry for each replica that follows.
func followed(role *redis.Cmd) bool {
	parts, err := role.Slice()
	if err != nil || len(parts) < 3 || parts[0] != "master" {
		return false
	}
	replicas, ok := parts[2].([]any)
	return ok && len(replicas) > 0
}

// lasts returns when a replica has what steps have just done, if there is one.
// role is the answer of the server that did them, or nil on a Cluster.
func (r *Redis) lasts(ctx context.Context, role *redis.Cmd, steps ...step) error {
	if role != nil && !followed(role) {
		return nil
	}
	err := r.confirm(ctx, steps, false)
	if errors.Is(err, ErrUnconfirmed) {
		r.debts.add(steps)
	}
	return err
}

// confirm repeats steps at the masters of their keys, and waits for a replica of
// each that has any. It repeats them because the master may be another one by now, which
// may not have heard of them; always is for those without replicas too.
func (r *Redis) confirm(ctx context.Context, steps []step, always bool) error {
	cluster, ok := r.client.(*redis.ClusterClient)
	if !ok {
		return r.confirmAt(ctx, r.client, steps, always)
	}
	var err error
	for range moves {
		byNode := map[*redis.Client][]step{}
		for _, s := range steps {
			node, err := cluster.MasterForKey(ctx, s.key)
			if err != nil {
				return err
			}
			byNode[node] = append(byNode[node], s)
		}
		for node, some := range byNode {
			if err = r.confirmAt(ctx, node, some, always); err != nil {
				break
			}
		}
		if _, moved := redis.IsMovedError(err); !moved {
			break
		}
		cluster.ReloadState(ctx)
	}
	if _, moving := redis.IsAskError(err); moving {
		// Half of the slot is elsewhere, where the step was done and nobody can be
		// asked: as long as it moves, the master alone has to do.
		return nil
	}
	return err
}

// confirmAt is [Redis.confirm] at one server.
func (r *Redis) confirmAt(ctx context.Context, node redis.UniversalClient, steps []step, always bool) error {
	role := node.Do(ctx, "role")
	if role.Err() != nil && !unheeded(role) {
		return role.Err()
	}
	waits := followed(role)
	if !waits && !always {
		return nil
	}
	p := node.Pipeline()
	for _, s := range steps {
		s.do(ctx, p)
	}
	var wait *redis.Cmd // how many replicas have it
	if waits {
		// WAIT is promised for what its own connection has written, and a step
		// that is repeated may write nothing. The mark is in the slot of the key.
		p.Set(ctx, r.prefix+"w:{"+steps[0].key+"}", "", markLife)
		wait = p.Do(ctx, "wait", 1, confirmation.Milliseconds())
	}
	cmds := slices.Clone(p.Cmds())
	r.timed(ctx, cmds, func() { _, _ = p.Exec(ctx) })
	for _, cmd := range cmds {
		if err := cmd.Err(); err != nil {
			return err
		}
	}
	if !waits {
		return nil
	}
	replicas, err := wait.Int()
	if err == nil && replicas < 1 {
		err = ErrUnconfirmed
	}
	return err
}
