// Package kvtest is the suite that every form of the session store passes.
package kvtest

import (
	"context"
	"crypto/rand"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/uuid"

	"usher/sessions/kv"
)

// Open returns an empty store and its time lever: advance lets d pass for
// every value that the store holds, without waiting.
type Open func(t *testing.T) (store kv.Store, advance func(d time.Duration))

// Run holds the stores that open returns to the contract of package kv.
func Run(t *testing.T, open Open) {
	t.Helper()
	for _, test := range []struct {
		name string
		run  func(*testing.T, *subject)
	}{
		{"put and get", putAndGet},
		{"put takes the replaced session away", putReplaces},
		{"replace never revives", replaceNeverRevives},
		{"replace prolongs", replaceProlongs},
		{"delete", deletes},
		{"values end", valuesEnd},
		{"times to live out of range are refused", refusesTTL},
		{"list", lists},
		{"a long session stays listed beside short ones", staysListed},
		{"values are kept byte for byte", bytesKept},
		{"retire ends all of a user", retires},
		{"an epoch never falls", epochNeverFalls},
		{"a generation never falls", generationNeverFalls},
		{"counters", readsCounters},
		{"tenants are apart", tenantsApart},
		{"users are apart", usersApart},
		{"parallel puts of one user are all listed", parallelPuts},
		{"retire against put", retireAgainstPut},
		{"raise against put", raiseAgainstPut},
		{"delete against replace", deleteAgainstReplace},
		{"an ended context is a fault", endedContext},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			store, advance := open(t)
			test.run(t, &subject{
				Store: patient{store}, advance: advance, t: t, ctx: t.Context(),
				tenant: uuid.NewString(), user: uuid.NewString(), integration: uuid.NewString(),
			})
		})
	}
}

// subject is a store under test with one tenant, user and integration, and
// methods that fail the test on faults.
type subject struct {
	kv.Store
	advance                   func(time.Duration)
	t                         *testing.T
	ctx                       context.Context
	tenant, user, integration string
}

const hour = time.Hour

func newKey() (key kv.Key) {
	_, _ = rand.Read(key[:])
	return key
}

type outcome struct {
	Replaced          string
	Epoch, Generation int64
}

func (s *subject) put(key kv.Key, value string, ttl time.Duration, replaces kv.Key) outcome {
	s.t.Helper()
	replaced, epoch, generation, err := s.Put(s.ctx, s.tenant, s.user, key, []byte(value), ttl, s.integration, replaces)
	if err != nil {
		s.t.Fatalf("Put: %v", err)
	}
	return outcome{string(replaced), epoch, generation}
}

// get returns the value, or "" when there is none.
func (s *subject) get(key kv.Key) string {
	s.t.Helper()
	value, _, err := s.Get(s.ctx, s.tenant, key)
	if err != nil {
		s.t.Fatalf("Get: %v", err)
	}
	if value != nil && len(value) == 0 {
		s.t.Fatalf("Get: got an empty value that is not nil")
	}
	return string(value)
}

func (s *subject) generations() map[string]int64 {
	s.t.Helper()
	_, generations, err := s.Get(s.ctx, s.tenant, newKey())
	if err != nil {
		s.t.Fatalf("Get: %v", err)
	}
	return generations
}

func (s *subject) replace(key kv.Key, value string, ttl time.Duration) bool {
	s.t.Helper()
	found, err := s.Replace(s.ctx, s.tenant, s.user, key, []byte(value), ttl)
	if err != nil {
		s.t.Fatalf("Replace: %v", err)
	}
	return found
}

func (s *subject) list() map[kv.Key]string {
	s.t.Helper()
	values, _, err := s.List(s.ctx, s.tenant, s.user)
	if err != nil {
		s.t.Fatalf("List: %v", err)
	}
	listed := map[kv.Key]string{}
	for key, value := range values {
		listed[key] = string(value)
	}
	return listed
}

func (s *subject) must(err error) {
	s.t.Helper()
	if err != nil {
		s.t.Fatal(err)
	}
}

func want[T any](t *testing.T, what string, got, want T) {
	t.Helper()
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("%s: got %v, want %v\n%s", what, got, want, diff)
	}
}

func putAndGet(t *testing.T, s *subject) {
	key := newKey()
	want(t, "before", s.get(key), "")
	want(t, "outcome of the first put", s.put(key, "one", hour, kv.Key{}), outcome{"", 0, -1})
	want(t, "after", s.get(key), "one")
	want(t, "another key", s.get(newKey()), "")
	want(t, "generations", len(s.generations()), 0)
}

func putReplaces(t *testing.T, s *subject) {
	old, key, unknown := newKey(), newKey(), newKey()
	s.put(old, "old", hour, kv.Key{})
	want(t, "outcome", s.put(key, "new", hour, old), outcome{"old", 0, -1})
	want(t, "the old value", s.get(old), "")
	want(t, "the new value", s.get(key), "new")
	want(t, "list", s.list(), map[kv.Key]string{key: "new"})
	want(t, "outcome of replacing nothing", s.put(newKey(), "x", hour, unknown), outcome{"", 0, -1})

	// The browser may have been another person's before.
	first := s.user
	s.user = uuid.NewString()
	want(t, "outcome for another user", s.put(newKey(), "theirs", hour, key), outcome{"new", 0, -1})
	want(t, "the first user's value", s.get(key), "")
	s.user = first
	if _, listed := s.list()[key]; listed {
		t.Error("list of the first user: got the replaced session, want it gone")
	}
}

func replaceNeverRevives(t *testing.T, s *subject) {
	key := newKey()
	want(t, "replace before put", s.replace(key, "ghost", hour), false)
	want(t, "value", s.get(key), "")
	s.put(key, "one", hour, kv.Key{})
	s.must(s.Delete(s.ctx, s.tenant, s.user, key))
	want(t, "replace after delete", s.replace(key, "ghost", hour), false)
	want(t, "value after delete", s.get(key), "")
	want(t, "list", s.list(), map[kv.Key]string{})

	ended := newKey()
	s.put(ended, "one", hour, kv.Key{})
	s.advance(hour + time.Second)
	want(t, "replace after the end", s.replace(ended, "ghost", hour), false)
	want(t, "value after the end", s.get(ended), "")
}

func replaceProlongs(t *testing.T, s *subject) {
	key := newKey()
	s.put(key, "one", hour, kv.Key{})
	s.advance(hour - time.Minute)
	want(t, "replace", s.replace(key, "two", hour), true)
	s.advance(hour - time.Minute)
	want(t, "value", s.get(key), "two")
	s.advance(2 * time.Minute)
	want(t, "value after its end", s.get(key), "")
}

func deletes(t *testing.T, s *subject) {
	a, b, c := newKey(), newKey(), newKey()
	for _, key := range []kv.Key{a, b, c} {
		s.put(key, "v", hour, kv.Key{})
	}
	s.must(s.Delete(s.ctx, s.tenant, s.user, a, newKey(), b))
	s.must(s.Delete(s.ctx, s.tenant, s.user))
	s.must(s.Delete(s.ctx, s.tenant, s.user, a))
	want(t, "deleted", s.get(a)+s.get(b), "")
	want(t, "list", s.list(), map[kv.Key]string{c: "v"})
}

func valuesEnd(t *testing.T, s *subject) {
	short, long := newKey(), newKey()
	s.put(short, "short", hour, kv.Key{})
	s.put(long, "long", kv.MaxLife, kv.Key{})
	s.advance(hour - time.Minute) // servers with a clock of their own go on meanwhile
	want(t, "short before its end", s.get(short), "short")
	s.advance(2 * time.Minute)
	want(t, "short after its end", s.get(short), "")
	want(t, "list", s.list(), map[kv.Key]string{long: "long"})
	want(t, "replacing an ended session", s.put(newKey(), "x", time.Minute, short), outcome{"", 0, -1})
	s.advance(kv.MaxLife - 2*hour)
	want(t, "long before its end", s.list(), map[kv.Key]string{long: "long"})
	s.advance(hour)
	want(t, "long after its end", s.get(long), "")
}

func refusesTTL(t *testing.T, s *subject) {
	key := newKey()
	for _, ttl := range []time.Duration{-1, 0, time.Millisecond - 1, -hour, kv.MaxLife + 1} {
		if _, _, _, err := s.Put(s.ctx, s.tenant, s.user, key, []byte("v"), ttl, s.integration, kv.Key{}); err == nil {
			t.Errorf("Put for %v: got no error, want one", ttl)
		}
	}
	want(t, "value", s.get(key), "")
	s.put(key, "v", hour, kv.Key{})
	for _, ttl := range []time.Duration{-1, 0, time.Millisecond - 1, kv.MaxLife + 1} {
		if _, err := s.Replace(s.ctx, s.tenant, s.user, key, []byte("w"), ttl); err == nil {
			t.Errorf("Replace for %v: got no error, want one", ttl)
		}
	}
	want(t, "value after refusals", s.get(key), "v")
}

func lists(t *testing.T, s *subject) {
	want(t, "empty list", s.list(), map[kv.Key]string{})
	wanted := map[kv.Key]string{}
	for i := range 5 {
		key := newKey()
		wanted[key] = fmt.Sprint(i)
		s.put(key, wanted[key], hour, kv.Key{})
	}
	s.must(s.Raise(s.ctx, s.tenant, s.integration, 3))
	values, generations, err := s.List(s.ctx, s.tenant, s.user)
	s.must(err)
	want(t, "number of values", len(values), 5)
	want(t, "list", s.list(), wanted)
	want(t, "generations", generations, map[string]int64{s.integration: 3})
}

// staysListed guards the index of a store that has one: neither the shorter
// life of other sessions nor the first end of a prolonged one may take a
// living session off the list, because Retire would miss it.
func staysListed(t *testing.T, s *subject) {
	long, prolonged := newKey(), newKey()
	s.put(long, "long", 80*24*hour, kv.Key{})
	s.put(prolonged, "prolonged", 8*hour, kv.Key{})
	for range 10 {
		s.advance(7 * hour)
		want(t, "prolonging", s.replace(prolonged, "prolonged", 8*hour), true)
		s.put(newKey(), "short", time.Second, kv.Key{})
		s.advance(2 * time.Second)
		want(t, "list", s.list(), map[kv.Key]string{long: "long", prolonged: "prolonged"})
	}
	s.must(s.Retire(s.ctx, s.tenant, s.user, 1))
	want(t, "values after retiring", s.get(long)+s.get(prolonged), "")
}

func bytesKept(t *testing.T, s *subject) {
	value := make([]byte, 4096)
	for i := range value {
		value[i] = byte(i)
	}
	var key kv.Key
	copy(key[:], "{\r\n*\x00:%\xff}")
	s.put(key, string(value), hour, kv.Key{})
	want(t, "value", s.get(key), string(value))
	want(t, "list", s.list(), map[kv.Key]string{key: string(value)})
	want(t, "replaced", s.put(newKey(), "v", hour, key).Replaced, string(value))
}

func retires(t *testing.T, s *subject) {
	a, b := newKey(), newKey()
	s.put(a, "a", hour, kv.Key{})
	s.put(b, "b", hour, kv.Key{})
	s.must(s.Retire(s.ctx, s.tenant, s.user, 1))
	want(t, "values", s.get(a)+s.get(b), "")
	want(t, "list", s.list(), map[kv.Key]string{})
	want(t, "replace of a retired session", s.replace(a, "ghost", hour), false)
	key := newKey()
	want(t, "outcome of a later put", s.put(key, "c", hour, kv.Key{}), outcome{"", 1, -1})
	// The later session is of the new epoch; retiring again ends it as well.
	want(t, "later value", s.get(key), "c")
	s.must(s.Retire(s.ctx, s.tenant, s.user, 1))
	want(t, "later value after retiring again", s.get(key), "")
}

func epochNeverFalls(t *testing.T, s *subject) {
	s.must(s.Retire(s.ctx, s.tenant, s.user, 7))
	s.must(s.Retire(s.ctx, s.tenant, s.user, 3))
	want(t, "epoch", s.put(newKey(), "v", hour, kv.Key{}).Epoch, 7)
	s.must(s.Retire(s.ctx, s.tenant, s.user, kv.MaxCounter))
	want(t, "greatest epoch", s.put(newKey(), "v", hour, kv.Key{}).Epoch, kv.MaxCounter)
	s.advance(24 * hour)
	want(t, "epoch a day later", s.put(newKey(), "v", hour, kv.Key{}).Epoch, kv.MaxCounter)
	for _, epoch := range []int64{-1, kv.MaxCounter + 1} {
		if err := s.Retire(s.ctx, s.tenant, s.user, epoch); err == nil {
			t.Errorf("Retire(%d): got no error, want one", epoch)
		}
	}

	s.user = uuid.NewString()
	s.must(s.Retire(s.ctx, s.tenant, s.user, 0))
	want(t, "epoch 0", s.put(newKey(), "v", hour, kv.Key{}).Epoch, 0)
	var wg sync.WaitGroup
	for epoch := range int64(20) {
		wg.Go(func() {
			if err := s.Retire(s.ctx, s.tenant, s.user, epoch); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want(t, "epoch after parallel retires", s.put(newKey(), "v", hour, kv.Key{}).Epoch, 19)
}

func generationNeverFalls(t *testing.T, s *subject) {
	other := uuid.NewString()
	s.must(s.Raise(s.ctx, s.tenant, s.integration, 0))
	want(t, "generation 0", s.put(newKey(), "v", hour, kv.Key{}).Generation, 0)
	s.must(s.Raise(s.ctx, s.tenant, s.integration, 7))
	s.must(s.Raise(s.ctx, s.tenant, s.integration, 3))
	s.must(s.Raise(s.ctx, s.tenant, other, kv.MaxCounter))
	want(t, "generation", s.put(newKey(), "v", hour, kv.Key{}).Generation, 7)
	s.advance(kv.MaxLife + 48*hour)
	want(t, "generations", s.generations(), map[string]int64{s.integration: 7, other: kv.MaxCounter})
	for _, generation := range []int64{-1, kv.MaxCounter + 1} {
		if err := s.Raise(s.ctx, s.tenant, s.integration, generation); err == nil {
			t.Errorf("Raise(%d): got no error, want one", generation)
		}
	}
	var wg sync.WaitGroup
	for generation := range int64(20) {
		wg.Go(func() {
			if err := s.Raise(s.ctx, s.tenant, s.integration, generation); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want(t, "generation after parallel raises", s.generations()[s.integration], 19)
}

func readsCounters(t *testing.T, s *subject) {
	type pair struct{ Epoch, Generation int64 }
	counters := func(tenant, user, integration string) pair {
		epoch, generation, err := s.Counters(s.ctx, tenant, user, integration)
		s.must(err)
		return pair{epoch, generation}
	}
	want(t, "of an empty store", counters(s.tenant, s.user, s.integration), pair{0, -1})
	s.put(newKey(), "v", hour, kv.Key{})
	want(t, "beside a session", counters(s.tenant, s.user, s.integration), pair{0, -1})
	s.must(s.Retire(s.ctx, s.tenant, s.user, 5))
	s.must(s.Raise(s.ctx, s.tenant, s.integration, 0))
	want(t, "raised", counters(s.tenant, s.user, s.integration), pair{5, 0})
	s.must(s.Raise(s.ctx, s.tenant, s.integration, kv.MaxCounter))
	want(t, "raised to the greatest", counters(s.tenant, s.user, s.integration), pair{5, kv.MaxCounter})
	want(t, "of another user and integration", counters(s.tenant, uuid.NewString(), uuid.NewString()), pair{0, -1})
	want(t, "of another tenant", counters(uuid.NewString(), s.user, s.integration), pair{0, -1})
}

func tenantsApart(t *testing.T, s *subject) {
	key := newKey()
	s.put(key, "mine", hour, kv.Key{})
	s.must(s.Raise(s.ctx, s.tenant, s.integration, 5))

	// The other tenant knows every id of the first.
	other := *s
	other.tenant = uuid.NewString()
	want(t, "value at the other tenant", other.get(key), "")
	want(t, "generations at the other tenant", len(other.generations()), 0)
	want(t, "list at the other tenant", other.list(), map[kv.Key]string{})
	want(t, "replace at the other tenant", other.replace(key, "theirs", hour), false)
	want(t, "put at the other tenant", other.put(newKey(), "theirs", hour, key), outcome{"", 0, -1})
	s.must(other.Delete(s.ctx, other.tenant, s.user, key))
	s.must(other.Retire(s.ctx, other.tenant, s.user, 9))
	s.must(other.Raise(s.ctx, other.tenant, s.integration, 9))

	want(t, "value", s.get(key), "mine")
	want(t, "list", s.list(), map[kv.Key]string{key: "mine"})
	want(t, "put", s.put(newKey(), "more", hour, kv.Key{}), outcome{"", 0, 5})

	// The same key may stand at both.
	other.put(key, "theirs", hour, kv.Key{})
	want(t, "value beside the other tenant's", s.get(key), "mine")
	want(t, "the other tenant's value", other.get(key), "theirs")
}

func usersApart(t *testing.T, s *subject) {
	mine, theirs := newKey(), newKey()
	s.put(mine, "mine", hour, kv.Key{})
	other := *s
	other.user = uuid.NewString()
	other.put(theirs, "theirs", hour, kv.Key{})
	want(t, "list", s.list(), map[kv.Key]string{mine: "mine"})
	s.must(s.Retire(s.ctx, s.tenant, other.user, 4))
	want(t, "list after the other user's retiring", s.list(), map[kv.Key]string{mine: "mine"})
	want(t, "the other user's list", other.list(), map[kv.Key]string{})
	want(t, "epoch", s.put(newKey(), "v", hour, kv.Key{}).Epoch, 0)
}

func parallelPuts(t *testing.T, s *subject) {
	wanted := map[kv.Key]string{}
	var wg sync.WaitGroup
	for i := range 32 {
		key, value := newKey(), fmt.Sprint(i)
		wanted[key] = value
		wg.Go(func() {
			if _, _, _, err := s.Put(s.ctx, s.tenant, s.user, key, []byte(value), hour, s.integration, kv.Key{}); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	want(t, "list", s.list(), wanted)
}

// retireAgainstPut: whoever was told the old epoch has lost the session by the
// time Retire has returned. Those that were told the new one know to give up.
func retireAgainstPut(t *testing.T, s *subject) {
	for round := range 40 {
		s.user = uuid.NewString()
		keys, epochs := make([]kv.Key, 4), make([]int64, 4)
		var wg sync.WaitGroup
		start := make(chan struct{})
		for i := range keys {
			keys[i] = newKey()
			wg.Go(func() {
				<-start
				var err error
				if _, epochs[i], _, err = s.Put(s.ctx, s.tenant, s.user, keys[i], []byte("v"), hour, s.integration, kv.Key{}); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Go(func() {
			<-start
			if err := s.Retire(s.ctx, s.tenant, s.user, 1); err != nil {
				t.Error(err)
			}
		})
		close(start)
		wg.Wait()
		for i, key := range keys {
			if value := s.get(key); epochs[i] == 0 && value != "" {
				t.Fatalf("round %d: got a session that survived and was told epoch 0, want it ended or told", round)
			}
		}
	}
}

// raiseAgainstPut: a put that starts after Raise has returned is told, and so
// is every get.
func raiseAgainstPut(t *testing.T, s *subject) {
	for generation := int64(1); generation <= 20; generation++ {
		raised := make(chan struct{})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, _, _, err := s.Put(s.ctx, s.tenant, s.user, newKey(), []byte("v"), hour, s.integration, kv.Key{}); err != nil {
					t.Error(err)
				}
			})
			wg.Go(func() {
				<-raised
				_, _, got, err := s.Put(s.ctx, s.tenant, s.user, newKey(), []byte("v"), hour, s.integration, kv.Key{})
				if err != nil || got != generation {
					t.Errorf("Put after Raise: got generation %d, error %v; want %d", got, err, generation)
				}
			})
		}
		s.must(s.Raise(s.ctx, s.tenant, s.integration, generation))
		close(raised)
		want(t, "generation at get", s.generations()[s.integration], generation)
		wg.Wait()
	}
}

func deleteAgainstReplace(t *testing.T, s *subject) {
	for range 20 {
		key := newKey()
		s.put(key, "v", hour, kv.Key{})
		var wg sync.WaitGroup
		for range 3 {
			wg.Go(func() {
				if _, err := s.Replace(s.ctx, s.tenant, s.user, key, []byte("w"), hour); err != nil {
					t.Error(err)
				}
			})
		}
		wg.Go(func() {
			if err := s.Delete(s.ctx, s.tenant, s.user, key); err != nil {
				t.Error(err)
			}
		})
		wg.Wait()
		want(t, "value after delete", s.get(key), "")
	}
	want(t, "list", s.list(), map[kv.Key]string{})
}

func endedContext(t *testing.T, s *subject) {
	key := newKey()
	s.put(key, "v", hour, kv.Key{})
	ctx, cancel := context.WithCancel(s.ctx)
	cancel()
	if value, _, err := s.Get(ctx, s.tenant, key); err == nil || value != nil {
		t.Errorf("Get: got value %q and error %v, want an error only", value, err)
	}
	if _, _, _, err := s.Put(ctx, s.tenant, s.user, newKey(), []byte("v"), hour, s.integration, kv.Key{}); err == nil {
		t.Error("Put: got no error, want one")
	}
	if err := s.Retire(ctx, s.tenant, s.user, 1); err == nil {
		t.Error("Retire: got no error, want one")
	}
}
