package provisioning

import (
	"context"
	"encoding/json"
	"time"

	"usher/sql/store"
)

// Membership says why a user is in a group, or is not.
type Membership struct {
	Group   Group
	Sources []MembershipSource // that put the user there now; none = not a member
	// Past are the lines of the journal about the two, newest first.
	Past []Change
}

// Member reports whether the user is in the group.
func (m Membership) Member() bool { return len(m.Sources) > 0 }

// MembershipSource is one reason for somebody to be in a group.
type MembershipSource struct {
	Integration string // its id; "" = by hand
	Pinned      bool   // by hand, and no sync takes it away
	Since       time.Time
	// Began is the journal's line that this reason began with; nil when the
	// journal is not, or no longer, that old.
	Began *Change
}

// maxPast is how far back the journal is searched, in lines about groups.
const maxPast = 1000

// WhyInGroup answers why a user is in a group, from the sources that say so now
// and from the journal. ErrNotFound means that there is no such user or group.
func (s *Service) WhyInGroup(ctx context.Context, tenant store.Tenant, user, group string) (Membership, error) {
	if !store.IsID(user) || !store.IsID(group) {
		return Membership{}, ErrNotFound
	}
	if _, err := s.store.Profile(ctx, tenant.ID, user); err != nil {
		return Membership{}, err
	}
	g, sources, err := s.store.MembershipsIn(ctx, tenant.ID, user, group)
	if err != nil {
		return Membership{}, err
	}
	past, err := s.store.JournalBefore(ctx, tenant.ID, user, "", maxPast,
		store.WhatGroupAdded, store.WhatGroupRemoved, store.WhatGroupPinned, store.WhatUserMerged)
	if err != nil {
		return Membership{}, err
	}
	return explainMembership(g, sources, past), nil
}

// explainMembership finds the line of the journal that each source began with:
// the newest one that put the user into the group for it.
func explainMembership(g Group, sources []store.HeldMembership, journal []Change) Membership {
	m := Membership{Group: g}
	for _, change := range journal {
		if concerns(change, g.ExternalID) {
			m.Past = append(m.Past, change)
		}
	}
	for _, held := range sources {
		source := MembershipSource{Pinned: held.Pinned, Since: held.CreatedAt}
		if held.Source != store.ManualSource {
			source.Integration = held.Source
		}
		for i, change := range m.Past {
			if began(change, source.Integration) {
				source.Began = &m.Past[i]
				break
			}
		}
		m.Sources = append(m.Sources, source)
	}
	return m
}

// concerns reports whether a line of the journal is about the group.
func concerns(change Change, externalID string) bool {
	var detail struct {
		Group  string   `json:"group"`
		Groups []string `json:"groups"` // of a merger
	}
	if json.Unmarshal([]byte(change.Detail), &detail) != nil {
		return false
	}
	if change.What == store.WhatUserMerged {
		for _, joined := range detail.Groups {
			if joined == externalID {
				return true
			}
		}
		return false
	}
	return detail.Group == externalID
}

// began reports whether a line about the group is the beginning of what a
// source says ("" = by hand).
func began(change Change, integration string) bool {
	switch change.What {
	case store.WhatUserMerged:
		return true // it came with the other user, whatever had begun it there
	case store.WhatGroupAdded:
		if change.IntegrationID != nil {
			return *change.IntegrationID == integration
		}
		// An undoing brings back what an integration had given.
		var detail struct{ Source string }
		_ = json.Unmarshal([]byte(change.Detail), &detail) // concerns has read it
		return detail.Source == integration || integration == "" && (detail.Source == "" || detail.Source == store.ManualSource)
	}
	return false
}

// ProfileOrigins says, for each field of a user's profile (as the journal names
// it, and "email"), which change gave it its present value. Fields that the
// journal does not, or no longer, speak of are missing.
func (s *Service) ProfileOrigins(ctx context.Context, tenant store.Tenant, user string) (map[string]Change, error) {
	if !store.IsID(user) {
		return nil, ErrNotFound
	}
	past, err := s.store.JournalBefore(ctx, tenant.ID, user, "", maxPast,
		store.WhatUserCreated, store.WhatProfileChanged, store.WhatEmailChanged)
	if err != nil {
		return nil, err
	}
	return profileOrigins(past), nil
}

// profileOrigins takes the newest change of each field. What no later one
// speaks of came with the user.
func profileOrigins(newestFirst []Change) map[string]Change {
	origins := map[string]Change{}
	note := func(field string, change Change) {
		if _, known := origins[field]; !known {
			origins[field] = change
		}
	}
	for _, change := range newestFirst {
		switch change.What {
		case store.WhatEmailChanged:
			note("email", change)
		case store.WhatProfileChanged:
			var fields map[string]json.RawMessage
			if json.Unmarshal([]byte(change.Detail), &fields) == nil {
				for field := range fields {
					note(field, change)
				}
			}
		case store.WhatUserCreated:
			for _, field := range []string{
				"email", "email_verified", "first_name", "last_name", "name", "phone", "birthdate", "locale", "picture",
			} {
				note(field, change)
			}
		}
	}
	return origins
}
