package provisioning

import (
	"context"
	"time"

	"usher/sql/store"
)

const (
	// principalLife is for how long what an application is told of a user may be
	// taken from memory.
	principalLife = 5 * time.Second
	// maxPrincipals bounds that memory: somebody may be in a thousand groups.
	maxPrincipals = 20_000
)

// Principal is what an application is told of a user.
type Principal struct {
	UserID, Email string
	Groups        []string // external ids, sorted
	Version       int64    // of the user
	Active        bool
}

// userOf names a user of a tenant.
type userOf struct{ tenant, user string }

// Principal returns a user, no older than some seconds and than version: the
// one that a sign-in has left behind, so that whoever has just signed in is
// seen with what that has changed. It returns ErrNotFound for nobody.
func (s *Service) Principal(ctx context.Context, tenant store.Tenant, user string, version int64) (Principal, error) {
	if !store.IsID(user) {
		return Principal{}, ErrNotFound
	}
	known := s.users.getOr(userOf{tenant.ID, user}, func() *latest[Principal] {
		return &latest[Principal]{now: s.now, load: func(ctx context.Context) (Principal, error) {
			p, err := s.store.Principal(ctx, tenant.ID, user)
			return Principal{
				UserID: user, Email: p.Email, Groups: p.Groups, Version: p.Version, Active: p.Status == store.StatusActive,
			}, err
		}}
	})
	p, err := known.get(ctx, principalLife)
	if err == nil && p.Version < version {
		// Also what is being loaded may be from before the sign-in.
		known.forget()
		p, err = known.get(ctx, principalLife)
	}
	return p, err
}
