package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/provisioning"
)

func newTenant(p program) *cobra.Command {
	c := &cobra.Command{
		Use:   "tenant",
		Short: "List, add and change tenants",
		Long: "A tenant is told apart by its hosts. At most one has none of its own: it is reached at\n" +
			"the host of USHER_PUBLIC_URL, which no other tenant can have meanwhile. While it is the\n" +
			"only tenant it answers at every host; with a second one, hosts that nobody has are 421.",
		Example: "  usher tenant list\n  usher tenant add --name Acme --tenant-host acme.example.com --confirm Default\n" +
			"  usher tenant change ID --tenant-host acme.example.com,www.acme.example.com",
		Args: unknownCommand,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	c.AddCommand(newTenantList(p), newTenantAdd(p), newTenantChange(p))
	return c
}

// withTenants opens the stores for a command about tenants themselves.
func (p program) withTenants(ctx context.Context, do func(k *core, way provisioning.Way) error) (err error) {
	cfg, err := loadConfig(p.environ)
	if err != nil {
		return err
	}
	origin, err := cfg.configuredOrigin()
	if err != nil {
		return err
	}
	k, err := openCore(ctx, cfg, newLogger(p.stderr, cfg.Env))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	return exitCodeOf(do(k, provisioning.Way{OurHosts: origin.OurHosts(), AdminHosts: cfg.adminHosts(origin)}))
}

func newTenantList(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the tenants, the oldest first",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenants(c.Context(), func(k *core, _ provisioning.Way) error {
				all, err := k.provisioning.Tenants(c.Context())
				if err != nil {
					return err
				}
				table := newTable(p.stdout)
				fmt.Fprintln(table, "ID\tNAME\tHOSTS\tSINCE")
				for _, t := range all {
					fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", t.ID, t.Name, hostsOf(t), t.CreatedAt.UTC().Format(time.RFC3339))
				}
				return table.Flush()
			})
		},
	}
}

func hostsOf(t provisioning.Tenant) string {
	if len(t.Hosts) == 0 {
		return "that of the public URL"
	}
	return strings.Join(t.Hosts, " ")
}

// hostsFlag is not --host, which says elsewhere at which tenant to work.
const hostsFlag = "tenant-host"

func newTenantAdd(p program) *cobra.Command {
	var name, confirm string
	var hosts []string
	c := &cobra.Command{
		Use:   "add --name NAME --tenant-host HOST…",
		Short: "Add a tenant",
		Long: "Adds a tenant with 1 to 20 hosts, without port. When it is the second one, hosts that\n" +
			"nobody has are answered with 421 from then on, where the first tenant answered until\n" +
			"now: --confirm with the name of the first tenant says that this is meant.",
		Example: "  usher tenant add --name Acme --tenant-host acme.example.com --confirm Default",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenants(c.Context(), func(k *core, way provisioning.Way) error {
				all, err := k.provisioning.Tenants(c.Context())
				if err != nil {
					return err
				}
				if len(all) == 1 && len(all[0].Hosts) == 0 && confirm != all[0].Name {
					kept := slices.Concat(way.OurHosts, way.AdminHosts)
					slices.Sort(kept)
					return usageError(c, fmt.Errorf("every other host than %s would be answered with 421; if that is meant: --confirm %q",
						strings.Join(slices.Compact(kept), ", "), all[0].Name))
				}
				t, err := k.provisioning.AddTenant(c.Context(), name, hosts, way, byCommand)
				if err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "Id:    %s\nName:  %s\nHosts: %s\n", t.ID, t.Name, hostsOf(t))
				return nil
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "what the tenant is called")
	c.Flags().StringSliceVar(&hosts, hostsFlag, nil, "a host of the tenant; several with commas between them, or by repeating the flag")
	c.Flags().StringVar(&confirm, "confirm", "", "the first tenant's name, when this is the second")
	return c
}

func newTenantChange(p program) *cobra.Command {
	var name string
	var hosts []string
	c := &cobra.Command{
		Use:     "change ID",
		Short:   "Change a tenant's name or hosts",
		Long:    "Changes what is given and keeps the rest. Hosts are all that it has afterwards: links to\none that is left out are answered with 421. --" + hostsFlag + "= leaves the tenant the public URL's.",
		Example: "  usher tenant change ID --name \"Acme Ltd\"\n  usher tenant change ID --" + hostsFlag + " acme.example.com,www.acme.example.com",
		Args:    oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			var wish provisioning.TenantWish
			wish.Name = changed(c, "name", &name)
			wish.Hosts = changed(c, hostsFlag, &hosts)
			if wish.Name == nil && wish.Hosts == nil {
				return usageError(c, fmt.Errorf("name at least one of --name and --%s", hostsFlag))
			}
			return p.withTenants(c.Context(), func(k *core, way provisioning.Way) error {
				t, err := k.provisioning.ChangeTenant(c.Context(), args[0], wish, way, byCommand)
				if err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "Id:    %s\nName:  %s\nHosts: %s\n", t.ID, t.Name, hostsOf(t))
				return nil
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "what the tenant is called")
	c.Flags().StringSliceVar(&hosts, hostsFlag, nil, "a host of the tenant; several with commas between them, or by repeating the flag")
	return c
}
