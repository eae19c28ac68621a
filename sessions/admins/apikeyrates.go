package admins

import (
	"context"
	"fmt"

	"usher/sql/store"
)

// UsualRate is the rate of a key that has none of its own.
const UsualRate = store.UsualRate

func wrongRate() *Invalid {
	return &Invalid{"rate", fmt.Sprintf("a whole number from 0 to %d, or none", store.MaxRate)}
}

// ChangeAPIKey gives a key that is not revoked another rate, in requests a second
// that one instance takes; 0 = any number. It counts from the key's next request.
// The errors are ErrNotFound and *Invalid.
func (s *Service) ChangeAPIKey(ctx context.Context, tenant Tenant, id string, rate int64, by By) (APIKey, error) {
	if err := anID(id); err != nil {
		return APIKey{}, err
	}
	if !store.IsRate(rate) {
		return APIKey{}, wrongRate()
	}
	return s.store.ChangeAPIKey(ctx, tenant.ID, id, func(k *APIKey) store.Act {
		if k.Rate == rate {
			return store.Act{By: by}
		}
		from := store.OwnRate(k.Rate)
		k.Rate = rate
		return store.Act{
			By: by, Action: "api_key_changed", Object: "api_key " + id,
			Detail: map[string]any{"rate": map[string]any{"from": from, "to": store.OwnRate(rate)}},
		}
	})
}
