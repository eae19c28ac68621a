package admins

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

// keyPrefix begins every API key, so that scanners for leaked secrets, and
// people, know one when they see it.
const keyPrefix = "usk_"

const (
	maxKeyLife = 10 * 365 * 24 * time.Hour
	// usedEvery is how stale a key's last use may become.
	usedEvery = time.Minute
)

// NewAPIKey is what a new key shall be.
type NewAPIKey struct {
	Name    string
	Scopes  []Scope
	Expires *time.Time // nil = never
	Rate    *int64     // requests a second that one instance takes; 0 = any number, nil = as the server says
}

// MakeAPIKey makes a key and returns it in clear, this once. The actor has to
// have every right that it gets.
func (s *Service) MakeAPIKey(ctx context.Context, tenant Tenant, wish NewAPIKey, actor Actor, by By) (APIKey, string, error) {
	name, err := checkName(wish.Name)
	if err != nil {
		return APIKey{}, "", err
	}
	if len(wish.Scopes) == 0 {
		return APIKey{}, "", &Invalid{"scopes", "name at least one right"}
	}
	now := s.moment()
	k := APIKey{TenantID: tenant.ID, Name: name, CreatedAt: now, Rate: UsualRate}
	if wish.Rate != nil {
		if k.Rate = *wish.Rate; !store.IsRate(k.Rate) {
			return APIKey{}, "", wrongRate()
		}
	}
	for _, scope := range scopes {
		if slices.Contains(wish.Scopes, scope) {
			k.Scopes = append(k.Scopes, string(scope))
		}
	}
	for _, scope := range wish.Scopes {
		if !slices.Contains(scopes, scope) {
			return APIKey{}, "", &Invalid{"scopes", "there is no such right; see the list in the documentation"}
		}
		if !actor.May(scope) {
			return APIKey{}, "", ErrNotAllowed
		}
	}
	if wish.Expires != nil {
		at := wish.Expires.UTC().Truncate(time.Microsecond)
		if !at.After(now) || at.Sub(now) > maxKeyLife {
			return APIKey{}, "", &Invalid{"expires_at", "a time to come, at most ten years away"}
		}
		k.ExpiresAt = &at
	}
	if k.ID, err = store.NewID(); err != nil {
		return APIKey{}, "", err
	}
	secret, _ := newSecret()
	key := keyPrefix + secret
	k.Digest, k.Ending = digestOf(key), key[len(key)-4:]
	return k, key, s.store.AddAPIKey(ctx, k, store.Act{
		By: by, Action: "api_key_made", Object: "api_key " + k.ID, Detail: map[string]any{"scopes": k.Scopes, "rate": store.OwnRate(k.Rate)}, SecretOf: k.ID,
	})
}

// KeyHolder returns the actor behind an API key of this tenant, or ErrNone.
func (s *Service) KeyHolder(ctx context.Context, tenant Tenant, key string) (Actor, error) {
	secret, ours := strings.CutPrefix(key, keyPrefix)
	if !ours || !wellFormed(secret) {
		return Actor{}, ErrNone
	}
	k, err := s.store.APIKeyByDigest(ctx, tenant.ID, digestOf(key))
	if errors.Is(err, ErrNotFound) {
		return Actor{}, ErrNone
	} else if err != nil {
		return Actor{}, err
	}
	now := s.moment()
	if !KeyLive(k, now) {
		return Actor{}, ErrNone
	}
	if k.UsedAt == nil || now.Sub(*k.UsedAt) >= usedEvery {
		// A database that can be read and not written refuses no key.
		_ = s.store.UseAPIKey(ctx, tenant.ID, k.ID, now)
	}
	actor := Actor{Kind: KindAPIKey, ID: k.ID, Name: k.Name, Rate: k.Rate}
	for _, scope := range k.Scopes {
		actor.Scopes = append(actor.Scopes, Scope(scope))
	}
	return actor, nil
}

// KeyLive reports whether a key is good at a time.
func KeyLive(k APIKey, at time.Time) bool {
	return k.RevokedAt == nil && (k.ExpiresAt == nil || k.ExpiresAt.After(at))
}

// APIKeys returns a page of a tenant's keys, revoked ones too, newest first, and
// the id before which the next page begins ("" on the last one).
func (s *Service) APIKeys(ctx context.Context, tenant Tenant, before string) (keys []APIKey, next string, err error) {
	const page = 50
	if before != "" && anID(before) != nil {
		return nil, "", &Invalid{"before", "the id of an API key"}
	}
	keys, err = s.store.APIKeys(ctx, tenant.ID, before, page+1)
	if len(keys) > page {
		keys = keys[:page]
		next = keys[page-1].ID
	}
	return keys, next, err
}

// APIKey returns a key of the tenant, whatever its state.
func (s *Service) APIKey(ctx context.Context, tenant Tenant, id string) (APIKey, error) {
	if err := anID(id); err != nil {
		return APIKey{}, err
	}
	return s.store.APIKey(ctx, tenant.ID, id)
}

// RevokeAPIKey ends a key: from the return on no instance accepts it. It is
// ErrNotFound when there is no such key, or it was revoked before.
func (s *Service) RevokeAPIKey(ctx context.Context, tenant Tenant, id string, by By) error {
	if err := anID(id); err != nil {
		return err
	}
	return s.store.RevokeAPIKey(ctx, tenant.ID, id, store.Act{By: by, Action: "api_key_revoked", Object: "api_key " + id})
}
