package store

import (
	"context"
	"slices"

	"github.com/jmoiron/sqlx"
)

// AddTenant writes a new tenant. It returns ErrTaken when one of its hosts
// belongs to a tenant already, or check's own error unaltered: check, unless it
// is nil, gets every other tenant as ChangeTenant's change does.
func (s *Store) AddTenant(ctx context.Context, t Tenant, check func(all []Tenant) error, act Act) error {
	return s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := s.lockTenants(ctx, tx); err != nil {
			return err
		}
		if check != nil {
			all, err := tenants(ctx, tx)
			if err != nil {
				return err
			}
			if err := check(all); err != nil {
				return err
			}
		}
		if err := insertTenant(ctx, tx, t); err != nil {
			return err
		}
		return s.record(ctx, tx, t.ID, act)
	})
}

// lockTenants lets changes of tenants follow one another; SQLite has one writer
// anyway.
func (s *Store) lockTenants(ctx context.Context, tx *sqlx.Tx) error {
	if s.dialect != postgres {
		return nil
	}
	_, err := tx.ExecContext(ctx, `SELECT pg_advisory_xact_lock(hashtextextended('usher tenants ' || current_schema(), 0))`)
	return err
}

func insertTenant(ctx context.Context, tx *sqlx.Tx, t Tenant) error {
	_, err := tx.ExecContext(ctx, `
INSERT INTO tenants (id, name, revision, sign_in_log_days, journal_days, audit_days, webhook_days, created_at)
VALUES ($1, $2, $3, $4, $5, $6, $7, $8)`,
		t.ID, t.Name, t.Revision, t.Settings.SignInLogDays, t.Settings.JournalDays, t.Settings.AuditDays,
		t.Settings.WebhookDays, t.CreatedAt)
	if err != nil {
		return err
	}
	return insertHosts(ctx, tx, t)
}

func insertHosts(ctx context.Context, tx *sqlx.Tx, t Tenant) error {
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
	all, err := tenants(ctx, s.read)
	return all, fault(err)
}

func tenants(ctx context.Context, q sqlx.QueryerContext) ([]Tenant, error) {
	var tenants []Tenant
	rows, err := q.QueryxContext(ctx, `
SELECT id, name, revision, sign_in_log_days, journal_days, audit_days, webhook_days, created_at FROM tenants ORDER BY created_at, id`)
	if err != nil {
		return nil, err
	}
	defer func() { _ = rows.Close() }()
	index := map[string]int{}
	for rows.Next() {
		var t Tenant
		if err := rows.Scan(&t.ID, &t.Name, &t.Revision, &t.Settings.SignInLogDays, &t.Settings.JournalDays,
			&t.Settings.AuditDays, &t.Settings.WebhookDays, &t.CreatedAt); err != nil {
			return nil, err
		}
		index[t.ID] = len(tenants)
		tenants = append(tenants, t)
	}
	if err := rows.Err(); err != nil {
		return nil, err
	}
	var hosts []struct {
		Host     string `db:"host"`
		TenantID string `db:"tenant_id"`
	}
	if err := sqlx.SelectContext(ctx, q, &hosts, `SELECT host, tenant_id FROM tenant_hosts ORDER BY host`); err != nil {
		return nil, err
	}
	for _, h := range hosts {
		if i, ok := index[h.TenantID]; ok {
			tenants[i].Hosts = append(tenants[i].Hosts, h.Host)
		}
	}
	return tenants, nil
}

// ChangeTenant lets change edit a tenant, hosts included, and writes the
// result with a new revision; an act without an action writes nothing. It returns ErrNotFound, ErrChanged, ErrTaken when
// another tenant has one of the hosts, or change's own error unaltered. change
// gets every tenant as well, as of the same moment: changes of tenants follow
// one another, so that no two together leave one that nobody can reach.
func (s *Store) ChangeTenant(ctx context.Context, id string, change func(t *Tenant, all []Tenant) (Act, error)) (Tenant, error) {
	var t Tenant
	err := s.inTx(ctx, func(tx *sqlx.Tx) error {
		if err := s.lockTenants(ctx, tx); err != nil {
			return err
		}
		if s.dialect == postgres {
			if _, err := tx.ExecContext(ctx, `SELECT 1 FROM tenants WHERE id = $1 FOR NO KEY UPDATE`, id); err != nil {
				return err
			}
		}
		all, err := tenants(ctx, tx)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(t Tenant) bool { return t.ID == id })
		if at < 0 {
			return ErrNotFound
		}
		t = all[at]
		t.Hosts = slices.Clone(t.Hosts)
		act, err := change(&t, all)
		if err != nil {
			return err
		}
		if err := act.By.expects(t.Revision); err != nil || act.nothing() {
			return err
		}
		t.Revision++
		if _, err := tx.ExecContext(ctx, `
UPDATE tenants
   SET name = $1, revision = $2, sign_in_log_days = $3, journal_days = $4, audit_days = $5,
       webhook_days = $6
 WHERE id = $7`,
			t.Name, t.Revision, t.Settings.SignInLogDays, t.Settings.JournalDays, t.Settings.AuditDays,
			t.Settings.WebhookDays, id); err != nil {
			return err
		}
		if !slices.Equal(t.Hosts, all[at].Hosts) {
			if _, err := tx.ExecContext(ctx, `DELETE FROM tenant_hosts WHERE tenant_id = $1`, id); err != nil {
				return err
			}
			if err := insertHosts(ctx, tx, t); err != nil {
				return err
			}
		}
		return s.record(ctx, tx, id, act)
	})
	return t, err
}
