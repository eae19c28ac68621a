package provisioning

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"usher/sql/store"
)

const (
	// keySetFresh is how old a key set may be before it is read again beside the
	// sign-in that uses it, and keySetOld before the sign-in waits for that: a
	// key that a quiet partner has withdrawn is not good for one more link.
	keySetFresh = 15 * time.Minute
	keySetOld   = time.Hour
	// KeySetLife is how long the keys of a set hold when it cannot be read any
	// more.
	KeySetLife = 24 * time.Hour
	// keySetPause is between two reads of a set by one process, whatever tokens
	// arrive.
	keySetPause = time.Minute
	// keySetPatience is how long a sign-in waits for a read; its whole request
	// has three seconds.
	keySetPatience = 2 * time.Second
	// maxKeySetWaiters bounds how many sign-ins wait at once. Strangers can send
	// tokens that name keys which nobody has.
	maxKeySetWaiters = 64
	// maxSetsRead bounds how many sets one token has read, of those that may have
	// its key.
	maxSetsRead = 5
	// maxKeySets bounds the memory of a server with very many integrations.
	maxKeySets = 10_000
)

// ReachBy lets the service make calls. Without it no key set can be read.
func (s *Service) ReachBy(by Doer) { s.keySets.by = by }

// keySetReader reads key sets, of each integration one at a time.
type keySetReader struct {
	by Doer

	mu      sync.Mutex
	tries   map[string]*keySetTry // by the integration's id and the URL
	waiting int
	ended   map[string]int64 // reads by how they ended

	kept atomic.Int64 // reads whose keys are in the database
}

// keySetTry is the last read of a set, or the one under way.
type keySetTry struct {
	began time.Time
	done  chan struct{} // closed when the rest is set
	set   KeySet
	err   error
}

func newKeySetReader() *keySetReader {
	return &keySetReader{tries: map[string]*keySetTry{}, ended: map[string]int64{}}
}

// try joins the read under way, or begins one if the last began pause ago or
// earlier. It returns nil when it is too early for another.
func (r *keySetReader) try(n *store.Integration, now time.Time, pause time.Duration, read func() (KeySet, error)) *keySetTry {
	key := n.ID + " " + n.JWKSURL
	r.mu.Lock()
	defer r.mu.Unlock()
	if last := r.tries[key]; last != nil {
		select {
		case <-last.done:
			if now.Sub(last.began) < pause {
				return nil
			}
		default:
			return last
		}
	}
	if len(r.tries) >= maxKeySets {
		clear(r.tries)
	}
	try := &keySetTry{began: now, done: make(chan struct{})}
	r.tries[key] = try
	go func() {
		defer close(try.done)
		try.set, try.err = read()
	}()
	return try
}

// wait waits for reads as long as a sign-in may, and says whether one has brought
// keys.
func (r *keySetReader) wait(ctx context.Context, tries []*keySetTry) bool {
	r.mu.Lock()
	full := r.waiting >= maxKeySetWaiters
	if !full {
		r.waiting++
	}
	r.mu.Unlock()
	if full {
		return false
	}
	defer func() {
		r.mu.Lock()
		r.waiting--
		r.mu.Unlock()
	}()
	ctx, cancel := context.WithTimeout(ctx, keySetPatience)
	defer cancel()
	brought := false
	for _, try := range tries {
		select {
		case <-try.done:
		case <-ctx.Done():
		}
		select {
		case <-try.done: // perhaps while another was waited for
			brought = brought || try.err == nil
		default:
		}
	}
	return brought
}

// fetch reads a set and counts how that ended. The error is a *fetchFault.
func (r *keySetReader) fetch(ctx context.Context, url string) ([]store.SetKey, []store.LeftOutKey, error) {
	var keys []store.SetKey
	var leftOut []store.LeftOutKey
	var err error = &fetchFault{FetchUnreachable, "cannot be reached: this process makes no calls"}
	if r.by != nil {
		keys, leftOut, err = fetchKeySet(ctx, r.by, url)
	}
	result := FetchDone
	if err == nil && len(keys) == 0 {
		result = FetchEmpty
	}
	var fault *fetchFault
	if errors.As(err, &fault) {
		result = fault.result
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.ended[result]++
	return keys, leftOut, err
}

// KeySetReads is how many reads of key sets have ended in a way.
type KeySetReads struct {
	Result string // FetchDone and its like
	N      int64
}

// KeySetReads says how reads of key sets have ended in this process.
func (s *Service) KeySetReads() []KeySetReads {
	s.keySets.mu.Lock()
	defer s.keySets.mu.Unlock()
	var list []KeySetReads
	for _, result := range []string{FetchDone, FetchUnreachable, FetchRefused, FetchInvalid, FetchEmpty} {
		list = append(list, KeySetReads{result, s.keySets.ended[result]})
	}
	return list
}

// verify checks the token against the tenant's keys, and reads the key set of
// its integration again when that may have the key by now. Where nothing but the
// name of a key can find the integration, it may be that of any partner who has
// published none of this name so far. What cannot be read leaves the keys as they
// are.
func (s *Service) verify(ctx context.Context, in Arrival) (Verified, error) {
	kept := s.keySets.kept.Load()
	v, err := s.verifyKnown(ctx, in)
	if len(v.sets) == 0 {
		return v, err
	}
	return s.verifyWithSets(ctx, in, v, err, kept)
}

// verifyWithSets reads partners' key sets again where they are too old for the
// answer that they have led to. kept is how many reads had been kept before that.
func (s *Service) verifyWithSets(ctx context.Context, in Arrival, v Verified, err error, kept int64) (Verified, error) {
	now := s.now()
	age := now.Sub(v.sets[0].set.fetchedAt)
	if v.signed && age < keySetFresh {
		return v, err
	}
	var tries []*keySetTry
	for _, entry := range v.sets {
		n := &entry.integration
		if try := s.keySets.try(n, now, keySetPause, s.keySetRead(ctx, *n)); try != nil {
			tries = append(tries, try)
		}
		if len(tries) == maxSetsRead {
			break
		}
	}
	switch {
	case len(tries) == 0 && s.keySets.kept.Load() == kept:
		return v, err
	case len(tries) == 0: // a read has ended while this link was looked at
	case v.signed && age < keySetOld, !s.keySets.wait(ctx, tries):
		return v, err
	}
	return s.verifyKnown(ctx, in)
}

// keySetRead reads the set of an integration for everybody, whoever asks first.
func (s *Service) keySetRead(ctx context.Context, n store.Integration) func() (KeySet, error) {
	return func() (KeySet, error) {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), keySetTime+spendTime)
		defer cancel()
		began := s.now().UTC()
		keys, leftOut, err := s.keySets.fetch(ctx, n.JWKSURL)
		set := KeySet{TenantID: n.TenantID, IntegrationID: n.ID, URL: n.JWKSURL, Keys: keys, LeftOut: leftOut, FetchedAt: &began}
		if err != nil {
			set.FetchedAt, set.FailedAt, set.Problem = nil, &began, err.Error()
			if kept := s.store.KeySetFailed(ctx, set); kept != nil {
				s.log.Warn("the failure of a key set could not be noted", slog.String("integration", n.ID), slog.Any("error", kept))
			}
			s.log.Warn("a partner's key set cannot be read", slog.String("integration", n.ID), slog.String("problem", err.Error()))
			return set, err
		}
		if err := s.store.KeepKeySet(ctx, set); err != nil {
			s.log.Warn("a key set could not be kept", slog.String("integration", n.ID), slog.Any("error", err))
			return set, err
		}
		if len(set.Keys) == 0 {
			s.log.Warn("a partner's key set "+noKeys, slog.String("integration", n.ID))
		}
		s.rings.forget(n.TenantID)
		s.keySets.kept.Add(1)
		return set, nil
	}
}

// noKeys is the problem of a set that was read well and lets nobody sign in. It is
// no failure to read: the partner has withdrawn its keys, or publishes others than
// we take.
const noKeys = "has no key that can be used"

// ReadKeySet reads the key set of an integration now, for an administrator, and
// returns how it stands then: a failure to read is in it. Errors: ErrNotFound,
// also for an integration without a JWKS URL, and faults of the database.
func (s *Service) ReadKeySet(ctx context.Context, tenant store.Tenant, id string, by By) (KeySet, error) {
	n, err := s.Integration(ctx, tenant, id)
	if err != nil {
		return KeySet{}, err
	}
	if n.JWKSURL == "" {
		return KeySet{}, ErrNotFound
	}
	try := s.keySets.try(&n.Integration, s.now(), 0, s.keySetRead(ctx, n.Integration))
	select {
	case <-try.done:
	case <-ctx.Done():
		return KeySet{}, fmt.Errorf("%w: %w", store.ErrUnavailable, ctx.Err())
	}
	var fault *fetchFault
	if try.err != nil && !errors.As(try.err, &fault) {
		return KeySet{}, try.err
	}
	if err := s.store.Record(ctx, tenant.ID, integrationAct(by, "key_set_read", n.ID, map[string]any{"keys": len(try.set.Keys)})); err != nil {
		return KeySet{}, err
	}
	return s.KeySet(ctx, tenant, n.Integration)
}

// KeySet says what was read at the JWKS URL of an integration; the zero KeySet
// when nothing was, or there is no such URL. A set without a good key has that for
// its Problem, with FailedAt nil.
func (s *Service) KeySet(ctx context.Context, tenant store.Tenant, n store.Integration) (KeySet, error) {
	if n.JWKSURL == "" {
		return KeySet{}, nil
	}
	sets, err := s.store.KeySets(ctx, tenant.ID)
	if err != nil {
		return KeySet{}, err
	}
	for _, set := range sets {
		if set.IntegrationID == n.ID {
			if set.FetchedAt != nil && set.Problem == "" && len(set.Keys) == 0 {
				set.Problem = noKeys
			}
			return set, nil
		}
	}
	return KeySet{}, nil
}

// wishedKeySet reads what an integration wishes for as its JWKS URL, before that
// is written: one that gives no keys lets nobody sign in. It returns nil when
// there is nothing new to read. The error is an *Invalid.
func (s *Service) wishedKeySet(ctx context.Context, wish Settings, before string) (*KeySet, error) {
	if wish.JWKSURL == nil || *wish.JWKSURL == before {
		return nil, nil
	}
	url, err := checkJWKSURL(*wish.JWKSURL)
	if err != nil || url == "" {
		return nil, nil // Settings.apply says what is wrong with it
	}
	began := s.now().UTC()
	keys, leftOut, err := s.keySets.fetch(ctx, url)
	switch {
	case err != nil:
		return nil, invalid("jwks_url", "it %s", err)
	case len(keys) == 0 && len(leftOut) > 0:
		return nil, invalid("jwks_url", "it has no key that can be used: %s", leftOut[0].Why)
	case len(keys) == 0:
		return nil, invalid("jwks_url", "it has no keys")
	}
	return &KeySet{URL: url, Keys: keys, LeftOut: leftOut, FetchedAt: &began}, nil
}

// keepWished writes what wishedKeySet has read. When that fails the next sign-in
// reads it again.
func (s *Service) keepWished(ctx context.Context, set *KeySet, n store.Integration) {
	if set == nil {
		return
	}
	set.TenantID, set.IntegrationID = n.TenantID, n.ID
	if err := s.store.KeepKeySet(ctx, *set); err != nil {
		s.log.Warn("a key set could not be kept", slog.String("integration", n.ID), slog.Any("error", err))
	}
	s.rings.forget(n.TenantID)
}
