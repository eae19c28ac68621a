package provisioning

import (
	"context"
	"fmt"
	"time"

	"usher/sql/store"
)

// States of a key.
const (
	KeyActive   = "active"
	KeyExpiring = "expiring" // live, and its end is planned
	KeyGone     = "retired"
)

// KeyHealth is how a key stands and how it is used.
type KeyHealth struct {
	store.Key
	State    string    // KeyActive, KeyExpiring or KeyGone
	LastUsed time.Time // in the last 90 days; zero = not
	SignIns  int64     // in the last seven days
	Refused  int64     // likewise
	Share    float64   // of the sign-ins of the integration in those days, 0 to 1
	Only     bool      // without it there would be no key that stays: it cannot be retired
	// Safe says in a sentence why nobody is kept out when the key goes; "" =
	// that is not certain.
	Safe string
}

const (
	keyHistory = 90 * 24 * time.Hour
	// unusedFor is how long a key has to be unused to be let go.
	unusedFor = 7 * 24 * time.Hour
	// takenOverFor is how long another key must have been used alone: servers
	// of a partner change over one after the other.
	takenOverFor = time.Hour
)

// KeyHealth says how an integration's keys stand, oldest first.
func (s *Service) KeyHealth(ctx context.Context, tenant store.Tenant, n Installed) ([]KeyHealth, error) {
	now := s.now().UTC()
	lately, err := s.KeyUsage(ctx, tenant, now.Add(-unusedFor))
	if err != nil {
		return nil, err
	}
	ever, err := s.KeyUsage(ctx, tenant, now.Add(-keyHistory))
	if err != nil {
		return nil, err
	}
	var all int64
	for _, k := range n.Keys {
		all += lately[k.ID].SignIns
	}
	health := make([]KeyHealth, 0, len(n.Keys))
	for _, k := range n.Keys {
		h := KeyHealth{
			Key: k, State: keyState(k, now), LastUsed: ever[k.ID].LastUsed,
			SignIns: lately[k.ID].SignIns, Refused: lately[k.ID].Refused, Only: n.JWKSURL == "",
		}
		if all > 0 {
			h.Share = float64(h.SignIns) / float64(all)
		}
		health = append(health, h)
	}
	for i := range health {
		health[i].judge(health, now)
	}
	return health, nil
}

func keyState(k store.Key, now time.Time) string {
	switch {
	case k.RetiresAt == nil:
		return KeyActive
	case k.RetiresAt.After(now):
		return KeyExpiring
	default:
		return KeyGone
	}
}

// judge decides whether the key can go, by itself and by the others.
func (h *KeyHealth) judge(all []KeyHealth, now time.Time) {
	var successor *KeyHealth // the one that stays and was used last
	for i, other := range all {
		if other.ID == h.ID || other.State != KeyActive {
			continue
		}
		h.Only = false
		if successor == nil || other.LastUsed.After(successor.LastUsed) {
			successor = &all[i]
		}
	}
	unused := now.Sub(h.LastUsed)
	switch {
	case h.Only, h.State == KeyGone:
	case unused >= unusedFor && now.Sub(h.CreatedAt) >= unusedFor:
		h.Safe = "nobody has signed in with it for seven days."
	case !h.LastUsed.IsZero() && unused >= takenOverFor && successor != nil && successor.LastUsed.After(h.LastUsed):
		h.Safe = fmt.Sprintf("nobody has signed in with it since %s, and people do with %s.",
			h.LastUsed.Format("2 Jan 15:04 UTC"), successor.ID)
	}
}
