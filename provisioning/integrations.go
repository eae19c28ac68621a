package provisioning

import (
	"context"
	"crypto/rand"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"time"

	"usher/sql/store"
)

// Defaults and limits of an integration.
const (
	DefaultMaxAge          = 180 * time.Second
	DefaultEmbedMaxAge     = time.Hour
	DefaultLeeway          = 60 * time.Second
	DefaultSessionIdle     = 8 * time.Hour
	DefaultSessionAbsolute = 30 * 24 * time.Hour
	DefaultDriftThreshold  = 5 // people within an hour
	// DefaultSignInRate is how many tokens of an integration one instance takes
	// a second.
	DefaultSignInRate = 200

	maxMaxAge          = 365 * 24 * time.Hour
	maxEmbedMaxAge     = 24 * time.Hour
	maxSessionAbsolute = 90 * 24 * time.Hour
	minSession         = time.Minute
	// MaxLiveKeys is how many keys of an integration may be live at once.
	MaxLiveKeys       = maxKeysTried
	maxNameRunes      = 100
	maxIssuerBytes    = 255
	maxOrigins        = 50
	secretBytes       = 32
	maxDriftThreshold = 1000
	maxSignInRate     = 100_000
)

// NewKey is the wish for a key. At most one of Secret and PublicKey is given;
// with neither a secret is made.
type NewKey struct {
	Secret    string // its literal characters are the key (RFC 7518 §3.2)
	Algorithm string // for secrets: HS256 (""), HS384 or HS512
	PublicKey string // PEM or JWK; it decides the algorithm
}

// Installed is an integration with its keys.
type Installed struct {
	store.Integration
	Keys []store.Key
	// Secret is the new shared secret, once: from Install and AddKey.
	Secret string
}

// DefaultIntegration is what an integration is like when nothing is chosen.
func DefaultIntegration() store.Integration {
	return store.Integration{
		MaxAge: DefaultMaxAge, Leeway: DefaultLeeway, ReturnOrigins: []string{}, EmbedOrigins: []string{},
		LinkPolicy: store.LinkUnclaimed, AutoCreate: true,
		UnknownGroups: store.UnknownIgnore, UnknownCredits: store.UnknownPark,
		GroupScope: store.ScopeAll, MetaMode: store.MetaMerge,
		SessionIdle: DefaultSessionIdle, SessionAbsolute: DefaultSessionAbsolute,
		DriftThreshold: DefaultDriftThreshold, EmbedMaxAge: DefaultEmbedMaxAge, ContentOrigins: []string{},
		SignInRate: DefaultSignInRate,
	}
}

// Install makes an integration with its first key. With a JWKS URL and no wish
// for a key it has none of its own. The error joins an *Invalid
// for each field that cannot be accepted.
func (s *Service) Install(ctx context.Context, tenant store.Tenant, wish Settings, key NewKey, by By) (Installed, error) {
	id, err := store.NewID()
	if err != nil {
		return Installed{}, err
	}
	now := s.now().UTC()
	n := DefaultIntegration()
	n.TenantID, n.ID, n.AppID, n.Revision, n.Generation = tenant.ID, id, randomHex(12), 1, 1
	n.CreatedAt, n.UpdatedAt = now, now
	var errs []error
	if wish.Name == nil {
		errs = append(errs, invalid("name", "give the integration a name"))
	}
	errs = append(errs, wish.apply(&n))
	var first store.Key
	var secret string
	var keys []store.Key
	detail := map[string]any{"name": n.Name}
	theirs := key.Secret != "" || key.PublicKey != ""
	if n.JWKSURL == "" || theirs {
		var err error
		first, secret, err = s.makeKey(n, key)
		errs, keys = append(errs, err), []store.Key{first}
		detail["key"], detail["algorithm"] = first.ID, first.Algorithm
	}
	if err := errors.Join(errs...); err != nil {
		return Installed{}, err
	}
	set, err := s.wishedKeySet(ctx, wish, "")
	if err != nil {
		return Installed{}, err
	}
	if set != nil {
		detail["jwks_url"] = n.JWKSURL
	}
	if n.AcceptAfter, err = s.acceptAfter(ctx, tenant, set != nil || theirs, now); err != nil {
		return Installed{}, err
	}
	act := integrationAct(by, "integration_installed", n.ID, detail)
	act.SecretOf = first.ID
	if err := s.store.AddIntegration(ctx, n, first, act); err != nil {
		return Installed{}, err
	}
	s.keepWished(ctx, set, n)
	s.rings.forget(tenant.ID)
	return Installed{Integration: n, Keys: keys, Secret: secret}, nil
}

// acceptAfter keeps the links of a removed integration dead: its key may come
// back with the new one, unless we have made that ourselves. Times in tokens
// are whole seconds, so those of the very second are told apart by whether
// they were used before (see Service.revived).
func (s *Service) acceptAfter(ctx context.Context, tenant store.Tenant, theirs bool, now time.Time) (time.Time, error) {
	if !theirs {
		return time.Time{}, nil
	}
	integrations, _, err := s.store.Integrations(ctx, tenant.ID)
	if err != nil {
		return time.Time{}, err
	}
	for _, n := range integrations {
		if n.RemovedAt != nil {
			return now.Truncate(time.Second), nil
		}
	}
	return time.Time{}, nil
}

// Integrations returns a tenant's installed integrations, oldest first.
func (s *Service) Integrations(ctx context.Context, tenant store.Tenant) ([]Installed, error) {
	integrations, keys, err := s.store.Integrations(ctx, tenant.ID)
	if err != nil {
		return nil, err
	}
	var installed []Installed
	for _, n := range integrations {
		if n.RemovedAt != nil {
			continue
		}
		one := Installed{Integration: n}
		for _, k := range keys {
			if k.IntegrationID == n.ID {
				one.Keys = append(one.Keys, k)
			}
		}
		installed = append(installed, one)
	}
	return installed, nil
}

// Removed returns a tenant's removed integrations, the last removed first.
func (s *Service) Removed(ctx context.Context, tenant store.Tenant) ([]store.Integration, error) {
	integrations, _, err := s.store.Integrations(ctx, tenant.ID)
	removed := slices.DeleteFunc(integrations, func(n store.Integration) bool { return n.RemovedAt == nil })
	slices.SortFunc(removed, func(a, b store.Integration) int { return b.RemovedAt.Compare(*a.RemovedAt) })
	return removed, err
}

// Integration returns one installed integration by its id or app id, or
// ErrNotFound.
func (s *Service) Integration(ctx context.Context, tenant store.Tenant, id string) (Installed, error) {
	all, err := s.Integrations(ctx, tenant)
	if err != nil {
		return Installed{}, err
	}
	for _, n := range all {
		if n.ID == id || n.AppID == id {
			return n, nil
		}
	}
	return Installed{}, ErrNotFound
}

// ChangeIntegration changes what wish names. What is so already is no change.
func (s *Service) ChangeIntegration(ctx context.Context, tenant store.Tenant, id string, wish Settings, by By) (Installed, error) {
	found, err := s.Integration(ctx, tenant, id)
	if err != nil {
		return Installed{}, err
	}
	set, err := s.wishedKeySet(ctx, wish, found.JWKSURL)
	if err != nil {
		return Installed{}, err
	}
	edited, err := s.edit(ctx, tenant, found.ID, func(n *store.Integration, keys []store.Key) (store.KeyChange, error) {
		before := *n
		if err := wish.apply(n); err != nil {
			return store.KeyChange{}, err
		}
		stays := func(k store.Key) bool { return k.RetiresAt == nil }
		if before.JWKSURL != "" && n.JWKSURL == "" && !slices.ContainsFunc(keys, stays) {
			return store.KeyChange{}, invalid("jwks_url", "there is no other key: add one first, or remove the integration")
		}
		n.AcceptAfter = stillRemembered(before, *n, s.now())
		return store.KeyChange{Act: changed(by, "integration_changed", "integration "+n.ID, differences(before, *n))}, nil
	})
	if err == nil {
		s.keepWished(ctx, set, edited.Integration)
	}
	return edited, err
}

// stillRemembered raises AcceptAfter when the limits are loosened: a token
// that was too old under the old ones may have been used and forgotten.
func stillRemembered(before, after store.Integration, now time.Time) time.Time {
	floor := before.AcceptAfter
	if before.MaxAge == 0 || (after.MaxAge != 0 && after.MaxAge <= before.MaxAge) {
		return floor
	}
	// The second begun counts as forgotten: iat is in whole seconds.
	oldest := now.Add(-before.MaxAge - maxLeeway).UTC().Truncate(time.Second).Add(time.Second)
	if oldest.After(floor) {
		return oldest
	}
	return floor
}

// AddKey adds a key; the others stay live.
func (s *Service) AddKey(ctx context.Context, tenant store.Tenant, id string, wish NewKey, by By) (Installed, store.Key, error) {
	var added store.Key
	var secret string
	installed, err := s.edit(ctx, tenant, id, func(n *store.Integration, keys []store.Key) (store.KeyChange, error) {
		live := 0
		for _, k := range keys {
			if k.RetiresAt == nil || k.RetiresAt.After(s.now()) {
				live++
			}
		}
		if live >= MaxLiveKeys {
			return store.KeyChange{}, invalid("keys", "an integration has at most %d live keys: retire one first", MaxLiveKeys)
		}
		var err error
		added, secret, err = s.makeKey(*n, wish)
		act := integrationAct(by, "key_added", n.ID, map[string]any{"key": added.ID, "algorithm": added.Algorithm})
		act.SecretOf = added.ID
		return store.KeyChange{Add: &added, Act: act}, err
	})
	installed.Secret = secret
	return installed, added, err
}

// RetireKey retires a key at a time, which may lie in the future; the zero
// time means now. A key that is retired already stays so. ErrNotFound is
// returned for an unknown key, and an *Invalid for the last live one.
func (s *Service) RetireKey(ctx context.Context, tenant store.Tenant, id, keyID string, at time.Time, by By) (Installed, error) {
	return s.edit(ctx, tenant, id, func(n *store.Integration, keys []store.Key) (store.KeyChange, error) {
		now := s.now().UTC()
		if at.IsZero() || at.Before(now) {
			at = now
		}
		found, others := false, n.JWKSURL != ""
		for _, k := range keys {
			if k.ID == keyID {
				found = true
				if k.RetiresAt != nil && k.RetiresAt.Before(at) {
					at = *k.RetiresAt
				}
				continue
			}
			others = others || k.RetiresAt == nil
		}
		if !found {
			return store.KeyChange{}, ErrNotFound
		}
		if !others {
			return store.KeyChange{}, invalid("kid", "this is the only key: add another one first, or remove the integration")
		}
		return store.KeyChange{Retire: keyID, RetireAt: &at, Act: integrationAct(by, "key_retired", n.ID, map[string]any{
			"key": keyID, "at": at,
		})}, nil
	})
}

// KeepKey takes back a planned retirement: the key stays live. ErrNotFound is
// returned for an unknown key, and an *Invalid for one that is retired already.
func (s *Service) KeepKey(ctx context.Context, tenant store.Tenant, id, keyID string, by By) (Installed, error) {
	return s.edit(ctx, tenant, id, func(n *store.Integration, keys []store.Key) (store.KeyChange, error) {
		for _, k := range keys {
			if k.ID != keyID {
				continue
			}
			if k.RetiresAt != nil && !k.RetiresAt.After(s.now()) {
				return store.KeyChange{}, invalid("kid", "this key is retired: links signed with it may have been refused already. Add a new one")
			}
			return store.KeyChange{Retire: keyID, Act: integrationAct(by, "key_kept", n.ID, map[string]any{"key": keyID})}, nil
		}
		return store.KeyChange{}, ErrNotFound
	})
}

func (s *Service) edit(ctx context.Context, tenant store.Tenant, id string,
	change func(*store.Integration, []store.Key) (store.KeyChange, error),
) (Installed, error) {
	found, err := s.Integration(ctx, tenant, id)
	if err != nil {
		return Installed{}, err
	}
	n, keys, err := s.store.ChangeIntegration(ctx, tenant.ID, found.ID, change)
	if err != nil {
		return Installed{}, err
	}
	s.rings.forget(tenant.ID)
	return Installed{Integration: n, Keys: keys}, nil
}

// Remove takes an integration away: its secrets are destroyed, and from the
// moment Remove returns every token signed with them is refused and every
// session that they made is dead. Users stay, with the memberships and grants
// that the integration gave them. After an error Remove can be called again,
// and has to be, until it succeeds.
func (s *Service) Remove(ctx context.Context, tenant store.Tenant, id string, by By) error {
	n, err := s.IntegrationOnceInstalled(ctx, tenant, id)
	if err != nil {
		return err
	}
	id = n.ID
	generation, err := s.store.RemoveIntegration(ctx, tenant.ID, id,
		integrationAct(by, "integration_removed", id, map[string]any{"name": n.Name}))
	s.rings.forget(tenant.ID)
	if err != nil {
		return err
	}
	return s.endIntegration(ctx, tenant, id, generation)
}

func integrationAct(by By, action, id string, detail map[string]any) store.Act {
	return act(by, action, "integration "+id, detail)
}

// IntegrationOnceInstalled is Integration for removed ones as well: a removal
// that failed half-way has to be repeated.
func (s *Service) IntegrationOnceInstalled(ctx context.Context, tenant store.Tenant, id string) (store.Integration, error) {
	integrations, _, err := s.store.Integrations(ctx, tenant.ID)
	if err != nil {
		return store.Integration{}, err
	}
	for _, n := range integrations {
		if n.ID == id || n.AppID == id {
			return n, nil
		}
	}
	return store.Integration{}, ErrNotFound
}

// unended marks a fault of the session store as a passing one: what was written
// stays, and the call has to be repeated.
func unended(err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%w: sessions could not be ended: %w", store.ErrUnavailable, err)
}

// Generation tells the session check an integration's generation when the
// session store has forgotten it.
func (s *Service) Generation(ctx context.Context, tenant, integration string) (int64, error) {
	return s.store.Generation(ctx, tenant, integration)
}

// SigningSecret returns a live shared secret of an integration with the id of
// its key and its algorithm, for minting test links on this machine. It
// returns ErrNotFound when all live keys are public ones.
func (s *Service) SigningSecret(ctx context.Context, tenant store.Tenant, id string) (secret string, key store.Key, err error) {
	n, err := s.Integration(ctx, tenant, id)
	if err != nil {
		return "", store.Key{}, err
	}
	for _, k := range slices.Backward(n.Keys) {
		if len(k.SealedSecret) == 0 || (k.RetiresAt != nil && !k.RetiresAt.After(s.now())) {
			continue
		}
		plain, err := s.openSecret(k)
		return string(plain), k, err
	}
	return "", store.Key{}, ErrNotFound
}

// makeKey makes the row of a new key, and returns its secret in the clear.
func (s *Service) makeKey(n store.Integration, wish NewKey) (store.Key, string, error) {
	k := store.Key{
		TenantID: n.TenantID, ID: "key_" + randomHex(10), IntegrationID: n.ID, CreatedAt: s.now().UTC(),
	}
	if wish.PublicKey != "" {
		if wish.Secret != "" {
			return store.Key{}, "", invalid("public_key", "give a secret or a public key, not both")
		}
		algorithm, der, err := ParsePublicKey(wish.PublicKey)
		if err != nil {
			return store.Key{}, "", invalid("public_key", "%s", err)
		}
		if wish.Algorithm != "" && wish.Algorithm != algorithm {
			return store.Key{}, "", invalid("algorithm", "this key is for %s", algorithm)
		}
		k.Algorithm, k.PublicKey = algorithm, der
		return k, "", nil
	}
	switch wish.Algorithm {
	case "":
		k.Algorithm = "HS256"
	case "HS256", "HS384", "HS512":
		k.Algorithm = wish.Algorithm
	default:
		return store.Key{}, "", invalid("algorithm", "a secret signs with HS256, HS384 or HS512")
	}
	secret := wish.Secret
	if secret == "" {
		random := make([]byte, secretBytes)
		_, _ = rand.Read(random) // never fails (crypto/rand since Go 1.24)
		secret = base64.RawURLEncoding.EncodeToString(random)
	} else if err := CheckSecret(secret); err != nil {
		return store.Key{}, "", invalid("secret", "%s", err)
	}
	k.SealedSecret = s.sealer.Seal([]byte(secret), placeOf(k)...)
	return k, secret, nil
}

// IntegrationNames returns the names of a tenant's integrations by their ids,
// the removed ones too: memberships and grants outlive them.
func (s *Service) IntegrationNames(ctx context.Context, tenant store.Tenant) (map[string]string, error) {
	integrations, _, err := s.store.Integrations(ctx, tenant.ID)
	names := map[string]string{}
	for _, n := range integrations {
		names[n.ID] = n.Name
		if n.RemovedAt != nil {
			names[n.ID] += " (removed)"
		}
	}
	return names, err
}

// AppIDs returns the app ids of a tenant's integrations by their ids, of the
// removed ones too.
func (s *Service) AppIDs(ctx context.Context, tenant store.Tenant) (map[string]string, error) {
	integrations, _, err := s.store.Integrations(ctx, tenant.ID)
	apps := map[string]string{}
	for _, n := range integrations {
		apps[n.ID] = n.AppID
	}
	return apps, err
}
