package provisioning

import (
	"context"
	"slices"
	"time"

	"usher/sql/store"
)

// Health is how an integration does.
type Health struct {
	ID, Name   string
	LastSignIn time.Time // zero = none in the last ninety days
	Day        Counts    // of the last 24 hours
	Week       Counts    // of the seven days before now, those 24 hours included
	Days       []int64   // sign-ins of each of these seven days, oldest first
	Alerts     []Alert
}

// AlertCode names what somebody should look into. Like a Reason it is never
// renamed.
type AlertCode string

// The alerts, gravest first.
const (
	NoLiveKey    AlertCode = "no_live_key"    // every key is retired: all links are refused
	LastKeyEnds  AlertCode = "last_key_ends"  // all live keys retire; Alert.At is when the last one does
	OldKeyInUse  AlertCode = "old_key_in_use" // a key that retires at Alert.At has signed Alert.Count sign-ins of the last day
	ManyRefusals AlertCode = "many_refusals"  // Alert.Count attempts of the last day, a fifth or more, were refused
	ClockAhead   AlertCode = "clock_ahead"    // half of the tokens arrive at least Alert.Span before they were issued
	ClockBehind  AlertCode = "clock_behind"   // half of the tokens arrive at least Alert.Span after they were issued
	GroupsHeld   AlertCode = "groups_held"    // the drift guard holds removals back; Alert.Count people keep their groups
	ClaimGone    AlertCode = "claim_gone"     // links have the claim Alert.Claim no more
	Silent       AlertCode = "silent"         // no sign-in in the last day, after Alert.Count in the six before
)

// Alert is something about an integration that somebody should look into.
// Which of the fields say more depends on the code.
type Alert struct {
	Code  AlertCode
	Key   string // the key's id
	Claim string
	Count int64
	Span  time.Duration
	At    time.Time
}

// When a figure becomes an alert.
const (
	soonRetired   = 7 * 24 * time.Hour
	fewestRefused = 5               // of a day, so that one person's broken link is none
	fewestBefore  = 20              // sign-ins of six days, so that a quiet weekend is none
	fewestTokens  = 10              // whose age a clock is judged by
	mostAhead     = 5 * time.Second // a token is not used before it is made
	mostBehind    = 90 * time.Second
	healthDays    = 7
	healthHistory = 90 * 24 * time.Hour
)

// Health reports on each of a tenant's integrations, oldest first.
func (s *Service) Health(ctx context.Context, tenant store.Tenant) ([]Health, error) {
	integrations, err := s.Integrations(ctx, tenant)
	if err != nil || len(integrations) == 0 {
		return nil, err
	}
	now := s.now().UTC()
	// Attempts are counted by the hour: the present hour is part of the day.
	to := now.Truncate(time.Hour).Add(time.Hour)
	days, err := s.Activity(ctx, tenant, to.Add(-healthDays*24*time.Hour), to, 24*time.Hour)
	if err != nil {
		return nil, err
	}
	ever, err := s.KeyUsage(ctx, tenant, now.Add(-healthHistory))
	if err != nil {
		return nil, err
	}
	day, err := s.KeyUsage(ctx, tenant, to.Add(-24*time.Hour))
	if err != nil {
		return nil, err
	}
	drift, err := s.Alerts(ctx, tenant)
	if err != nil {
		return nil, err
	}
	reports := make([]Health, 0, len(integrations))
	for _, n := range integrations {
		h := Health{ID: n.ID, Name: n.Name}
		for i, period := range days {
			counts := period.ByIntegration[n.ID]
			h.Days = append(h.Days, counts.SignIns)
			h.Week.SignIns += counts.SignIns
			h.Week.Refused += counts.Refused
			if i == len(days)-1 {
				h.Day = counts
			}
		}
		for _, k := range n.Keys {
			if last := ever[k.ID].LastUsed; last.After(h.LastSignIn) {
				h.LastSignIn = last
			}
		}
		var clock Clock
		if h.Day.SignIns+h.Day.Refused > 0 {
			if clock, err = s.ClockOf(ctx, tenant, n.ID); err != nil {
				return nil, err
			}
		}
		h.Alerts = append(drifted(drift, n.ID), alerts(h, n.Keys, day, clock, now)...)
		reports = append(reports, h)
	}
	return reports, nil
}

// drifted are the alerts of the drift guard that wait for a decision.
func drifted(all []DriftAlert, integration string) []Alert {
	var found []Alert
	for _, a := range all {
		switch {
		case a.IntegrationID != integration || a.State != store.AlertOpen && a.State != store.AlertHolding:
		case a.Kind == store.AlertGroupsEmptied:
			found = append(found, Alert{Code: GroupsHeld, Count: a.Held, At: a.OpenedAt})
		case a.Kind == store.AlertClaimVanished:
			found = append(found, Alert{Code: ClaimGone, Claim: a.Claim, At: a.OpenedAt})
		}
	}
	return found
}

// alerts finds what somebody should look into, gravest first.
func alerts(h Health, keys []store.Key, day map[string]KeyUse, clock Clock, now time.Time) []Alert {
	var found []Alert
	live := slices.DeleteFunc(slices.Clone(keys), func(k store.Key) bool { return k.RetiresAt != nil && !k.RetiresAt.After(now) })
	stays := slices.ContainsFunc(live, func(k store.Key) bool { return k.RetiresAt == nil })
	switch {
	case len(live) == 0:
		found = append(found, Alert{Code: NoLiveKey})
	case !stays:
		last := slices.MaxFunc(live, func(a, b store.Key) int { return a.RetiresAt.Compare(*b.RetiresAt) })
		found = append(found, Alert{Code: LastKeyEnds, Key: last.ID, At: *last.RetiresAt})
	}
	for _, k := range live {
		if stays && k.RetiresAt != nil && k.RetiresAt.Before(now.Add(soonRetired)) && day[k.ID].SignIns > 0 {
			found = append(found, Alert{Code: OldKeyInUse, Key: k.ID, Count: day[k.ID].SignIns, At: *k.RetiresAt})
		}
	}
	if h.Day.Refused >= fewestRefused && h.Day.Refused*5 >= h.Day.Refused+h.Day.SignIns {
		found = append(found, Alert{Code: ManyRefusals, Count: h.Day.Refused})
	}
	switch {
	case clock.N < fewestTokens:
	case clock.Median <= -mostAhead:
		found = append(found, Alert{Code: ClockAhead, Span: -clock.Median})
	case clock.Median >= mostBehind:
		found = append(found, Alert{Code: ClockBehind, Span: clock.Median})
	}
	if before := h.Week.SignIns - h.Day.SignIns; h.Day.SignIns == 0 && before >= fewestBefore {
		found = append(found, Alert{Code: Silent, Count: before})
	}
	return found
}
