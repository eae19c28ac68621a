package kv

import (
	"context"
	"errors"
	"fmt"

	"github.com/redis/go-redis/v9"
)

// askEpoch asks for a user's epoch, index being where the name of the user's key
// stands. ZMSCORE (Redis 6.2) because of what it says of users whose epoch was
// never raised, nearly all of them: to the client a missing score is an error, which
// it looks into at length, and a missing one among several is 0.
func askEpoch(index *string) *redis.FloatSliceCmd {
	return redis.NewFloatSliceCmd(context.Background(), "zmscore", index, epochMember)
}

// askGeneration asks for an integration's generation in the same way. A missing one
// is an error here, as it is another thing than 0.
func askGeneration(generations, integration *string) *redis.FloatCmd {
	return redis.NewFloatCmd(context.Background(), "zscore", generations, integration)
}

// counters are a user's epoch and an integration's generation by the answers.
func counters(epochs *redis.FloatSliceCmd, score *redis.FloatCmd) (epoch, generation int64, err error) {
	if len(epochs.Val()) != 1 {
		return 0, 0, errors.New("epoch: not one score")
	}
	if epoch, err = counter(-epochs.Val()[0]); err != nil {
		return 0, 0, fmt.Errorf("epoch: %w", err)
	}
	if score.Err() != nil { // redis.Nil: every other fault has been dealt with
		return epoch, -1, nil
	}
	if generation, err = counter(score.Val()); err != nil {
		return 0, 0, fmt.Errorf("generation: %w", err)
	}
	return epoch, generation, nil
}

// asking is the commands of Counters, which are used again, as those of putting are.
type asking struct {
	index, generations string // the names of the keys
	integration        string

	epoch      *redis.FloatSliceCmd
	generation *redis.FloatCmd
}

// asking returns the two questions. They go back to r.askings when they have their
// answers, and only then.
func (r *Redis) asking(tenant, user, integration string) *asking {
	a, ok := r.askings.Get().(*asking)
	if !ok {
		a = new(asking)
		a.epoch, a.generation = askEpoch(&a.index), askGeneration(&a.generations, &a.integration)
	}
	a.index, a.generations, a.integration = r.userKey(tenant, user), r.generationsOf(tenant).key, integration
	a.epoch.SetErr(nil)
	a.epoch.SetVal(nil)
	a.generation.SetErr(nil)
	a.generation.SetVal(0)
	return a
}
