package provisioning

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"errors"
	"sync"
	"time"
)

// How many wrong secrets of an integration are answered one by one: a first
// burst, and then so many a second. A right secret is always good: secrets are
// too long to be guessed, so what is bounded is the noise, and nobody can lock a
// partner out by sending wrong ones under its app id.
const (
	clientFailureBurst = 20
	clientFailureRate  = clientFailureBurst / 60.0
)

// Client is a partner's server that has shown a shared secret of its
// integration.
type Client struct {
	IntegrationID string
	KeyID         string // the key whose secret it was
}

// Errors of AuthenticateClient.
var (
	// ErrClientInvalid: the app id names no installed integration, or the secret
	// is none of its live ones.
	ErrClientInvalid = errors.New("the app id and the secret are not those of a client")
	// ErrNoSharedSecret: the integration signs with public keys only, so there
	// is nothing that could be compared.
	ErrNoSharedSecret = errors.New("the integration has no live shared secret")
)

// AuthenticateClient finds the client that an app id and a shared secret belong
// to. All live secrets are compared, each in constant time. Beside the two errors
// above it returns a *Refusal with RateLimited after too many failures. Even then
// Client names the integration, when there is one, for the log.
func (s *Service) AuthenticateClient(ctx context.Context, tenant Tenant, appID, secret string) (Client, error) {
	arrived := s.now()
	ring, err := s.rings.get(ctx, tenant.ID, ringLife)
	if err != nil {
		return Client{}, err
	}
	client, failure := ring.client(appID, secret, s.now())
	if failure != nil { // a key that another instance has just made is looked for
		if ring, err = s.rings.getFor(ctx, tenant.ID, arrived); err != nil {
			return Client{}, err
		}
		client, failure = ring.client(appID, secret, s.now())
	}
	if failure == nil {
		return client, nil
	}
	if !s.failures.take(bucketKey{tenant.ID, client.IntegrationID}, s.now()) {
		failure = refuse(RateLimited, "too many wrong secrets under this app id")
	}
	return client, failure
}

// client compares a secret with the live ones of an integration.
func (r *Keyring) client(appID, secret string, now time.Time) (Client, error) {
	entry := r.apps[appID]
	if entry == nil || entry.removed() {
		return Client{}, ErrClientInvalid
	}
	client, shared := Client{IntegrationID: entry.integration.ID}, false
	// Sums are of equal length, so that comparing tells nothing of the secret's.
	given := sha256.Sum256([]byte(secret))
	for _, key := range entry.keys {
		material, ok := key.material.([]byte)
		if !ok || key.retired(now) {
			continue
		}
		shared = true
		sum := sha256.Sum256(material)
		if subtle.ConstantTimeCompare(given[:], sum[:]) == 1 && client.KeyID == "" {
			client.KeyID = key.id
		}
	}
	switch {
	case !shared:
		return client, ErrNoSharedSecret
	case client.KeyID == "":
		return client, ErrClientInvalid
	}
	return client, nil
}

// clientFailures bounds wrong secrets, for each integration of a tenant, and for
// all app ids together that nobody has.
type clientFailures struct {
	mu    sync.Mutex
	limit refusalLimit
}

func (f *clientFailures) take(of bucketKey, now time.Time) bool {
	f.mu.Lock()
	defer f.mu.Unlock()
	return f.limit.takeOf(of, clientFailureRate, clientFailureBurst, now)
}
