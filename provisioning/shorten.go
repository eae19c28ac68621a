package provisioning

import (
	"context"
	"time"
)

// MaxOldEntries is how far ShortenedLogs counts.
const MaxOldEntries = 10_000

// Shortening is a log that is going to be kept for less time.
type Shortening struct {
	Field   string // as in TenantWish and the API
	Days    int    // for which it is kept then
	Entries int    // that are too old for it now
	AndMore bool   // there are more than Entries
}

// ShortenedLogs says what a wish would destroy, for good and within minutes: of
// each log that would be kept for less time, the entries that are too old then.
// A wish that ChangeTenant does not accept destroys nothing.
func (s *Service) ShortenedLogs(ctx context.Context, id string, wish TenantWish) ([]Shortening, error) {
	t, err := s.Tenant(ctx, id)
	if err != nil {
		return nil, err
	}
	next := t
	if wish.apply(&next) != nil {
		return nil, nil
	}
	var shortened []Shortening
	for _, kept := range []struct {
		field     string
		now, then int
		count     func(ctx context.Context, tenant string, before time.Time, limit int) (int, error)
	}{
		{"sign_in_log_days", t.Settings.SignInLogDays, next.Settings.SignInLogDays, s.store.CountOldSignIns},
		{"journal_days", t.Settings.JournalDays, next.Settings.JournalDays, s.store.CountOldJournal},
		{"audit_days", t.Settings.AuditDays, next.Settings.AuditDays, s.store.CountOldAudit},
		{"webhook_days", t.Settings.WebhookDays, next.Settings.WebhookDays, s.store.CountOldWebhooks},
	} {
		if kept.then == 0 || kept.now != 0 && kept.then >= kept.now {
			continue
		}
		n, err := kept.count(ctx, id, s.now().AddDate(0, 0, -kept.then), MaxOldEntries+1)
		if err != nil {
			return nil, err
		}
		shortened = append(shortened, Shortening{
			Field: kept.field, Days: kept.then, Entries: min(n, MaxOldEntries), AndMore: n > MaxOldEntries,
		})
	}
	return shortened, nil
}
