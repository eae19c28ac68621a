package provisioning

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"usher/sql/store"
)

const (
	// ringLife bounds how long a keyring that answers is used. It needs not be
	// short: what was decided under an old revision is not recorded.
	ringLife = 30 * time.Second
	// ringPatience is how long somebody who is to be sent on waits for a newer
	// keyring than the one at hand.
	ringPatience = 250 * time.Millisecond
	// maxRings bounds the memory of a server with very many tenants.
	maxRings = 10_000
)

// ringCache keeps the keyrings of the tenants that are in use.
type ringCache struct {
	load func(ctx context.Context, tenant string) (*Keyring, error)
	now  func() time.Time

	mu    sync.Mutex
	rings map[string]*latest[*Keyring]
}

func newRingCache(load func(context.Context, string) (*Keyring, error), now func() time.Time) *ringCache {
	return &ringCache{load: load, now: now, rings: map[string]*latest[*Keyring]{}}
}

// get returns a keyring that was loaded no longer than life ago.
func (c *ringCache) get(ctx context.Context, tenant string, life time.Duration) (*Keyring, error) {
	return c.of(tenant).get(ctx, life)
}

// getFor returns a keyring that is new enough to refuse a request by: loaded no
// longer than reloadPause before it arrived, so also by one that it has waited for.
func (c *ringCache) getFor(ctx context.Context, tenant string, arrived time.Time) (*Keyring, error) {
	return c.get(ctx, tenant, c.now().Sub(arrived)+reloadPause)
}

func (c *ringCache) of(tenant string) *latest[*Keyring] {
	c.mu.Lock()
	defer c.mu.Unlock()
	ring, ok := c.rings[tenant]
	if !ok {
		if len(c.rings) >= maxRings {
			clear(c.rings)
		}
		load := func(ctx context.Context) (*Keyring, error) { return c.load(ctx, tenant) }
		ring = &latest[*Keyring]{load: load, now: c.now}
		c.rings[tenant] = ring
	}
	return ring
}

// forget makes the next get load, for a change made by this process.
func (c *ringCache) forget(tenant string) { c.of(tenant).forget() }

func (s *Service) loadRing(ctx context.Context, tenant string) (*Keyring, error) {
	integrations, keys, err := s.store.Integrations(ctx, tenant)
	if err != nil {
		return nil, err
	}
	good, secrets := s.openSecrets(keys)
	ring, err := NewKeyring(integrations, good, func(k store.Key) ([]byte, error) { return secrets[k.ID], nil })
	if err != nil {
		return nil, fmt.Errorf("provisioning: keys of tenant %s: %w", tenant, err)
	}
	sets, err := s.store.KeySets(ctx, tenant)
	if err != nil {
		return nil, err
	}
	if err := ring.addSets(sets); err != nil {
		s.log.Error("a key set is left out", slog.String("tenant", tenant), slog.Any("error", err))
	}
	return ring, nil
}

// openSecrets opens the secrets of keys, by key id, and leaves out the keys whose
// secret cannot be opened: one of them must not keep everybody else from
// signing in.
func (s *Service) openSecrets(keys []store.Key) (good []store.Key, secrets map[string][]byte) {
	secrets = map[string][]byte{}
	for _, k := range keys {
		if len(k.SealedSecret) > 0 {
			var err error
			if secrets[k.ID], err = s.openSecret(k); err != nil {
				s.log.Error("a key is left out: its secret cannot be opened",
					slog.String("tenant", k.TenantID), slog.String("key", k.ID), slog.Any("error", err))
				continue
			}
		}
		good = append(good, k)
	}
	return good, secrets
}

// CheckMasterKey reports whether the master keys open what is stored. An
// ErrSealedElsewhere, which is an *UnknownMasterKey, means that another one is
// needed: links, tokens or webhooks would fail without it.
func (s *Service) CheckMasterKey(ctx context.Context) error {
	if err := unknownMasterKey(ctx, s.store, s.sealer); err != nil {
		return err
	}
	k, err := s.store.NewestSealedKey(ctx)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err == nil {
		_, err = s.openSecret(k)
	}
	return err
}

// placeOf is where a key's secret stands; it opens nowhere else.
func placeOf(k store.Key) []string {
	return []string{k.TenantID, "integration_keys", k.ID, "sealed_secret"}
}

func (s *Service) openSecret(k store.Key) ([]byte, error) {
	return s.sealer.Open(k.SealedSecret, placeOf(k)...)
}

// integration finds one by its id, removed or not.
func (r *Keyring) integration(id string) (store.Integration, bool) {
	for _, entry := range r.apps {
		if entry.integration.ID == id {
			return entry.integration, true
		}
	}
	return store.Integration{}, false
}

// Places are where people of an integration may be sent: its landing page and
// return origins, beside our own origins. What another instance has changed counts
// after reloadPause; while the database is down, what was known last.
func (s *Service) Places(ctx context.Context, tenant store.Tenant, integration string, own []Origin) Places {
	ring, err := s.rings.of(tenant.ID).getAnyway(ctx, reloadPause, ringPatience)
	if err != nil {
		return Places{Own: own}
	}
	n, ok := ring.integration(integration)
	if !ok {
		return Places{Own: own}
	}
	return placesOf(n, own)
}

// IntegrationName is what an integration is called, for people to read; "" while
// that is not known. A name that another instance has given counts after ringLife.
func (s *Service) IntegrationName(ctx context.Context, tenant store.Tenant, id string) string {
	n, err := s.everInstalled(ctx, tenant, id, ringLife)
	if err != nil {
		return ""
	}
	return n.Name
}

func placesOf(n store.Integration, own []Origin) Places {
	places := Places{Own: own, Landing: n.LandingPage}
	for _, origin := range n.ReturnOrigins {
		// Checked when it was stored; the rules may have grown stricter.
		if parsed, err := ParseOrigin(origin); err == nil {
			places.Return = append(places.Return, parsed)
		}
	}
	return places
}

// ReturnOrigins are the origins to which any integration of the tenant may
// return, as an Origin header writes them.
func (s *Service) ReturnOrigins(ctx context.Context, tenant store.Tenant) ([]string, error) {
	ring, err := s.rings.get(ctx, tenant.ID, reloadPause)
	if err != nil {
		return nil, err
	}
	var origins []string
	for _, entry := range ring.apps {
		if !entry.removed() {
			origins = append(origins, entry.integration.ReturnOrigins...)
		}
	}
	return origins, nil
}
