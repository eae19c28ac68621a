package provisioning

import "time"

// How many refusals are kept in detail: a first burst, so that whoever sets an
// integration up sees everything, and then so many a second.
const (
	refusalBurst     = 100 // for each integration
	refusalRate      = 5
	refusalBurstAll  = 300 // for each tenant
	refusalRateAll   = 15
	maxRefusalCounts = 100_000
)

// refusalLimit bounds the refusals that are kept in detail. Its owner guards it.
type refusalLimit struct {
	buckets map[bucketKey]bucket
}

type bucketKey struct{ tenant, integration string } // tenant "…", integration "*" = all of its

// bucket fills with its rate, up to its burst.
type bucket struct {
	left float64
	at   time.Time
}

func newRefusalLimit() refusalLimit { return refusalLimit{map[bucketKey]bucket{}} }

// take reports whether one more refusal of an integration ("" = unknown) may be
// kept.
func (r *refusalLimit) take(tenant, integration string, now time.Time) bool {
	if len(r.buckets) > maxRefusalCounts {
		clear(r.buckets)
	}
	one, all := bucketKey{tenant, integration}, bucketKey{tenant, "*"}
	ofOne := r.filled(one, refusalRate, refusalBurst, now)
	ofAll := r.filled(all, refusalRateAll, refusalBurstAll, now)
	may := ofOne.left >= 1 && ofAll.left >= 1
	if may {
		ofOne.left--
		ofAll.left--
	}
	r.buckets[one], r.buckets[all] = ofOne, ofAll
	return may
}

// takeOf takes from one bucket, which holds burst and fills with rate a second.
func (r *refusalLimit) takeOf(key bucketKey, rate, burst float64, now time.Time) bool {
	if len(r.buckets) > maxRefusalCounts {
		clear(r.buckets)
	}
	b := r.filled(key, rate, burst, now)
	may := b.left >= 1
	if may {
		b.left--
	}
	r.buckets[key] = b
	return may
}

func (r *refusalLimit) filled(key bucketKey, rate, burst float64, now time.Time) bucket {
	b, ok := r.buckets[key]
	if !ok {
		return bucket{burst, now}
	}
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.left, b.at = min(b.left+passed*rate, burst), now
	}
	return b
}
