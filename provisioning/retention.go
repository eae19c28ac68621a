package provisioning

import (
	"context"
	"log/slog"
	"time"

	"usher/sql/store"
)

const (
	// retentionPause is between two rounds of dropping what is too old, and
	// retentionBatch how many rows one statement drops of a log.
	retentionPause = 10 * time.Minute
	retentionBatch = 1000
	// spentBatch is how many rows one statement drops of what is small and
	// ends within minutes or hours.
	spentBatch = 5000
	// batchPause is between two batches at least, so that others get to write;
	// after a slow one it is twice as long as that took.
	batchPause    = 20 * time.Millisecond
	maxBatchPause = time.Second
	// endedKept is for how long people see what has become of things that have
	// ended: jobs, alerts, secrets, keys, names that nobody uses any more.
	endedKept = 90 * 24 * time.Hour
	// countsKept is how far back the counts of attempts go at least: what is
	// said about a key rests on them.
	countsKept = keyHistory
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
// the sign-in log with the counts of attempts, of the users' journals, of the
// audit log, and webhooks' events. The audit log keeps the number and hash of the
// last row dropped, from where it is verified. Then it drops, of all tenants, what
// has ended long ago.
func (s *Service) Retain(ctx context.Context) {
	tenants, err := s.store.Tenants(ctx)
	if err != nil {
		s.log.Warn("looking for old log entries failed; the next round tries again", slog.Any("error", err))
		return
	}
	now := s.now()
	for _, t := range tenants {
		for _, kept := range []struct {
			what string
			days int // 0 = for ever
			drop func(ctx context.Context, tenant string, before time.Time, limit int) (int, error)
		}{
			{"the sign-in log", t.Settings.SignInLogDays, s.store.ForgetSignIns},
			{"the counts of sign-ins", countDays(t.Settings), s.store.ForgetSignInCounts},
			{"the journals", t.Settings.JournalDays, s.store.ForgetJournal},
			{"the audit log", t.Settings.AuditDays, s.store.ForgetAudit},
			{"webhooks", t.Settings.WebhookDays, s.store.ForgetWebhooks},
		} {
			if kept.days == 0 {
				continue
			}
			before := now.AddDate(0, 0, -kept.days)
			s.drop(ctx, kept.what, t.ID, retentionBatch, func() (int, error) { return kept.drop(ctx, t.ID, before, retentionBatch) })
		}
	}
	s.drop(ctx, "what has ended", "", retentionBatch, func() (int, error) {
		return s.store.ForgetEnded(ctx, now.Add(-endedKept), retentionBatch)
	})
}

// countDays is for how many days a tenant's counts of attempts are kept: as long
// as its sign-in log, and no less than countsKept; 0 = for ever.
func countDays(settings store.TenantSettings) int {
	if settings.SignInLogDays == 0 {
		return 0
	}
	return max(settings.SignInLogDays, int(countsKept/(24*time.Hour)))
}

// ForgetSpent drops, of all tenants, what nobody can use any more: used tokens
// that cannot arrive again, answers to repeated requests, parts of jobs, and what
// the drift guard has counted. Run does it once a minute.
func (s *Service) ForgetSpent(ctx context.Context) {
	now := s.now()
	for _, spent := range []struct {
		what string
		drop func(limit int) (int, error)
	}{
		{"used tokens", func(limit int) (int, error) { return s.store.ForgetUsedTokens(ctx, maxLeeway, limit) }},
		{"idempotency keys", func(limit int) (int, error) { return s.store.ForgetRequests(ctx, limit) }},
		{"counts of claims", func(limit int) (int, error) {
			return s.store.ForgetClaimCounts(ctx, now.Add(-claimsLife).Unix(), limit)
		}},
		{"the drift guard's counts", func(limit int) (int, error) {
			return s.store.ForgetDriftPeople(ctx, now.Add(-driftPeopleLife), limit)
		}},
	} {
		s.drop(ctx, spent.what, "", spentBatch, func() (int, error) { return spent.drop(spentBatch) })
	}
	// Their rows are large.
	s.drop(ctx, "parts of jobs", "", partsBatch, func() (int, error) { return s.store.ForgetJobParts(ctx, partsBatch) })
}

// partsBatch is how many parts of jobs one statement drops: some 10 MB.
const partsBatch = 100

// drop runs batch after batch until there is less than a full one. tenant is
// whose rows they are; "" = of all.
func (s *Service) drop(ctx context.Context, what, tenant string, full int, batch func() (int, error)) {
	dropped := 0
	for ctx.Err() == nil {
		begun := s.now()
		n, err := batch()
		dropped += n
		if err != nil {
			s.log.Warn("dropping old entries of "+what+" failed; the next round goes on",
				slog.String("tenant", tenant), slog.Any("error", err))
			return
		}
		if n < full {
			break
		}
		select {
		case <-ctx.Done():
		case <-time.After(max(batchPause, min(2*s.now().Sub(begun), maxBatchPause))):
		}
	}
	if dropped > 0 && tenant != "" {
		s.log.Info("old entries of "+what+" were dropped", slog.String("tenant", tenant), slog.Int("entries", dropped))
	}
}
