package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/handlers"
	"usher/sessions/tokens"
	"usher/sql/store"
)

func newAPIConnection(p program) *cobra.Command {
	c := &cobra.Command{
		Use:   "api-connection",
		Short: "List, show, add, change and delete API connections, their scopes and secrets",
		Long: "An API connection is an API that accepts access tokens. It has scopes, which clients may\n" +
			"be allowed, and secrets, with which it asks what a token is worth.",
		Example: "  usher api-connection add billing --display-name Billing\n" +
			"  usher api-connection add-scope billing billing:write",
	}
	host := family(c)
	c.AddCommand(newConnectionList(p, host), newConnectionShow(p, host), newConnectionAdd(p, host), newConnectionChange(p, host),
		newScopeAdd(p, host), newScopeChange(p, host), newScopeDelete(p, host), newRotateSecret(p, host, connectionOwner),
		newConnectionDelete(p, host))
	return c
}

// nameAndScope is the Args of a command that takes an API connection and a scope.
func nameAndScope(c *cobra.Command, args []string) error {
	if len(args) != 2 {
		return usageError(c, fmt.Errorf("%s takes the name of an API connection and a scope, got %d arguments", c.CommandPath(), len(args)))
	}
	return nil
}

// listedConnection is an API connection as the commands print it as JSON.
type listedConnection struct {
	ID          string         `json:"id"`
	Name        string         `json:"name"`
	DisplayName string         `json:"display_name"`
	Rate        *int64         `json:"rate"`
	CreatedAt   time.Time      `json:"created_at"`
	Scopes      []listedScope  `json:"scopes,omitempty"`
	Secrets     []listedSecret `json:"secrets,omitempty"`
	Secret      string         `json:"secret,omitempty"` // only when it is made
}

type listedScope struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
}

func listConnection(n tokens.Connection) listedConnection {
	listed := listedConnection{ID: n.ID, Name: n.Name, DisplayName: n.DisplayName, Rate: store.OwnRate(n.Rate), CreatedAt: n.CreatedAt.UTC()}
	for _, scope := range n.Scopes {
		listed.Scopes = append(listed.Scopes, listedScope{scope.Name, scope.DisplayName})
	}
	return listed
}

func newConnectionList(p program, host *string) *cobra.Command {
	var after string
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List API connections by name, 50 at a time",
		Example: "  usher api-connection list --json",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				connections, next, err := t.tokens.Connections(c.Context(), t.tenant.ID, after, 50)
				if err != nil {
					return err
				}
				p.tellMore(next)
				return printList(p.stdout, connections, asJSON,
					func(n tokens.Connection) any { return listConnection(n) },
					"NAME\tDISPLAY NAME\tMADE",
					func(n tokens.Connection) []any {
						return []any{n.Name, n.DisplayName, n.CreatedAt.UTC().Format(time.RFC3339)}
					})
			})
		},
	}
	c.Flags().StringVar(&after, "after", "", "go on behind what the page before ended with")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

// printConnection prints one API connection with its scopes and secrets, as JSON
// or for people. secret is a new one in clear, or "".
func (p program) printConnection(c *cobra.Command, t commandTenant, n tokens.Connection, secret string, asJSON bool) error {
	secrets, err := t.tokens.Secrets(c.Context(), t.tenant.ID, tokens.OfConnection, n.ID)
	if err != nil {
		return err
	}
	if asJSON {
		listed := listConnection(n)
		listed.Secrets, listed.Secret = listSecrets(secrets), secret
		return json.NewEncoder(p.stdout).Encode(listed)
	}
	table := newTable(p.stdout)
	fmt.Fprintf(table, "Name:\t%s\nDisplay name:\t%s\nAsks at:\t%s\nRate:\t%s\n",
		n.Name, n.DisplayName, t.origin.String()+handlers.ConnectIntrospectPath, rateWords(n.Rate))
	for _, scope := range n.Scopes {
		fmt.Fprintf(table, "Scope %s:\t%s\n", scope.Name, scope.DisplayName)
	}
	printSecrets(table, secrets, secret)
	return table.Flush()
}

func newConnectionShow(p program, host *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "show NAME",
		Short: "Show an API connection, its scopes and how its secrets stand",
		Args:  oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				n, err := t.tokens.ConnectionByName(c.Context(), t.tenant.ID, args[0])
				if err != nil {
					return err
				}
				return p.printConnection(c, t, n, "", asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

// taken turns a name in use into a fault of the command line.
func taken(err error) error {
	if errors.Is(err, tokens.ErrTaken) {
		return &exitError{exitUsage, errors.New("name: there is an API connection or a scope with this name already")}
	}
	return err
}

func newConnectionAdd(p program, host *string) *cobra.Command {
	var shown string
	var rate int64
	var asJSON bool
	c := &cobra.Command{
		Use:   "add NAME",
		Short: "Add an API connection with the scope of its name, and show its secret, once",
		Args:  oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				n, secret, err := t.tokens.AddConnection(c.Context(), t.tenant.ID, tokens.NewConnection{Name: args[0], DisplayName: shown, Rate: &rate}, byCommand)
				if err != nil {
					return taken(err)
				}
				return p.printConnection(c, t, n, secret, asJSON)
			})
		},
	}
	c.Flags().StringVar(&shown, "display-name", "", "what people call it (default: its name)")
	rateFlag(c, &rate)
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

// changeConnection is a command that changes an API connection and prints it.
func changeConnection(p program, host *string, c *cobra.Command,
	do func(c *cobra.Command, t commandTenant, n tokens.Connection, args []string) (tokens.Connection, error),
) *cobra.Command {
	var asJSON bool
	c.RunE = func(c *cobra.Command, args []string) error {
		return p.withTenant(c.Context(), *host, func(t commandTenant) error {
			n, err := t.tokens.ConnectionByName(c.Context(), t.tenant.ID, args[0])
			if err == nil {
				n, err = do(c, t, n, args)
			}
			if err != nil {
				return taken(err)
			}
			return p.printConnection(c, t, n, "", asJSON)
		})
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

func newConnectionChange(p program, host *string) *cobra.Command {
	var shown string
	var rate int64
	c := changeConnection(p, host, &cobra.Command{
		Use: "change NAME [--display-name TEXT] [--rate N]", Short: "Change what people call an API connection, or its rate; its name stays", Args: oneName,
	}, func(c *cobra.Command, t commandTenant, n tokens.Connection, _ []string) (tokens.Connection, error) {
		wish := tokens.ConnectionSettings{Rate: changed(c, "rate", &rate)}
		if wish.Rate == nil || c.Flags().Changed("display-name") {
			wish.DisplayName = &shown
		}
		return t.tokens.ChangeConnection(c.Context(), t.tenant.ID, n.ID, wish, byCommand)
	})
	c.Flags().StringVar(&shown, "display-name", "", "1 to 100 characters")
	rateFlag(c, &rate)
	return c
}

func newScopeAdd(p program, host *string) *cobra.Command {
	var shown string
	c := changeConnection(p, host, &cobra.Command{
		Use: "add-scope NAME SCOPE", Short: "Add a scope to an API connection", Args: nameAndScope,
	}, func(c *cobra.Command, t commandTenant, n tokens.Connection, args []string) (tokens.Connection, error) {
		return t.tokens.AddScope(c.Context(), t.tenant.ID, n.ID, args[1], shown, byCommand)
	})
	c.Flags().StringVar(&shown, "display-name", "", "what people call it (default: the scope)")
	return c
}

func newScopeChange(p program, host *string) *cobra.Command {
	var shown string
	c := changeConnection(p, host, &cobra.Command{
		Use: "change-scope NAME SCOPE --display-name TEXT", Short: "Change what people call a scope", Args: nameAndScope,
	}, func(c *cobra.Command, t commandTenant, n tokens.Connection, args []string) (tokens.Connection, error) {
		return t.tokens.RenameScope(c.Context(), t.tenant.ID, n.ID, args[1], shown, byCommand)
	})
	c.Flags().StringVar(&shown, "display-name", "", "1 to 100 characters")
	return c
}

// losing says which clients lose a scope, for a deletion that was not confirmed.
func losing(d tokens.Deletion) string {
	if len(d.Clients) == 0 {
		return "no client may ask for " + strings.Join(d.Scopes, " ")
	}
	var names []string
	for _, k := range d.Clients {
		names = append(names, k.ClientID)
	}
	if d.More {
		names = append(names, "and others")
	}
	return "these clients lose " + strings.Join(d.Scopes, " ") + ": " + strings.Join(names, " ")
}

func newScopeDelete(p program, host *string) *cobra.Command {
	var confirm string
	c := &cobra.Command{
		Use:   "delete-scope NAME SCOPE --confirm SCOPE",
		Short: "Delete a scope; without --confirm say which clients would lose it",
		Args:  nameAndScope,
		RunE: func(c *cobra.Command, args []string) error {
			return p.deleteOfConnection(c, *host, args[0], args[1], args[1], confirm, func(t commandTenant, id string) error {
				return t.tokens.DeleteScope(c.Context(), t.tenant.ID, id, args[1], byCommand)
			})
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the scope once more, to confirm")
	return c
}

func newConnectionDelete(p program, host *string) *cobra.Command {
	var confirm string
	c := &cobra.Command{
		Use:   "delete NAME --confirm NAME",
		Short: "Delete an API connection with its scopes; without --confirm say which clients would lose them",
		Args:  oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return p.deleteOfConnection(c, *host, args[0], "", args[0], confirm, func(t commandTenant, id string) error {
				return t.tokens.DeleteConnection(c.Context(), t.tenant.ID, id, byCommand)
			})
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the name once more, to confirm")
	return c
}

// deleteOfConnection deletes a scope of an API connection ("" = the connection
// itself) when word was repeated, and otherwise says what that would do.
func (p program) deleteOfConnection(c *cobra.Command, host, name, scope, word, confirm string, do func(t commandTenant, id string) error) error {
	return p.withTenant(c.Context(), host, func(t commandTenant) error {
		n, err := t.tokens.ConnectionByName(c.Context(), t.tenant.ID, name)
		if err != nil {
			return err
		}
		d, err := t.tokens.Deletion(c.Context(), t.tenant.ID, n.ID, scope)
		if err != nil {
			return err
		}
		if confirm != word {
			return usageError(c, fmt.Errorf("%s; to go ahead: --confirm %q", losing(d), word))
		}
		if err := do(t, n.ID); err != nil {
			return err
		}
		_, err = fmt.Fprintf(p.stdout, "Deleted %s\n", word)
		return err
	})
}
