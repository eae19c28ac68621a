package provisioning

import (
	"context"
	"errors"
	"log/slog"
	"time"

	"usher/sql/store"
)

const (
	// endingAge is how old an ending is when it is looked after. Whoever wrote
	// it has told the session store by then, or never will; and a sign-in that
	// had read the number before is over.
	endingAge = 30 * time.Second
	// endingBatch is how many endings are read at once.
	endingBatch = 500
)

// FinishEndings ends what is left of sessions that had to end: the program may
// have died between the database and the session store, or the session store
// may have been away. Nothing else ends: whoever has signed in since stays so.
func (s *Service) FinishEndings(ctx context.Context) {
	before := s.now().Add(-endingAge)
	for ctx.Err() == nil {
		endings, err := s.store.Endings(ctx, before, endingBatch)
		for _, e := range endings {
			if err == nil {
				err = s.finish(ctx, e)
			}
		}
		if err != nil {
			s.log.Warn("sessions that have to end could not be looked after; the next round tries again", slog.Any("error", err))
		}
		if err != nil || len(endings) < endingBatch {
			return
		}
	}
}

// endIntegration ends an integration's sessions of earlier generations, and
// strikes the ending off: sessions that a sign-in still makes under the number
// before are dead from the start.
func (s *Service) endIntegration(ctx context.Context, tenant store.Tenant, id string, generation int64) error {
	if err := s.ender.EndIntegration(ctx, tenant.ID, id, generation); err != nil {
		return unended(err)
	}
	if err := s.store.Ended(ctx, store.Ending{TenantID: tenant.ID, Subject: id, Number: generation}); err != nil {
		s.log.Warn("sessions have ended, and are looked after once more", slog.Any("error", err))
	}
	return nil
}

// Ending reports whether not every session that a removal or a sign-out of an
// integration ends is known to have ended: FinishEndings does the rest.
func (s *Service) Ending(ctx context.Context, tenant store.Tenant, integration string) (bool, error) {
	return s.store.Owes(ctx, tenant.ID, integration)
}

// endOwed ends those sessions of a user that had to end while the session store
// was away. As long as the user is disabled they open nothing: it comes before
// enabling. The ending stays written, for sign-ins that were under way.
func (s *Service) endOwed(ctx context.Context, tenant store.Tenant, user string) error {
	e, err := s.store.Owed(ctx, tenant.ID, user)
	if errors.Is(err, store.ErrNotFound) {
		return nil
	}
	if err != nil {
		return err
	}
	return unended(s.ender.EndOlder(ctx, tenant.ID, user, e.Number))
}

func (s *Service) finish(ctx context.Context, e store.Ending) error {
	end := s.ender.EndOlder
	if e.Kind == store.EndingOfIntegration {
		end = s.ender.EndIntegration
	}
	if err := end(ctx, e.TenantID, e.Subject, e.Number); err != nil {
		return err
	}
	return s.store.Ended(ctx, e)
}
