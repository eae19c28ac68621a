package kv

import (
	"context"

	"github.com/redis/go-redis/v9"
)

// getting is a GET that is used again, as putting is.
type getting struct {
	name string // of the key
	cmd  *redis.StringCmd
}

// getting returns a GET of a key. It goes back to r.gettings when it has its answer,
// and only then.
func (r *Redis) getting(name string) *getting {
	g, ok := r.gettings.Get().(*getting)
	if !ok {
		g = new(getting)
		g.cmd = redis.NewStringCmd(context.Background(), "get", &g.name)
	}
	g.name = name
	g.cmd.SetErr(nil)
	g.cmd.SetVal("")
	return g
}
