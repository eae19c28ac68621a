package provisioning

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"usher/sql/store"
)

// pageSize is how many rows a list returns at once.
const pageSize = 200

// AddGroup makes a group that tokens name by externalID: 1–64 characters.
// ErrTaken is returned when the tenant has it already.
func (s *Service) AddGroup(ctx context.Context, tenant store.Tenant, externalID, name string, by By) (store.Group, error) {
	if err := checkExternalID(externalID); err != nil {
		return store.Group{}, err
	}
	if name == "" {
		name = externalID
	}
	name, err := checkName(name)
	if err != nil {
		return store.Group{}, err
	}
	id, err := store.NewID()
	if err != nil {
		return store.Group{}, err
	}
	g := store.Group{ID: id, ExternalID: externalID, Name: name, CreatedAt: s.now().UTC()}
	return g, s.store.AddGroup(ctx, tenant.ID, g,
		act(by, "group_added", "group "+g.ID, map[string]any{"external_id": externalID, "name": name}))
}

func checkExternalID(id string) *Invalid {
	if n := utf8.RuneCountInString(id); n < 1 || n > maxGroupChars || !utf8.ValidString(id) || strings.ContainsFunc(id, isControl) {
		return invalid("external_id", "1 to %d characters, no control characters", maxGroupChars)
	}
	return nil
}

// Groups lists groups in the order of their external ids, after the given
// one; next is where the following page starts, "" after the last.
func (s *Service) Groups(ctx context.Context, tenant store.Tenant, after string) (groups []store.Group, next string, err error) {
	if !utf8.ValidString(after) || strings.ContainsRune(after, 0) {
		return nil, "", invalid("after", "the external id of a group")
	}
	if !isStorable(after) {
		return nil, "", invalid("after", "an external id")
	}
	groups, err = s.store.Groups(ctx, tenant.ID, after, pageSize+1)
	if len(groups) > pageSize {
		groups = groups[:pageSize]
		next = groups[pageSize-1].ExternalID
	}
	return groups, next, err
}

// AddCredit makes a credit that tokens name by id: 1…2^53−1. ErrTaken is
// returned when the tenant has it already.
func (s *Service) AddCredit(ctx context.Context, tenant store.Tenant, id int64, name string, by By) (store.Credit, error) {
	var errs []error
	if id < 1 || id > maxCreditID {
		errs = append(errs, invalid("id", "a whole number from 1 to %d", int64(maxCreditID)))
	}
	name, err := checkName(name)
	if err := errors.Join(append(errs, err)...); err != nil {
		return store.Credit{}, err
	}
	c := store.Credit{ID: id, Name: name, CreatedAt: s.now().UTC()}
	return c, s.store.AddCredit(ctx, tenant.ID, c,
		act(by, "credit_added", fmt.Sprintf("credit %d", id), map[string]any{"name": name}))
}

// Credits lists credits in the order of their ids, after the given one; next
// is where the following page starts, 0 after the last.
func (s *Service) Credits(ctx context.Context, tenant store.Tenant, after int64) (credits []store.Credit, next int64, err error) {
	credits, err = s.store.Credits(ctx, tenant.ID, after, pageSize+1)
	if len(credits) > pageSize {
		credits = credits[:pageSize]
		next = credits[pageSize-1].ID
	}
	return credits, next, err
}
