package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"usher/sessions/tokens"
)

func newIdentityScope(p program) *cobra.Command {
	c := &cobra.Command{
		Use:   "identity-scope",
		Short: "List, add, change and delete identity scopes",
		Long: "An identity scope is what a client can ask to be told about a person: a bundle of\n" +
			"claims. Those that every tenant has cannot be changed.",
		Example: "  usher identity-scope add library --claim given_name --claim shelf",
	}
	host := family(c)
	c.AddCommand(newIdentityScopeList(p, host), newIdentityScopeAdd(p, host), newIdentityScopeChange(p, host), newIdentityScopeDelete(p, host))
	return c
}

// listedIdentityScope is an identity scope as the commands print it as JSON.
type listedIdentityScope struct {
	Name        string   `json:"name"`
	DisplayName string   `json:"display_name"`
	Claims      []string `json:"claims"`
	BuiltIn     bool     `json:"built_in"`
}

// printIdentityScopes prints identity scopes as JSON, one a line, or for people.
func (p program) printIdentityScopes(scopes []tokens.IdentityScope, asJSON bool) error {
	return printList(p.stdout, scopes, asJSON,
		func(s tokens.IdentityScope) any {
			return listedIdentityScope{s.Name, s.DisplayName, s.Claims, s.BuiltIn}
		},
		"SCOPE\tDISPLAY NAME\tCLAIMS\tBUILT IN",
		func(s tokens.IdentityScope) []any {
			return []any{s.Name, s.DisplayName, strings.Join(s.Claims, " "), yesOrNo(s.BuiltIn)}
		})
}

func yesOrNo(is bool) string {
	if is {
		return "yes"
	}
	return "no"
}

func newIdentityScopeList(p program, host *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List all identity scopes, the built-in ones first",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				scopes, err := t.tokens.IdentityScopes(c.Context(), t.tenant.ID)
				if err != nil {
					return err
				}
				return p.printIdentityScopes(scopes, asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func newIdentityScopeAdd(p program, host *string) *cobra.Command {
	var wish tokens.NewIdentityScope
	var asJSON bool
	c := &cobra.Command{
		Use:   "add NAME --claim CLAIM",
		Short: "Add an identity scope",
		Args:  oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				wish.Name = args[0]
				scope, err := t.tokens.AddIdentityScope(c.Context(), t.tenant.ID, wish, byCommand)
				if errors.Is(err, tokens.ErrTaken) {
					return &exitError{exitUsage, errors.New("name: there is an identity or an API scope with this name already")}
				}
				if err != nil {
					return err
				}
				return p.printIdentityScopes([]tokens.IdentityScope{scope}, asJSON)
			})
		},
	}
	c.Flags().StringVar(&wish.DisplayName, "display-name", "", "what people read when they are asked to allow it (default: its name)")
	c.Flags().StringArrayVar(&wish.Claims, "claim", nil, "a claim that it has; repeat for several")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

func newIdentityScopeChange(p program, host *string) *cobra.Command {
	var shown string
	var claims []string
	var none, asJSON bool
	c := &cobra.Command{
		Use:   "change NAME",
		Short: "Change the display name or the claims of an identity scope; its name stays",
		Args:  oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				var wish tokens.IdentityScopeSettings
				wish.DisplayName = changed(c, "display-name", &shown)
				if none {
					wish.Claims = []string{}
				} else if c.Flags().Changed("claim") {
					wish.Claims = claims
				}
				scope, err := t.tokens.ChangeIdentityScope(c.Context(), t.tenant.ID, args[0], wish, byCommand)
				if err != nil {
					return err
				}
				return p.printIdentityScopes([]tokens.IdentityScope{scope}, asJSON)
			})
		},
	}
	c.Flags().StringVar(&shown, "display-name", "", "1 to 100 characters")
	c.Flags().StringArrayVar(&claims, "claim", nil, "a claim that it shall have, in place of all it has; repeat for several")
	c.Flags().BoolVar(&none, "no-claims", false, "it shall have no claim")
	c.MarkFlagsMutuallyExclusive("claim", "no-claims")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

func newIdentityScopeDelete(p program, host *string) *cobra.Command {
	var confirm string
	c := &cobra.Command{
		Use:   "delete NAME --confirm NAME",
		Short: "Delete an identity scope; without --confirm say which clients would lose it",
		Args:  oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				loss, err := t.tokens.ScopeLoss(c.Context(), t.tenant.ID, args[0])
				if err != nil {
					return err
				}
				if confirm != args[0] {
					effect := losing(tokens.Deletion{Scopes: []string{args[0]}, Clients: loss.Clients, More: loss.More})
					return usageError(c, fmt.Errorf("%s; to go ahead: --confirm %q", effect, args[0]))
				}
				if err := t.tokens.DeleteIdentityScope(c.Context(), t.tenant.ID, args[0], byCommand); err != nil {
					return err
				}
				_, err = fmt.Fprintf(p.stdout, "Deleted %s\n", args[0])
				return err
			})
		},
	}
	c.Flags().StringVar(&confirm, "confirm", "", "the name once more, to confirm")
	return c
}
