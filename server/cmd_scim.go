package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/provisioning"
)

func newSCIM(p program) *cobra.Command {
	c := &cobra.Command{
		Use:     "scim",
		Short:   "Connect a directory to an integration by SCIM",
		Example: "  usher scim token 01900000-0000-7000-8000-000000000001 --name Okta --days 365\n  usher scim show 01900000-0000-7000-8000-000000000001",
	}
	host := family(c)
	c.AddCommand(newSCIMShow(p, host), newSCIMChange(p, host), newSCIMToken(p, host), newSCIMRevoke(p, host))
	return c
}

func newSCIMShow(p program, host *string) *cobra.Command {
	return &cobra.Command{
		Use:   "show INTEGRATION",
		Short: "Show how an integration's directory is connected, and its tokens",
		Args:  oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				connection, tokens, err := t.provisioning.SCIM(c.Context(), t.tenant, args[0])
				if err != nil {
					return err
				}
				printSCIM(p.stdout, connection)
				table := newTable(p.stdout)
				fmt.Fprintln(table, "ID\tNAME\tTOKEN\tLAST USED\tSTATE")
				for _, k := range tokens {
					fmt.Fprintf(table, "%s\t%s\tusc_…%s\t%s\t%s\n", k.ID, k.Name, k.Ending, momentOr(k.UsedAt, "never"), scimTokenState(k, time.Now()))
				}
				return table.Flush()
			})
		},
	}
}

func scimTokenState(t provisioning.SCIMToken, now time.Time) string {
	switch {
	case t.RevokedAt != nil:
		return "revoked " + momentOr(t.RevokedAt, "")
	case !t.Live(now):
		return "expired " + momentOr(t.ExpiresAt, "")
	case t.ExpiresAt != nil:
		return "until " + momentOr(t.ExpiresAt, "")
	}
	return "active"
}

func printSCIM(w io.Writer, connection provisioning.SCIMConnection) {
	fmt.Fprintf(w, "Subject: %s\nRate:    %s\n", connection.Subject, rateWords(connection.Rate))
}

func newSCIMChange(p program, host *string) *cobra.Command {
	var subject string
	var rate int64
	c := &cobra.Command{
		Use:   "change INTEGRATION [--subject ATTRIBUTE] [--rate N]",
		Short: "Choose what becomes the sub of a directory's people, and how often it may ask",
		Long:  "Chooses which of a directory's attributes the integration's own tokens have as sub:\n" + strings.Join(provisioning.SCIMSubjects(), ", ") + ".",
		Args:  oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				wish := provisioning.SCIMSettings{Rate: changed(c, "rate", &rate)}
				if wish.Rate == nil || c.Flags().Changed("subject") {
					wish.Subject = &subject
				}
				connection, err := t.provisioning.ChangeSCIM(c.Context(), t.tenant, args[0], wish, byCommand)
				if err != nil {
					return err
				}
				printSCIM(p.stdout, connection)
				return nil
			})
		},
	}
	c.Flags().StringVar(&subject, "subject", "", strings.Join(provisioning.SCIMSubjects(), ", "))
	rateFlag(c, &rate)
	return c
}

func newSCIMToken(p program, host *string) *cobra.Command {
	var wish provisioning.NewSCIMToken
	var days int
	c := &cobra.Command{
		Use:   "token INTEGRATION --name NAME",
		Short: "Make a token for a directory and print it, this once",
		Args:  oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			if days < 0 {
				return usageError(c, errors.New("--days is a number of days from now"))
			}
			if days > 0 {
				at := time.Now().AddDate(0, 0, days)
				wish.Expires = &at
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				made, token, err := t.provisioning.MakeSCIMToken(c.Context(), t.tenant, args[0], wish, byCommand)
				if err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "Id:    %s\nToken: %s\n", made.ID, token)
				return nil
			})
		},
	}
	c.Flags().StringVar(&wish.Name, "name", "", "the directory that gets it")
	c.Flags().IntVar(&days, "days", 0, "how many days it is good (default: until it is revoked)")
	return c
}

func newSCIMRevoke(p program, host *string) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke INTEGRATION TOKEN-ID",
		Short: "Revoke a directory's token: no instance accepts it any more",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError(c, fmt.Errorf("%s takes an integration's id (or app id) and a token's id, got %d arguments", c.CommandPath(), len(args)))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				if err := t.provisioning.RevokeSCIMToken(c.Context(), t.tenant, args[0], args[1], byCommand); err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "Revoked %s\n", args[1])
				return nil
			})
		},
	}
}
