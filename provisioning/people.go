package provisioning

import (
	"context"
	"hash/maphash"
)

// people lets the changed sign-ins of one person follow one another within
// this process. It is no part of what makes them right: the store sees to
// that, also across instances. It only keeps them from planning on a state
// that the one before is about to change.
type people struct {
	seed  maphash.Seed
	slots []chan struct{} // by hash; two people in one slot wait needlessly
}

func newPeople() people {
	p := people{seed: maphash.MakeSeed(), slots: make([]chan struct{}, 512)}
	for i := range p.slots {
		p.slots[i] = make(chan struct{}, 1)
	}
	return p
}

// enter waits for the person's turn. It reports whether somebody was there
// before, and how to leave.
func (p people) enter(ctx context.Context, key string) (leave func(), waited bool, err error) {
	slot := p.slots[maphash.String(p.seed, key)%uint64(len(p.slots))]
	leave = func() { <-slot }
	select {
	case slot <- struct{}{}:
		return leave, false, nil
	default:
	}
	select {
	case slot <- struct{}{}:
		return leave, true, nil
	case <-ctx.Done():
		return nil, true, ctx.Err()
	}
}
