package tokens

import (
	"crypto/sha256"
	"sync"
	"time"
)

const (
	// rememberFor is how long an answer is remembered at most. What ends it sooner
	// is read from the database before each use: this bounds what a fault in that
	// could do.
	rememberFor = 30 * time.Second
	// maxRemembered is how many answers of a kind are surely kept, those that were
	// used last; twice as many are at most.
	maxRemembered = 8192
)

// remembered keeps what was used last. The zero value is ready.
type remembered[K comparable, V any] struct {
	mu         sync.Mutex
	young, old map[K]*V
}

func (r *remembered[K, V]) get(key K) (*V, bool) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if v, ok := r.young[key]; ok {
		return v, true
	}
	v, ok := r.old[key]
	if ok {
		r.set(key, v)
	}
	return v, ok
}

func (r *remembered[K, V]) put(key K, v *V) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.set(key, v)
}

func (r *remembered[K, V]) set(key K, v *V) {
	if r.young == nil || len(r.young) >= maxRemembered {
		r.young, r.old = map[K]*V{}, r.young
	}
	r.young[key] = v
}

// hold says how long something that was remembered holds.
type hold struct {
	tenant   string
	subjects []string // what it hangs on
	of       turn     // see changes.now
	at       time.Time
}

// hold begins to remember: what it is about is read from the database afterwards.
func (t *Tokens) hold(tenant string) hold {
	return hold{tenant: tenant, of: t.changes.now(), at: t.now()}
}

// holds reports whether what was remembered is what the database would say. Who
// asks has caught up with the changes.
func (t *Tokens) holds(h hold) bool {
	age := t.now().Sub(h.at)
	return age >= 0 && age < rememberFor && t.changes.untouched(h.of, h.tenant, h.subjects)
}

// callerKey is how an API connection calls itself.
type callerKey struct{ tenant, name string }

// knownCaller is an API connection with its live secrets.
type knownCaller struct {
	hold
	connection Connection
	secrets    []Secret
}

// answerKey is a token at an API connection.
type answerKey struct {
	tenant, connection string
	token              [sha256.Size]byte
}

// knownAnswer is what an API connection was told about a live token.
type knownAnswer struct {
	hold
	kid    string    // of a JWT: the key that has signed it
	ends   time.Time // of the token, or of its grant when that is sooner
	answer Introspection
}
