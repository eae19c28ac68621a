package provisioning

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"time"

	"usher/sql/store"
)

// ringSet are the keys that a partner publishes, as they were last read.
type ringSet struct {
	fetchedAt time.Time // zero = never
	keys      []*ringKey
}

// addSets gives integrations that have a JWKS URL the keys that were read there.
// An error names a key that is not as ParseJWKS has let it pass; the set is left
// out then, and the others are there.
func (r *Keyring) addSets(sets []store.KeySet) error {
	var last error
	byID := make(map[string]*ringEntry)
	for _, entry := range r.apps {
		if entry.integration.JWKSURL != "" && !entry.removed() {
			entry.set = &ringSet{}
			byID[entry.integration.ID] = entry
		}
	}
	for _, read := range sets {
		entry := byID[read.IntegrationID]
		if entry == nil || read.TenantID != entry.integration.TenantID || read.URL != entry.integration.JWKSURL || read.FetchedAt == nil {
			continue
		}
		set := &ringSet{fetchedAt: *read.FetchedAt}
		var err error
		for _, k := range read.Keys {
			key := &ringKey{id: k.ID, algorithm: k.Algorithm, entry: entry, createdAt: *read.FetchedAt, ofSet: true}
			if err = key.loadPublicKey(store.Key{Algorithm: k.Algorithm, PublicKey: k.PublicKey}); err != nil {
				last = fmt.Errorf("key %q of the set of integration %s: %w", k.ID, read.IntegrationID, err)
				break
			}
			set.keys = append(set.keys, key)
		}
		if err == nil {
			entry.set = set
		}
	}
	r.indexSets(slices.Collect(maps.Values(byID)))
	return last
}

// indexSets makes integrations known by the ids of the keys in their sets.
func (r *Keyring) indexSets(entries []*ringEntry) {
	slices.SortFunc(entries, func(a, b *ringEntry) int {
		return cmp.Or(a.set.fetchedAt.Compare(b.set.fetchedAt), cmp.Compare(a.integration.ID, b.integration.ID))
	})
	r.published = make(map[string]*ringEntry)
	for _, entry := range entries {
		for _, key := range entry.set.keys {
			if other, known := r.published[key.id]; known && other != entry {
				r.published[key.id] = nil
			} else {
				r.published[key.id] = entry
			}
		}
		if entry.integration.Issuer == "" { // else its tokens have to name that
			r.unnamed = append(r.unnamed, entry)
		}
	}
	delete(r.published, "")
}

// holds reports whether the keys are still good: they outlive that the set
// cannot be read, but not for ever.
func (s *ringSet) holds(now time.Time) bool {
	return s != nil && !s.fetchedAt.IsZero() && now.Sub(s.fetchedAt) < KeySetLife
}

// age says why the keys do not hold.
func (s *ringSet) age(now time.Time) string {
	if s.fetchedAt.IsZero() {
		return "have not been read yet"
	}
	return fmt.Sprintf("were last read %s ago, and hold for %s", now.Sub(s.fetchedAt).Round(time.Second), KeySetLife)
}

// has reports whether there is a key for an algorithm.
func (s *ringSet) has(algorithm string) bool {
	return s != nil && slices.ContainsFunc(s.keys, func(key *ringKey) bool { return key.algorithm == algorithm })
}

// candidates are the keys that a token may be signed with: those that its kid
// names; else, as partners also name keys here that they do not name there,
// those without a name; for a token without kid all. named tells that the kid
// decides alone.
func (s *ringSet) candidates(t *token, now time.Time) (keys []*ringKey, named bool) {
	if !s.holds(now) {
		return nil, false
	}
	for _, key := range s.keys {
		if key.algorithm != t.algorithm || key.id != t.keyID && key.id != "" && t.keyID != "" {
			continue
		}
		if key.id != "" && key.id == t.keyID {
			named = true
		}
		keys = append(keys, key)
	}
	if named {
		keys = slices.DeleteFunc(keys, func(key *ringKey) bool { return key.id != t.keyID })
	}
	return keys[:min(len(keys), maxKeysTried)], named
}

// lacks reports whether a token that no key has signed may be good by a set that
// is read anew.
func (s *ringSet) lacks(t *token, now time.Time) bool {
	return s != nil && (!s.holds(now) || t.keyID == "" ||
		!slices.ContainsFunc(s.keys, func(key *ringKey) bool { return key.id == t.keyID }))
}

// mayPublish are the integrations to which a token that find knows none for may
// belong, once their sets are read anew.
func (r *Keyring) mayPublish(keyID, appID, issuer string) []*ringEntry {
	if _, known := r.published[keyID]; known || keyID == "" || appID != "" || r.issuers[issuer] != nil {
		return nil
	}
	return r.unnamed
}
