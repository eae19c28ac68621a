package provisioning

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"usher/sql/store"
)

// unspent is a token to be given back.
type unspent struct {
	tenant, integration string
	token               store.UsedToken
	until               time.Time // then it cannot arrive any more; zero = never
}

// unspendings are the tokens that wait to be given back. Until that has
// happened they look used.
type unspendings struct {
	queue chan unspent

	mu      sync.Mutex
	waiting map[unspentKey][]unspent
}

type unspentKey struct{ tenant, integration, token string }

func newUnspendings() *unspendings {
	return &unspendings{queue: make(chan unspent, maxUnspent), waiting: map[unspentKey][]unspent{}}
}

func (u unspent) key() unspentKey { return unspentKey{u.tenant, u.integration, string(u.token.Key)} }

// add queues a token, unless there are too many.
func (w *unspendings) add(u unspent) bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	select {
	case w.queue <- u:
		w.waiting[u.key()] = append(w.waiting[u.key()], u)
		return true
	default:
		return false
	}
}

// done says that a token is given back, or never will be.
func (w *unspendings) done(u unspent) {
	w.mu.Lock()
	defer w.mu.Unlock()
	key := u.key()
	rest := slices.DeleteFunc(slices.Clone(w.waiting[key]), func(o unspent) bool { return o.token.Attempt == u.token.Attempt })
	if len(rest) == 0 {
		delete(w.waiting, key)
	} else {
		w.waiting[key] = rest
	}
}

// of returns the uses of the token of a sign-in that wait to be given back.
func (w *unspendings) of(tenant string, signIn *SignIn) []unspent {
	w.mu.Lock()
	defer w.mu.Unlock()
	if len(w.waiting) == 0 {
		return nil
	}
	return w.waiting[unspentKey{tenant, signIn.Integration.ID, string(signIn.token.Key)}]
}

// unspend leaves a token to Run. A sign-in that ended in a fault may have been
// recorded all the same; the person will open the link again.
func (s *Service) unspend(tenant string, signIn SignIn) {
	u := unspent{
		tenant: tenant, integration: signIn.Integration.ID, token: signIn.token, until: signIn.acceptableUntil,
	}
	if !s.unspent.add(u) {
		s.log.Warn("too many links wait to be given back; one is lost and counts as used",
			slog.String("integration", u.integration))
	}
}

// recordAgain records a sign-in whose token seems to be used, when there are
// uses of it that wait to be given back: they are given back first. A person
// who comes again after a fault does not have to wait for Run.
func (s *Service) recordAgain(ctx context.Context, in Arrival, v Verified, signIn *SignIn, waiting []unspent) error {
	for _, u := range waiting {
		if err := s.store.Unspend(ctx, u.tenant, u.integration, u.token); err != nil {
			return err
		}
	}
	return s.record(ctx, in, v, signIn)
}

func (s *Service) giveBack(ctx context.Context, u unspent) {
	defer s.unspent.done(u)
	for {
		err := s.store.Unspend(ctx, u.tenant, u.integration, u.token)
		if err == nil || (!u.until.IsZero() && s.now().After(u.until)) {
			return
		}
		select {
		case <-ctx.Done():
			return
		case <-time.After(unspendPause):
		}
	}
}
