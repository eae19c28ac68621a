package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/sessions/tokens"
	"usher/sql/store"
)

func newClient(p program) *cobra.Command {
	c := &cobra.Command{
		Use:   "client",
		Short: "List, show, add, change and delete clients, and rotate their secrets",
		Long: "A client is an application that asks for tokens: in its own name, or for people who sign\n" +
			"in. It proves who it is with one of its secrets or with a key of its own; a public client,\n" +
			"such as an app on a phone, proves nothing.",
		Example: "  usher client add nightly --name \"Nightly job\" --scope billing\n  usher client rotate nightly",
	}
	host := family(c)
	c.AddCommand(newClientList(p, host), newClientShow(p, host), newClientAdd(p, host), newClientChange(p, host),
		newRotateSecret(p, host, clientOwner), newClientDelete(p, host))
	return c
}

// oneName is the Args of a command that takes a client id or a name.
func oneName(c *cobra.Command, args []string) error {
	if len(args) != 1 {
		return usageError(c, fmt.Errorf("%s takes one, got %d arguments", c.CommandPath(), len(args)))
	}
	return nil
}

// listedClient is a client as the commands print it as JSON. Lives are in
// seconds.
type listedClient struct {
	ID                string          `json:"id"`
	ClientID          string          `json:"client_id"`
	Kind              string          `json:"kind"`
	UserID            string          `json:"user_id,omitempty"`
	Name              string          `json:"name"`
	Public            bool            `json:"public"`
	JWKS              json.RawMessage `json:"jwks,omitempty"`
	RedirectURIs      []string        `json:"redirect_uris"`
	PostLogoutURIs    []string        `json:"post_logout_redirect_uris"`
	Integration       string          `json:"integration,omitempty"`
	AskConsent        bool            `json:"ask_consent"`
	BrowserTokens     bool            `json:"browser_tokens"`
	Grants            []string        `json:"grants"`
	APIScopes         []string        `json:"api_scopes"`
	IdentityScopes    []string        `json:"identity_scopes"`
	RequiredClaims    []string        `json:"required_claims"`
	AccessTokenFormat string          `json:"access_token_format"`
	AccessTokenLife   int64           `json:"access_token_life"`
	CodeLife          int64           `json:"code_life"`
	IdentityTokenAlg  string          `json:"identity_token_algorithm"`
	IdentityTokenLife int64           `json:"identity_token_life"`
	RefreshLife       int64           `json:"refresh_life"`
	RefreshIdle       int64           `json:"refresh_idle"`
	Rate              *int64          `json:"rate"`
	Disabled          bool            `json:"disabled"`
	CreatedAt         time.Time       `json:"created_at"`
	Secrets           []listedSecret  `json:"secrets,omitempty"`
	ClientSecret      string          `json:"client_secret,omitempty"` // only when it is made
}

func listClient(k tokens.Client) listedClient {
	seconds := func(life time.Duration) int64 { return int64(life / time.Second) }
	return listedClient{
		ID: k.ID, ClientID: k.ClientID, Kind: k.Kind, UserID: k.User, Name: k.Name, Public: k.Public, JWKS: json.RawMessage(k.Keys),
		RedirectURIs: k.RedirectURIs, PostLogoutURIs: k.PostLogoutURIs, Integration: k.Integration, AskConsent: k.AskConsent, BrowserTokens: k.BrowserTokens,
		Grants: k.Grants, APIScopes: k.APIScopes, IdentityScopes: k.IdentityScopes, RequiredClaims: k.RequiredClaims,
		AccessTokenFormat: k.AccessTokenFormat, AccessTokenLife: seconds(k.AccessTokenLife), CodeLife: seconds(k.CodeLife),
		IdentityTokenAlg: k.IdentityTokenAlg, IdentityTokenLife: seconds(k.IdentityTokenLife), RefreshLife: seconds(k.RefreshLife), RefreshIdle: seconds(k.RefreshIdle),
		Rate: store.OwnRate(k.Rate), Disabled: k.Disabled, CreatedAt: k.CreatedAt.UTC(),
	}
}

// inLine are the entries of a list in a line.
func inLine(list []string) string {
	if len(list) == 0 {
		return "none"
	}
	return strings.Join(list, " ")
}

func clientState(k tokens.Client) string {
	if k.Disabled {
		return "disabled"
	}
	return "enabled"
}

func newClientList(p program, host *string) *cobra.Command {
	var after string
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List clients by client id, 50 at a time",
		Example: "  usher client list --json",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				clients, next, err := t.tokens.Clients(c.Context(), t.tenant.ID, after, 50)
				if err != nil {
					return err
				}
				if err := printClients(p.stdout, clients, asJSON); err != nil {
					return err
				}
				p.tellMore(next)
				return nil
			})
		},
	}
	c.Flags().StringVar(&after, "after", "", "go on behind what the page before ended with")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func printClients(w io.Writer, clients []tokens.Client, asJSON bool) error {
	return printList(w, clients, asJSON,
		func(k tokens.Client) any { return listClient(k) },
		"CLIENT ID\tNAME\tSTATE\tTOKENS\tSCOPES",
		func(k tokens.Client) []any {
			return []any{k.ClientID, k.Name, clientState(k), k.AccessTokenFormat, inLine(k.APIScopes)}
		})
}

// printClient prints one client with its secrets, as JSON or for people. secret
// is a new one in clear, or "".
func (p program) printClient(c *cobra.Command, t commandTenant, k tokens.Client, secret string, asJSON bool) error {
	secrets, err := t.tokens.Secrets(c.Context(), t.tenant.ID, tokens.OfClient, k.ID)
	if err != nil {
		return err
	}
	if asJSON {
		listed := listClient(k)
		listed.Secrets, listed.ClientSecret = listSecrets(secrets), secret
		return json.NewEncoder(p.stdout).Encode(listed)
	}
	table := newTable(p.stdout)
	for _, row := range clientRows(k, t.origin.String()) {
		fmt.Fprintf(table, "%s\t%s\n", row[0], row[1])
	}
	printSecrets(table, secrets, secret)
	return table.Flush()
}

func newClientShow(p program, host *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show CLIENT-ID",
		Short: "Show a client and how its secrets stand",
		Args:  oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				k, err := t.tokens.ClientByClientID(c.Context(), t.tenant.ID, args[0])
				if err != nil {
					return err
				}
				return p.printClient(c, t, k, "", asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

func newClientAdd(p program, host *string) *cobra.Command {
	var flags clientFlags
	c := &cobra.Command{
		Use:   "add [CLIENT-ID] --name NAME",
		Short: "Add a client and show its secret, once; without a client id one is made",
		Example: "  usher client add nightly --name \"Nightly job\" --scope billing,billing:write --format reference\n" +
			"  usher client add shop --name Shop --grant authorization_code,refresh_token --redirect-uri https://shop.example/back\n" +
			"  usher client add phone --name \"Phone app\" --public --redirect-uri com.example.phone:/back",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(c, fmt.Errorf("%s takes one client id at most, got %d arguments", c.CommandPath(), len(args)))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				wish, _, err := flags.settings(c)
				if err != nil {
					return err
				}
				k, secret, err := t.tokens.AddClient(c.Context(), t.tenant.ID, strings.Join(args, ""), wish, byCommand)
				if errors.Is(err, tokens.ErrTaken) {
					return &exitError{exitUsage, errors.New("client_id: there is a client with this id already")}
				}
				if err != nil {
					return err
				}
				return p.printClient(c, t, k, secret, flags.asJSON)
			})
		},
	}
	flags.on(c)
	flags.onNew(c)
	return c
}

func newClientChange(p program, host *string) *cobra.Command {
	var flags clientFlags
	c := &cobra.Command{
		Use:     "change CLIENT-ID",
		Short:   "Change settings; what is not named stays",
		Example: "  usher client change nightly --scope billing\n  usher client change nightly --disabled",
		Args:    oneName,
		RunE: func(c *cobra.Command, args []string) error {
			wish, given, err := flags.settings(c)
			if err != nil {
				return err
			}
			if !given {
				return usageError(c, errors.New("name at least one setting, such as --name, --scope or --disabled"))
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				k, err := t.tokens.ClientByClientID(c.Context(), t.tenant.ID, args[0])
				if err == nil {
					k, err = t.tokens.ChangeClient(c.Context(), t.tenant.ID, k.ID, wish, byCommand)
				}
				if err != nil {
					return err
				}
				return p.printClient(c, t, k, "", flags.asJSON)
			})
		},
	}
	flags.on(c)
	return c
}

func newClientDelete(p program, host *string) *cobra.Command {
	var confirm string
	c := &cobra.Command{
		Use:   "delete CLIENT-ID --confirm CLIENT-ID",
		Short: "Delete a client; it gets no token any more",
		Args:  oneName,
		RunE: func(c *cobra.Command, args []string) error {
			if confirm != args[0] {
				return usageError(c, fmt.Errorf("to delete the client, repeat it: --confirm %q", args[0]))
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				k, err := t.tokens.ClientByClientID(c.Context(), t.tenant.ID, args[0])
				if err == nil {
					err = t.tokens.DeleteClient(c.Context(), t.tenant.ID, k.ID, byCommand)
				}
				if err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.stdout, "Deleted %s\n", args[0])
				return err
			})
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the client id once more, to confirm")
	return c
}
