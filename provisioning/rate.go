package provisioning

import (
	"encoding/binary"
	"sync"
	"time"

	"usher/sql/store"
)

// UsualRate is the rate of a directory that has none of its own.
const UsualRate = store.UsualRate

const (
	// rateBurst is for how long an integration that was quiet may send as much as
	// it likes: so many seconds' worth of its rate at once.
	rateBurst = 10 * time.Second
	// One link is good for a hundred attempts at once, and then for ten a second:
	// whoever reloads a link again and again takes little from the others.
	linkRate  = time.Second / 10
	linkBurst = 10 * time.Second
	// linkSlots is how many links are told apart. Two that meet in a slot forget
	// each other.
	linkSlots = 4096
	// maxRates bounds the memory of a server with very many integrations.
	maxRates = 100_000
)

// signInRates bounds how many links of an integration one process takes, by the
// generic cell rate algorithm: a link that comes too early is refused, and costs
// nothing. Only links whose signature holds are counted, so that no stranger can
// use up what belongs to a partner's people.
type signInRates struct {
	mu    sync.Mutex
	due   map[string]time.Time // by integration: when it would be quiet again
	links [linkSlots]linkUse
}

// linkUse is when a link would be quiet again.
type linkUse struct {
	key uint64
	due time.Time
}

func newSignInRates() *signInRates { return &signInRates{due: map[string]time.Time{}} }

// take counts one link, and returns 0 when it may pass or how long to wait.
func (r *signInRates) take(v *Verified, now time.Time) time.Duration {
	rate := v.Integration.SignInRate
	if rate <= 0 {
		return 0
	}
	key := binary.BigEndian.Uint64(v.SpendKey[:])
	r.mu.Lock()
	defer r.mu.Unlock()
	link := &r.links[key%linkSlots]
	if link.key != key {
		*link = linkUse{key: key}
	}
	after, wait := arrive(link.due, now, linkRate, linkBurst)
	if wait > 0 {
		return wait
	}
	link.due = after
	if after, wait = arrive(r.due[v.Integration.ID], now, time.Second/time.Duration(rate), rateBurst); wait > 0 {
		return wait
	}
	if len(r.due) >= maxRates {
		clear(r.due)
	}
	r.due[v.Integration.ID] = after
	return 0
}

// arrive is the algorithm: due is when everything that has passed is worked off
// at the given pace, and may lie burst ahead.
func arrive(due, now time.Time, pace, burst time.Duration) (after time.Time, wait time.Duration) {
	if due.Before(now) {
		due = now
	}
	if ahead := due.Sub(now); ahead >= burst {
		return due, ahead - burst + pace
	}
	return due.Add(pace), 0
}

// limited refuses a link that comes too early.
func (s *Service) limited(v *Verified) error {
	if wait := s.rates.take(v, s.now()); wait > 0 {
		return &Refusal{Reason: RateLimited, After: max(wait, time.Second), Detail: "more links than the integration's settings allow a second"}
	}
	return nil
}
