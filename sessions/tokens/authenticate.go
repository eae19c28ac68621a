package tokens

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
)

// Errors of AuthenticateClient and AuthenticateConnection.
var (
	// ErrInvalidClient: there is no such client or API connection, it is
	// disabled, or the secret is none of its live ones. Nobody is told which.
	ErrInvalidClient = errors.New("the name and the secret are not those of a client")
	// ErrTooManyFailures: the same, and it has been so too often under this name.
	ErrTooManyFailures = fmt.Errorf("%w, too often under this name", ErrInvalidClient)
)

// maxShownSecret is how long a secret is looked at: ours are shorter.
const maxShownSecret = 256

// AuthenticateClient finds the client that a client id and a secret belong to. It
// reads the database, in one round trip, so that a retired secret and a disabled
// or deleted client count at once on every instance. The errors are
// ErrInvalidClient and ErrTooManyFailures, with which the Client has nothing but
// its ID, for the log; any other is a fault of the database.
func (t *Tokens) AuthenticateClient(ctx context.Context, tenant, clientID, secret string) (Client, error) {
	var c Client
	var secrets []Secret
	err := ErrNotFound
	if isClientID(clientID) {
		c, secrets, err = t.store.ClientWithSecrets(ctx, tenant, clientID, t.now())
	}
	if err != nil && !errors.Is(err, ErrNotFound) {
		return Client{}, err
	}
	k, ok := shown(secrets, secret)
	if !ok || c.Disabled {
		return Client{ID: c.ID}, t.failed(failureKey{tenant, OfClient, c.ID})
	}
	t.used(ctx, tenant, OfClient, k)
	return c, nil
}

// shown finds the secret of a list that was shown.
func shown(secrets []Secret, secret string) (Secret, bool) {
	if len(secret) > maxShownSecret {
		secret = ""
	}
	return match(secrets, secret)
}

func (t *Tokens) failed(of failureKey) error {
	if t.failures.take(of, t.now()) {
		return ErrInvalidClient
	}
	return ErrTooManyFailures
}

// How many wrong secrets are answered one by one: a first burst, and then so many
// a second. A right secret is always good: secrets are too long to be guessed, so
// what is bounded is the noise, and nobody can lock a client out by sending wrong
// ones under its name.
const (
	failureBurst    = 20
	failureRate     = failureBurst / 60.0
	maxFailureNames = 100_000
)

// failureKey is under which name secrets were wrong; "" stands for all names
// together that nobody has.
type failureKey struct {
	tenant string
	holder Holder
	id     string
}

// failures bounds wrong secrets. The zero value is ready.
type failures struct {
	mu      sync.Mutex
	buckets map[failureKey]bucket
}

// bucket fills with its rate, up to its burst.
type bucket struct {
	left float64
	at   time.Time
}

// take reports whether one more failure may be answered as such.
func (f *failures) take(of failureKey, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.buckets == nil || len(f.buckets) > maxFailureNames {
		f.buckets = map[failureKey]bucket{}
	}
	b, ok := f.buckets[of]
	if !ok {
		b = bucket{failureBurst, now}
	}
	if passed := now.Sub(b.at).Seconds(); passed > 0 {
		b.left, b.at = min(b.left+passed*failureRate, failureBurst), now
	}
	may := b.left >= 1
	if may {
		b.left--
	}
	f.buckets[of] = b
	return may
}
