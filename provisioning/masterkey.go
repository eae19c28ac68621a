package provisioning

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"usher/sql/store"
)

// digestKeyName is the kept key of digests.
const digestKeyName = "digest"

// placeOfDigestKey is where it stands; it belongs to no tenant.
func placeOfDigestKey() []string { return []string{"", "kept_keys", digestKeyName, "sealed"} }

// ErrDigestKeyUnknown means that several master keys are configured at a first
// start, and nothing says under which the digests were made.
var ErrDigestKeyUnknown = errors.New("it is not known which of the master keys the data was made with: start once with that one alone")

// KeepDigestKey returns the sealer with the key of digests that belongs to the
// data. Digests, by which an erased person is known, cannot be made anew: their
// key is derived from the master key of the first start, and kept in the store,
// sealed, so that it is the same under every later master key.
//
// The errors are ErrDigestKeyUnknown, an *UnknownMasterKey where the data was made
// with another one, and ErrSealBroken.
func KeepDigestKey(ctx context.Context, st *store.Store, sealer *Sealer) (*Sealer, error) {
	sealed, err := st.KeptKey(ctx, digestKeyName)
	if errors.Is(err, store.ErrNotFound) {
		first, err := firstDigestKey(ctx, st, sealer)
		if err != nil {
			return nil, err
		}
		if err := st.KeepKey(ctx, digestKeyName, sealer.Seal(first, placeOfDigestKey()...)); err != nil {
			return nil, err
		}
		if sealed, err = st.KeptKey(ctx, digestKeyName); err != nil { // another instance may have been first
			return nil, err
		}
	} else if err != nil {
		return nil, err
	}
	key, err := sealer.Open(sealed, placeOfDigestKey()...)
	if errors.Is(err, ErrSealedElsewhere) {
		if missing := unknownMasterKey(ctx, st, sealer); missing != nil {
			return nil, missing
		}
	}
	if err != nil {
		return nil, fmt.Errorf("the key of digests: %w", err)
	}
	return sealer.withDigestKey(key), nil
}

// firstDigestKey is the key of digests that goes with the data of an installation
// that keeps none yet: that of the one master key under which all is sealed.
func firstDigestKey(ctx context.Context, st *store.Store, sealer *Sealer) ([]byte, error) {
	if err := unknownMasterKey(ctx, st, sealer); err != nil {
		return nil, err
	}
	if len(sealer.keys) == 1 {
		return sealer.keys[0].digest(), nil
	}
	keys, err := masterKeys(ctx, st, sealer, false)
	if err != nil {
		return nil, err
	}
	keys = slices.DeleteFunc(keys, func(k MasterKeyUse) bool { return !k.Configured || k.Lasting == 0 })
	erased, err := st.HasTombstones(ctx)
	if err != nil {
		return nil, err
	}
	switch {
	case len(keys) == 0 && !erased:
		return sealer.keys[0].digest(), nil
	case len(keys) != 1:
		return nil, ErrDigestKeyUnknown
	}
	at := slices.Index(sealer.KeyIDs(), keys[0].ID)
	return sealer.keys[at].digest(), nil
}

// MasterKeyUse says what is sealed under one master key.
type MasterKeyUse struct {
	ID         string // eight hexadecimal digits; "" = the values name none, and are damaged
	Present    bool   // it seals
	Configured bool   // it opens
	Lasting    int64  // values that stay until they are sealed anew
	Passing    int64  // values that go by themselves within a day
}

// MasterKeys says what is sealed under which master key, in all tenants: the
// present one first, then the others that are configured, then those that are not.
// passing says whether values that go by themselves are counted as well.
func (s *Service) MasterKeys(ctx context.Context, passing bool) ([]MasterKeyUse, error) {
	return masterKeys(ctx, s.store, s.sealer, passing)
}

func masterKeys(ctx context.Context, st *store.Store, sealer *Sealer, passing bool) ([]MasterKeyUse, error) {
	counts, err := st.SealedCounts(ctx, passing)
	if err != nil {
		return nil, err
	}
	var keys []MasterKeyUse
	for i, id := range sealer.KeyIDs() {
		keys = append(keys, MasterKeyUse{ID: id, Present: i == 0, Configured: true})
	}
	for _, c := range counts {
		at := slices.IndexFunc(keys, func(k MasterKeyUse) bool { return k.ID == keyIDOf(c.Head) })
		if at < 0 {
			keys = append(keys, MasterKeyUse{ID: keyIDOf(c.Head)})
			at = len(keys) - 1
		}
		if c.Passing {
			keys[at].Passing += c.Values
		} else {
			keys[at].Lasting += c.Values
		}
	}
	return keys, nil
}

// UnknownMasterKey is an ErrSealedElsewhere that says what is missing.
type UnknownMasterKey struct {
	IDs        []string // of the master keys that are needed
	Values     int64    // that are sealed under them
	Configured []string // ids of those that are there
}

func (e *UnknownMasterKey) Error() string {
	return fmt.Sprintf("%d of the stored secrets are sealed under the master key %s, and configured is %s",
		e.Values, strings.Join(e.IDs, ", "), strings.Join(e.Configured, ", "))
}

func (*UnknownMasterKey) Unwrap() error { return ErrSealedElsewhere }

// unknownMasterKey is an *UnknownMasterKey where a value that lasts is sealed under
// a master key that is not there.
func unknownMasterKey(ctx context.Context, st *store.Store, sealer *Sealer) error {
	keys, err := masterKeys(ctx, st, sealer, false)
	if err != nil {
		return err
	}
	missing := &UnknownMasterKey{Configured: sealer.KeyIDs()}
	for _, k := range keys {
		if k.ID != "" && !k.Configured && k.Lasting > 0 {
			missing.IDs = append(missing.IDs, k.ID)
			missing.Values += k.Lasting
		}
	}
	if len(missing.IDs) > 0 {
		return missing
	}
	return nil
}
