package provisioning

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"unicode/utf8"

	"usher/sql/store"
)

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
	g := store.Group{ID: id, ExternalID: externalID, Name: name, Revision: 1, CreatedAt: s.now().UTC()}
	return g, s.store.AddGroup(ctx, tenant.ID, g,
		act(by, "group_added", "group "+g.ID, map[string]any{"external_id": externalID, "name": name}))
}

func checkExternalID(id string) *Invalid {
	if n := utf8.RuneCountInString(id); n < 1 || n > maxGroupChars || !utf8.ValidString(id) || strings.ContainsFunc(id, isControl) {
		return invalid("external_id", "1 to %d characters, no control characters", maxGroupChars)
	}
	return nil
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
	c := store.Credit{ID: id, Name: name, Revision: 1, CreatedAt: s.now().UTC()}
	return c, s.store.AddCredit(ctx, tenant.ID, c,
		act(by, "credit_added", fmt.Sprintf("credit %d", id), map[string]any{"name": name}))
}

// Credit returns one credit, or ErrNotFound.
func (s *Service) Credit(ctx context.Context, tenant store.Tenant, id int64) (store.Credit, error) {
	return s.store.Credit(ctx, tenant.ID, id)
}

// RenameCredit gives a credit another name. The errors are ErrNotFound,
// ErrChanged and *Invalid.
func (s *Service) RenameCredit(ctx context.Context, tenant store.Tenant, id int64, name string, by By) (store.Credit, error) {
	name, err := checkName(name)
	if err != nil {
		return store.Credit{}, err
	}
	return s.store.ChangeCredit(ctx, tenant.ID, id, func(c *store.Credit) (store.Act, error) {
		detail := map[string]any{}
		noteChange(detail, "name", c.Name, name)
		c.Name = name
		return changed(by, "credit_changed", fmt.Sprintf("credit %d", id), detail), nil
	})
}

// CreditUses counts the grants of credits, by their ids.
func (s *Service) CreditUses(ctx context.Context, tenant store.Tenant, credits []store.Credit) (map[int64]CreditUse, error) {
	ids := make([]int64, 0, len(credits))
	for _, c := range credits {
		ids = append(ids, c.ID)
	}
	return s.store.CreditUses(ctx, tenant.ID, ids)
}

// maxParked is how many parked ids are shown.
const maxParked = 100

// ParkedCredits returns the smallest ids that people were granted and the
// catalogue lacks. Adding such a credit makes the grants take effect.
func (s *Service) ParkedCredits(ctx context.Context, tenant store.Tenant) ([]ParkedCredit, error) {
	return s.store.ParkedCredits(ctx, tenant.ID, maxParked)
}

// noteChange puts a setting that changes into the detail of an act.
func noteChange[T comparable](detail map[string]any, name string, from, to T) {
	if from != to {
		detail[name] = map[string]any{"from": from, "to": to}
	}
}

// changed is the act of changing what detail names. Without any such thing it
// has no action: nothing is written, and the revision stays.
func changed(by By, action, object string, detail map[string]any) store.Act {
	if len(detail) == 0 {
		return store.Act{By: by}
	}
	return act(by, action, object, detail)
}

// Credits lists credits in the order of their ids, at most size from the one
// after the given id; next is where the following page starts, 0 after the
// last.
func (s *Service) Credits(ctx context.Context, tenant store.Tenant, after int64, size int) (credits []store.Credit, next int64, err error) {
	credits, err = s.store.Credits(ctx, tenant.ID, after, size+1)
	if len(credits) > size {
		credits = credits[:size]
		next = credits[size-1].ID
	}
	return credits, next, err
}
