package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"usher/handlers"
	"usher/provisioning"
	"usher/sessions/admins"
)

// commandTenant is what a command works with: the stores of the configuration and
// the tenant that --host names.
type commandTenant struct {
	*core
	tenant provisioning.Tenant
	origin provisioning.Origin // where the tenant's people reach us
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
	switch {
	case errors.Is(err, provisioning.ErrNotFound), errors.Is(err, provisioning.ErrUnknownHost):
		return &exitError{exitNotFound, err}
	case errors.As(err, &invalid), errors.As(err, &wrong):
		return &exitError{exitUsage, err}
	}
	return err
}

// byCommand is who acts when a command is run on the machine itself.
var byCommand = provisioning.By{Actor: "command", Name: "command line"}

func newIntegration(p program) *cobra.Command {
	c := &cobra.Command{
		Use:     "integration",
		Short:   "Install, list, rotate and remove integrations",
		Example: "  usher integration install --name \"Acme Academy\" --max-age 180\n  usher integration list",
		Args:    unknownCommand,
		RunE:    func(c *cobra.Command, _ []string) error { return c.Help() },
	}
	host := c.PersistentFlags().String("host", "", "a host of the tenant meant (default: the tenant without hosts)")
	c.AddCommand(newInstall(p, host), newList(p, host), newRotate(p, host), newRemove(p, host))
	return c
}

// keyFlags are the flags that choose a key.
type keyFlags struct{ secretFile, publicKeyFile, algorithm string }

func (f *keyFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.secretFile, "secret-file", "", "file with the shared secret, “-” for standard input (default: one is made)")
	c.Flags().StringVar(&f.publicKeyFile, "public-key-file", "", "file with the partner's public key, as PEM or JWK")
	c.Flags().StringVar(&f.algorithm, "algorithm", "", "HS256, HS384 or HS512 for a secret (default HS256)")
}

// read takes the key from the files: a secret on the command line would show
// up in the list of processes.
func (f *keyFlags) read(stdin io.Reader) (provisioning.NewKey, error) {
	wish := provisioning.NewKey{Algorithm: f.algorithm}
	for _, file := range []struct {
		name string
		into *string
	}{{f.secretFile, &wish.Secret}, {f.publicKeyFile, &wish.PublicKey}} {
		if file.name == "" {
			continue
		}
		var text []byte
		var err error
		if file.name == "-" {
			text, err = io.ReadAll(io.LimitReader(stdin, 64<<10))
		} else {
			text, err = readFile(file.name)
		}
		if err != nil {
			return wish, err
		}
		*file.into = strings.TrimRight(string(text), "\r\n")
		if *file.into == "" {
			return wish, fmt.Errorf("%s is empty", file.name)
		}
	}
	return wish, nil
}

func newInstall(p program, host *string) *cobra.Command {
	var keys keyFlags
	var settings struct {
		name, issuer, landing, linkPolicy string
		maxAge                            int64
		origins                           []string
	}
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
			wish := provisioning.Settings{Name: &settings.name}
			for flag, set := range map[string]func(){
				"issuer":        func() { wish.Issuer = &settings.issuer },
				"max-age":       func() { wish.MaxAge = &settings.maxAge },
				"landing-page":  func() { wish.LandingPage = &settings.landing },
				"link-policy":   func() { wish.LinkPolicy = &settings.linkPolicy },
				"return-origin": func() { wish.ReturnOrigins = &settings.origins },
			} {
				if c.Flags().Changed(flag) {
					set()
				}
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				n, err := t.provisioning.Install(c.Context(), t.tenant, wish, key, byCommand)
				if err != nil {
					return err
				}
				printKey(p.stdout, t.origin, n, n.Keys[0])
				return nil
			})
		},
	}
	keys.add(c)
	c.Flags().StringVar(&settings.name, "name", "", "name shown to admins (required)")
	c.Flags().StringVar(&settings.issuer, "issuer", "", "iss that tokens must have")
	c.Flags().Int64Var(&settings.maxAge, "max-age", int64(provisioning.DefaultMaxAge/time.Second), "seconds after which a link is too old; 0 = never")
	c.Flags().StringVar(&settings.landing, "landing-page", "", "path for links without go")
	c.Flags().StringVar(&settings.linkPolicy, "link-policy", "", "unclaimed, trusted or never")
	c.Flags().StringSliceVar(&settings.origins, "return-origin", nil, "foreign origin that go may name; may be repeated")
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
				table := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0)
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

func keyState(key provisioning.Key, now time.Time) string {
	switch {
	case key.RetiresAt == nil:
		return "active"
	case key.RetiresAt.After(now):
		return "expiring " + key.RetiresAt.UTC().Format(time.RFC3339)
	default:
		return "retired " + key.RetiresAt.UTC().Format(time.RFC3339)
	}
}

func newRotate(p program, host *string) *cobra.Command {
	var keys keyFlags
	var retire string
	var after time.Duration
	c := &cobra.Command{
		Use:   "rotate ID",
		Short: "Add a key to an integration, or retire one with --retire",
		Long: "Adds a key; the old ones stay live, so that the partner can change over without a gap.\n" +
			"With --retire KEY-ID no key is added, and that one is retired: now, or after --after.",
		Example: "  usher integration rotate 57cc264630b65c1e04acc09a\n  usher integration rotate 57cc264630b65c1e04acc09a --retire key_0123 --after 24h",
		Args:    oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			key, err := keys.read(os.Stdin)
			if err != nil {
				return usageError(c, err)
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				if retire != "" {
					at := time.Now().Add(after)
					if _, err := t.provisioning.RetireKey(c.Context(), t.tenant, args[0], retire, at, byCommand); err != nil {
						return err
					}
					fmt.Fprintf(p.stdout, "Key %s is retired from %s\n", retire, at.UTC().Format(time.RFC3339))
					return nil
				}
				n, added, err := t.provisioning.AddKey(c.Context(), t.tenant, args[0], key, byCommand)
				if err != nil {
					return err
				}
				printKey(p.stdout, t.origin, n, added)
				return nil
			})
		},
	}
	keys.add(c)
	c.Flags().StringVar(&retire, "retire", "", "id of the key to retire instead of adding one")
	c.Flags().DurationVar(&after, "after", 0, "with --retire: how long the key stays live, such as 1h or 168h")
	return c
}

func newRemove(p program, host *string) *cobra.Command {
	var yes string
	c := &cobra.Command{
		Use:   "remove ID --confirm NAME",
		Short: "Remove an integration: its secrets are destroyed and its sessions end at once",
		Long: "Destroys the integration's secrets, refuses every link signed with them and ends every\n" +
			"session that they made, before the command returns. Users stay. It cannot be undone.",
		Args: oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				n, err := t.provisioning.IntegrationOnceInstalled(c.Context(), t.tenant, args[0])
				if err != nil {
					return err
				}
				if yes != n.Name {
					return usageError(c, fmt.Errorf("to remove it, repeat its name: --confirm %q", n.Name))
				}
				if err := t.provisioning.Remove(c.Context(), t.tenant, n.ID, byCommand); err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "Removed %s\n", n.Name)
				return nil
			})
		},
	}
	c.Flags().StringVar(&yes, "confirm", "", "the integration's name, to confirm")
	return c
}

// oneArgument is the Args of a command that takes one id.
func oneArgument(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(c, fmt.Errorf("%s takes one id (or app id), got %d arguments", c.CommandPath(), len(args)))
	}
	return nil
}
