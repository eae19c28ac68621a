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
	question []any
	last     atomic.Pointer[generationsRead] // nil = nobody has asked yet
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
	known, _ := r.tenants.LoadOrStore(tenant, &tenantGenerations{
		question: []any{"zrange", r.generationsKey(tenant), 0, -1, "withscores"},
	})
	return known.(*tenantGenerations) //nolint:forcetypeassert // as above
}

// askGenerations asks for the generations of a tenant's integrations.
func (r *Redis) askGenerations(ctx context.Context, p redis.Pipeliner, tenant string) *redis.ZSliceCmd {
	asked := redis.NewZSliceCmd(ctx, r.generationsOf(tenant).question...)
	_ = p.Process(ctx, asked) // only remembers it
	return asked
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
