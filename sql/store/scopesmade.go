package store

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/jmoiron/sqlx"
)

// ScopesMade returns when those of a tenant's API and identity scopes were made
// that have one of these names. What is not there, or built in, is left out.
func (s *Store) ScopesMade(ctx context.Context, tenant string, names []string) (map[string]time.Time, error) {
	made, err := s.scopesMade(ctx, s.read, tenant, names)
	return made, fault(err)
}

func (s *Store) scopesMade(ctx context.Context, q sqlx.QueryerContext, tenant string, names []string) (map[string]time.Time, error) {
	list, err := json.Marshal(nonNil(names))
	if err != nil {
		return nil, fmt.Errorf("store: names of scopes: %w", err)
	}
	named := ` WHERE tenant_id = $1 AND name ` + s.dialect.among(`SELECT value FROM `+s.dialect.jsonEach()+`($2)`)
	var rows []struct {
		Name string    `db:"name"`
		At   time.Time `db:"created_at"`
	}
	err = sqlx.SelectContext(ctx, q, &rows, `
SELECT name, created_at FROM api_scopes`+named+`
 UNION ALL
SELECT name, created_at FROM identity_scopes`+named, tenant, string(list))
	if err != nil {
		return nil, err
	}
	made := make(map[string]time.Time, len(rows))
	for _, row := range rows {
		made[row.Name] = row.At
	}
	return made, nil
}
