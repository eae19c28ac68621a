package provisioning

import (
	"context"
	"errors"
	"time"

	"usher/sql/store"
)

// SecretsFound is what became of opening a tenant's partner secrets, all of keys
// that are not retired.
type SecretsFound struct {
	Opened    int
	Elsewhere []string // ids of keys whose secret was sealed under another master key
	Broken    []string // ids of keys whose secret is damaged
	Weak      []string // ids of keys whose secret opens and is not fit to be one: too short, say
}

// TrySecrets opens every secret of a tenant with which links may be signed.
func (s *Service) TrySecrets(ctx context.Context, tenant store.Tenant) (SecretsFound, error) {
	var found SecretsFound
	integrations, err := s.Integrations(ctx, tenant)
	if err != nil {
		return found, err
	}
	now := s.now()
	for _, n := range integrations {
		for _, k := range n.Keys {
			if len(k.SealedSecret) == 0 || keyState(k, now) == KeyGone {
				continue
			}
			secret, err := s.openSecret(k)
			switch {
			case errors.Is(err, ErrSealedElsewhere):
				found.Elsewhere = append(found.Elsewhere, k.ID)
			case err != nil:
				found.Broken = append(found.Broken, k.ID)
			default:
				found.Opened++
				if checkSecretForm(string(secret)) != nil {
					found.Weak = append(found.Weak, k.ID)
				}
			}
		}
	}
	return found, nil
}

// SignInLogState is how a tenant's sign-in log stands.
type SignInLogState struct {
	Overdue time.Duration // for how long the oldest entry should be gone; 0 = it should not
	Lost    int64         // attempts of the last day that the database was too slow to keep
}

// SignInLogState says whether the sign-in log is written and emptied in time.
func (s *Service) SignInLogState(ctx context.Context, tenant store.Tenant) (SignInLogState, error) {
	now := s.now()
	log, err := s.store.SignInLogSince(ctx, tenant.ID, now.Add(-24*time.Hour))
	if err != nil {
		return SignInLogState{}, err
	}
	state := SignInLogState{Lost: log.Suppressed[tooSlowToKeep]}
	if days := tenant.Settings.SignInLogDays; days > 0 && !log.Oldest.IsZero() {
		state.Overdue = max(0, now.Sub(log.Oldest.AddDate(0, 0, days)))
	}
	return state, nil
}

// maxWaitingJobs is how many waiting jobs are counted.
const maxWaitingJobs = 100

// WaitingJobs counts the jobs that nobody has worked on for a time, up to 100, and
// says when the oldest was made.
func (s *Service) WaitingJobs(ctx context.Context, tenant store.Tenant, idle time.Duration) (n int, oldest time.Time, err error) {
	made, err := s.store.WaitingJobs(ctx, tenant.ID, s.now().Add(-idle), maxWaitingJobs)
	if len(made) > 0 {
		oldest = made[0].UTC()
	}
	return len(made), oldest, err
}
