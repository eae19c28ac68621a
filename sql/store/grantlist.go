package store

import (
	"context"
	"time"
)

// ShownGrant is a grant with what its client is called.
type ShownGrant struct {
	TokenGrant
	ClientID   string
	ClientName string
}

// TokenGrants returns a person's grants that are live at a time, newest first,
// from the one below an id ("" = from the newest), at most limit.
func (s *Store) TokenGrants(ctx context.Context, tenant, user, after string, at time.Time, limit int) ([]ShownGrant, error) {
	query := `
SELECT c.client_id, c.name, ` + grantColumns + `
  FROM token_grants g JOIN clients c ON c.id = g.client AND c.tenant_id = g.tenant_id` + grantTables + `
 WHERE g.tenant_id = $1 AND g.user_id = $2 AND g.expires_at > $3 AND NOT c.disabled AND ` + grantLives
	args := []any{tenant, user, at.UTC(), limit}
	if after != "" {
		query, args = query+` AND g.id < $5`, append(args, after)
	}
	var rows []struct {
		grantRow
		ClientID string `db:"client_id"`
		Name     string `db:"name"`
	}
	if err := s.read.SelectContext(ctx, &rows, query+` ORDER BY g.id DESC LIMIT $4`, args...); err != nil {
		return nil, fault(err)
	}
	list := make([]ShownGrant, 0, len(rows))
	for _, row := range rows {
		g, err := row.grant(tenant)
		if err != nil {
			return nil, err
		}
		list = append(list, ShownGrant{TokenGrant: *g, ClientID: row.ClientID, ClientName: row.Name})
	}
	return list, nil
}

// ForgetTokenGrants deletes grants, codes and refresh tokens that have ended
// before a time, of all tenants, at most limit of each kind, and returns the
// largest of the numbers. A family's first grant ends last, so that nothing of a
// family lives on without it.
func (s *Store) ForgetTokenGrants(ctx context.Context, before time.Time, limit int) (int, error) {
	return s.dropEach(ctx, []oldRows{
		{table: "authorization_codes", key: "digest, tenant_id", since: "expires_at"},
		{table: "refresh_tokens", key: "digest, tenant_id", since: "expires_at"},
		{table: "token_grants", key: "id, tenant_id", since: "expires_at"},
	}, before.UTC(), limit)
}

// ForgetSuccessors forgets the sealed successors of refresh tokens that were used
// before a time, of all tenants, at most limit, and returns how many.
func (s *Store) ForgetSuccessors(ctx context.Context, before time.Time, limit int) (int, error) {
	result, err := s.write.ExecContext(ctx, `
UPDATE refresh_tokens SET successor = NULL WHERE (digest, tenant_id) IN
    (SELECT digest, tenant_id FROM refresh_tokens WHERE successor IS NOT NULL AND used_at < $1 ORDER BY used_at LIMIT $2)`,
		before.UTC(), limit)
	if err != nil {
		return 0, fault(err)
	}
	n, err := result.RowsAffected()
	return int(n), fault(err)
}
