package provisioning

import (
	"context"
	"errors"
	"slices"
	"strings"

	"usher/sql/store"
)

const (
	// maxRetentionDays bounds how long logs are kept by the calendar.
	maxRetentionDays = 3650
	// minAuditDays keeps somebody from clearing traces by a short retention.
	minAuditDays = 90
)

// TenantWish is a wish to change a tenant; nil keeps what is.
type TenantWish struct {
	Name  *string
	Hosts *[]string // at most 20; none = the tenant of the public URL

	// Days for which logs are kept: 0 = for ever, at most 3650. The audit log
	// is kept for at least 90.
	SignInLogDays, JournalDays, AuditDays *int
	WebhookDays                           *int // the same, of events and their deliveries
}

// Tenants lists every tenant, the oldest first.
func (s *Service) Tenants(ctx context.Context) ([]store.Tenant, error) { return s.store.Tenants(ctx) }

// Tenant returns a tenant as it is stored now, or ErrNotFound.
func (s *Service) Tenant(ctx context.Context, id string) (store.Tenant, error) {
	all, err := s.store.Tenants(ctx)
	if err != nil {
		return store.Tenant{}, err
	}
	for _, t := range all {
		if t.ID == id {
			return t, nil
		}
	}
	return store.Tenant{}, ErrNotFound
}

// Way is how whoever changes a tenant reaches the admin, so that nobody locks
// the door behind them: the tenant of that host must be the same afterwards.
type Way struct {
	Host     string   // of the request, canonical; "" for a command
	OurHosts []string // Origin.OurHosts of the public URL
	// AdminHosts are hosts for the admin alone. Those that no tenant has lead
	// to the tenant without hosts as well.
	AdminHosts []string
}

// ChangeTenant changes what wish names. The errors are ErrNotFound, ErrChanged
// and *Invalid: hosts must not be another tenant's, and must leave every tenant
// within reach.
func (s *Service) ChangeTenant(ctx context.Context, id string, wish TenantWish, way Way, by By) (store.Tenant, error) {
	if !store.IsID(id) {
		return store.Tenant{}, ErrNotFound
	}
	t, err := s.store.ChangeTenant(ctx, id, func(t *store.Tenant, all []store.Tenant) (store.Act, error) {
		before := *t
		if err := wish.apply(t); err != nil {
			return store.Act{}, err
		}
		if !slices.Equal(before.Hosts, t.Hosts) {
			next := slices.Clone(all)
			next[slices.IndexFunc(next, func(one store.Tenant) bool { return one.ID == t.ID })] = *t
			if err := checkReach(all, next, way); err != nil {
				return store.Act{}, err
			}
		}
		detail := map[string]any{}
		noteChange(detail, "name", before.Name, t.Name)
		if !slices.Equal(before.Hosts, t.Hosts) {
			detail["hosts"] = map[string]any{"from": listOf(before.Hosts), "to": listOf(t.Hosts)}
		}
		noteChange(detail, "sign_in_log_days", before.Settings.SignInLogDays, t.Settings.SignInLogDays)
		noteChange(detail, "journal_days", before.Settings.JournalDays, t.Settings.JournalDays)
		noteChange(detail, "audit_days", before.Settings.AuditDays, t.Settings.AuditDays)
		noteChange(detail, "webhook_days", before.Settings.WebhookDays, t.Settings.WebhookDays)
		return changed(by, "tenant_changed", "tenant "+t.ID, detail), nil
	})
	if errors.Is(err, store.ErrTaken) {
		return store.Tenant{}, invalid("hosts", "another tenant has one of these hosts: %s", strings.Join(t.Hosts, ", "))
	}
	if err != nil {
		return store.Tenant{}, err
	}
	s.tenants.forget()
	return t, nil
}

func listOf(hosts []string) []string {
	if hosts == nil {
		return []string{}
	}
	return hosts
}

// apply edits t, or says everything that is wrong with the wish.
func (w TenantWish) apply(t *store.Tenant) error {
	var errs []error
	if w.Name != nil {
		name, err := checkName(*w.Name)
		errs = append(errs, err)
		t.Name = name
	}
	if w.Hosts != nil {
		hosts, err := checkHosts(*w.Hosts)
		errs = append(errs, err)
		t.Hosts = hosts
	}
	for _, days := range []struct {
		field string
		least int
		wish  *int
		into  *int
	}{
		{"sign_in_log_days", 1, w.SignInLogDays, &t.Settings.SignInLogDays},
		{"journal_days", 1, w.JournalDays, &t.Settings.JournalDays},
		{"audit_days", minAuditDays, w.AuditDays, &t.Settings.AuditDays},
		{"webhook_days", 1, w.WebhookDays, &t.Settings.WebhookDays},
	} {
		if days.wish == nil {
			continue
		}
		if *days.wish != 0 && (*days.wish < days.least || *days.wish > maxRetentionDays) {
			errs = append(errs, invalid(days.field, "a whole number of days from %d to %d, or 0 for ever", days.least, maxRetentionDays))
		}
		*days.into = *days.wish
	}
	return errors.Join(errs...)
}

// checkReach refuses hosts that leave a tenant out of reach, given every tenant
// as it was and as it is going to be.
func checkReach(all, next []store.Tenant, way Way) error {
	var hostless []string
	for _, t := range next {
		if len(t.Hosts) == 0 {
			hostless = append(hostless, t.Name)
		}
	}
	had := 0 // a mistake of before is not made worse, and not in the way
	for _, t := range all {
		if len(t.Hosts) == 0 {
			had++
		}
	}
	if len(hostless) > max(1, had) {
		return invalid("hosts", "only one tenant can be without hosts, as the public URL leads there; of %s all but one need some",
			strings.Join(hostless, ", "))
	}
	for _, t := range next {
		for _, host := range t.Hosts {
			if len(hostless) > 0 && slices.Contains(way.OurHosts, host) {
				return invalid("hosts", "%s is the public URL's, at which %s is reached: it has no hosts of its own; take another, or give %s hosts first",
					host, hostless[0], hostless[0])
			}
		}
	}
	if way.Host == "" {
		return nil
	}
	ours := slices.Concat(way.OurHosts, way.AdminHosts)
	then, found := tenantAt(next, way.Host, ours)
	if now, was := tenantAt(all, way.Host, ours); was && (!found || now.ID != then.ID) {
		return invalid("hosts", "%s would no longer lead here, where this change comes from; leave it in, or make the change at another host", way.Host)
	}
	return nil
}
