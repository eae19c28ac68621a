package provisioning

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"usher/sql/store"
)

// The drift guard watches for a partner's mistakes that are valid tokens: a
// claim that stops coming, a list that comes empty for everybody. People get in
// all the same; what would be lost is held until an administrator has looked.

// DriftAlert tells an administrator what the guard has seen.
type DriftAlert = store.Alert

const (
	// driftWindow is in which so many people's groups may be emptied.
	driftWindow = time.Hour
	// driftPeopleLife is for how long those who were counted are kept when
	// there is no alert.
	driftPeopleLife = 24 * time.Hour
	// maxRelease is for how long the guard may be suspended.
	maxRelease = 30 * 24 * time.Hour

	// claimPeriod is over which sign-ins are counted together, and claimsLife
	// for how long the counts are what is usual.
	claimPeriod = 10 * time.Minute
	claimsLife  = 7 * 24 * time.Hour
	// A claim has vanished when the newest recentSignIns or more have none of
	// it, and of the others, at least usualSignIns, nearly all had.
	recentSignIns = 20
	usualSignIns  = 50
	usualShare    = 0.98
	// backShare of the newest ends the alert.
	backShare = 0.5
)

// guard asks whether the removals of a sign-in that empties somebody's groups
// are let through. When they are held, the plan is made again without them.
// counted is true when the sign-in counts towards the threshold.
func (s *Service) guard(ctx context.Context, in Arrival, v Verified, st *store.State, p plan) (_ plan, counted bool, err error) {
	n := &v.Integration
	held, counted, err := s.store.GuardEmptying(ctx, emptying(n, p.user.ID, in.Reference))
	if err != nil || !held {
		return p, counted, err
	}
	p, err = holding(&v.Assertion, n, st)
	return p, false, err
}

func emptying(n *store.Integration, user, reference string) store.Emptying {
	return store.Emptying{
		TenantID: n.TenantID, IntegrationID: n.ID, UserID: user, Reference: reference,
		Threshold: n.DriftThreshold, Window: driftWindow,
	}
}

// holding is the plan without the removals.
func holding(a *Assertion, n *store.Integration, st *store.State) (plan, error) {
	return (&planner{assertion: a, integration: n, state: st, newID: store.NewID, hold: true}).decide()
}

// Alerts lists what the guard has seen and nobody has closed, newest first.
func (s *Service) Alerts(ctx context.Context, tenant store.Tenant) ([]DriftAlert, error) {
	return s.store.Alerts(ctx, tenant.ID)
}

// Decisions about an alert.
const (
	DecideHold    = "hold"    // go on holding; the alert is seen
	DecideRelease = "release" // let removals through until a time
	DecideClose   = "close"   // it is over: count anew
	DecideDismiss = "dismiss" // of a vanished claim: that is as it should be
)

// DecideAlert settles what becomes of an alert. until is for DecideRelease: at
// most 30 days ahead. The error is ErrNotFound for an alert that is closed, or
// an *Invalid.
func (s *Service) DecideAlert(ctx context.Context, tenant store.Tenant, id, decision string, until time.Time, by By) error {
	if !store.IsID(id) {
		return ErrNotFound
	}
	alerts, err := s.store.Alerts(ctx, tenant.ID)
	if err != nil {
		return err
	}
	var alert *DriftAlert
	for i := range alerts {
		if alerts[i].ID == id {
			alert = &alerts[i]
		}
	}
	if alert == nil {
		return ErrNotFound
	}
	state, detail := "", map[string]any{"integration": alert.IntegrationID, "kind": alert.Kind, "claim": alert.Claim}
	var end *time.Time
	emptied := alert.Kind == store.AlertGroupsEmptied
	switch {
	case decision == DecideHold && emptied:
		state = store.AlertHolding
	case decision == DecideRelease && emptied:
		now := s.now()
		if !until.After(now) || until.After(now.Add(maxRelease)) {
			return invalid("until", "a time within the next 30 days")
		}
		utc := until.UTC()
		state, end, detail["until"] = store.AlertReleased, &utc, utc
	case decision == DecideClose && emptied:
		state = store.AlertClosed
	case decision == DecideDismiss && !emptied:
		state = store.AlertDismissed
	case emptied:
		return invalid("decision", "one of %s, %s, %s", DecideHold, DecideRelease, DecideClose)
	default:
		return invalid("decision", "%s, or nothing: it ends when the claim is back", DecideDismiss)
	}
	return s.store.DecideAlert(ctx, tenant.ID, id, state, end, act(by, "alert_"+state, "alert "+id, detail))
}

// claimCounter counts which claims sign-ins have, in memory: what an ending
// process has not written is lost, which costs a count and nothing else.
type claimCounter struct {
	mu      sync.Mutex
	pending map[claimKey]store.ClaimCount
}

type claimKey struct {
	integration string
	period      int64
}

func newClaimCounter() *claimCounter {
	return &claimCounter{pending: map[claimKey]store.ClaimCount{}}
}

// note counts a sign-in, if its integration is guarded.
func (c *claimCounter) note(v *Verified, now time.Time) {
	if !v.Integration.DriftGuard {
		return
	}
	period := now.Unix() - now.Unix()%int64(claimPeriod/time.Second)
	one := func(has bool) int64 {
		if has {
			return 1
		}
		return 0
	}
	a := &v.Assertion
	c.add(store.ClaimCount{
		TenantID: v.Integration.TenantID, IntegrationID: v.Integration.ID, Period: period, SignIns: 1,
		Groups: one(a.Groups != nil), Credits: one(a.Credits != nil), Meta: one(a.Meta != nil),
	})
}

func (c *claimCounter) add(counts ...store.ClaimCount) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for _, count := range counts {
		key := claimKey{count.IntegrationID, count.Period}
		sum := c.pending[key]
		count.SignIns += sum.SignIns
		count.Groups += sum.Groups
		count.Credits += sum.Credits
		count.Meta += sum.Meta
		c.pending[key] = count
	}
}

// take empties it.
func (c *claimCounter) take() []store.ClaimCount {
	c.mu.Lock()
	defer c.mu.Unlock()
	counts := make([]store.ClaimCount, 0, len(c.pending))
	for _, count := range c.pending {
		counts = append(counts, count)
	}
	clear(c.pending)
	return counts
}

// WatchClaims writes what was counted, and opens and closes alerts about claims
// that vanish and come back. Run does it once a minute.
func (s *Service) WatchClaims(ctx context.Context) {
	if err := s.watchClaims(ctx); err != nil && ctx.Err() == nil {
		s.log.Warn("watching claims failed; the next round tries again", slog.Any("error", err))
	}
}

func (s *Service) watchClaims(ctx context.Context) error {
	if counts := s.claims.take(); len(counts) > 0 {
		if err := s.store.CountClaims(ctx, counts); err != nil {
			s.claims.add(counts...)
			return err
		}
	}
	guarded, err := s.store.GuardedIntegrations(ctx)
	if err != nil {
		return err
	}
	since := s.now().Add(-claimsLife).Unix()
	for _, n := range guarded {
		counts, err := s.store.ClaimCounts(ctx, n.TenantID, n.IntegrationID, since)
		if err != nil {
			return err
		}
		for _, verdict := range judgeClaims(counts) {
			switch {
			case verdict.vanished:
				err = s.store.ClaimVanished(ctx, n.TenantID, n.IntegrationID, verdict.claim)
			case verdict.back:
				err = s.store.ClaimBack(ctx, n.TenantID, n.IntegrationID, verdict.claim)
			}
			if err != nil {
				return err
			}
		}
	}
	return s.store.CloseUnguarded(ctx)
}

// claimVerdict says what has become of a claim lately.
type claimVerdict struct {
	claim          string
	vanished, back bool
}

// judgeClaims compares the newest sign-ins with those before them. counts are
// newest first.
func judgeClaims(counts []store.ClaimCount) []claimVerdict {
	var recent, usual store.ClaimCount
	for _, c := range counts {
		sum := &usual
		if recent.SignIns < recentSignIns {
			sum = &recent
		}
		sum.SignIns += c.SignIns
		sum.Groups += c.Groups
		sum.Credits += c.Credits
		sum.Meta += c.Meta
	}
	if recent.SignIns < recentSignIns {
		return nil
	}
	var verdicts []claimVerdict
	for _, claim := range []struct {
		name          string
		recent, usual int64
	}{
		{"groups", recent.Groups, usual.Groups},
		{"credits", recent.Credits, usual.Credits},
		{"meta", recent.Meta, usual.Meta},
	} {
		verdicts = append(verdicts, claimVerdict{
			claim: claim.name,
			vanished: claim.recent == 0 && usual.SignIns >= usualSignIns &&
				float64(claim.usual) >= usualShare*float64(usual.SignIns),
			back: float64(claim.recent) >= backShare*float64(recent.SignIns),
		})
	}
	return verdicts
}
