package provisioning

import (
	"context"
	"log/slog"

	"usher/sql/store"
)

const (
	// resealBatch is how many values are sealed anew in one transaction.
	resealBatch = 100
	// resealRounds bounds how often what is left is looked for.
	resealRounds = 3
)

// Resealing is what became of sealing everything under the present master key.
type Resealing struct {
	Resealed int64
	Closed   int64 // values that no master key opens; they stay as they are
}

// RotateMasterKey seals anew, under the present master key, what is sealed under
// another one in any tenant. Servers may run meanwhile, as long as they open both
// keys: a value is replaced only if it is still the one that was read. It goes in
// batches, each recorded in the log of the tenant; when it is interrupted it can
// be run again. Values that go by themselves within a day stay as they are.
func (s *Service) RotateMasterKey(ctx context.Context, tenant store.Tenant, progress store.Progress, by By) (Resealing, error) {
	var r resealer
	counts, err := s.store.SealedCounts(ctx, false)
	if err != nil {
		return r.Resealing, err
	}
	r.service, r.tenant, r.by, r.progress = s, tenant.ID, by, progress
	for _, c := range counts {
		if keyIDOf(c.Head) != r.present() {
			r.total += c.Values
		}
	}
	for range resealRounds {
		before := r.Resealed
		r.Closed = 0
		for _, column := range store.SealedColumns() {
			if err := r.column(ctx, column); err != nil {
				return r.Resealing, err
			}
		}
		if r.Resealed == before {
			break
		}
	}
	// The last, so that what may go on under the old master key is never more
	// than the rest.
	return r.Resealing, r.digestKey(ctx)
}

// resealer is one run of RotateMasterKey.
type resealer struct {
	Resealing
	service  *Service
	tenant   string
	by       By
	progress store.Progress
	total    int64
}

// present is the id of the present master key.
func (r *resealer) present() string { return r.service.sealer.KeyIDs()[0] }

func (r *resealer) act(table string, n int64) store.Act {
	return act(r.by, "master_key_rotated", "master_key "+r.present(), map[string]any{"table": table, "values": n})
}

// done counts values that were sealed anew.
func (r *resealer) done(n int64) {
	r.Resealed += n
	r.progress(r.Resealed, r.total)
}

func (r *resealer) column(ctx context.Context, c store.SealedColumn) error {
	sealer := r.service.sealer
	var after *store.SealedValue
	for {
		values, err := r.service.store.SealedElsewhere(ctx, c, sealer.head(), after, resealBatch)
		if err != nil || len(values) == 0 {
			return err
		}
		var batch []store.Resealed
		for _, v := range values {
			place := []string{v.TenantID, c.Table, v.ID, c.Column}
			plain, err := sealer.Open(v.Sealed, place...)
			if err != nil {
				r.Closed++
				r.service.log.Error("a sealed value cannot be opened, and stays as it is", slog.String("tenant", v.TenantID),
					slog.String("table", c.Table), slog.String("id", v.ID), slog.Any("error", err))
				continue
			}
			batch = append(batch, store.Resealed{SealedValue: v, Next: sealer.Seal(plain, place...)})
		}
		n, err := r.service.store.Reseal(ctx, c, batch, r.tenant, func(n int64) store.Act { return r.act(c.Table, n) })
		if err != nil {
			return err
		}
		r.done(n)
		after = &values[len(values)-1]
	}
}

func (r *resealer) digestKey(ctx context.Context) error {
	sealer := r.service.sealer
	sealed, err := r.service.store.KeptKey(ctx, digestKeyName)
	if err != nil || string(sealed[:min(len(sealed), sealHeadBytes)]) == string(sealer.head()) {
		return err
	}
	plain, err := sealer.Open(sealed, placeOfDigestKey()...)
	if err != nil {
		return err
	}
	changed, err := r.service.store.ResealKey(ctx, digestKeyName, sealed, sealer.Seal(plain, placeOfDigestKey()...),
		r.tenant, r.act("kept_keys", 1))
	if changed {
		r.done(1)
	}
	return err
}
