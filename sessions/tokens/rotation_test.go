package tokens_test

import (
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"usher/sessions/tokens"
	"usher/sql/store/storetest"
)

// testClock is a clock that several goroutines read while one sets it.
type testClock struct{ at atomic.Pointer[time.Time] }

func (c *testClock) set(at time.Time) { c.at.Store(&at) }
func (c *testClock) now() time.Time   { return *c.at.Load() }

// TestRotationUnderLoad signs and verifies on two instances while keys go through
// all their states: no token is refused while it lives.
func TestRotationUnderLoad(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		clock := &testClock{}
		clock.set(epoch)
		s := db.Open(t, clock.now)
		instances := []*tokens.Tokens{open(s, clock.now), open(db.Open(t, clock.now), clock.now)}
		ctx, tenant := t.Context(), addTenant(t, s)
		type signed struct {
			token string
			at    time.Time
		}
		var work sync.WaitGroup
		stop, issued, looked := make(chan struct{}), make(chan signed, 1024), make(chan struct{})
		verify := func(instance *tokens.Tokens, one signed) {
			began := clock.now()
			_, _, err := instance.VerifyOwn(ctx, tenant, one.token)
			if err != nil && clock.now().Sub(one.at) <= tokens.MaxTokenLife {
				t.Errorf("a token of %s at %s: %v", one.at.Sub(epoch), began.Sub(epoch), err)
			}
			select {
			case looked <- struct{}{}:
			case <-stop:
			}
		}
		for n := range 4 {
			work.Go(func() { // an issuer, whose tokens the other instance reads at once
				for {
					select {
					case <-stop:
						return
					default:
					}
					at := clock.now()
					token, err := instances[n%2].Sign(ctx, tenant, "", "JWT", map[string]int{"n": n})
					if err != nil {
						t.Errorf("Sign: %v", err)
						return
					}
					verify(instances[(n+1)%2], signed{token, at})
					select {
					case issued <- signed{token, at}:
					default: // there is enough to verify again
					}
				}
			})
			work.Go(func() { // a verifier of tokens that have lain about
				for {
					select {
					case <-stop:
						return
					case one := <-issued:
						verify(instances[n%2], one)
						if clock.now().Sub(one.at) < tokens.MaxTokenLife {
							select {
							case issued <- one:
							default:
							}
						}
					}
				}
			})
		}
		// Each step is an hour of the clock, and some tokens looked at.
		for step := range 60 {
			for range 20 {
				<-looked
			}
			if step%12 == 3 {
				if _, err := instances[step%2].Rotate(ctx, tenant, "", byTest); err != nil {
					t.Errorf("Rotate: %v", err)
				}
			}
			instances[0].TendKeys(ctx)
			clock.set(clock.now().Add(time.Hour))
		}
		close(stop)
		work.Wait()
		got := db.Rows(t, `
SELECT count(*) || ' keys, ' || count(private_key) || ' with a private part' FROM signing_keys WHERE tenant_id = '`+tenant+`'`)
		same(t, "keys in the end", got, []string{"6 keys, 1 with a private part"})
	})
}

// TestParallelFirstUse: one first key, however many instances and requests need
// it in one moment.
func TestParallelFirstUse(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		now := func() time.Time { return epoch }
		s := db.Open(t, now)
		instances := []*tokens.Tokens{open(s, now), open(db.Open(t, now), now)}
		for range 5 {
			tenant := addTenant(t, s)
			var all sync.WaitGroup
			start := make(chan struct{})
			for n := range 16 {
				all.Go(func() {
					<-start
					var err error
					if n%4 < 2 {
						_, err = instances[n%2].Sign(t.Context(), tenant, "", "JWT", map[string]int{"n": n})
					} else {
						_, err = instances[n%2].JWKS(t.Context(), tenant)
					}
					if err != nil {
						t.Errorf("request %d: %v", n, err)
					}
				})
			}
			close(start)
			all.Wait()
			same(t, "keys", db.Rows(t, `SELECT CAST(count(*) AS text) FROM signing_keys WHERE tenant_id = '`+tenant+`'`), []string{"1"})
		}
	})
}

// TestParallelRotation: of many rotations in one moment one makes a key.
func TestParallelRotation(t *testing.T) {
	t.Parallel()
	storetest.EachDatabase(t, func(t *testing.T, db *storetest.Database) {
		now := func() time.Time { return epoch }
		s := db.Open(t, now)
		instances := []*tokens.Tokens{open(s, now), open(db.Open(t, now), now)}
		tenant := addTenant(t, s)
		sign(t, instances[0], tenant, "")
		var made atomic.Int64
		var all sync.WaitGroup
		start := make(chan struct{})
		for n := range 8 {
			all.Go(func() {
				<-start
				if _, err := instances[n%2].Rotate(t.Context(), tenant, "", byTest); err == nil {
					made.Add(1)
				}
			})
		}
		close(start)
		all.Wait()
		same(t, "rotations that made a key", made.Load(), 1)
		same(t, "keys and acts", db.Rows(t, fmt.Sprintf(`
SELECT (SELECT count(*) FROM signing_keys WHERE tenant_id = '%[1]s') || ' ' ||
       (SELECT count(*) FROM audit_log WHERE tenant_id = '%[1]s' AND action = 'signing_key_rotated')`, tenant)), []string{"2 1"})
	})
}
