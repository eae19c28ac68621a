package store

import (
	"context"

	"github.com/jmoiron/sqlx"
)

// AddTenant writes a new tenant. It returns ErrTaken when one of its hosts
// belongs to a tenant already.
func (s *Store) AddTenant(ctx context.Context, t Tenant, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := insertTenant(ctx, tx, t); err != nil {
			return err
		}
		return s.record(ctx, tx, t.ID, act)
	})
}

func insertTenant(ctx context.Context, tx *sqlx.Tx, t Tenant) error {
	_, err := tx.ExecContext(ctx, `INSERT INTO tenants (id, name, created_at) VALUES ($1, $2, $3)`,
		t.ID, t.Name, t.CreatedAt)
	if err != nil {
		return err
	}
	for _, host := range t.Hosts {
		_, err := tx.ExecContext(ctx, `INSERT INTO tenant_hosts (host, tenant_id) VALUES ($1, $2)`, host, t.ID)
		if err != nil {
			return err
		}
	}
	return nil
}

// EnsureTenant writes t when there is no tenant at all, and reports whether it
// did. Several instances starting at once make one tenant.
func (s *Store) EnsureTenant(ctx context.Context, t Tenant) (created bool, err error) {
	err = s.inTx(ctx, func(tx *sqlx.Tx) error {
		if s.dialect == postgres {
			if _, err := tx.ExecContext(ctx, `LOCK TABLE tenants IN SHARE ROW EXCLUSIVE MODE`); err != nil {
				return err
			}
		}
		var count int
		if err := tx.GetContext(ctx, &count, `SELECT count(*) FROM tenants`); err != nil || count > 0 {
			return err
		}
		created = true
		return insertTenant(ctx, tx, t)
	})
	return created && err == nil, err
}

// Tenants returns every tenant with its hosts, oldest first.
func (s *Store) Tenants(ctx context.Context) ([]Tenant, error) {
	var tenants []Tenant
	rows, err := s.read.QueryxContext(ctx, `SELECT id, name, created_at FROM tenants ORDER BY created_at, id`)
	if err != nil {
		return nil, fault(err)
	}
	defer func() { _ = rows.Close() }()
	index := map[string]int{}
	for rows.Next() {
		var t Tenant
		if err := rows.Scan(&t.ID, &t.Name, &t.CreatedAt); err != nil {
			return nil, fault(err)
		}
		index[t.ID] = len(tenants)
		tenants = append(tenants, t)
	}
	if err := rows.Err(); err != nil {
		return nil, fault(err)
	}
	var hosts []struct {
		Host     string `db:"host"`
		TenantID string `db:"tenant_id"`
	}
	if err := s.read.SelectContext(ctx, &hosts, `SELECT host, tenant_id FROM tenant_hosts ORDER BY host`); err != nil {
		return nil, fault(err)
	}
	for _, h := range hosts {
		if i, ok := index[h.TenantID]; ok {
			tenants[i].Hosts = append(tenants[i].Hosts, h.Host)
		}
	}
	return tenants, nil
}
