package tokens

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"time"

	"usher/sql/store"
)

const (
	// destroyAfter is how long after its retirement a key's private part is
	// destroyed: an instance whose clock is behind may just be signing with it.
	destroyAfter = time.Minute
	// agingBatch bounds how many keys are renewed in one round.
	agingBatch = 100
)

// ErrKeyWaits means that a key waits to be active already.
var ErrKeyWaits = errors.New("a new signing key waits already")

// SigningKeys returns a tenant's keys with a number below the given one (0 =
// all), newest first, at most limit, those too that went out of the JWKS lately.
// next is the following page's before; 0 on the last one.
func (t *Tokens) SigningKeys(ctx context.Context, tenant string, before int64, limit int) (keys []SigningKey, next int64, err error) {
	rows, err := t.store.SigningKeyPage(ctx, tenant, before, limit+1)
	if err != nil {
		return nil, 0, err
	}
	if len(rows) > limit {
		rows = rows[:limit]
		next = rows[limit-1].Number
	}
	now := t.now()
	for _, row := range rows {
		keys = append(keys, keyOf(row, now))
	}
	return keys, next, nil
}

// Rotate makes a key for an algorithm ("" = ES256) that takes over in NoticeTime,
// until when it stands in the JWKS. The one that signs now retires then; what it
// has signed is accepted until the last of it has ended. It is ErrKeyWaits when a
// successor has been made already. A first key for an algorithm waits as well.
func (t *Tokens) Rotate(ctx context.Context, tenant, algorithm string, by By) (SigningKey, error) {
	return t.rotate(ctx, tenant, algorithm, NoticeTime, func(made store.SigningKey, keys []store.SigningKey) (store.SigningKeyChange, error) {
		change := store.SigningKeyChange{Add: made, Act: rotated(made, by, false)}
		for _, k := range keys {
			switch {
			case k.RetiredAt != nil: // it has a successor
			case made.CreatedAt.Before(k.ActiveAt):
				return store.SigningKeyChange{}, ErrKeyWaits
			default:
				gone := made.ActiveAt.Add(MaxTokenLife + clockLeeway)
				k.RetiredAt, k.GoneAt = &made.ActiveAt, &gone
				change.Ending = append(change.Ending, k)
			}
		}
		return change, nil
	})
}

// RotateNow makes a key for an algorithm that signs at once, for when a private
// key may have become known. Every other key for the algorithm, a waiting one too,
// is out of the JWKS at once and destroyed, and what they have signed is invalid:
// here at once, on other instances within ringLife, and elsewhere when the JWKS
// is read again.
func (t *Tokens) RotateNow(ctx context.Context, tenant, algorithm string, by By) (SigningKey, error) {
	return t.rotate(ctx, tenant, algorithm, 0, func(made store.SigningKey, keys []store.SigningKey) (store.SigningKeyChange, error) {
		for i := range keys {
			if keys[i].RetiredAt == nil || made.ActiveAt.Before(*keys[i].RetiredAt) {
				keys[i].RetiredAt = &made.ActiveAt
			}
			keys[i].GoneAt, keys[i].PrivateKey = &made.ActiveAt, nil
		}
		return store.SigningKeyChange{Add: made, Ending: keys, Act: rotated(made, by, true)}, nil
	})
}

// rotate makes a key that is active after a notice and lets decide end the others
// for its algorithm, which it gets newest first.
func (t *Tokens) rotate(ctx context.Context, tenant, algorithm string, notice time.Duration,
	decide func(made store.SigningKey, keys []store.SigningKey) (store.SigningKeyChange, error),
) (SigningKey, error) {
	if algorithm == "" {
		algorithm = Algorithms()[0]
	}
	if err := checkAlgorithm(algorithm); err != nil {
		return SigningKey{}, err
	}
	now := t.moment()
	made, err := t.makeKey(tenant, algorithm, now, now.Add(notice))
	if err != nil {
		return SigningKey{}, err
	}
	defer t.forget(tenant)
	made, err = t.store.ChangeSigningKeys(ctx, tenant, now, func(keys []store.SigningKey) (store.SigningKeyChange, error) {
		return decide(made, slices.DeleteFunc(slices.Clone(keys), func(k store.SigningKey) bool { return k.Algorithm != algorithm }))
	})
	if err != nil {
		return SigningKey{}, err
	}
	return keyOf(made, now), nil
}

func checkAlgorithm(algorithm string) error {
	if !slices.Contains(Algorithms(), algorithm) {
		return &Invalid{"algorithm", "one of ES256, ES384 and RS256"}
	}
	return nil
}

// rotated is the act of making a key that takes over from another.
func rotated(k store.SigningKey, by By, now bool) store.Act {
	act := madeKey(k, by)
	act.Action = "signing_key_rotated"
	act.Detail["others_invalid"] = now
	return act
}

// TendKeys destroys the private parts of keys that have retired, drops keys that
// are long gone, and makes successors of keys that are older than KeyLife. What
// fails now is done in the next round.
func (t *Tokens) TendKeys(ctx context.Context) {
	now := t.moment()
	if err := t.store.DestroySigningKeys(ctx, now.Add(-destroyAfter)); err != nil {
		t.log.WarnContext(ctx, "retired signing keys are not destroyed yet", slog.Any("error", err))
		return
	}
	if _, err := t.store.ForgetSigningKeys(ctx, now.Add(-goneKept), sweepBatch); err != nil {
		return
	}
	aging, err := t.store.AgingSigningKeys(ctx, now.Add(-KeyLife), agingBatch)
	if err != nil {
		return
	}
	for _, key := range aging {
		if _, err := t.Rotate(ctx, key.TenantID, key.Algorithm, byUsher()); err != nil && !errors.Is(err, ErrKeyWaits) {
			t.log.WarnContext(ctx, "a signing key that has grown old is not rotated yet",
				slog.String("tenant", key.TenantID), slog.Any("error", err))
		}
	}
}
