package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
	"usher/sessions/tokens"
)

// commandTenant is what a command works with: the stores of the configuration and
// the tenant that --host names.
type commandTenant struct {
	*core
	tenant provisioning.Tenant
	origin provisioning.Origin // where the tenant's people reach us
	admin  provisioning.Origin // where its administrators do
}

// withTenant opens the stores for one command.
func (p program) withTenant(ctx context.Context, host string, do func(commandTenant) error) (err error) {
	cfg, err := loadConfig(p.environ)
	if err != nil {
		return err
	}
	k, err := openCore(ctx, cfg, newLogger(p.stderr, cfg.Env))
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, k.close()) }()
	origin, err := cfg.configuredOrigin()
	if err != nil {
		return err
	}
	t := commandTenant{core: k, origin: origin}
	if host == "" {
		t.tenant, err = k.provisioning.DefaultTenant(ctx)
	} else if host, err = provisioning.CanonicalHost(host); err == nil {
		t.tenant, err = k.provisioning.TenantByHost(ctx, host, nil)
	}
	if err != nil {
		return exitCodeOf(err)
	}
	t.admin = handlers.AdminOrigin(origin, cfg.adminHosts(origin), t.tenant)
	if origins := handlers.TenantOrigins(origin, t.tenant); len(origins) > 0 {
		t.origin = origins[0]
	}
	return exitCodeOf(do(t))
}

// configuredOrigin is Config.Origin for a command that does not listen.
func (c Config) configuredOrigin() (provisioning.Origin, error) {
	address, err := net.ResolveTCPAddr("tcp", c.Listen)
	if err != nil {
		return provisioning.Origin{}, fmt.Errorf("USHER_LISTEN=%s: %w", c.Listen, err)
	}
	return c.Origin(address)
}

// exitCodeOf gives the service's errors the exit codes of the help text.
func exitCodeOf(err error) error {
	var invalid *provisioning.Invalid
	var wrong *admins.Invalid
	var amiss *tokens.Invalid
	switch {
	case errors.Is(err, provisioning.ErrNotFound), errors.Is(err, provisioning.ErrUnknownHost):
		return &exitError{exitNotFound, err}
	case errors.As(err, &invalid), errors.As(err, &wrong), errors.As(err, &amiss), errors.Is(err, tokens.ErrKeyWaits):
		return &exitError{exitUsage, err}
	}
	return err
}

// byCommand is who acts when a command is run on the machine itself.
var byCommand = provisioning.By{Actor: "command", Name: "command line"}

func newIntegration(p program) *cobra.Command {
	c := &cobra.Command{
		Use:     "integration",
		Short:   "Install, show, change, rotate and remove integrations",
		Example: "  usher integration install --name \"Acme Academy\" --max-age 180\n  usher integration list",
	}
	host := family(c)
	c.AddCommand(newInstall(p, host), newList(p, host), newShow(p, host), newChange(p, host), newRotate(p, host),
		newRetire(p, host), newKeySet(p, host), newSignEveryoneOut(p, host), newRemove(p, host))
	return c
}

func newInstall(p program, host *string) *cobra.Command {
	var keys keyFlags
	var settings settingsFlags
	c := &cobra.Command{
		Use:     "install --name NAME",
		Short:   "Install an integration and print its endpoint, app id, key id and secret",
		Example: "  usher integration install --name \"Acme Academy\"\n  usher integration install --name Acme --public-key-file acme.pem",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			key, err := keys.read(os.Stdin)
			if err != nil {
				return usageError(c, err)
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				n, err := t.provisioning.Install(c.Context(), t.tenant, settings.wish(c), key, byCommand)
				if err != nil {
					return err
				}
				if len(n.Keys) == 0 {
					return printPublisher(p.stdout, t.origin, n)
				}
				printKey(p.stdout, t.origin, n, n.Keys[0])
				return nil
			})
		},
	}
	keys.add(c)
	settings.add(c)
	return c
}

// printKey prints what a partner needs. The secret is there only when it was
// made or given just now.
func printKey(w io.Writer, origin provisioning.Origin, n provisioning.Installed, key provisioning.Key) {
	fmt.Fprintf(w, "Integration: %s\nId:          %s\nApp id:      %s\nEndpoint:    %s\nKey id:      %s (%s)\n",
		n.Name, n.ID, n.AppID, origin.String()+handlers.CallbackPath, key.ID, key.Algorithm)
	if n.Secret != "" {
		fmt.Fprintf(w, "Secret:      %s\nThe secret is shown this once.\n", n.Secret)
	}
}

func newList(p program, host *string) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the installed integrations and their keys",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				all, err := t.provisioning.Integrations(c.Context(), t.tenant)
				if err != nil {
					return err
				}
				table := newTable(p.stdout)
				fmt.Fprintln(table, "ID\tAPP ID\tNAME\tMAX AGE\tKEY\tALGORITHM\tSTATE")
				for _, n := range all {
					maxAge := n.MaxAge.String()
					if n.MaxAge == 0 {
						maxAge = "links never expire"
					}
					for _, key := range n.Keys {
						fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
							n.ID, n.AppID, n.Name, maxAge, key.ID, key.Algorithm, keyState(key, time.Now()))
					}
				}
				return table.Flush()
			})
		},
	}
}

func newRemove(p program, host *string) *cobra.Command {
	var name string
	var yes, preview, drop bool
	c := &cobra.Command{
		Use:   "remove ID --confirm NAME",
		Short: "Remove an integration: its secrets are destroyed and its sessions end at once",
		Long: "Destroys the integration's secrets, refuses every link signed with them and ends every\n" +
			"session that they made, before the command returns. Users stay. It cannot be undone.\n" +
			"With --preview nothing is done; what would happen is printed.",
		Example: "  usher integration remove 57cc264630b65c1e04acc09a --preview\n  usher integration remove 57cc264630b65c1e04acc09a --confirm \"Acme Academy\"",
		Args:    oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				if preview {
					r, err := t.provisioning.Removal(c.Context(), t.tenant, args[0])
					if err != nil {
						return err
					}
					return printRemoval(p.stdout, r)
				}
				n, err := t.provisioning.IntegrationOnceInstalled(c.Context(), t.tenant, args[0])
				if err != nil {
					return err
				}
				if !yes && name != n.Name {
					return usageError(c, fmt.Errorf("to remove it, repeat its name: --confirm %q", n.Name))
				}
				if err := t.provisioning.Remove(c.Context(), t.tenant, n.ID, byCommand); err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "Removed %s\n", n.Name)
				if !drop {
					return nil
				}
				job, err := t.provisioning.StartJob(c.Context(), t.tenant, provisioning.JobDropHoldings,
					provisioning.HoldingsWish{Integration: n.ID}, byCommand)
				if err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "A running server takes its memberships and credits away: job %s\n", job.ID)
				return nil
			})
		},
	}
	c.Flags().StringVar(&name, "confirm", "", "the integration's name, to confirm")
	c.Flags().BoolVar(&yes, "yes", false, "confirm without the name, for scripts")
	c.Flags().BoolVar(&preview, "preview", false, "only say what would happen")
	c.Flags().BoolVar(&drop, "drop", false, "also take the memberships and credits that it gave from everybody, by a job")
	return c
}

// printRemoval prints what a removal would do.
func printRemoval(w io.Writer, r provisioning.Removal) error {
	least := func(n int64, more, unknown bool) string {
		if unknown {
			return "not known: the session store does not answer"
		}
		if more {
			return fmt.Sprintf("at least %d", n)
		}
		return strconv.FormatInt(n, 10)
	}
	table := newTable(w)
	for _, row := range []struct {
		what          string
		count         int64
		more, unknown bool
	}{
		{"Sessions that end:", int64(r.Sessions), r.SessionsMore, r.SessionsUnknown},
		{"People it knows:", r.People, r.More, false},
		{"It is their only way in:", r.OnlyWayIn, r.More, false},
		{"Memberships of groups:", r.Memberships, r.More, false},
		{"Credits granted:", r.Grants, r.More, false},
		{"Resources no longer shown:", int64(r.Resources), r.ResourcesMore, false},
	} {
		fmt.Fprintf(table, "%s\t%s\n", row.what, least(row.count, row.more, row.unknown))
	}
	fmt.Fprintln(table, "\nPeople keep these memberships and credits, unless --drop is given: then a job takes them.")
	return table.Flush()
}

func newSignEveryoneOut(p program, host *string) *cobra.Command {
	var yes bool
	c := &cobra.Command{
		Use:   "sign-out ID --yes",
		Short: "End every session that began with a link of an integration",
		Long: "Ends every session that began with a link of the integration, on every server, before the\n" +
			"command returns. Its links stay good.",
		Args: oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			if !yes {
				return usageError(c, errors.New("to sign everyone out, add --yes"))
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				if err := t.provisioning.SignEveryoneOut(c.Context(), t.tenant, args[0], byCommand); err != nil {
					return err
				}
				_, err := fmt.Fprintln(p.stdout, "Every session of it has ended.")
				return err
			})
		},
	}
	c.Flags().BoolVar(&yes, "yes", false, "confirm")
	return c
}

// oneArgument is the Args of a command that takes one id.
func oneArgument(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(c, fmt.Errorf("%s takes one id (or app id), got %d arguments", c.CommandPath(), len(args)))
	}
	return nil
}
