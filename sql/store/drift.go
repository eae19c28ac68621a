package store

import (
	"context"
	"errors"
	"time"

	"github.com/jmoiron/sqlx"
)

// Alert tells that an integration's tokens have changed in a way that people
// may suffer from. There is at most one for each integration, kind and claim
// that is not closed.
type Alert struct {
	TenantID      string     `db:"tenant_id"`
	ID            string     `db:"id"` // UUIDv7
	IntegrationID string     `db:"integration_id"`
	Kind          string     `db:"kind"`
	Claim         string     `db:"claim"` // groups, credits or meta
	State         string     `db:"state"`
	ReleasedUntil *time.Time `db:"released_until"`
	OpenedAt      time.Time  `db:"opened_at"`
	ChangedAt     time.Time  `db:"changed_at"`

	// Of AlertGroupsEmptied: how many people lost their last group before the
	// guard held, and how many keep theirs because it does.
	Emptied int64 `db:"emptied"`
	Held    int64 `db:"held"`
}

// Kinds of alerts.
const (
	AlertGroupsEmptied = "groups_emptied" // one sign-in after another empties people's groups
	AlertClaimVanished = "claim_vanished" // what nearly every token had is in none any more
)

// States of alerts.
const (
	AlertOpen      = "open"      // nobody has looked; removals are held
	AlertHolding   = "holding"   // somebody has, and they stay held
	AlertReleased  = "released"  // removals are let through until a time
	AlertDismissed = "dismissed" // of a vanished claim: that is as it should be
	AlertClosed    = "closed"
)

// Emptying is a sign-in that is about to take the last membership that its
// integration gave somebody.
type Emptying struct {
	TenantID, IntegrationID, UserID, Reference string
	// Threshold is of how many people this is let through within Window.
	Threshold int64
	Window    time.Duration
}

// GuardEmptying decides whether the removals of a sign-in are held: so many
// people that one more would be above the threshold, or an alert is open. What
// is let through is counted, once for each person; ForgetEmptying takes that
// back when the sign-in is not written after all. Those of one integration
// follow one another, on every instance.
func (s *Store) GuardEmptying(ctx context.Context, e Emptying) (held, counted bool, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		held, counted = false, false
		if err := s.lockIntegration(ctx, tx, e.TenantID, e.IntegrationID); err != nil {
			return err
		}
		now := s.now().UTC()
		w, err := weigh(ctx, tx, e, now)
		if err != nil {
			return err
		}
		if w.over != "" {
			if err := setAlert(ctx, tx, e.TenantID, w.over, AlertClosed, nil, now); err != nil {
				return err
			}
		}
		if w.opens {
			if err := openAlert(ctx, tx, e.TenantID, e.IntegrationID, AlertGroupsEmptied, "groups", now); err != nil {
				return err
			}
		}
		held, counted = w.held, w.counted
		if !held && !counted {
			return nil
		}
		return noteEmptying(ctx, tx, e, now, held)
	})
	return held, counted, err
}

// WouldHold is GuardEmptying without the deed: whether the removals would be
// held if the sign-in came now.
func (s *Store) WouldHold(ctx context.Context, e Emptying) (bool, error) {
	w, err := weigh(ctx, s.read, e, s.now().UTC())
	return w.held, fault(err)
}

// weighed is what becomes of a sign-in's removals.
type weighed struct {
	held, counted bool
	opens         bool   // an alert, by going above the threshold
	over          string // the alert whose release is over; "" = none
}

// getter is a transaction or a pool of connections.
type getter interface {
	GetContext(ctx context.Context, dest any, query string, args ...any) error
}

func weigh(ctx context.Context, from getter, e Emptying, now time.Time) (weighed, error) {
	var w weighed
	alert, err := currentAlert(ctx, from, e.TenantID, e.IntegrationID, AlertGroupsEmptied)
	switch {
	case errors.Is(err, ErrNotFound):
	case err != nil:
		return w, err
	case alert.State == AlertReleased && alert.ReleasedUntil != nil && now.Before(*alert.ReleasedUntil):
		return w, nil
	case alert.State == AlertReleased:
		w.over = alert.ID
	default:
		w.held = true
		return w, nil
	}
	var others int64
	err = from.GetContext(ctx, &others, `
SELECT count(*) FROM drift_people
 WHERE tenant_id = $1 AND integration_id = $2 AND user_id <> $3 AND NOT held AND at > $4`,
		e.TenantID, e.IntegrationID, e.UserID, now.Add(-e.Window))
	if err != nil {
		return w, err
	}
	w.counted = others < e.Threshold
	w.held, w.opens = !w.counted, !w.counted
	return w, nil
}

// ForgetEmptying takes back what GuardEmptying has counted of a person.
func (s *Store) ForgetEmptying(ctx context.Context, tenant, integration, user string) error {
	_, err := s.write.ExecContext(ctx, `
DELETE FROM drift_people WHERE tenant_id = $1 AND integration_id = $2 AND user_id = $3 AND NOT held`,
		tenant, integration, user)
	return fault(err)
}

// lockIntegration makes what concerns an integration's alerts follow one
// another.
func (s *Store) lockIntegration(ctx context.Context, tx *sqlx.Tx, tenant, integration string) error {
	var id string
	return tx.GetContext(ctx, &id,
		`SELECT id FROM integrations WHERE tenant_id = $1 AND id = $2`+s.dialect.forUpdate(), tenant, integration)
}

func noteEmptying(ctx context.Context, tx *sqlx.Tx, e Emptying, now time.Time, held bool) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO drift_people (tenant_id, integration_id, user_id, at, reference, held) VALUES ($1, $2, $3, $4, $5, $6)
    ON CONFLICT (integration_id, user_id, tenant_id)
    DO UPDATE SET at = excluded.at, reference = excluded.reference, held = excluded.held`,
		e.TenantID, e.IntegrationID, e.UserID, now, e.Reference, held)
	return err
}

const alertColumns = `tenant_id, id, integration_id, kind, claim, state, released_until, opened_at, changed_at`

// currentAlert returns the alert of a kind about groups that is not closed, or
// ErrNotFound.
func currentAlert(ctx context.Context, from getter, tenant, integration, kind string) (Alert, error) {
	var a Alert
	err := from.GetContext(ctx, &a, `
SELECT `+alertColumns+` FROM alerts
 WHERE tenant_id = $1 AND integration_id = $2 AND kind = $3 AND claim = 'groups' AND state <> 'closed'`,
		tenant, integration, kind)
	return a, fault(err)
}

// openAlert opens an alert unless one like it is not closed yet.
func openAlert(ctx context.Context, tx *sqlx.Tx, tenant, integration, kind, claim string, now time.Time) error {
	id, err := NewID()
	if err != nil {
		return err
	}
	_, err = tx.ExecContext(ctx, `
INSERT INTO alerts (`+alertColumns+`) VALUES ($1, $2, $3, $4, $5, $6, NULL, $7, $7) ON CONFLICT DO NOTHING`,
		tenant, id, integration, kind, claim, AlertOpen, now)
	return err
}

func setAlert(ctx context.Context, tx *sqlx.Tx, tenant, id, state string, until *time.Time, now time.Time) error {
	_, err := tx.ExecContext(ctx, `
UPDATE alerts SET state = $1, released_until = $2, changed_at = $3 WHERE tenant_id = $4 AND id = $5`,
		state, until, now, tenant, id)
	return err
}

// Alerts returns a tenant's alerts that are not closed, newest first.
func (s *Store) Alerts(ctx context.Context, tenant string) ([]Alert, error) {
	var alerts []Alert
	people := func(what, held string) string {
		return `CASE WHEN a.kind = 'groups_emptied' THEN (SELECT ` + what + ` FROM drift_people p
          WHERE p.tenant_id = a.tenant_id AND p.integration_id = a.integration_id AND ` + held + `)`
	}
	err := s.read.SelectContext(ctx, &alerts, `
SELECT a.tenant_id, a.id, a.integration_id, a.kind, a.claim, a.state, a.released_until, a.opened_at, a.changed_at,
       `+people("count(*)", "NOT p.held")+` ELSE 0 END AS emptied,
       `+people("count(*)", "p.held")+` ELSE 0 END AS held
  FROM alerts a
 WHERE a.tenant_id = $1 AND a.state <> 'closed'
   AND EXISTS (SELECT 1 FROM integrations n WHERE n.tenant_id = $1 AND n.id = a.integration_id AND n.removed_at IS NULL)
 ORDER BY a.id DESC`, tenant)
	for i := range alerts {
		alerts[i].OpenedAt, alerts[i].ChangedAt = alerts[i].OpenedAt.UTC(), alerts[i].ChangedAt.UTC()
	}
	return alerts, fault(err)
}

// DecideAlert puts an alert that is not closed into a state. What was counted
// for it begins anew when removals are let through, and when it is closed. It
// returns ErrNotFound for a closed or unknown alert.
func (s *Store) DecideAlert(ctx context.Context, tenant, id, state string, until *time.Time, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		var a Alert
		err := tx.GetContext(ctx, &a,
			`SELECT `+alertColumns+` FROM alerts WHERE tenant_id = $1 AND id = $2`, tenant, id)
		if err != nil {
			return err
		}
		if err := s.lockIntegration(ctx, tx, tenant, a.IntegrationID); err != nil {
			return err
		}
		// It may have been decided while we waited.
		err = tx.GetContext(ctx, &a, `
SELECT `+alertColumns+` FROM alerts WHERE tenant_id = $1 AND id = $2 AND state <> 'closed'`+s.dialect.forUpdate(), tenant, id)
		if err != nil {
			return err
		}
		if err := setAlert(ctx, tx, tenant, id, state, until, s.now().UTC()); err != nil {
			return err
		}
		if a.Kind == AlertGroupsEmptied && (state == AlertReleased || state == AlertClosed) {
			if _, err := tx.ExecContext(ctx, `DELETE FROM drift_people WHERE tenant_id = $1 AND integration_id = $2`,
				tenant, a.IntegrationID); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, tenant, act)
	})
}

// ClaimCount is how many sign-ins of an integration had a claim in a span of
// time.
type ClaimCount struct {
	TenantID      string `db:"tenant_id"`
	IntegrationID string `db:"integration_id"`
	Period        int64  `db:"period"` // its begin, in seconds since 1970
	SignIns       int64  `db:"sign_ins"`
	Groups        int64  `db:"had_groups"`
	Credits       int64  `db:"had_credits"`
	Meta          int64  `db:"had_meta"`
}

// CountClaims adds to what is counted.
func (s *Store) CountClaims(ctx context.Context, counts []ClaimCount) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		for _, c := range counts {
			_, err := tx.NamedExecContext(ctx, `
INSERT INTO claim_counts (tenant_id, integration_id, period, sign_ins, had_groups, had_credits, had_meta)
VALUES (:tenant_id, :integration_id, :period, :sign_ins, :had_groups, :had_credits, :had_meta)
    ON CONFLICT (integration_id, period, tenant_id)
    DO UPDATE SET sign_ins = claim_counts.sign_ins + excluded.sign_ins,
        had_groups = claim_counts.had_groups + excluded.had_groups,
        had_credits = claim_counts.had_credits + excluded.had_credits,
        had_meta = claim_counts.had_meta + excluded.had_meta`, c)
			if err != nil {
				return err
			}
		}
		return nil
	})
}

// GuardedIntegrations names the integrations, of every tenant, whose tokens are
// watched: with their tenants and their ids only.
func (s *Store) GuardedIntegrations(ctx context.Context) ([]ClaimCount, error) {
	var guarded []ClaimCount
	err := s.read.SelectContext(ctx, &guarded, `
SELECT tenant_id, id AS integration_id FROM integrations WHERE drift_guard AND removed_at IS NULL ORDER BY id`)
	return guarded, fault(err)
}

// ClaimCounts returns what was counted of an integration since a time (in
// seconds since 1970), newest first.
func (s *Store) ClaimCounts(ctx context.Context, tenant, integration string, since int64) ([]ClaimCount, error) {
	var counts []ClaimCount
	err := s.read.SelectContext(ctx, &counts, `
SELECT tenant_id, integration_id, period, sign_ins, had_groups, had_credits, had_meta
  FROM claim_counts WHERE tenant_id = $1 AND integration_id = $2 AND period >= $3 ORDER BY period DESC`,
		tenant, integration, since)
	return counts, fault(err)
}

// ClaimVanished opens an alert about a claim, unless there is one that is not
// closed.
func (s *Store) ClaimVanished(ctx context.Context, tenant, integration, claim string) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		return openAlert(ctx, tx, tenant, integration, AlertClaimVanished, claim, s.now().UTC())
	})
}

// ClaimBack closes the alert about a claim, if there is one.
func (s *Store) ClaimBack(ctx context.Context, tenant, integration, claim string) error {
	_, err := s.write.ExecContext(ctx, `
UPDATE alerts SET state = $1, changed_at = $2
 WHERE tenant_id = $3 AND integration_id = $4 AND kind = $5 AND claim = $6 AND state <> 'closed'`,
		AlertClosed, s.now().UTC(), tenant, integration, AlertClaimVanished, claim)
	return fault(err)
}
