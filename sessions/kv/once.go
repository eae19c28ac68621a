package kv

import "github.com/redis/go-redis/v9"

// once is a command that is not sent again when its answer does not come, as the
// client of a Cluster would do, nor is what travels with it. A node that has not
// carried it out, because the slot is elsewhere (MOVED, ASK), does not count.
type once struct{ *redis.StatusCmd }

// NoRetry is asked by the client.
func (once) NoRetry() bool { return true }
