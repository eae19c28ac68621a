package main

import (
	"fmt"
	"log/slog"
	"maps"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
	"usher/sql/store/storetest"
	"usher/testenv"
)

// keeper is a program's core with two tenants, beside its database.
type keeper struct {
	*core
	db           *storetest.Database
	tenants      [2]string
	integrations map[string]string // by tenant
	made         int64
}

// newKeeper makes one whose first tenant keeps its logs for 20 days, and the
// second for 200.
func newKeeper(t *testing.T, db *storetest.Database) *keeper {
	t.Helper()
	environ := []string{"USHER_MASTER_KEY=" + strings.Repeat("0123456789abcdef", 4)}
	if db.Kind == testenv.Postgres {
		environ = append(environ, "DATABASE_URL="+db.Address())
	} else {
		environ = append(environ, "USHER_DATA_DIR="+filepath.Dir(db.Address()))
	}
	cfg, err := loadConfig(environ)
	if err != nil {
		t.Fatal(err)
	}
	ctx := t.Context()
	k := &keeper{db: db, integrations: map[string]string{}}
	if k.core, err = openCore(ctx, cfg, slog.New(slog.DiscardHandler)); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := k.close(); err != nil {
			t.Errorf("close: %v", err)
		}
	})
	first, err := k.provisioning.DefaultTenant(ctx)
	if err != nil {
		t.Fatal(err)
	}
	second, err := k.provisioning.AddTenant(ctx, "Second", []string{"second.example"}, provisioning.Way{}, byCommand)
	if err != nil {
		t.Fatal(err)
	}
	for i, tenant := range []provisioning.Tenant{first, second} {
		days := []int{20, 200}[i]
		if _, err := k.provisioning.ChangeTenant(ctx, tenant.ID, provisioning.TenantWish{
			SignInLogDays: &days, JournalDays: &days, WebhookDays: &days,
		}, provisioning.Way{}, byCommand); err != nil {
			t.Fatal(err)
		}
		name := "Lumen"
		n, err := k.provisioning.Install(ctx, tenant, provisioning.Settings{Name: &name}, provisioning.NewKey{}, byCommand)
		if err != nil {
			t.Fatal(err)
		}
		k.tenants[i], k.integrations[tenant.ID] = tenant.ID, n.ID
	}
	return k
}

// round does once what instances do again and again.
func (k *keeper) round(t *testing.T) {
	t.Helper()
	ctx := t.Context()
	k.provisioning.Retain(ctx)
	k.provisioning.ForgetSpent(ctx)
	k.tokens.Sweep(ctx)
	k.tokens.TendKeys(ctx)
	if err := k.store.SweepAdmins(ctx); err != nil {
		t.Fatal(err)
	}
	if _, err := k.embedded.Sweep(ctx); err != nil {
		t.Fatal(err)
	}
}

// schema is the names of all tables.
func (k *keeper) schema(t *testing.T) []string {
	t.Helper()
	query := `SELECT table_name FROM information_schema.tables WHERE table_schema = current_schema() AND table_type = 'BASE TABLE'`
	if k.db.Kind == testenv.SQLite {
		query = `SELECT name FROM sqlite_master WHERE type = 'table' AND name NOT LIKE 'sqlite_%'`
	}
	return slices.Sorted(slices.Values(k.db.Rows(t, query)))
}

// rows are those of a tenant, as text.
func (k *keeper) rows(t *testing.T, table, tenant string) []string {
	t.Helper()
	return k.db.Rows(t, "SELECT * FROM "+table+" WHERE tenant_id = $1", tenant)
}

// add writes a row with these values, and others where it needs some, and
// returns it as text.
func (k *keeper) add(t *testing.T, table, tenant string, values fields) string {
	t.Helper()
	values = maps.Clone(values)
	values["tenant_id"] = tenant
	query := `
SELECT column_name, udt_name FROM information_schema.columns
 WHERE table_schema = current_schema() AND table_name = $1 AND is_nullable = 'NO' AND column_default IS NULL`
	if k.db.Kind == testenv.SQLite {
		query = `SELECT name, type FROM pragma_table_info($1) WHERE "notnull" AND dflt_value IS NULL`
	}
	for _, column := range k.db.Rows(t, query, table) {
		name, kind, _ := strings.Cut(column, "|")
		if _, given := values[name]; !given {
			values[name] = k.value(t, tenant, name, strings.ToLower(kind))
		}
	}
	names := slices.Sorted(maps.Keys(values))
	places, args := make([]string, len(names)), make([]any, len(names))
	for i, name := range names {
		places[i], args[i] = fmt.Sprintf("$%d", i+1), values[name]
		if at, ok := args[i].(time.Time); ok && k.db.Kind == testenv.SQLite {
			args[i] = at.UTC().Format("2006-01-02 15:04:05.999999999-07:00")
		}
	}
	before := k.rows(t, table, tenant)
	k.db.Exec(t, `INSERT INTO `+table+` (`+strings.Join(names, ", ")+`) VALUES (`+strings.Join(places, ", ")+`)`, args...)
	for _, row := range k.rows(t, table, tenant) {
		if !slices.Contains(before, row) {
			return row
		}
	}
	t.Fatalf("%s: got no new row", table)
	return ""
}

// parents are the tables that columns refer to.
var parents = map[string]string{
	"client_secrets.owner_id": "clients", "api_connection_secrets.owner_id": "api_connections",
	"webhook_secrets.endpoint_id":  "webhook_endpoints",
	"authorization_codes.grant_id": "token_grants", "refresh_tokens.grant_id": "token_grants",
	"admin_sessions.admin_id": "admins",
}

// value is something that a column takes and no other row has.
func (k *keeper) value(t *testing.T, tenant, name, kind string) any {
	t.Helper()
	k.made++
	switch {
	case name == "integration_id":
		return k.integrations[tenant]
	case name == "home_id":
		return tenant
	case strings.HasPrefix(kind, "time"):
		return time.Now().Add(24 * time.Hour)
	case strings.HasPrefix(kind, "int"):
		return k.made
	case strings.HasPrefix(kind, "bool"):
		return false
	case kind == "bytea" || kind == "blob":
		return fmt.Appendf(nil, "%032d", k.made)
	}
	id, err := store.NewID()
	if err != nil {
		t.Fatal(err)
	}
	return id
}
