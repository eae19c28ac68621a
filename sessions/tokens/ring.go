package tokens

import (
	"context"
	"log/slog"
	"slices"
	"sync/atomic"
	"time"

	"usher/sql/store"
)

const (
	// ringLife bounds how long keys that were read are used. What is planned
	// needs no bound, as it follows from times; a rotation at once does.
	ringLife = 5 * time.Second
	// Kids that are not known make an instance read a tenant's keys again, at most
	// maxReads times in readWindow.
	maxReads   = 10
	readWindow = time.Second
	// loadTime bounds one reading, for which many requests may wait.
	loadTime = 5 * time.Second
)

// ring is a tenant's keys, read when they are needed. Only one request reads at
// a time; the others wait for what it brings, be it an error.
type ring struct {
	kept    atomic.Pointer[keySet]
	reading chan struct{} // holds one element while somebody reads
	failed  atomic.Pointer[failure]
}

// keySet is keys as they were at a time, newest first.
type keySet struct {
	keys []*ringKey
	read time.Time
	// reads counts the readings since window, the time of the first.
	reads  int
	window time.Time
}

// failure is what came of a reading.
type failure struct{ err error }

func newRing() *ring { return &ring{reading: make(chan struct{}, 1)} }

func (t *Tokens) ringOf(tenant string) *ring {
	found, ok := t.rings.Load(tenant)
	if !ok {
		found, _ = t.rings.LoadOrStore(tenant, newRing())
	}
	return found.(*ring)
}

// keys returns a tenant's keys as they were no longer than ringLife ago. They are
// shared: nobody changes them.
func (t *Tokens) keys(ctx context.Context, tenant string) (*keySet, error) {
	return t.keysThat(ctx, tenant, func(set *keySet) bool { return set.fresh(t.now()) })
}

// keysAfter is keys for somebody who misses one in those seen: others, unless
// they have been read too often of late.
func (t *Tokens) keysAfter(ctx context.Context, tenant string, seen *keySet) (*keySet, error) {
	return t.keysThat(ctx, tenant, func(set *keySet) bool {
		now := t.now()
		return set.fresh(now) && (set != seen || set.reads >= maxReads && now.Sub(set.window) < readWindow)
	})
}

// keysThat returns the kept keys if they will do, and otherwise reads them.
func (t *Tokens) keysThat(ctx context.Context, tenant string, will func(*keySet) bool) (*keySet, error) {
	r := t.ringOf(tenant)
	if set := r.kept.Load(); will(set) {
		return set, nil
	}
	failed := r.failed.Load()
	select {
	case r.reading <- struct{}{}:
		defer func() { <-r.reading }()
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	before := r.kept.Load()
	if will(before) {
		return before, nil
	}
	if now := r.failed.Load(); now != failed { // while we were waiting
		return nil, now.err
	}
	// Others wait for this too: it does not end with our request.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), loadTime)
	defer cancel()
	set, err := t.readKeys(ctx, tenant)
	if err != nil {
		r.failed.Store(&failure{err})
		return nil, err
	}
	set.reads, set.window = 1, set.read
	if before != nil && set.read.Sub(before.window) < readWindow {
		set.reads, set.window = before.reads+1, before.window
	}
	r.kept.Store(set)
	return set, nil
}

// fresh reports whether a set is from no longer than ringLife ago. A clock that
// was put back makes it stale.
func (s *keySet) fresh(now time.Time) bool {
	if s == nil {
		return false
	}
	age := now.Sub(s.read)
	return age >= 0 && age < ringLife
}

func (t *Tokens) readKeys(ctx context.Context, tenant string) (*keySet, error) {
	set := &keySet{read: t.now()}
	rows, err := t.store.SigningKeys(ctx, tenant, set.read)
	if err != nil {
		return nil, err
	}
	for _, row := range rows {
		key, err := t.openKey(row)
		if err != nil {
			return nil, err
		}
		set.keys = append(set.keys, key)
	}
	return set, nil
}

// forget makes the next use of a tenant's keys read them, after a change by this
// instance. A reading that began before the change is waited for: what it brings
// is old.
func (t *Tokens) forget(tenant string) {
	r := t.ringOf(tenant)
	r.reading <- struct{}{}
	r.kept.Store(nil)
	<-r.reading
}

// named returns the key with a kid that is served at a time; nil = there is none.
func (s *keySet) named(kid string, now time.Time) *ringKey {
	for _, k := range s.keys {
		if k.KID == kid && k.served(now) {
			return k
		}
	}
	return nil
}

// signer returns the key that signs with an algorithm now; nil = there is none.
func (s *keySet) signer(algorithm string, now time.Time) *ringKey {
	var next *ringKey
	for _, k := range s.keys {
		if k.Algorithm != algorithm || k.signer == nil {
			continue
		}
		switch keyOf(k.SigningKey, now).State {
		case KeyActive:
			return k
		case KeyNext:
			next = k
		case KeyRetired, KeyGone:
		}
	}
	// Another instance, whose clock is ahead, has destroyed the last one already;
	// or this is the first key for the algorithm, made ahead of its use.
	return next
}

// ensureKey returns keys among which one signs with an algorithm. It makes the
// first key, which is active at once: nobody has kept a JWKS without the tenant's
// first, and who has kept one without that of another algorithm misses its kid.
func (t *Tokens) ensureKey(ctx context.Context, tenant, algorithm string) (*keySet, *ringKey, error) {
	set, err := t.keys(ctx, tenant)
	if err != nil {
		return nil, nil, err
	}
	if key := set.signer(algorithm, t.now()); key != nil {
		return set, key, nil
	}
	if err := checkAlgorithm(algorithm); err != nil {
		return nil, nil, err
	}
	if err := t.addFirst(ctx, tenant, algorithm); err != nil {
		return nil, nil, err
	}
	if set, err = t.keys(ctx, tenant); err != nil {
		return nil, nil, err
	}
	if key := set.signer(algorithm, t.now()); key != nil {
		return set, key, nil
	}
	return nil, nil, store.ErrUnavailable // another instance is changing them
}

// readyAlgorithm makes the first key for the algorithm of a client's identity
// tokens, so that it stands in the JWKS before the first of them. The JWKS has one
// for ES256 in any case. What fails now is done when the first of them is signed.
func (t *Tokens) readyAlgorithm(ctx context.Context, c Client) {
	if c.IdentityTokenAlg == Algorithms()[0] {
		return
	}
	if _, _, err := t.ensureKey(ctx, c.TenantID, c.IdentityTokenAlg); err != nil {
		t.log.WarnContext(ctx, "the first signing key for an algorithm is not made yet",
			slog.String("tenant", c.TenantID), slog.String("algorithm", c.IdentityTokenAlg), slog.Any("error", err))
	}
}

// addFirst makes a key for an algorithm for which none signs.
func (t *Tokens) addFirst(ctx context.Context, tenant, algorithm string) error {
	now := t.moment()
	made, err := t.makeKey(tenant, algorithm, now, now)
	if err != nil {
		return err
	}
	defer t.forget(tenant)
	_, err = t.store.ChangeSigningKeys(ctx, tenant, now, func(keys []store.SigningKey) (store.SigningKeyChange, error) {
		if slices.ContainsFunc(keys, func(k store.SigningKey) bool { return k.Algorithm == algorithm && k.PrivateKey != nil }) {
			return store.SigningKeyChange{}, nil // another instance was faster
		}
		return store.SigningKeyChange{Add: made, Act: madeKey(made, byUsher())}, nil
	})
	return err
}

// moment is the time as the databases keep it.
func (t *Tokens) moment() time.Time { return t.now().UTC().Truncate(time.Microsecond) }

// madeKey is the act of making a key.
func madeKey(k store.SigningKey, by By) store.Act {
	return store.Act{
		By: by, Action: "signing_key_made", Object: "signing_key " + k.KID,
		Detail: map[string]any{"algorithm": k.Algorithm, "active_at": k.ActiveAt.Format(time.RFC3339)},
	}
}
