package provisioning

import (
	"context"
	"slices"
	"time"

	"usher/sql/store"
)

// signInPage is how many entries of the log a page has.
const signInPage = 50

// SignInFilter selects entries of the sign-in log. Empty fields select nothing
// out.
type SignInFilter struct {
	Reference     string
	Email         string // in any spelling
	UserID        string
	IntegrationID string
	Reason        string
	Outcome       string
	From, To      time.Time // From ≤ arrival < To
}

// SignIns returns a page of the sign-in log, newest first, without the tokens'
// texts. before is the next of the page before it; next is "" at the end. The
// error is an *Invalid for a filter that cannot be meant.
func (s *Service) SignIns(ctx context.Context, tenant store.Tenant, f SignInFilter, before string) (records []SignInRecord, next string, err error) {
	wanted := store.SignInFilter{
		Reference: f.Reference, UserID: f.UserID, IntegrationID: f.IntegrationID, Reason: f.Reason, Outcome: f.Outcome,
		From: f.From, To: f.To,
	}
	if f.Email != "" {
		if wanted.EmailKey, err = EmailKey(f.Email); err != nil {
			return nil, "", invalid("email", "%s", err)
		}
	}
	for _, id := range []struct{ field, value string }{{"integration", f.IntegrationID}, {"user", f.UserID}, {"before", before}} {
		if id.value != "" && !store.IsID(id.value) {
			return nil, "", invalid(id.field, "an id as it is written here is expected")
		}
	}
	for _, text := range []struct{ field, value string }{{"reference", f.Reference}, {"reason", f.Reason}} {
		if !isStorable(text.value) {
			return nil, "", invalid(text.field, "plain text is expected")
		}
	}
	outcomes := []string{"", store.SignedIn, store.Refused, store.Reopened, store.Suppressed}
	if !slices.Contains(outcomes, f.Outcome) {
		return nil, "", invalid("outcome", "one of %q is expected", outcomes[1:])
	}
	records, err = s.store.SignIns(ctx, tenant.ID, wanted, before, signInPage+1)
	if len(records) > signInPage {
		records = records[:signInPage]
		next = records[signInPage-1].ID
	}
	return records, next, err
}

// SignInByReference returns an entry with the token's texts, or ErrNotFound.
func (s *Service) SignInByReference(ctx context.Context, tenant store.Tenant, reference string) (SignInRecord, error) {
	if reference == "" || !isStorable(reference) {
		return SignInRecord{}, ErrNotFound
	}
	return s.store.SignInByReference(ctx, tenant.ID, reference)
}

// KeyUse is what was done with a key.
type KeyUse = store.KeyUse

// KeyUsage says, by key id, what was done with the tenant's keys in the hours
// since a time. Keys that were not used are missing.
func (s *Service) KeyUsage(ctx context.Context, tenant store.Tenant, since time.Time) (map[string]KeyUse, error) {
	return s.store.KeyUsage(ctx, tenant.ID, since)
}

// Clock is how long after their iat an integration's tokens arrive: the
// partner's clock against ours, and the time that people take.
type Clock struct {
	N                 int           // tokens looked at
	Median, Low, High time.Duration // Low and High are the 5th and the 95th percentile
}

const (
	clockTokens  = 500
	clockAmong   = 5000 // entries, refusals by other reasons included
	clockHistory = 30 * 24 * time.Hour
)

// ClockOf works out an integration's Clock from its newest tokens; N is 0 when
// there are none.
func (s *Service) ClockOf(ctx context.Context, tenant store.Tenant, integrationID string) (Clock, error) {
	if !store.IsID(integrationID) {
		return Clock{}, ErrNotFound
	}
	arrivals, err := s.store.Arrivals(ctx, tenant.ID, integrationID, s.now().Add(-clockHistory), clockAmong, clockTokens)
	if err != nil || len(arrivals) == 0 {
		return Clock{}, err
	}
	ages := make([]time.Duration, len(arrivals))
	for i, a := range arrivals {
		ages[i] = a.At.Sub(a.IssuedAt)
	}
	slices.Sort(ages)
	at := func(share float64) time.Duration { return ages[int(share*float64(len(ages)-1)+0.5)] }
	return Clock{N: len(ages), Median: at(0.5), Low: at(0.05), High: at(0.95)}, nil
}

// Period is what happened in a span of time.
type Period struct {
	Start             time.Time
	SignIns, NewUsers int64
	Refused           map[string]int64  // by reason
	ByIntegration     map[string]Counts // by id; "" = unknown
}

// Counts are attempts by their outcome.
type Counts struct{ SignIns, Refused int64 }

// maxPeriods bounds an Activity.
const maxPeriods = 10_000

// Activity counts the attempts from ≤ arrival < to, in periods of step, the
// empty ones included. Attempts are counted by the hour: step is in whole
// hours, and the hours of from and to count as a whole.
func (s *Service) Activity(ctx context.Context, tenant store.Tenant, from, to time.Time, step time.Duration) ([]Period, error) {
	from = from.UTC().Truncate(time.Hour)
	if step < time.Hour || step%time.Hour != 0 {
		return nil, invalid("step", "whole hours are expected")
	}
	n := int((to.Sub(from) + step - 1) / step)
	if n < 1 || n > maxPeriods {
		return nil, invalid("from", "a time before to is expected, with at most %d steps between them", maxPeriods)
	}
	counts, err := s.store.SignInCounts(ctx, tenant.ID, from, to)
	if err != nil {
		return nil, err
	}
	periods := make([]Period, n)
	for i := range periods {
		periods[i] = Period{
			Start: from.Add(time.Duration(i) * step), Refused: map[string]int64{}, ByIntegration: map[string]Counts{},
		}
	}
	for _, c := range counts {
		p := &periods[int(c.Start().Sub(from)/step)]
		id := c.IntegrationID
		if id == store.NobodysID {
			id = ""
		}
		sum := p.ByIntegration[id]
		if c.Reason == "" {
			p.SignIns += c.Count
			p.NewUsers += c.NewUsers
			sum.SignIns += c.Count
		} else {
			p.Refused[c.Reason] += c.Count
			sum.Refused += c.Count
		}
		p.ByIntegration[id] = sum
	}
	return periods, nil
}
