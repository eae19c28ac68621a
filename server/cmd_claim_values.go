package main

import (
	"encoding/json"
	"fmt"
	"text/tabwriter"

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
	table, encoder := tabwriter.NewWriter(p.stdout, 0, 4, 2, ' ', 0), json.NewEncoder(p.stdout)
	if !asJSON {
		fmt.Fprintln(table, "CLAIM\tVALUE\tFROM")
	}
	for _, one := range claims {
		if !asJSON {
			value := "none"
			if one.Value != nil {
				value = fmt.Sprint(one.Value)
			}
			fmt.Fprintf(table, "%s\t%s\t%s\n", one.Claim.Name, value, one.Source)
		} else if err := encoder.Encode(listedValue{one.Claim.Name, one.Value, one.Source}); err != nil {
			return err
		}
	}
	return table.Flush()
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
