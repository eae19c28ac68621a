package handlers

import (
	"fmt"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/provisioning"
)

// TestRates: ten seconds' worth at once, then the rate, exactly, whatever the rate.
func TestRates(t *testing.T) {
	t.Parallel()
	for _, rate := range []int64{1, 3, 7, 50, 999} {
		r, who, now := NewRates(UsualRates{}), rated{RateClient, "t", "c"}, noon
		count := func() (passed int64) {
			for r.take(who, rate, now).wait == 0 {
				passed++
			}
			return passed
		}
		if got := count(); got != 10*rate {
			t.Errorf("rate %d: got %d at once, want %d", rate, got, 10*rate)
		}
		wait := r.take(who, rate, now).wait
		if wait <= 0 || wait > time.Second/time.Duration(rate)+time.Nanosecond {
			t.Errorf("rate %d: got %s to wait, want at most one step", rate, wait)
		}
		if now = now.Add(wait); r.take(who, rate, now).wait != 0 {
			t.Errorf("rate %d: got it refused after it had waited", rate)
		}
		now = now.Add(2 * time.Second)
		if got := count(); got < 2*rate-1 || got > 2*rate+1 {
			t.Errorf("rate %d: got %d in two seconds, want %d", rate, got, 2*rate)
		}
		now = now.Add(time.Hour)
		if got := count(); got != 10*rate {
			t.Errorf("rate %d: got %d after an hour, want %d", rate, got, 10*rate)
		}
		if now = now.Add(-24 * time.Hour); r.take(who, rate, now).wait > time.Second/time.Duration(rate)+time.Nanosecond {
			t.Errorf("rate %d: a clock that was set back shuts it out", rate)
		}
	}
}

// TestRatesOfManyAtOnce: parallel callers get what there is together, and no one
// takes anything from another: of another kind, tenant or id.
func TestRatesOfManyAtOnce(t *testing.T) {
	t.Parallel()
	const rate, callers, each = 20, 8, 100
	r := NewRates(UsualRates{Client: rate, APIKey: rate})
	all := []rated{{RateClient, "a", "x"}, {RateClient, "b", "x"}, {RateClient, "a", "y"}, {RateAPIKey, "a", "x"}}
	passed := make([]atomic.Int64, len(all))
	round := func(now time.Time) {
		var at sync.WaitGroup
		for range callers {
			for i, who := range all {
				at.Go(func() {
					for range each {
						if r.take(who, provisioning.UsualRate, now).wait == 0 {
							passed[i].Add(1)
						}
					}
				})
			}
		}
		at.Wait()
	}
	round(noon)
	round(noon.Add(3 * time.Second))
	for i, who := range all {
		if got := passed[i].Load(); got != 10*rate+3*rate {
			t.Errorf("%+v: got %d passed, want %d", who, got, 13*rate)
		}
	}
}

// TestRateChanges: a rate of one's own goes before the usual one, 0 is any number,
// and another rate counts at once.
func TestRateChanges(t *testing.T) {
	t.Parallel()
	r, who := NewRates(UsualRates{SCIM: 2}), rated{RateSCIM, "t", "n"}
	for range 20 {
		r.take(who, provisioning.UsualRate, noon)
	}
	if r.take(who, provisioning.UsualRate, noon).wait == 0 {
		t.Error("the usual rate: got the 21st request passed")
	}
	if got := r.take(who, 0, noon); got.wait != 0 || got.policy != nil {
		t.Errorf("any number: got %+v", got)
	}
	later := noon.Add(time.Second)
	passed := 0
	for r.take(who, 1000, later).wait == 0 {
		passed++
	}
	if passed != 1000 { // nine of ten seconds are used up
		t.Errorf("a higher rate: got %d more in a second, want 1000", passed)
	}
	var nobody *Rates
	if nobody.Usual(RateSCIM) != 0 || r.Usual(RateSCIM) != 2 {
		t.Error("Usual: got another rate than was set")
	}
}

// TestRateHeaders: what is told of a rate.
func TestRateHeaders(t *testing.T) {
	t.Parallel()
	r, who := NewRates(UsualRates{Client: 200}), rated{RateClient, "t", "c"}
	told := func(now time.Time) [2]string {
		header := http.Header{}
		r.take(who, provisioning.UsualRate, now).tell(header, RateClient)
		return [2]string{header.Get("RateLimit-Policy"), header.Get("RateLimit")}
	}
	const policy = `"client";q=2000;w=10`
	if diff := cmp.Diff([2]string{policy, `"client";r=1999;t=1`}, told(noon)); diff != "" {
		t.Errorf("first (-want +got):\n%s", diff)
	}
	for range 1998 {
		told(noon)
	}
	if diff := cmp.Diff([2]string{policy, `"client";r=0;t=10`}, told(noon)); diff != "" {
		t.Errorf("last (-want +got):\n%s", diff)
	}
	header := http.Header{}
	r.take(rated{RateSCIM, "t", "n"}, provisioning.UsualRate, noon).tell(header, RateSCIM)
	if len(header) != 0 {
		t.Errorf("without a rate: got %v", header)
	}
}

// TestTokenRate: one token is shown so often, and takes nothing from another; what
// is in memory does not grow with them.
func TestTokenRate(t *testing.T) {
	t.Parallel()
	r := NewRates(UsualRates{})
	passed := 0
	for r.takeToken("one", noon).wait == 0 {
		passed++
	}
	if passed != 10*tokenRate {
		t.Errorf("got %d at once, want %d", passed, 10*tokenRate)
	}
	if r.takeToken("two", noon).wait != 0 {
		t.Error("another token: got it refused")
	}
	for i := range maxRated + 1 {
		r.take(rated{RateClient, "t", fmt.Sprint(i)}, 1, noon)
	}
	if len(r.rated) > maxRated {
		t.Errorf("got %d in memory, want %d at most", len(r.rated), maxRated)
	}
}

// BenchmarkRate is what a request costs that is counted: with its headers, and the
// count alone.
func BenchmarkRate(b *testing.B) {
	r := NewRates(UsualRates{Client: 100_000})
	who := rated{RateClient, "01900000-0000-7000-8000-000000000001", "01900000-0000-7000-8000-000000000002"}
	b.Run("count", func(b *testing.B) {
		b.ReportAllocs()
		now := noon
		for b.Loop() {
			now = now.Add(10 * time.Microsecond)
			r.take(who, provisioning.UsualRate, now)
		}
	})
	b.Run("count and headers", func(b *testing.B) {
		b.ReportAllocs()
		header, now := http.Header{}, noon
		for b.Loop() {
			now = now.Add(10 * time.Microsecond)
			r.take(who, provisioning.UsualRate, now).tell(header, RateClient)
		}
	})
	b.Run("token", func(b *testing.B) {
		b.ReportAllocs()
		now := noon
		for b.Loop() {
			now = now.Add(time.Second)
			r.takeToken("a token that is as long as references are, of 43 c", now)
		}
	})
}
