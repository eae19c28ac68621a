package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"

	"usher/sessions/tokens"
)

// listedSecret is a secret of a client or an API connection as the commands print
// it as JSON.
type listedSecret struct {
	ID         string     `json:"id"`
	Ending     string     `json:"ending"`
	CreatedAt  time.Time  `json:"created_at"`
	ExpiresAt  *time.Time `json:"expires_at"`       // null = never
	LastUsedAt *time.Time `json:"last_used_at"`     // within a minute
	Secret     string     `json:"secret,omitempty"` // only when it is made
}

func listSecret(k tokens.Secret) listedSecret {
	return listedSecret{ID: k.ID, Ending: k.Ending, CreatedAt: k.CreatedAt.UTC(), ExpiresAt: utc(k.ExpiresAt), LastUsedAt: utc(k.UsedAt)}
}

func listSecrets(secrets []tokens.Secret) []listedSecret {
	var listed []listedSecret
	for _, k := range secrets {
		listed = append(listed, listSecret(k))
	}
	return listed
}

// printSecrets prints how secrets stand, and fresh, a new one in clear, when it
// is not "".
func printSecrets(w io.Writer, secrets []tokens.Secret, fresh string) {
	for _, k := range secrets {
		fmt.Fprintf(w, "Secret %s:\tuss_…%s, made %s, last used %s, ends %s\n", k.ID, k.Ending, k.CreatedAt.UTC().Format(time.RFC3339),
			timeOr(k.UsedAt, "never"), timeOr(k.ExpiresAt, "never"))
	}
	if fresh != "" {
		fmt.Fprintf(w, "Secret:\t%s\n", fresh)
		fmt.Fprintln(w, "This is the only time that the secret is shown.")
	}
}

// secretOwner finds what has secrets by the name that it gives itself.
type secretOwner struct {
	of   tokens.Holder
	arg  string // how usage texts call that name
	find func(ctx context.Context, t commandTenant, name string) (id string, err error)
}

var (
	clientOwner = secretOwner{tokens.OfClient, "CLIENT-ID", func(ctx context.Context, t commandTenant, name string) (string, error) {
		k, err := t.tokens.ClientByClientID(ctx, t.tenant.ID, name)
		return k.ID, err
	}}
	connectionOwner = secretOwner{tokens.OfConnection, "NAME", func(ctx context.Context, t commandTenant, name string) (string, error) {
		n, err := t.tokens.ConnectionByName(ctx, t.tenant.ID, name)
		return n.ID, err
	}}
)

func newRotateSecret(p program, host *string, owner secretOwner) *cobra.Command {
	var old, keep string
	var after time.Duration
	var asJSON bool
	c := &cobra.Command{
		Use:   "rotate " + owner.arg,
		Short: "Make another secret, or retire one with --retire",
		Long: "Makes a secret and shows it, once; the old ones stay live, so that the program can change\n" +
			"over without a gap. With --retire SECRET-ID none is made, and that one ends: now, or after\n" +
			"--after. --keep SECRET-ID takes a planned end back.",
		Args: oneName,
		RunE: func(c *cobra.Command, args []string) error {
			if after < 0 || old != "" && keep != "" || after != 0 && old == "" {
				return usageError(c, errors.New("--after is a span such as 24h and goes with --retire, which goes without --keep"))
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				ctx, tenant := c.Context(), t.tenant.ID
				id, err := owner.find(ctx, t, args[0])
				if err != nil {
					return err
				}
				switch {
				case old != "":
					at := time.Now().Add(after)
					if err := t.tokens.RetireSecret(ctx, tenant, owner.of, id, old, at, byCommand); err != nil {
						return err
					}
					_, err = fmt.Fprintf(p.stdout, "Secret %s ends at %s, if not earlier\n", old, at.UTC().Format(time.RFC3339))
					return err
				case keep != "":
					if err := t.tokens.KeepSecret(ctx, tenant, owner.of, id, keep, byCommand); err != nil {
						return err
					}
					_, err = fmt.Fprintf(p.stdout, "Secret %s stays\n", keep)
					return err
				}
				k, secret, err := t.tokens.AddSecret(ctx, tenant, owner.of, id, byCommand)
				if err != nil {
					return err
				}
				if asJSON {
					listed := listSecret(k)
					listed.Secret = secret
					return json.NewEncoder(p.stdout).Encode(listed)
				}
				_, err = fmt.Fprintf(p.stdout, "Secret id: %s\nSecret:    %s\nThis is the only time that the secret is shown.\n", k.ID, secret)
				return err
			})
		},
	}
	c.Flags().StringVar(&old, "retire", "", "id of the secret to retire instead of making one")
	c.Flags().DurationVar(&after, "after", 0, "with --retire: how long the secret stays live, such as 1h or 168h")
	c.Flags().StringVar(&keep, "keep", "", "id of the secret whose planned end is taken back")
	c.Flags().BoolVar(&asJSON, "json", false, "the new secret as one JSON object")
	return c
}
