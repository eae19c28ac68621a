package provisioning

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"slices"
	"strconv"
	"sync"
	"time"

	"usher/sql/store"
)

// UnknownName is a group or credit that an integration's tokens have named and
// the catalogue lacks.
type UnknownName = store.UnknownName

// Kinds of unknown names.
const (
	KindGroup  = store.KindGroup
	KindCredit = store.KindCredit
)

const (
	// unknownPause is between two writes of what was counted.
	unknownPause = 5 * time.Second
	// maxUnknownPending bounds what waits to be written, over all tenants.
	maxUnknownPending = 2000
	// maxUnknownOfOne bounds what of it one integration may take up.
	maxUnknownOfOne = 200
)

// unknownNames counts what tokens name in vain, in memory: a sign-in must not
// wait for a counter's row. What an ending process has not written is lost,
// which costs a count and nothing else.
type unknownNames struct {
	mu      sync.Mutex
	pending map[unknownKey]store.UnknownName
	of      map[string]int // pending names by integration
}

type unknownKey struct{ integration, kind, name string }

func newUnknownNames() *unknownNames {
	return &unknownNames{pending: map[unknownKey]store.UnknownName{}, of: map[string]int{}}
}

// note counts one sign-in for each name.
func (u *unknownNames) note(n *store.Integration, names unknown, now time.Time) {
	if len(names.groups)+len(names.credits) == 0 {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	add := func(kind, name string) {
		u.add(store.UnknownName{
			TenantID: n.TenantID, IntegrationID: n.ID, Kind: kind, Name: name, Count: 1, FirstSeen: now, LastSeen: now,
		})
	}
	for _, name := range names.groups {
		add(KindGroup, name)
	}
	for _, name := range slices.Compact(slices.Sorted(slices.Values(names.credits))) {
		add(KindCredit, name)
	}
}

// add is called with the lock held.
func (u *unknownNames) add(name store.UnknownName) {
	key := unknownKey{name.IntegrationID, name.Kind, name.Name}
	known, ok := u.pending[key]
	if !ok {
		if len(u.pending) >= maxUnknownPending || u.of[key.integration] >= maxUnknownOfOne {
			return
		}
		u.of[key.integration]++
		u.pending[key] = name
		return
	}
	known.Count += name.Count
	if name.LastSeen.After(known.LastSeen) {
		known.LastSeen = name.LastSeen
	}
	u.pending[key] = known
}

// take empties it.
func (u *unknownNames) take() []store.UnknownName {
	u.mu.Lock()
	defer u.mu.Unlock()
	names := make([]store.UnknownName, 0, len(u.pending))
	for _, name := range u.pending {
		names = append(names, name)
	}
	clear(u.pending)
	clear(u.of)
	return names
}

// putBack returns what could not be written.
func (u *unknownNames) putBack(names []store.UnknownName) {
	u.mu.Lock()
	defer u.mu.Unlock()
	for _, name := range names {
		u.add(name)
	}
}

// ofIntegration returns what waits for one integration.
func (u *unknownNames) ofIntegration(id string) map[unknownKey]store.UnknownName {
	u.mu.Lock()
	defer u.mu.Unlock()
	names := map[unknownKey]store.UnknownName{}
	for key, name := range u.pending {
		if key.integration == id {
			names[key] = name
		}
	}
	return names
}

// WriteUnknown writes what was counted. Run does it every few seconds.
func (s *Service) WriteUnknown(ctx context.Context) {
	names := s.unknown.take()
	if len(names) == 0 {
		return
	}
	if err := s.store.CountUnknown(ctx, names); err != nil {
		s.unknown.putBack(names)
		s.log.Warn("counting unknown groups and credits failed; the next round tries again", slog.Any("error", err))
	}
}

// UnknownNames returns the groups and credits that an integration's tokens have
// named and the catalogue still lacks, the last seen first. A sign-in that says
// what the same person's last one said is counted once.
func (s *Service) UnknownNames(ctx context.Context, tenant store.Tenant, id string) ([]UnknownName, error) {
	n, err := s.Integration(ctx, tenant, id)
	if err != nil {
		return nil, err
	}
	names, err := s.store.UnknownNames(ctx, tenant.ID, n.ID)
	if err != nil {
		return nil, err
	}
	pending := s.unknown.ofIntegration(n.ID)
	for i, name := range names {
		key := unknownKey{n.ID, name.Kind, name.Name}
		if more, ok := pending[key]; ok {
			names[i].Count += more.Count
			names[i].LastSeen = more.LastSeen
			delete(pending, key)
		}
	}
	for _, name := range pending {
		names = append(names, name)
	}
	if names, err = s.stillUnknown(ctx, tenant, names); err != nil {
		return nil, err
	}
	slices.SortFunc(names, func(a, b UnknownName) int {
		return cmp.Or(b.LastSeen.Compare(a.LastSeen), cmp.Compare(a.Kind, b.Kind), cmp.Compare(a.Name, b.Name))
	})
	return names, nil
}

// stillUnknown leaves out what the catalogue has got since.
func (s *Service) stillUnknown(ctx context.Context, tenant store.Tenant, names []UnknownName) ([]UnknownName, error) {
	if len(names) == 0 {
		return names, nil
	}
	var groups []string
	var credits []int64
	for _, name := range names {
		if name.Kind == KindGroup {
			groups = append(groups, name.Name)
		} else if id, err := strconv.ParseInt(name.Name, 10, 64); err == nil {
			credits = append(credits, id)
		}
	}
	knownGroups, knownCredits, err := s.store.Catalogued(ctx, tenant.ID, groups, credits)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(names, func(name UnknownName) bool {
		if name.Kind == KindGroup {
			return slices.Contains(knownGroups, name.Name)
		}
		id, err := strconv.ParseInt(name.Name, 10, 64)
		return err != nil || slices.Contains(knownCredits, id)
	}), nil
}

// CreateUnknown puts a group or credit that an integration's tokens named in
// vain into the catalogue. It is no error when somebody has done so meanwhile;
// ErrNotFound means that none of its latest tokens has named it. People whose last token named a group
// get it at their next sign-in; parked credits take effect at once.
func (s *Service) CreateUnknown(ctx context.Context, tenant store.Tenant, id, kind, name, label string, by By) error {
	if kind != KindGroup && kind != KindCredit {
		return invalid("kind", "one of %s, %s", KindGroup, KindCredit)
	}
	named, err := s.hasNamed(ctx, tenant, id, kind, name)
	if err != nil {
		return err
	}
	if !named {
		return ErrNotFound
	}
	switch kind {
	case KindGroup:
		_, err = s.AddGroup(ctx, tenant, name, label, by)
	case KindCredit:
		var id int64
		if id, err = strconv.ParseInt(name, 10, 64); err != nil {
			return invalid("name", "the id of a credit is a whole number")
		}
		if label == "" {
			label = "Credit " + name
		}
		_, err = s.AddCredit(ctx, tenant, id, label, by)
	}
	if errors.Is(err, ErrTaken) {
		return nil
	}
	return err
}

// hasNamed reports whether tokens of an integration have named a group or
// credit that the catalogue lacked then.
func (s *Service) hasNamed(ctx context.Context, tenant store.Tenant, id, kind, name string) (bool, error) {
	n, err := s.Integration(ctx, tenant, id)
	if err != nil {
		return false, err
	}
	if _, waits := s.unknown.ofIntegration(n.ID)[unknownKey{n.ID, kind, name}]; waits {
		return true, nil
	}
	names, err := s.store.UnknownNames(ctx, tenant.ID, n.ID)
	return slices.ContainsFunc(names, func(u UnknownName) bool { return u.Kind == kind && u.Name == name }), err
}
