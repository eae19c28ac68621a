package main

import (
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"usher/sessions/tokens"
)

func newClaim(p program) *cobra.Command {
	c := &cobra.Command{
		Use:   "claim",
		Short: "List, add, change and delete claims, and enter what they say of a user",
		Long: "A claim is something that tokens say of people beyond what every tenant can say: it is\n" +
			"filled from the meta that partners send, or entered.",
		Example: "  usher claim add shelf --type text --meta-path library.shelf",
	}
	host := family(c)
	c.AddCommand(newClaimList(p, host), newClaimAdd(p, host), newClaimChange(p, host), newClaimDelete(p, host),
		newClaimValues(p, host), newClaimSet(p, host), newClaimUnset(p, host))
	return c
}

// listedClaim is a claim as the commands print it as JSON.
type listedClaim struct {
	Name        string `json:"name"`
	DisplayName string `json:"display_name"`
	Type        string `json:"type"`
	MetaPath    string `json:"meta_path"`
}

// printClaims prints claims as JSON, one a line, or for people.
func (p program) printClaims(claims []tokens.CustomClaim, asJSON bool) error {
	return printList(p.stdout, claims, asJSON,
		func(k tokens.CustomClaim) any { return listedClaim{k.Name, k.DisplayName, k.Type, k.MetaPath} },
		"CLAIM\tDISPLAY NAME\tTYPE\tPATH IN META",
		func(k tokens.CustomClaim) []any { return []any{k.Name, k.DisplayName, k.Type, k.MetaPath} })
}

func newClaimList(p program, host *string) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "list",
		Short: "List the tenant's own claims by name",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				claims, err := t.tokens.CustomClaims(c.Context(), t.tenant.ID)
				if err != nil {
					return err
				}
				return p.printClaims(claims, asJSON)
			})
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func newClaimAdd(p program, host *string) *cobra.Command {
	var wish tokens.NewCustomClaim
	var asJSON bool
	c := &cobra.Command{
		Use:   "add NAME --type TYPE",
		Short: "Add a claim",
		Args:  oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				wish.Name = args[0]
				claim, err := t.tokens.AddCustomClaim(c.Context(), t.tenant.ID, wish, byCommand)
				if errors.Is(err, tokens.ErrTaken) {
					return &exitError{exitUsage, errors.New("name: there is a claim with this name already")}
				}
				if err != nil {
					return err
				}
				return p.printClaims([]tokens.CustomClaim{claim}, asJSON)
			})
		},
	}
	c.Flags().StringVar(&wish.DisplayName, "display-name", "", "what people call it (default: its name)")
	c.Flags().StringVar(&wish.Type, "type", tokens.ClaimText, "of these: "+strings.Join(tokens.ClaimTypes(), ", "))
	c.Flags().StringVar(&wish.MetaPath, "meta-path", "", "where partners' meta has the value: members with dots between")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

func newClaimChange(p program, host *string) *cobra.Command {
	var shown, path string
	var asJSON bool
	c := &cobra.Command{
		Use:   "change NAME",
		Short: "Change the display name of a claim, or where it is filled from; name and type stay",
		Args:  oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				var wish tokens.CustomClaimSettings
				wish.DisplayName = changed(c, "display-name", &shown)
				wish.MetaPath = changed(c, "meta-path", &path)
				claim, err := t.tokens.ChangeCustomClaim(c.Context(), t.tenant.ID, args[0], wish, byCommand)
				if err != nil {
					return err
				}
				return p.printClaims([]tokens.CustomClaim{claim}, asJSON)
			})
		},
	}
	c.Flags().StringVar(&shown, "display-name", "", "1 to 100 characters")
	c.Flags().StringVar(&path, "meta-path", "", "where partners' meta has the value; empty = nowhere")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

func newClaimDelete(p program, host *string) *cobra.Command {
	var confirm string
	c := &cobra.Command{
		Use:   "delete NAME --confirm NAME",
		Short: "Delete a claim with what was entered; without --confirm say who would lose it",
		Args:  oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				loss, err := t.tokens.ClaimLoss(c.Context(), t.tenant.ID, args[0])
				if err != nil {
					return err
				}
				if confirm != args[0] {
					return usageError(c, fmt.Errorf("%s; to go ahead: --confirm %q", losingClaim(loss), args[0]))
				}
				if err := t.tokens.DeleteCustomClaim(c.Context(), t.tenant.ID, args[0], byCommand); err != nil {
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

// losingClaim says what goes with a claim.
func losingClaim(loss tokens.ClaimLoss) string {
	scopes, clients := []string{}, []string{}
	for _, scope := range loss.Scopes {
		scopes = append(scopes, scope.Name)
	}
	for _, k := range loss.Clients {
		clients = append(clients, k.ClientID)
	}
	if loss.More {
		clients = append(clients, "and others")
	}
	return fmt.Sprintf("%d entered values are deleted; identity scopes that lose it: %s; clients that require it: %s",
		loss.Values, orNone(scopes), orNone(clients))
}

func orNone(names []string) string {
	if len(names) == 0 {
		return "none"
	}
	return strings.Join(names, " ")
}
