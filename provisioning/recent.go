package provisioning

import "sync"

// recent keeps the values of the keys that were used last. It holds two
// generations: when the younger one is full, the older one goes, so that keeping
// within bounds costs nothing per use.
type recent[V any] struct {
	half int // the most that a generation holds

	mu         sync.Mutex
	young, old map[string]V
}

// newRecent holds at most size values.
func newRecent[V any](size int) *recent[V] {
	return &recent[V]{half: size / 2, young: map[string]V{}}
}

// get returns the value of a key, which counts as its use.
func (r *recent[V]) get(key string) (value V, ok bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if value, ok = r.young[key]; ok {
		return value, true
	}
	if value, ok = r.old[key]; ok {
		r.keep(key, value)
	}
	return value, ok
}

func (r *recent[V]) put(key string, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(key, value)
}

// getOr is get, but puts what is made where there is nothing.
func (r *recent[V]) getOr(key string, first func() V) V {
	r.mu.Lock()
	defer r.mu.Unlock()
	value, ok := r.young[key]
	if ok {
		return value
	}
	if value, ok = r.old[key]; !ok {
		value = first()
	}
	r.keep(key, value)
	return value
}

func (r *recent[V]) forget(key string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, key)
	delete(r.old, key)
}

// keep is put under the lock.
func (r *recent[V]) keep(key string, value V) {
	if len(r.young) >= r.half {
		r.young, r.old = map[string]V{}, r.young
	}
	r.young[key] = value
}
