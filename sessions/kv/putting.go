package kv

import (
	"context"
	"strconv"
	"time"

	"github.com/redis/go-redis/v9"
)

// putting is the commands of a Put and what they say. It is used again and again:
// made anew, the commands of one sign-in are some thirty allocations. Their
// arguments point into it.
type putting struct {
	value, index, generations string // the names of the keys
	member, integration       string
	end, life                 int64  // of the session, in milliseconds
	floor                     string // of what the user's index keeps

	set         *redis.StatusCmd
	setArgs     []any
	list, prune *redis.IntCmd
	keep        *redis.BoolCmd
	epoch       *redis.FloatSliceCmd
	generation  *redis.FloatCmd
}

// valueAt is where the value stands among the arguments of SET.
const valueAt = 2

func newPutting() *putting {
	p, ctx := new(putting), context.Background()
	p.setArgs = []any{"set", &p.value, nil, "px", &p.life}
	p.set = redis.NewStatusCmd(ctx, p.setArgs...)
	p.list = redis.NewIntCmd(ctx, "zadd", &p.index, &p.end, &p.member)
	p.prune = redis.NewIntCmd(ctx, "zremrangebyscore", &p.index, "(0", &p.floor)
	p.keep = redis.NewBoolCmd(ctx, "pexpire", &p.index, indexLife.Milliseconds())
	p.epoch, p.generation = askEpoch(&p.index), askGeneration(&p.generations, &p.integration)
	return p
}

// putting returns commands that put a value. They go back to r.puttings when they
// have their answers, and only then: those that were given up may be under way.
func (r *Redis) putting(tenant, user string, key Key, value []byte, life time.Duration, integration string) *putting {
	p, ok := r.puttings.Get().(*putting)
	if !ok {
		p = newPutting()
	}
	now := r.now()
	p.value, p.index, p.generations = r.valueKey(tenant, key), r.userKey(tenant, user), r.generationsOf(tenant).key
	p.member, p.integration = member(key), integration
	p.end, p.life = now.Add(life).UnixMilli(), life.Milliseconds()
	p.floor = strconv.FormatInt(now.Add(-pruneDelay).UnixMilli(), 10)
	p.setArgs[valueAt] = value
	for _, cmd := range [...]redis.Cmder{p.set, p.list, p.prune, p.keep, p.epoch, p.generation} {
		cmd.SetErr(nil)
	}
	p.epoch.SetVal(nil)
	p.generation.SetVal(0)
	return p
}

// done gives the commands back.
func (r *Redis) done(p *putting) {
	p.setArgs[valueAt] = nil
	r.puttings.Put(p)
}
