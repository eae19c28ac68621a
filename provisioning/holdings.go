package provisioning

import (
	"context"
	"encoding/json"
	"errors"
	"slices"

	"usher/sql/store"
)

// HoldingsWish are the parameters of JobDropHoldings.
type HoldingsWish struct {
	Integration string `json:"integration"` // the id of a removed one
}

// holdingsDropped is the result of JobDropHoldings.
type holdingsDropped struct {
	People      int64 `json:"people"`
	Memberships int64 `json:"memberships"`
	Grants      int64 `json:"grants"`
}

func (s *Service) checkDropHoldings(ctx context.Context, tenant store.Tenant, parameters []byte) error {
	var wish HoldingsWish
	if err := json.Unmarshal(parameters, &wish); err != nil {
		return invalid("parameters", `an object like {"integration":"<id>"}`)
	}
	n, err := s.IntegrationOnceInstalled(ctx, tenant, wish.Integration)
	if errors.Is(err, ErrNotFound) || err == nil && (n.RemovedAt == nil || n.ID != wish.Integration) {
		return invalid("integration", "the id of an integration that has been removed")
	}
	return err
}

// dropHoldings takes from the next people what the integration gave them.
func (s *Service) dropHoldings(ctx context.Context, b *store.Batch) (func(context.Context) error, error) {
	var wish HoldingsWish
	var result holdingsDropped
	if err := errors.Join(json.Unmarshal([]byte(b.Job.Parameters), &wish), json.Unmarshal([]byte(b.Job.Result), &result)); err != nil {
		return nil, err
	}
	if b.Job.Cursor == "" {
		var err error
		if b.Job.Total, err = b.CountUsers(ctx); err != nil {
			return nil, err
		}
	}
	page, err := b.UserIDs(ctx, b.Job.Cursor, jobBatch)
	if err != nil {
		return nil, err
	}
	if len(page) == 0 {
		b.Finish()
		return nil, nil
	}
	holders, err := b.Holders(ctx, wish.Integration, page[0], page[len(page)-1])
	if err != nil {
		return nil, err
	}
	for _, user := range holders {
		st, err := b.Standing(ctx, user)
		if err != nil {
			return nil, err
		}
		c, err := withoutHoldings(st, wish.Integration, b.Job.By())
		if err != nil {
			return nil, err
		}
		if _, err := b.Correct(ctx, user, c); err != nil {
			return nil, err
		}
		result.People++
		result.Memberships += int64(len(c.Leave))
		result.Grants += int64(len(c.Revoke))
	}
	b.Job.Cursor = page[len(page)-1]
	b.Job.Done += int64(len(page))
	return nil, b.SetResult(result)
}

// withoutHoldings is what changes when a user loses what an integration gave.
func withoutHoldings(st store.Standing, integration string, by By) (store.Correction, error) {
	var c store.Correction
	note := func(what string, detail map[string]any) error {
		entry, err := journalEntry(what, by, detail)
		c.Journal = append(c.Journal, entry)
		return err
	}
	for _, m := range st.Members {
		if m.Source != integration {
			continue
		}
		c.Leave = append(c.Leave, store.Membership{GroupID: m.GroupID, Source: m.Source})
		still := slices.ContainsFunc(st.Members, func(other store.Member) bool {
			return other.GroupID == m.GroupID && other.Source != integration
		})
		if err := note(store.WhatGroupRemoved, map[string]any{
			"group": m.ExternalID, "source": m.Source, "pinned": m.Pinned, "still_member": still,
		}); err != nil {
			return store.Correction{}, err
		}
	}
	for _, g := range st.Grants {
		if g.IntegrationID != integration || g.Revoked {
			continue
		}
		c.Revoke = append(c.Revoke, g)
		if err := note(store.WhatCreditRevoked, map[string]any{
			"order_id": g.OrderID, "id": g.CreditID, "integration": g.IntegrationID,
		}); err != nil {
			return store.Correction{}, err
		}
	}
	return c, nil
}
