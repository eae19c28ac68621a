package provisioning

import (
	"context"

	"usher/sql/store"
)

// IntegrationNames returns the names of a tenant's integrations by their ids,
// the removed ones too: memberships and grants outlive them.
func (s *Service) IntegrationNames(ctx context.Context, tenant store.Tenant) (map[string]string, error) {
	integrations, _, err := s.store.Integrations(ctx, tenant.ID)
	names := map[string]string{}
	for _, n := range integrations {
		names[n.ID] = n.Name
		if n.RemovedAt != nil {
			names[n.ID] += " (removed)"
		}
	}
	return names, err
}

// ManualSource is the source of memberships given by hand.
const ManualSource = store.ManualSource
