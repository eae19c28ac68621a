package main

import (
	"encoding/json"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"usher/sessions/tokens"
)

func newJWT(p program) *cobra.Command {
	var host, user, scope, audience string
	var life time.Duration
	var asJSON bool
	c := &cobra.Command{
		Use:   "jwt CLIENT-ID",
		Short: "Generate a JWT for a client, an organization, or a user through one of them",
		Long: "The JWT is of the kind that programs get from /v1/oauth/jwt. It says for whom it speaks and\n" +
			"which scopes they have, and is believed by whoever knows the public keys, until it ends.",
		Example: "  usher jwt acme --audience acme\n  usher jwt acme --user anna@example.com --scope user:memberof:acme --life 5m",
		Args:    oneName,
		RunE: func(c *cobra.Command, args []string) error {
			return p.withTenant(c.Context(), host, func(t commandTenant) error {
				id := ""
				if user != "" {
					profile, err := t.user(c.Context(), user)
					if err != nil {
						return err
					}
					id = profile.ID
				}
				signed, err := t.tokens.GenerateJWT(c.Context(), t.tenant.ID, t.origin.String(), tokens.JWTFor{
					ClientID: args[0], User: id, Scope: scope, Audience: audience, Validity: life,
				}, byCommand)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(p.stdout).Encode(map[string]string{"token": signed})
				}
				_, err = fmt.Fprintln(p.stdout, signed)
				return err
			})
		},
	}
	c.Flags().StringVar(&host, "host", "", hostUsage)
	c.Flags().StringVar(&user, "user", "", "e-mail address or id of the user for whom it speaks")
	c.Flags().StringVar(&scope, "scope", "", "names of scopes with commas between them")
	c.Flags().StringVar(&audience, "audience", "", "for whom else it is: names with commas between them")
	c.Flags().DurationVar(&life, "life", tokens.DefaultJWTLife, "how long it is good, 1s to 1h")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}
