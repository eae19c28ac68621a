package provisioning

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"usher/sql/store"
)

// Merging is what becomes of two users when one is merged into the other.
type Merging struct {
	Keep, Gone store.MergeSide // as they are
	// Seen names this state of both: a Merge that is given it is refused when
	// either has changed since.
	Seen string

	Identities  []store.HeldIdentity   // that change hands: all of the one who goes
	Memberships []store.HeldMembership // rows that are new to the one who stays, or become pinned or older
	Joined      []store.HeldMembership // one row for each group that is new to the one who stays
	Grants      []store.HeldGrant      // rows that are new to the one who stays, or change
	Clashes     []GrantClash           // grants that both hold
	Meta        string                 // of the one who stays, as it shall be
	MetaAdded   []string               // its new keys
	// MetaTooLarge says that both objects together are beyond the limits, so
	// that the one's who stays is kept as it is.
	MetaTooLarge bool
}

// GrantClash is a grant that both users hold, and what the two become.
type GrantClash struct {
	Keep, Gone, Result store.HeldGrant
	// BothConsumed: two uses of what becomes one credit.
	BothConsumed bool
}

// Is reports whether a grant is the one that both hold.
func (c GrantClash) Is(g store.HeldGrant) bool {
	return g.IntegrationID == c.Result.IntegrationID && g.OrderID == c.Result.OrderID && g.CreditID == c.Result.CreditID
}

// PlanMerge says what merging the user gone into the user keep will do. Nothing
// is changed. Errors: ErrNotFound, and an *Invalid when the two cannot be
// merged.
func (s *Service) PlanMerge(ctx context.Context, tenant store.Tenant, keep, gone string) (Merging, error) {
	if err := checkPair(keep, gone); err != nil {
		return Merging{}, err
	}
	a, b, err := s.store.MergeSides(ctx, tenant.ID, keep, gone)
	if err != nil {
		return Merging{}, err
	}
	return planMerge(a, b)
}

// Merge makes the user gone a part of the user keep: identities, memberships,
// grants and meta change hands, the profile and the e-mail of the one who stays
// are kept, and every session of the other ends. What was seen in a preview may
// be given: ErrChanged is returned then, and nothing changed, when it is so no
// longer. Errors beside: those of PlanMerge. After another error it can be
// called again, and has to be, until it succeeds. When the two were merged
// before, the answer is empty.
func (s *Service) Merge(ctx context.Context, tenant store.Tenant, keep, gone, seen string, by By) (Merging, error) {
	if err := checkPair(keep, gone); err != nil {
		return Merging{}, err
	}
	done := Merging{}
	epoch, err := s.store.MergeUsers(ctx, tenant.ID, keep, gone, func(a, b store.MergeSide) (store.Merger, error) {
		var err error
		if done, err = planMerge(a, b); err != nil {
			return store.Merger{}, err
		}
		if seen != "" && seen != done.Seen {
			return store.Merger{}, ErrChanged
		}
		return done.merger(by)
	})
	if err != nil {
		return Merging{}, err
	}
	return done, unended(s.ender.EndUser(ctx, tenant.ID, gone, epoch))
}

func checkPair(keep, gone string) error {
	if !store.IsID(keep) {
		return ErrNotFound
	}
	if !store.IsID(gone) {
		return invalid("from", "the id of a user is expected")
	}
	if keep == gone {
		return invalid("from", "a user cannot be merged into itself")
	}
	return nil
}

// planMerge decides from the two users as they are, and nothing else. The error
// is an *Invalid, unless what is kept cannot be read.
func planMerge(keep, gone store.MergeSide) (Merging, error) {
	m := Merging{
		Keep: keep, Gone: gone, Identities: gone.Identities, MetaAdded: []string{},
		Seen: fmt.Sprintf("%d.%d", keep.Version, gone.Version),
	}
	for _, side := range []struct {
		user  store.MergeSide
		which string
	}{{keep, "the user who stays"}, {gone, "the user who goes"}} {
		switch side.user.Status {
		case store.StatusErased:
			return m, invalid("from", "%s was erased", side.which)
		case store.StatusMerged:
			return m, invalid("from", "%s was merged into another already", side.which)
		}
	}
	if keep.Status != gone.Status {
		// Either the merger would let somebody in again, or shut somebody out.
		return m, invalid("from", "one of the two is disabled: enable that one, or disable the other, first")
	}
	m.memberships()
	m.grants()
	return m, m.meta()
}

// memberships unites the two by group and source: pinned when one of them is,
// and as old as the older one.
func (m *Merging) memberships() {
	type key struct{ group, source string }
	had := map[key]store.HeldMembership{}
	groups := map[string]bool{}
	for _, r := range m.Keep.Memberships {
		had[key{r.GroupID, r.Source}] = r
		groups[r.GroupID] = true
	}
	for _, r := range m.Gone.Memberships {
		if ours, ok := had[key{r.GroupID, r.Source}]; ok {
			r.Pinned = r.Pinned || ours.Pinned
			r.CreatedAt = earlier(r.CreatedAt, ours.CreatedAt)
			if r.Pinned == ours.Pinned && r.CreatedAt.Equal(ours.CreatedAt) {
				continue
			}
		}
		m.Memberships = append(m.Memberships, r)
		if !groups[r.GroupID] {
			groups[r.GroupID] = true
			m.Joined = append(m.Joined, r)
		}
	}
}

// grants moves what the one who stays has not. Of a grant that both have, one
// remains: given when one of them is, used when one of them was.
func (m *Merging) grants() {
	type key struct {
		integration, order string
		credit             int64
	}
	had := map[key]store.HeldGrant{}
	for _, g := range m.Keep.Grants {
		had[key{g.IntegrationID, g.OrderID, g.CreditID}] = g
	}
	for _, g := range m.Gone.Grants {
		ours, ok := had[key{g.IntegrationID, g.OrderID, g.CreditID}]
		if !ok {
			m.Grants = append(m.Grants, g)
			continue
		}
		result := ours
		result.GrantedAt = earlier(ours.GrantedAt, g.GrantedAt)
		if g.RevokedAt == nil {
			result.RevokedAt = nil
		}
		if ours.ConsumedAt == nil {
			result.ConsumedAt, result.ConsumedBy = g.ConsumedAt, g.ConsumedBy
		}
		m.Grants = append(m.Grants, result)
		m.Clashes = append(m.Clashes, GrantClash{
			Keep: ours, Gone: g, Result: result, BothConsumed: ours.ConsumedAt != nil && g.ConsumedAt != nil,
		})
	}
}

// meta adds the keys that the one who stays has not.
func (m *Merging) meta() error {
	ours, err := decodeMeta(m.Keep.Meta)
	if err != nil {
		return err
	}
	together, err := decodeMeta(m.Gone.Meta)
	if err != nil {
		return err
	}
	for key := range together {
		if _, has := ours[key]; !has {
			m.MetaAdded = append(m.MetaAdded, key)
		}
	}
	slices.Sort(m.MetaAdded)
	maps.Copy(together, ours)
	if m.Meta, err = encodeMeta(together); err != nil {
		return err
	}
	if len(m.MetaAdded) > 0 && (len(m.Meta) > maxMetaBytes || len(together) > maxMetaKeys) {
		m.Meta, m.MetaAdded, m.MetaTooLarge = m.Keep.Meta, []string{}, true
	} else if len(m.MetaAdded) == 0 {
		m.Meta = m.Keep.Meta
	}
	return nil
}

// merger is what the store writes.
func (m *Merging) merger(by By) (store.Merger, error) {
	identities := make([]string, len(m.Identities))
	for i, identity := range m.Identities {
		identities[i] = identity.ID
	}
	joined := make([]string, len(m.Joined))
	for i, r := range m.Joined {
		joined[i] = r.ExternalID
	}
	kept, err := journalEntry(store.WhatUserMerged, by, map[string]any{
		"from": m.Gone.ID, "email": m.Gone.Email, "identities": identities, "groups": joined,
		"credits": len(m.Grants), "meta": m.MetaAdded,
	})
	if err != nil {
		return store.Merger{}, err
	}
	gone, err := journalEntry(store.WhatMergedInto, by, map[string]any{"into": m.Keep.ID})
	return store.Merger{
		Meta: m.Meta, Memberships: m.Memberships, Grants: m.Grants, KeepEntry: kept, GoneEntry: gone,
		Act: act(by, store.WhatUserMerged, "user "+m.Keep.ID, map[string]any{
			"from": m.Gone.ID, "identities": len(m.Identities), "memberships": len(m.Memberships), "grants": len(m.Grants),
		}),
	}, err
}

func earlier(a, b time.Time) time.Time {
	return slices.MinFunc([]time.Time{a, b}, time.Time.Compare)
}
