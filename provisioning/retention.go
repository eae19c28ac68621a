package provisioning

import (
	"context"
	"log/slog"
	"time"

	"usher/sql/store"
)

const (
	// retentionPause is between two rounds of dropping what is too old.
	retentionPause = 10 * time.Minute
	// retentionBatch is how many rows one transaction drops.
	retentionBatch = 1000
)

// retain drops what is too old, again and again until ctx ends. Several
// instances at once do no harm: what one has dropped the others do not find.
func (s *Service) retain(ctx context.Context) {
	tick := time.NewTicker(retentionPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
			s.Retain(ctx)
		}
	}
}

// Retain drops, for every tenant, what its settings say is too old: entries of
// the sign-in log, of the users' journals and of the audit log. The audit log
// keeps the number and hash of the last row dropped, from where it is verified.
func (s *Service) Retain(ctx context.Context) {
	tenants, err := s.store.Tenants(ctx)
	if err != nil {
		s.log.Warn("looking for old log entries failed; the next round tries again", slog.Any("error", err))
		return
	}
	for _, t := range tenants {
		for _, kept := range []struct {
			what string
			days int
			drop func(ctx context.Context, tenant string, before time.Time, limit int) (int, error)
		}{
			{"the sign-in log", t.Settings.SignInLogDays, s.store.ForgetSignIns},
			{"the journals", t.Settings.JournalDays, s.store.ForgetJournal},
			{"the audit log", t.Settings.AuditDays, s.store.ForgetAudit},
			{"webhooks", t.Settings.WebhookDays, s.store.ForgetWebhooks},
		} {
			if kept.days == 0 {
				continue
			}
			before := s.now().AddDate(0, 0, -kept.days)
			s.drop(ctx, t, kept.what, func() (int, error) { return kept.drop(ctx, t.ID, before, retentionBatch) })
		}
	}
}

// drop runs batch after batch until there is less than a full one.
func (s *Service) drop(ctx context.Context, t store.Tenant, what string, batch func() (int, error)) {
	dropped := 0
	for ctx.Err() == nil {
		n, err := batch()
		dropped += n
		if err != nil {
			s.log.Warn("dropping old entries of "+what+" failed; the next round goes on",
				slog.String("tenant", t.ID), slog.Any("error", err))
			return
		}
		if n < retentionBatch {
			break
		}
	}
	if dropped > 0 {
		s.log.Info("old entries of "+what+" were dropped", slog.String("tenant", t.ID), slog.Int("entries", dropped))
	}
}
