package kv

import (
	"context"
	"fmt"
	"slices"
	"sync/atomic"

	"github.com/redis/go-redis/v9"
)

// tenantGenerations is what every check of a tenant's sessions asks for, and what
// the last one was told: it is nearly always the same again.
type tenantGenerations struct {
	key  string
	last atomic.Pointer[generationsRead] // nil = nobody has asked yet
}

// generationsRead is an answer and its meaning, which are never changed.
type generationsRead struct {
	scores []redis.Z
	byID   map[string]int64
}

func (r *Redis) generationsOf(tenant string) *tenantGenerations {
	if known, ok := r.tenants.Load(tenant); ok {
		return known.(*tenantGenerations) //nolint:forcetypeassert // there is nothing else in it
	}
	known, _ := r.tenants.LoadOrStore(tenant, &tenantGenerations{key: r.generationsKey(tenant)})
	return known.(*tenantGenerations) //nolint:forcetypeassert // as above
}

// askGenerations asks for the generations of a tenant's integrations, key being
// where the name of their key stands.
func askGenerations(key *string) *redis.ZSliceCmd {
	return redis.NewZSliceCmd(context.Background(), "zrange", key, 0, -1, "withscores")
}

// generations reads the answer to askGenerations: a map that is shared, to be read
// only.
func (r *Redis) generations(tenant string, answer *redis.ZSliceCmd) (map[string]int64, error) {
	known, scores := r.generationsOf(tenant), answer.Val()
	if last := known.last.Load(); last != nil && slices.Equal(last.scores, scores) {
		return last.byID, nil
	}
	byID := make(map[string]int64, len(scores))
	for _, z := range scores {
		integration, ok := z.Member.(string)
		if !ok {
			return nil, fmt.Errorf("an integration of type %T", z.Member)
		}
		generation, err := counter(z.Score)
		if err != nil {
			return nil, err
		}
		byID[integration] = generation
	}
	known.last.Store(&generationsRead{scores: scores, byID: byID})
	return byID, nil
}
