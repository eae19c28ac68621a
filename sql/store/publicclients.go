package store

import (
	"context"
	"encoding/json"
	"fmt"
)

// maxPublicClients is of how many public clients the redirect URIs are read.
const maxPublicClients = 1000

// PublicRedirectURIs returns the redirect URIs of a tenant's public clients that
// are not disabled.
func (s *Store) PublicRedirectURIs(ctx context.Context, tenant string) ([]string, error) {
	stmt, err := s.stmt(ctx, s.read, `
SELECT redirect_uris FROM clients WHERE tenant_id = $1 AND public AND NOT disabled ORDER BY client_id LIMIT $2`)
	if err != nil {
		return nil, fault(err)
	}
	var rows []string
	if err := stmt.SelectContext(ctx, &rows, tenant, maxPublicClients); err != nil {
		return nil, fault(err)
	}
	var uris []string
	for _, row := range rows {
		var list []string
		if err := json.Unmarshal([]byte(row), &list); err != nil {
			return nil, fmt.Errorf("store: redirect URIs of a client: %w", err)
		}
		uris = append(uris, list...)
	}
	return uris, nil
}
