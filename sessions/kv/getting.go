package kv

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// getting is the commands of a Get, which are used again, as those of putting are.
type getting struct {
	name, of    string // the names of the keys: of the value, and of the generations
	value       *redis.StringCmd
	generations *redis.ZSliceCmd
}

// getting returns commands that get a value and the tenant's generations. They go
// back to r.gettings when they have their answers, and only then.
func (r *Redis) getting(tenant string, key Key) *getting {
	g, ok := r.gettings.Get().(*getting)
	if !ok {
		g = new(getting)
		g.value = redis.NewStringCmd(context.Background(), "get", &g.name)
		g.generations = askGenerations(&g.of)
	}
	g.name, g.of = r.valueKey(tenant, key), r.generationsOf(tenant).key
	g.value.SetErr(nil)
	g.value.SetVal("")
	g.generations.SetErr(nil)
	g.generations.SetVal(nil)
	return g
}
