package main

import (
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"usher/handlers"
	"usher/provisioning"
)

// printPublisher prints what a partner needs that signs with keys which it
// publishes itself.
func printPublisher(w io.Writer, origin provisioning.Origin, n provisioning.Installed) error {
	_, err := fmt.Fprintf(w, "Integration: %s\nId:          %s\nApp id:      %s\nEndpoint:    %s\nKeys:        at %s\n",
		n.Name, n.ID, n.AppID, origin.String()+handlers.CallbackPath, n.JWKSURL)
	return err
}

func newKeySet(p program, host *string) *cobra.Command {
	var read bool
	c := &cobra.Command{
		Use:   "key-set ID",
		Short: "Show the keys that a partner publishes at its JWKS URL",
		Long: "Shows the keys as they were read last, those that are left out with the reason, and the last\n" +
			"failure since. With --read they are read again first.",
		Example: "  usher integration key-set 57cc264630b65c1e04acc09a --read",
		Args:    oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				n, err := t.provisioning.Integration(c.Context(), t.tenant, args[0])
				if err != nil {
					return err
				}
				if n.JWKSURL == "" {
					_, err := fmt.Fprintln(p.stdout, "This integration has no JWKS URL.")
					return err
				}
				set, err := t.provisioning.KeySet(c.Context(), t.tenant, n.Integration)
				if err == nil && read {
					set, err = t.provisioning.ReadKeySet(c.Context(), t.tenant, n.ID, byCommand)
				}
				if err != nil {
					return err
				}
				return showKeySet(p.stdout, n.JWKSURL, set)
			})
		},
	}
	c.Flags().BoolVar(&read, "read", false, "read the keys again first")
	return c
}

func showKeySet(w io.Writer, url string, set provisioning.KeySet) error {
	table := newTable(w)
	fmt.Fprintf(table, "URL:\t%s\n", url)
	if set.FetchedAt == nil {
		fmt.Fprintln(table, "Read:\tnot yet")
	} else {
		fmt.Fprintf(table, "Read:\t%s\nGood until:\t%s, if it cannot be read again\n",
			set.FetchedAt.UTC().Format(time.RFC3339), set.FetchedAt.Add(provisioning.KeySetLife).UTC().Format(time.RFC3339))
	}
	if set.FailedAt != nil {
		fmt.Fprintf(table, "Failed:\t%s: it %s\n", set.FailedAt.UTC().Format(time.RFC3339), set.Problem)
	}
	if set.FailedAt == nil && set.Problem != "" {
		fmt.Fprintf(table, "Problem:\tit %s\n", set.Problem)
	}
	if len(set.Keys)+len(set.LeftOut) > 0 {
		fmt.Fprintln(table, "\nKEY\tALGORITHM\tLEFT OUT")
	}
	for _, k := range set.Keys {
		fmt.Fprintf(table, "%s\t%s\t\n", k.ID, k.Algorithm)
	}
	for _, k := range set.LeftOut {
		fmt.Fprintf(table, "%s\t–\t%s\n", k.ID, k.Why)
	}
	return table.Flush()
}
