package provisioning

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"usher/sql/store"
)

// ErrUnknownHost means that no tenant answers to this host.
var ErrUnknownHost = errors.New("no tenant has this host")

const (
	// tenantListLife is how long another instance's new tenant or host may go
	// unnoticed while the list still answers.
	tenantListLife = 5 * time.Second
	// reloadPause is the least time between two loads that misses cause, so
	// that a flood of bad requests does not become a flood of queries.
	reloadPause = 200 * time.Millisecond
)

// TenantByHost finds the tenant for the Host of a request, in the form that
// CanonicalHost returns. A tenant's own hosts come first; ourHosts (those of
// the public URL) mean the oldest tenant without hosts; and while there is a
// single tenant and it has no hosts, every host means that tenant. Anything
// else is ErrUnknownHost.
func (s *Service) TenantByHost(ctx context.Context, host string, ourHosts []string) (store.Tenant, error) {
	return s.tenants.find(ctx, func(tenants []store.Tenant) (store.Tenant, bool) { return tenantAt(tenants, host, ourHosts) })
}

func tenantAt(tenants []store.Tenant, host string, ourHosts []string) (store.Tenant, bool) {
	hostless := -1
	for i, t := range tenants {
		if slices.Contains(t.Hosts, host) {
			return t, true
		}
		if len(t.Hosts) == 0 && hostless < 0 {
			hostless = i
		}
	}
	if hostless >= 0 && (len(tenants) == 1 || slices.Contains(ourHosts, host)) {
		return tenants[hostless], true
	}
	return store.Tenant{}, false
}

// DefaultTenant is the oldest tenant without hosts, else the oldest.
func (s *Service) DefaultTenant(ctx context.Context) (store.Tenant, error) {
	tenants, err := s.store.Tenants(ctx)
	if err != nil {
		return store.Tenant{}, err
	}
	for _, t := range tenants {
		if len(t.Hosts) == 0 {
			return t, nil
		}
	}
	if len(tenants) == 0 {
		return store.Tenant{}, ErrNotFound
	}
	return tenants[0], nil
}

// EnsureTenant makes the first tenant, without hosts, where there is none.
func (s *Service) EnsureTenant(ctx context.Context) error {
	id, err := store.NewID()
	if err != nil {
		return err
	}
	_, err = s.store.EnsureTenant(ctx, store.Tenant{
		ID: id, Name: "Default", Revision: 1, Settings: store.DefaultTenantSettings(), CreatedAt: s.now().UTC(),
	})
	return err
}

// AddTenant makes a tenant. Hosts are brought into canonical form; one that
// another tenant has, or that would leave a tenant out of reach, is an *Invalid.
func (s *Service) AddTenant(ctx context.Context, name string, hosts []string, way Way, by By) (store.Tenant, error) {
	name, err := checkName(name)
	if err != nil {
		return store.Tenant{}, err
	}
	if len(hosts) == 0 {
		return store.Tenant{}, invalid("hosts", "name 1 to %d hosts: another tenant is told apart by its host", maxHosts)
	}
	if hosts, err = checkHosts(hosts); err != nil {
		return store.Tenant{}, err
	}
	id, err := store.NewID()
	if err != nil {
		return store.Tenant{}, err
	}
	t := store.Tenant{
		ID: id, Name: name, Hosts: hosts, Revision: 1, Settings: store.DefaultTenantSettings(), CreatedAt: s.now().UTC(),
	}
	if err := s.store.AddTenant(ctx, t, func(all []store.Tenant) error {
		return checkReach(all, append(slices.Clone(all), t), way)
	}, tenantAdded(by, t)); errors.Is(err, store.ErrTaken) {
		return store.Tenant{}, invalid("hosts", "a tenant has one of these hosts already: %s", strings.Join(t.Hosts, ", "))
	} else if err != nil {
		return store.Tenant{}, err
	}
	s.tenants.forget()
	return t, nil
}

// maxHosts is how many hosts a tenant may have.
const maxHosts = 20

// checkHosts brings hosts into canonical form and order, each once.
func checkHosts(hosts []string) ([]string, error) {
	if len(hosts) > maxHosts {
		return nil, invalid("hosts", "at most %d hosts", maxHosts)
	}
	var checked []string
	for _, host := range hosts {
		canonical, err := CanonicalHost(host)
		if err != nil {
			return nil, invalid("hosts", "%q is not a host name", host)
		}
		if name, _, err := splitHostPort(host); err != nil || name != host {
			return nil, invalid("hosts", "%q names a port; leave it out, as one host has one tenant at every port", host)
		}
		checked = append(checked, canonical)
	}
	slices.Sort(checked)
	return slices.Compact(checked), nil
}

func tenantAdded(by By, t store.Tenant) store.Act {
	return act(by, "tenant_added", "tenant "+t.ID, map[string]any{"name": t.Name, "hosts": t.Hosts})
}

// tenantList is every tenant, as loaded a moment ago. While the database is
// down the last list goes on answering: sessions are still being checked.
type tenantList struct{ latest[[]store.Tenant] }

// tenantPatience is how long a request waits for a newer list than the one at
// hand.
const tenantPatience = 250 * time.Millisecond

func (l *tenantList) find(ctx context.Context, pick func([]store.Tenant) (store.Tenant, bool)) (store.Tenant, error) {
	tenants, err := l.getAnyway(ctx, tenantListLife, tenantPatience)
	if err != nil {
		return store.Tenant{}, err
	}
	if t, ok := pick(tenants); ok {
		return t, nil
	}
	// Only a new list can tell that there is no such tenant.
	ctx, cancel := context.WithTimeout(ctx, tenantPatience)
	defer cancel()
	if tenants, err = l.get(ctx, reloadPause); err != nil {
		return store.Tenant{}, err
	}
	if t, ok := pick(tenants); ok {
		return t, nil
	}
	return store.Tenant{}, ErrUnknownHost
}
