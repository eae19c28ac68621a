package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"usher/sessions/tokens"
)

// listedValue is what a claim says of a user, as the commands print it as JSON.
type listedValue struct {
	Claim  string `json:"claim"`
	Value  any    `json:"value"`
	Source string `json:"source"`
}

// printValues prints what the claims say of a user.
func (p program) printValues(claims []tokens.PersonClaim, asJSON bool) error {
	return printList(p.stdout, claims, asJSON,
		func(k tokens.PersonClaim) any { return listedValue{k.Claim.Name, k.Value, k.Source} },
		"CLAIM\tVALUE\tFROM",
		func(k tokens.PersonClaim) []any {
			value := "none"
			if k.Value != nil {
				value = fmt.Sprint(k.Value)
			}
			return []any{k.Claim.Name, value, k.Source}
		})
}

// claimsOfUser is a command about the claims of a user, which prints them once
// do has done something.
func claimsOfUser(p program, host *string, c *cobra.Command, count int, do func(c *cobra.Command, t commandTenant, args []string) error) *cobra.Command {
	var asJSON bool
	c.Args = func(c *cobra.Command, args []string) error {
		if len(args) != count {
			return usageError(c, fmt.Errorf("%s takes %d arguments, got %d", c.UseLine(), count, len(args)))
		}
		return nil
	}
	c.RunE = func(c *cobra.Command, args []string) error {
		return p.withTenant(c.Context(), *host, func(t commandTenant) error {
			if err := do(c, t, args); err != nil {
				return err
			}
			claims, _, err := t.tokens.PersonClaims(c.Context(), t.tenant.ID, args[0])
			if err != nil {
				return err
			}
			return p.printValues(claims, asJSON)
		})
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func newClaimValues(p program, host *string) *cobra.Command {
	return claimsOfUser(p, host, &cobra.Command{Use: "values USER", Short: "Show what the claims say of a user, by id"}, 1,
		func(*cobra.Command, commandTenant, []string) error { return nil })
}

func newClaimSet(p program, host *string) *cobra.Command {
	return claimsOfUser(p, host, &cobra.Command{Use: "set USER CLAIM VALUE", Short: "Enter what a claim says of a user, by id"}, 3,
		func(c *cobra.Command, t commandTenant, args []string) error {
			return t.tokens.SetClaimText(c.Context(), t.tenant.ID, args[0], args[1], args[2], byCommand)
		})
}

func newClaimUnset(p program, host *string) *cobra.Command {
	return claimsOfUser(p, host, &cobra.Command{Use: "unset USER CLAIM", Short: "Take away what was entered for a user, by id"}, 2,
		func(c *cobra.Command, t commandTenant, args []string) error {
			return t.tokens.DropClaim(c.Context(), t.tenant.ID, args[0], args[1], byCommand)
		})
}
