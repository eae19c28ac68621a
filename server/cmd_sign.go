package main

import (
	"errors"
	"fmt"
	"io"
	"maps"
	"os"

	"github.com/spf13/cobra"

	"usher/handlers"
	"usher/provisioning"
)

func newSign(p program) *cobra.Command {
	var host, email, subject, goTo, claims, spoil string
	var groups []string
	c := &cobra.Command{
		Use:   "sign ID",
		Short: "Print a signed link for testing an integration",
		Long: "Signs a link with the newest shared secret of an integration, as its partner would. The link\n" +
			"is good once. Integrations that have public keys only cannot be signed for: Usher has no private key.",
		Example: "  usher sign 57cc264630b65c1e04acc09a --email anna@example.com --group algebra-1 --go /courses\n" +
			"  echo '{\"email\":\"anna@example.com\",\"credits\":[]}' | usher sign 57cc264630b65c1e04acc09a --claims -",
		Args: oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			payload := map[string]any{}
			if claims != "" {
				if err := readClaimsFile(claims, os.Stdin, payload); err != nil {
					return usageError(c, err)
				}
			}
			if email != "" {
				payload["email"] = email
			}
			if subject != "" {
				payload["sub"] = subject
			}
			if c.Flags().Changed("group") {
				payload["groups"] = groups
			}
			if payload["email"] == nil {
				return usageError(c, errors.New("name the person: --email"))
			}
			return p.withTenant(c.Context(), host, func(t commandTenant) error {
				signed, err := t.provisioning.SignLink(c.Context(), t.tenant, args[0],
					provisioning.TestLink{Claims: payload, Spoil: provisioning.Spoil(spoil)}, byCommand)
				if err != nil {
					return err
				}
				link := handlers.LinkURL(t.origin.String()+handlers.CallbackPath, signed.Token, goTo)
				_, err = fmt.Fprintln(p.stdout, link)
				return err
			})
		},
	}
	c.Flags().StringVar(&host, "host", "", hostUsage)
	c.Flags().StringVar(&email, "email", "", "the person's e-mail address")
	c.Flags().StringVar(&subject, "sub", "", "the person's id at the partner")
	c.Flags().StringSliceVar(&groups, "group", nil, "a group's external id; may be repeated; \"\" = an empty list (default: left out)")
	c.Flags().StringVar(&goTo, "go", "", "where the link leads")
	c.Flags().StringVar(&claims, "claims", "", "file with a JSON object of claims, “-” for standard input")
	c.Flags().StringVar(&spoil, "preset", "", "make it wrong: expired, wrong_secret, decoded_secret or milliseconds")
	return c
}

func readClaimsFile(name string, stdin io.Reader, into map[string]any) error {
	var text []byte
	var err error
	if name == "-" {
		text, err = io.ReadAll(io.LimitReader(stdin, 64<<10))
	} else {
		text, err = readFile(name)
	}
	if err != nil {
		return err
	}
	claims, err := provisioning.ReadClaimSet(text)
	maps.Copy(into, claims)
	return err
}

func newMigrate(p program) *cobra.Command {
	return &cobra.Command{
		Use:   "migrate",
		Short: "Bring the database's schema up to date and exit",
		Long: "Brings the schema up to date. “usher serve” does the same when it starts; running it apart lets a\n" +
			"deployment do it once, with a database user of its own. The previous version goes on working.",
		Args: noArguments,
		RunE: func(c *cobra.Command, _ []string) (err error) {
			cfg, err := loadConfig(p.environ)
			if err != nil {
				return err
			}
			k, err := openCore(c.Context(), cfg, newLogger(p.stderr, cfg.Env))
			if err != nil {
				return err
			}
			defer func() { err = errors.Join(err, k.close()) }()
			_, err = fmt.Fprintln(p.stdout, "The schema is up to date.")
			return err
		},
	}
}
