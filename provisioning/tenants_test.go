package provisioning_test

import (
	"errors"
	"strings"
	"sync"
	"testing"
	"time"

	"usher/provisioning"
	"usher/sql/store"
)

func TestTenantByHost(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		ours := []string{"usher.example"}
		find := func(host string) string {
			t.Helper()
			tenant, err := w.svc.TenantByHost(ctx, host, ours)
			if err != nil && !errors.Is(err, provisioning.ErrUnknownHost) {
				t.Fatalf("TenantByHost(%q): %v", host, err)
			}
			return tenant.Name
		}
		wantSame(t, "before there is a tenant", find("usher.example"), "")
		if err := w.svc.EnsureTenant(ctx); err != nil {
			t.Fatal(err)
		}
		w.clock.advance(time.Second)
		wantSame(t, "the only tenant, any host", find("whatever.example"), "Default")
		if _, err := w.svc.AddTenant(ctx, "Acme", []string{"ACME.example.", "b\u00fccher.example", "acme.example"}, provisioning.Way{}, byAPI); err != nil {
			t.Fatal(err)
		}
		for host, want := range map[string]string{
			"acme.example": "Acme", "xn--bcher-kva.example": "Acme", "usher.example": "Default",
			"whatever.example": "", "": "", "example": "",
		} {
			wantSame(t, "tenant of "+host, find(host), want)
		}
		before := w.db.Rows(t, "SELECT * FROM tenants ORDER BY id")
		for _, hosts := range [][]string{{"new.example", "acme.example"}, {"Acme.Example"}, {}, {"a b"}, {""}} {
			var invalid *provisioning.Invalid
			if _, err := w.svc.AddTenant(ctx, "Second", hosts, provisioning.Way{}, byAPI); !errors.As(err, &invalid) {
				t.Errorf("AddTenant(%q): got error %v, want an *Invalid", hosts, err)
			}
		}
		wantSame(t, "tenants", w.db.Rows(t, "SELECT * FROM tenants ORDER BY id"), before)

		// Another instance's tenant is found once a miss may load again.
		another := w.another(t)
		if _, err := another.AddTenant(ctx, "Later", []string{"later.example"}, provisioning.Way{}, byAPI); err != nil {
			t.Fatal(err)
		}
		w.clock.advance(200 * time.Millisecond)
		wantSame(t, "tenant of another instance", find("later.example"), "Later")
		if tenant, err := w.svc.DefaultTenant(ctx); err != nil || tenant.Name != "Default" {
			t.Errorf("DefaultTenant: got %q, error %v, want Default", tenant.Name, err)
		}
		// The list goes on answering while the database is down.
		if err := w.store.Close(); err != nil {
			t.Fatal(err)
		}
		w.clock.advance(time.Hour)
		wantSame(t, "tenant while the database is down", find("acme.example"), "Acme")
		w.clock.advance(200 * time.Millisecond)
		if _, err := w.svc.TenantByHost(ctx, "perhaps.example", ours); !errors.Is(err, store.ErrUnavailable) {
			t.Errorf("a host that may be new while the database is down: got %v, want ErrUnavailable", err)
		}
	})
}

func TestEnsureTenantOnce(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		services := []*provisioning.Service{w.svc, w.another(t)}
		var all sync.WaitGroup
		for i := range 8 {
			all.Go(func() {
				if err := services[i%2].EnsureTenant(t.Context()); err != nil {
					t.Errorf("EnsureTenant: %v", err)
				}
			})
		}
		all.Wait()
		wantSame(t, "tenants", w.db.Rows(t, "SELECT name FROM tenants"), []string{"Default"})
		if tenant, err := w.svc.DefaultTenant(t.Context()); err != nil || !store.IsID(tenant.ID) {
			t.Errorf("got %+v, error %v, want a tenant", tenant, err)
		}
	})
}

// TestPublicHostsAreHeld: while a tenant has no hosts, nobody takes those of the
// public URL away from it.
func TestPublicHostsAreHeld(t *testing.T) {
	each(t, func(t *testing.T, w *world) {
		ctx := t.Context()
		if err := w.svc.EnsureTenant(ctx); err != nil {
			t.Fatal(err)
		}
		public, err := provisioning.ParseOrigin("http://localhost:8080")
		if err != nil {
			t.Fatal(err)
		}
		way := provisioning.Way{OurHosts: public.OurHosts()}
		first, err := w.svc.DefaultTenant(ctx)
		if err != nil {
			t.Fatal(err)
		}
		refused := func(name, host string, err error) {
			t.Helper()
			var invalid *provisioning.Invalid
			if !errors.As(err, &invalid) || invalid.Field != "hosts" || !strings.Contains(invalid.Problem, host) {
				t.Errorf("%s: got error %v, want an *Invalid about hosts that names %s", name, err, host)
			}
		}
		add := func(way provisioning.Way, hosts ...string) (store.Tenant, error) {
			return w.svc.AddTenant(ctx, "Second", hosts, way, byAPI)
		}
		change := func(id string, hosts ...string) error {
			_, err := w.svc.ChangeTenant(ctx, id, provisioning.TenantWish{Hosts: &hosts}, way, byAPI)
			return err
		}
		for _, host := range []string{"localhost", "127.0.0.1", "[::1]"} {
			_, err := add(way, "second.example", host)
			refused("add "+host, host, err)
		}
		_, err = add(way, "second.example:8443")
		refused("add with a port", "second.example:8443", err)
		_, err = add(provisioning.Way{Host: "elsewhere.example", OurHosts: way.OurHosts}, "second.example")
		refused("add from a host that is lost", "elsewhere.example", err)
		if got := w.db.Rows(t, "SELECT name FROM tenants"); len(got) != 1 {
			t.Errorf("got tenants %q after refusals, want one", got)
		}
		second, err := add(provisioning.Way{Host: "admin.example", OurHosts: way.OurHosts, AdminHosts: []string{"admin.example"}}, "second.example")
		if err != nil {
			t.Fatal(err)
		}
		refused("change", "LOCALHOST", change(second.ID, "second.example", "LOCALHOST:1"))
		refused("change", "localhost", change(second.ID, "second.example", "LOCALHOST"))
		// Once every tenant has hosts, those of the public URL are like others;
		// then the one that has them can be the only one that gives them up.
		if err := change(first.ID, "first.example"); err != nil {
			t.Fatal(err)
		}
		if err := change(second.ID, "localhost"); err != nil {
			t.Fatal(err)
		}
		refused("give up all", "localhost", change(first.ID))
		if err := change(second.ID); err != nil {
			t.Fatal(err)
		}
	})
}
