package main

import (
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/sessions/admins"
)

func newAdmin(p program) *cobra.Command {
	c := &cobra.Command{
		Use:   "admin",
		Short: "Make, list, let in and remove administrators",
		Example: "  usher admin create --email olga@example.com --role owner\n" +
			"  usher admin link olga@example.com\n  usher admin list",
	}
	host := family(c)
	c.AddCommand(newAdminCreate(p, host), newAdminList(p, host), newAdminLink(p, host),
		newAdminSwitch(p, host, "disable", "Switch an account off: its sessions end at once", true),
		newAdminSwitch(p, host, "enable", "Switch an account on again", false),
		newAdminRemove(p, host))
	return c
}

func newAdminCreate(p program, host *string) *cobra.Command {
	var wish admins.NewAccount
	var role, passwordFile string
	c := &cobra.Command{
		Use:   "create --email EMAIL",
		Short: "Make an account, and print the link with which the person chooses a password",
		Long: "Makes an account and prints a link that is good once, within a day: whoever opens it\n" +
			"chooses the password. With --password-file the account has its password at once.",
		Example: "  usher admin create --email olga@example.com --name \"Olga Berg\" --role owner --operator",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			wish.Role = admins.Role(role)
			password := ""
			if passwordFile != "" {
				var err error
				if password, err = readLine(passwordFile, os.Stdin); err != nil {
					return usageError(c, err)
				}
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				if password != "" {
					a, err := t.admins.Create(c.Context(), t.tenant, wish, password, admins.Command(), byCommand)
					if err != nil {
						return err
					}
					fmt.Fprintf(p.stdout, "%s is %s\n", a.Email, roleOf(a))
					return nil
				}
				a, link, err := t.admins.Invite(c.Context(), t.tenant, wish, admins.Command(), byCommand)
				if err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "%s is %s\n", a.Email, roleOf(a))
				t.printLink(p.stdout, link)
				return nil
			})
		},
	}
	c.Flags().StringVar(&wish.Email, "email", "", "the e-mail address")
	c.Flags().StringVar(&wish.Name, "name", "", "the name (default: the part of the address before the @)")
	c.Flags().StringVar(&role, "role", string(admins.Admin), "owner, admin or viewer")
	c.Flags().BoolVar(&wish.Operator, "operator", false, "an owner at every tenant, who makes tenants")
	c.Flags().StringVar(&passwordFile, "password-file", "", "file with the password, “-” for standard input")
	return c
}

// readLine reads a secret from a file, or from standard input: on the command
// line it would show up in the list of processes.
func readLine(name string, stdin io.Reader) (string, error) {
	var text []byte
	var err error
	if name == "-" {
		text, err = io.ReadAll(io.LimitReader(stdin, maxSecretFile))
	} else {
		text, err = readFile(name)
	}
	if err != nil {
		return "", err
	}
	line := strings.TrimRight(string(text), "\r\n")
	if line == "" {
		return "", fmt.Errorf("%s is empty", name)
	}
	return line, nil
}

func roleOf(a admins.Account) string {
	if a.Operator {
		return a.Role + " and operator"
	}
	return a.Role
}

func (t commandTenant) printLink(w io.Writer, link admins.Link) {
	fmt.Fprintf(w, "Choose a password, until %s: %s/admin/join?token=%s\n",
		link.Expires.Format("2006-01-02 15:04 UTC"), t.admin, link.Token)
}

func newAdminList(p program, host *string) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the administrators",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				table := newTable(p.stdout)
				fmt.Fprintln(table, "EMAIL\tNAME\tROLE\tSTATE\tSINCE")
				for after := ""; ; {
					accounts, next, err := t.admins.Accounts(c.Context(), t.tenant, after)
					if err != nil {
						return err
					}
					for _, a := range accounts {
						state := "active"
						if a.Disabled {
							state = "disabled"
						} else if a.JoinedAt == nil {
							state = "invited"
						}
						fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", a.Email, a.Name, roleOf(a), state, a.CreatedAt.UTC().Format(time.RFC3339))
					}
					if after = next; next == "" {
						return table.Flush()
					}
				}
			})
		},
	}
}

// withAccount does something with the account that has an address.
func (p program) withAccount(c *cobra.Command, host, email string, do func(t commandTenant, a admins.Account) error) error {
	return p.withTenant(c.Context(), host, func(t commandTenant) error {
		a, err := t.admins.AccountByEmail(c.Context(), t.tenant, email)
		if err != nil {
			return err
		}
		return do(t, a)
	})
}

func newAdminLink(p program, host *string) *cobra.Command {
	return &cobra.Command{
		Use:   "link EMAIL",
		Short: "Print a link with which somebody chooses another password",
		Long:  "Prints a link that is good once, within a day. Links made before are dead.",
		Args:  oneAddress,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withAccount(c, *host, args[0], func(t commandTenant, a admins.Account) error {
				link, err := t.admins.MakeLink(c.Context(), t.tenant, a.ID, admins.Command(), byCommand)
				if err != nil {
					return err
				}
				t.printLink(p.stdout, link)
				return nil
			})
		},
	}
}

func newAdminSwitch(p program, host *string, name, short string, disabled bool) *cobra.Command {
	return &cobra.Command{
		Use:   name + " EMAIL",
		Short: short,
		Args:  oneAddress,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withAccount(c, *host, args[0], func(t commandTenant, a admins.Account) error {
				_, err := t.admins.Change(c.Context(), t.tenant, a.ID, admins.Changes{Disabled: &disabled}, admins.Command(), byCommand)
				if err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "%s: %sd\n", a.Email, name)
				return nil
			})
		},
	}
}

func newAdminRemove(p program, host *string) *cobra.Command {
	var confirm string
	c := &cobra.Command{
		Use:   "remove EMAIL --confirm EMAIL",
		Short: "Remove an account: its sessions end at once",
		Args:  oneAddress,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withAccount(c, *host, args[0], func(t commandTenant, a admins.Account) error {
				if confirm != a.Email {
					return usageError(c, fmt.Errorf("to remove it, repeat its address: --confirm %q", a.Email))
				}
				if err := t.admins.Remove(c.Context(), t.tenant, a.ID, admins.Command(), byCommand); err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "Removed %s\n", a.Email)
				return nil
			})
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the account's address, to confirm")
	return c
}

// oneAddress is the Args of a command that takes an e-mail address.
func oneAddress(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(c, fmt.Errorf("%s takes one e-mail address, got %d arguments", c.CommandPath(), len(args)))
	}
	return nil
}

func newAPIKey(p program) *cobra.Command {
	c := &cobra.Command{
		Use:     "api-key",
		Short:   "Make, list, change and revoke keys of the API",
		Example: "  usher api-key create --name \"nightly export\" --scope users:read --days 365\n  usher api-key list",
	}
	host := family(c)
	c.AddCommand(newAPIKeyCreate(p, host), newAPIKeyList(p, host), newAPIKeyChange(p, host), newAPIKeyRevoke(p, host))
	return c
}

func newAPIKeyCreate(p program, host *string) *cobra.Command {
	var name string
	var scopes []string
	var days int
	var rate int64
	all := make([]string, 0, len(admins.Scopes()))
	for _, scope := range admins.Scopes() {
		all = append(all, string(scope))
	}
	c := &cobra.Command{
		Use:   "create --name NAME --scope SCOPE…",
		Short: "Make a key and print it, this once",
		Long:  "Makes a key of the API and prints it; it is not kept and cannot be shown again.\nThe rights are " + strings.Join(all, ", ") + ".",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			wish := admins.NewAPIKey{Name: name, Rate: &rate}
			for _, scope := range scopes {
				wish.Scopes = append(wish.Scopes, admins.Scope(scope))
			}
			if days < 0 {
				return usageError(c, errors.New("--days is a number of days from now"))
			}
			if days > 0 {
				at := time.Now().AddDate(0, 0, days)
				wish.Expires = &at
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				k, key, err := t.admins.MakeAPIKey(c.Context(), t.tenant, wish, admins.Command(), byCommand)
				if err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "Id:  %s\nKey: %s\n", k.ID, key)
				return nil
			})
		},
	}
	c.Flags().StringVar(&name, "name", "", "what the key is for")
	c.Flags().StringSliceVar(&scopes, "scope", nil, "a right; several with commas between them, or by repeating the flag")
	c.Flags().IntVar(&days, "days", 0, "how many days it is good (default: until it is revoked)")
	rateFlag(c, &rate)
	return c
}

func newAPIKeyList(p program, host *string) *cobra.Command {
	return &cobra.Command{
		Use:   "list",
		Short: "List the keys, without the keys themselves",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				table := newTable(p.stdout)
				fmt.Fprintln(table, "ID\tNAME\tKEY\tSCOPES\tLAST USED\tSTATE")
				for before := ""; ; {
					keys, next, err := t.admins.APIKeys(c.Context(), t.tenant, before)
					if err != nil {
						return err
					}
					for _, k := range keys {
						fmt.Fprintf(table, "%s\t%s\tusk_…%s\t%s\t%s\t%s\n",
							k.ID, k.Name, k.Ending, strings.Join(k.Scopes, ","), momentOr(k.UsedAt, "never"), apiKeyState(k, time.Now()))
					}
					if before = next; next == "" {
						return table.Flush()
					}
				}
			})
		},
	}
}

func momentOr(at *time.Time, none string) string {
	if at == nil {
		return none
	}
	return at.UTC().Format(time.RFC3339)
}

func apiKeyState(k admins.APIKey, now time.Time) string {
	switch {
	case k.RevokedAt != nil:
		return "revoked " + momentOr(k.RevokedAt, "")
	case !admins.KeyLive(k, now):
		return "expired " + momentOr(k.ExpiresAt, "")
	case k.ExpiresAt != nil:
		return "until " + momentOr(k.ExpiresAt, "")
	}
	return "active"
}

func newAPIKeyRevoke(p program, host *string) *cobra.Command {
	return &cobra.Command{
		Use:   "revoke ID",
		Short: "Revoke a key: no instance accepts it any more",
		Args:  oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				if err := t.admins.RevokeAPIKey(c.Context(), t.tenant, args[0], byCommand); err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "Revoked %s\n", args[0])
				return nil
			})
		},
	}
}
