package tokens

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/base64"
	"time"

	"usher/sql/store"
)

const (
	// secretPrefix begins every secret, so that scanners for leaked secrets, and
	// people, know one when they see it.
	secretPrefix = "uss_"
	secretBytes  = 32
	// MaxLiveSecrets is how many secrets of one client or API connection can be
	// live at once, so that comparing with all of them stays cheap.
	MaxLiveSecrets = 10
	// maxSecrets is how many of the newest ones are looked at.
	maxSecrets = 100
	// usedEvery is how stale a secret's last use may become.
	usedEvery = time.Minute
	// maxRetireAfter bounds plans, so that a slip of the hand is noticed.
	maxRetireAfter = 365 * 24 * time.Hour
)

// newSecret makes a secret, and returns it in clear, this once.
func (t *Tokens) newSecret(tenant, owner string) (Secret, string, error) {
	id, err := store.NewID()
	if err != nil {
		return Secret{}, "", err
	}
	var random [secretBytes]byte
	_, _ = rand.Read(random[:]) // never fails (crypto/rand since Go 1.24)
	secret := secretPrefix + base64.RawURLEncoding.EncodeToString(random[:])
	return Secret{
		TenantID: tenant, ID: id, OwnerID: owner, Digest: digestOf(secret), Ending: secret[len(secret)-4:], CreatedAt: t.moment(),
	}, secret, nil
}

// owned is what a holder's secrets are about, for the audit log.
func owned(h Holder, owner string) string { return string(h) + " " + owner }

// Secrets lists the secrets of a client or an API connection, oldest first, the
// newest 100 at most.
func (t *Tokens) Secrets(ctx context.Context, tenant string, h Holder, owner string) ([]Secret, error) {
	if !store.IsID(owner) {
		return nil, ErrNotFound
	}
	return t.store.Secrets(ctx, tenant, h, owner, maxSecrets)
}

// AddSecret gives a client or an API connection one more secret, which is
// returned in clear, this once; the others stay live. The errors are ErrNotFound,
// ErrChanged and *Invalid.
func (t *Tokens) AddSecret(ctx context.Context, tenant string, h Holder, owner string, by By) (Secret, string, error) {
	if !store.IsID(owner) {
		return Secret{}, "", ErrNotFound
	}
	k, secret, err := t.newSecret(tenant, owner)
	if err != nil {
		return Secret{}, "", err
	}
	err = t.store.ChangeSecrets(ctx, tenant, h, owner, maxSecrets, func(found store.OwnedSecrets) (store.SecretChange, error) {
		if found.Public {
			return store.SecretChange{}, invalid("secrets", "a public client has none: whoever uses it could read them")
		}
		live := 0
		for _, one := range found.Secrets {
			if one.Live(k.CreatedAt) {
				live++
			}
		}
		if live >= MaxLiveSecrets {
			return store.SecretChange{}, invalid("secrets", "at most %d are live at once: retire one first", MaxLiveSecrets)
		}
		return store.SecretChange{Add: &k, Act: store.Act{
			By: by, Action: string(h) + "_secret_added", Object: owned(h, owner), SecretOf: k.ID,
			Detail: map[string]any{"secret": k.ID},
		}}, nil
	})
	if err != nil {
		return Secret{}, "", err
	}
	return k, secret, nil
}

// RetireSecret ends a secret at a time, or now when that is not to come. An end
// that is nearer already stays. The errors are ErrNotFound, ErrChanged and
// *Invalid.
func (t *Tokens) RetireSecret(ctx context.Context, tenant string, h Holder, owner, id string, at time.Time, by By) error {
	now := t.moment()
	if at = at.UTC().Truncate(time.Microsecond); at.Before(now) {
		at = now
	}
	if at.Sub(now) > maxRetireAfter {
		return invalid("at", "a time within a year")
	}
	return t.endSecret(ctx, tenant, h, owner, id, func(k Secret) store.SecretChange {
		if k.ExpiresAt != nil && !k.ExpiresAt.After(at) {
			return store.SecretChange{Act: store.Act{By: by}}
		}
		return store.SecretChange{End: id, EndAt: &at, Act: store.Act{
			By: by, Action: string(h) + "_secret_retired", Object: owned(h, owner),
			Detail: map[string]any{"secret": id, "expires_at": at},
		}}
	})
}

// KeepSecret takes a planned end back. The errors are ErrNotFound, ErrChanged and
// *Invalid.
func (t *Tokens) KeepSecret(ctx context.Context, tenant string, h Holder, owner, id string, by By) error {
	return t.endSecret(ctx, tenant, h, owner, id, func(k Secret) store.SecretChange {
		if k.ExpiresAt == nil {
			return store.SecretChange{Act: store.Act{By: by}}
		}
		return store.SecretChange{End: id, Act: store.Act{
			By: by, Action: string(h) + "_secret_kept", Object: owned(h, owner), Detail: map[string]any{"secret": id},
		}}
	})
}

// endSecret changes the end of a secret that is live: an ended one stays ended.
func (t *Tokens) endSecret(ctx context.Context, tenant string, h Holder, owner, id string, change func(Secret) store.SecretChange) error {
	if !store.IsID(owner) || !store.IsID(id) {
		return ErrNotFound
	}
	return t.store.ChangeSecrets(ctx, tenant, h, owner, maxSecrets, func(found store.OwnedSecrets) (store.SecretChange, error) {
		for _, k := range found.Secrets {
			if k.ID != id {
				continue
			}
			if !k.Live(t.now()) {
				return store.SecretChange{}, invalid("secret", "it has ended already; make another one")
			}
			return change(k), nil
		}
		return store.SecretChange{}, ErrNotFound
	})
}

// nobodysDigest is compared with where there is no secret to compare with.
var nobodysDigest = make([]byte, 32)

// match finds the live secret that was shown. All are compared, each in constant
// time, and where there are none one is compared all the same.
func match(secrets []Secret, shown string) (matching Secret, ok bool) {
	given := digestOf(shown)
	subtle.ConstantTimeCompare(given, nobodysDigest)
	for _, k := range secrets {
		if subtle.ConstantTimeCompare(given, k.Digest) == 1 && !ok {
			matching, ok = k, true
		}
	}
	return matching, ok
}

// used notes that a secret was used, about once a minute, and reports whether it
// was time to. A database that can be read and not written refuses nobody.
func (t *Tokens) used(ctx context.Context, tenant string, h Holder, k Secret) bool {
	now := t.moment()
	if k.UsedAt != nil && now.Sub(*k.UsedAt) < usedEvery {
		return false
	}
	_ = t.store.UseSecret(ctx, tenant, h, k.ID, now)
	return true
}
