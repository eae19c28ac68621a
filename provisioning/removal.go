package provisioning

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"slices"

	"usher/sql/store"
)

const (
	// maxPeopleCounted bounds the work of a preview, for people and resources.
	maxPeopleCounted = 10_000
	// maxPeopleAsked is for how many people the session store is asked, one
	// after the other.
	maxPeopleAsked = 200
)

// Removal is what the removal of an integration will do.
type Removal struct {
	Integration store.Integration
	store.Holdings
	// Sessions that will end. SessionsMore says that not everybody was asked
	// for: there may be others. SessionsUnknown says that the session store did
	// not answer; an integration can be removed all the same.
	Sessions        int
	SessionsMore    bool
	SessionsUnknown bool
	// Resources are no longer shown then. They stay, for another owner.
	Resources     int
	ResourcesMore bool // there are more than were counted
}

// Removal counts what removing an integration will do, for the preview.
// Nothing is changed. It returns ErrNotFound for one that is not installed.
func (s *Service) Removal(ctx context.Context, tenant store.Tenant, id string) (Removal, error) {
	n, err := s.Integration(ctx, tenant, id)
	if err != nil {
		return Removal{}, err
	}
	r := Removal{Integration: n.Integration}
	if r.Holdings, err = s.store.Holdings(ctx, tenant.ID, n.ID, maxPeopleCounted); err != nil {
		return Removal{}, err
	}
	if r.Resources, err = s.store.CountResources(ctx, tenant.ID, n.ID, maxPeopleCounted+1); err != nil {
		return Removal{}, err
	}
	if r.Resources > maxPeopleCounted {
		r.Resources, r.ResourcesMore = maxPeopleCounted, true
	}
	r.Sessions, r.SessionsMore, err = s.countSessions(ctx, tenant, n.ID)
	if errors.Is(err, errNotCounted) {
		s.log.Warn("sessions could not be counted for a preview", slog.Any("error", err))
		r.Sessions, r.SessionsMore, r.SessionsUnknown = 0, false, true
		return r, nil
	}
	return r, err
}

// errNotCounted means that the session store did not answer.
var errNotCounted = errors.New("sessions could not be counted")

// HoldingsLeft counts what still hangs on an integration that has been removed:
// what JobDropHoldings would take from its people.
func (s *Service) HoldingsLeft(ctx context.Context, tenant store.Tenant, id string) (store.Integration, store.Holdings, error) {
	n, err := s.IntegrationOnceInstalled(ctx, tenant, id)
	if err != nil {
		return n, store.Holdings{}, err
	}
	if n.RemovedAt == nil {
		return n, store.Holdings{}, ErrNotFound
	}
	h, err := s.store.Holdings(ctx, tenant.ID, n.ID, maxPeopleCounted)
	return n, h, err
}

// countSessions counts the sessions that began with a link of the integration.
// Sessions are found by their users, so with many people only those are asked
// for who came last; more says so.
func (s *Service) countSessions(ctx context.Context, tenant store.Tenant, integration string) (count int, more bool, err error) {
	users, err := s.store.PeopleOf(ctx, tenant.ID, integration, maxPeopleAsked+1)
	if err != nil {
		return 0, false, err
	}
	if len(users) > maxPeopleAsked {
		more = true
		came, err := s.cameLast(ctx, tenant, integration)
		if err != nil {
			return 0, false, err
		}
		// The log may not go back far enough for all of them.
		for _, user := range users {
			if !slices.Contains(came, user) {
				came = append(came, user)
			}
		}
		users = came[:maxPeopleAsked]
	}
	if count, err = s.ender.CountIntegration(ctx, tenant.ID, integration, users); err != nil {
		return 0, more, fmt.Errorf("%w: %w", errNotCounted, err)
	}
	return count, more, nil
}

// maxLogPages is how many pages of the sign-in log are read for a preview.
const maxLogPages = 10

// cameLast returns who signed in lately with a link of the integration, the
// last first, at most maxPeopleAsked.
func (s *Service) cameLast(ctx context.Context, tenant store.Tenant, integration string) ([]string, error) {
	var users []string
	filter, before := SignInFilter{IntegrationID: integration, Outcome: store.SignedIn}, ""
	for range maxLogPages {
		records, next, err := s.SignIns(ctx, tenant, filter, before)
		if err != nil {
			return nil, err
		}
		for _, r := range records {
			if r.UserID != "" && !slices.Contains(users, r.UserID) && len(users) < maxPeopleAsked {
				users = append(users, r.UserID)
			}
		}
		if before = next; next == "" || len(users) == maxPeopleAsked {
			break
		}
	}
	return users, nil
}

// SignEveryoneOut ends every session that began with a link of the integration.
// The integration stays as it is, and its links stay good. After an error it
// can be called again, and has to be, until it succeeds.
func (s *Service) SignEveryoneOut(ctx context.Context, tenant store.Tenant, id string, by By) error {
	n, err := s.Integration(ctx, tenant, id)
	if err != nil {
		return err
	}
	generation, err := s.store.RaiseGeneration(ctx, tenant.ID, n.ID,
		integrationAct(by, "integration_signed_out", n.ID, nil))
	if err != nil {
		return err
	}
	return s.endIntegration(ctx, tenant, n.ID, generation)
}
