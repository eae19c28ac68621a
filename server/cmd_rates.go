package main

import (
	"errors"
	"fmt"
	"strconv"

	"github.com/spf13/cobra"

	"usher/sql/store"
)

// rateFlag defines the flag of a rate.
func rateFlag(c *cobra.Command, rate *int64) {
	c.Flags().Int64Var(rate, "rate", store.UsualRate, "requests a second that one server takes, and ten seconds' worth at once; 0 = any number, -1 = as the server's settings say")
}

func newAPIKeyChange(p program, host *string) *cobra.Command {
	var rate int64
	c := &cobra.Command{
		Use:   "change ID --rate N",
		Short: "Change how often a key may be used",
		Args:  oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			if changed(c, "rate", &rate) == nil {
				return usageError(c, errors.New("name the rate: --rate N"))
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				k, err := t.admins.ChangeAPIKey(c.Context(), t.tenant, args[0], rate, byCommand)
				if err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "Id:   %s\nRate: %s\n", k.ID, rateWords(k.Rate))
				return nil
			})
		},
	}
	rateFlag(c, &rate)
	return c
}

// rateWords say what a rate is.
func rateWords(rate int64) string {
	switch rate {
	case store.UsualRate:
		return "as the server's settings say"
	case 0:
		return "any number of requests"
	}
	return strconv.FormatInt(rate, 10) + " requests a second, on each server"
}
