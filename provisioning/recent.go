package provisioning

import "sync"

// recent keeps the values of the keys that were used last. It holds two
// generations: when the younger one is full, the older one goes, so that keeping
// within bounds costs nothing per use.
type recent[K comparable, V any] struct {
	half int // the most that a generation holds

	mu         sync.Mutex
	young, old map[K]V
}

// newRecent holds at most size values.
func newRecent[K comparable, V any](size int) *recent[K, V] {
	return &recent[K, V]{half: size / 2, young: map[K]V{}}
}

// get returns the value of a key, which counts as its use.
func (r *recent[K, V]) get(key K) (value V, ok bool) {
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

func (r *recent[K, V]) put(key K, value V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.keep(key, value)
}

// getOr is get, but puts what is made where there is nothing.
func (r *recent[K, V]) getOr(key K, first func() V) V {
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

func (r *recent[K, V]) forget(key K) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.young, key)
	delete(r.old, key)
}

// keep is put under the lock.
func (r *recent[K, V]) keep(key K, value V) {
	if len(r.young) >= r.half {
		r.young, r.old = map[K]V{}, r.young
	}
	r.young[key] = value
}
