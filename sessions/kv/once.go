package kv

import (
	"context"
	"time"

	"github.com/redis/go-redis/v9"
)

// once is a command that is not sent again when its answer does not come, as the
// client of a Cluster would do, nor is what travels with it. A node that has not
// carried it out, because the slot is elsewhere (MOVED, ASK), does not count.
type once struct{ *redis.StatusCmd }

// NoRetry is asked by the client.
func (once) NoRetry() bool { return true }

// setOnce is SET, sent once.
func setOnce(ctx context.Context, p redis.Pipeliner, name string, value []byte, ttl time.Duration) {
	_ = p.Process(ctx, once{redis.NewStatusCmd(ctx, "set", name, value, "px", ttl.Milliseconds())}) // only remembers it
}
