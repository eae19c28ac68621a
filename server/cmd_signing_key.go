package main

import (
	"errors"
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/sessions/tokens"
)

func newSigningKey(p program) *cobra.Command {
	c := &cobra.Command{
		Use:   "signing-key",
		Short: "List and rotate the keys with which tokens are signed",
		Long: "A signing key stands among the public keys for an hour before it signs, is replaced by\n" +
			"itself after 90 days, and stays among the public keys until its last token has ended.",
		Example: "  usher signing-key list\n  usher signing-key rotate\n  usher signing-key rotate --now --yes",
	}
	host := family(c)
	c.AddCommand(newSigningKeyList(p, host), newSigningKeyRotate(p, host))
	return c
}

// listedSigningKey is a key as the command prints it as JSON.
type listedSigningKey struct {
	ID        string          `json:"id"`
	Algorithm string          `json:"algorithm"`
	State     tokens.KeyState `json:"state"`
	CreatedAt time.Time       `json:"created_at"`
	ActiveAt  time.Time       `json:"active_at"`
	RetiredAt *time.Time      `json:"retired_at"`
	GoneAt    *time.Time      `json:"gone_at"`
}

func newSigningKeyList(p program, host *string) *cobra.Command {
	var before int64
	var asJSON bool
	c := &cobra.Command{
		Use:     "list",
		Short:   "List the signing keys, newest first, 50 at a time",
		Example: "  usher signing-key list\n  usher signing-key list --json",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				keys, next, err := t.tokens.SigningKeys(c.Context(), t.tenant.ID, before, 50)
				if err != nil {
					return err
				}
				if err := printSigningKeys(p.stdout, keys, asJSON); err != nil {
					return err
				}
				if next != 0 {
					fmt.Fprintf(p.stderr, "There are more: --before %d\n", next)
				}
				return nil
			})
		},
	}
	c.Flags().Int64Var(&before, "before", 0, "go on behind what the page before ended with")
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object a line")
	return c
}

func printSigningKeys(w io.Writer, keys []tokens.SigningKey, asJSON bool) error {
	return printList(w, keys, asJSON,
		func(k tokens.SigningKey) any {
			return listedSigningKey{
				ID: k.ID, Algorithm: k.Algorithm, State: k.State, CreatedAt: k.CreatedAt.UTC(), ActiveAt: k.ActiveAt.UTC(),
				RetiredAt: utc(k.RetiredAt), GoneAt: utc(k.GoneAt),
			}
		},
		"KEY ID\tALGORITHM\tSTATE\tSIGNS FROM\tSIGNS UNTIL\tSERVED UNTIL",
		func(k tokens.SigningKey) []any {
			return []any{k.ID, k.Algorithm, k.State, k.ActiveAt.UTC().Format(time.RFC3339), timeOr(k.RetiredAt, "replaced"), timeOr(k.GoneAt, "replaced")}
		})
}

func utc(at *time.Time) *time.Time {
	if at == nil {
		return nil
	}
	in := at.UTC()
	return &in
}

// timeOr is a time, or what to say when there is none.
func timeOr(at *time.Time, none string) string {
	if at == nil {
		return none
	}
	return at.UTC().Format(time.RFC3339)
}

func newSigningKeyRotate(p program, host *string) *cobra.Command {
	var algorithm string
	var now, yes bool
	c := &cobra.Command{
		Use:   "rotate",
		Short: "Make a new signing key, which takes over in an hour or at once",
		Long: "Without --now the new key waits for an hour among the public keys, and nothing becomes\n" +
			"invalid. With --now, for a key that has leaked, it signs at once: every other key for\n" +
			"the algorithm is destroyed, and every token signed with them is invalid.",
		Example: "  usher signing-key rotate\n  usher signing-key rotate --algorithm RS256\n  usher signing-key rotate --now --yes",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if now && !yes {
				return usageError(c, errors.New("--now makes every token of the algorithm invalid: say --yes as well"))
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				rotate := t.tokens.Rotate
				if now {
					rotate = t.tokens.RotateNow
				}
				k, err := rotate(c.Context(), t.tenant.ID, algorithm, byCommand)
				if err != nil {
					return err
				}
				fmt.Fprintf(p.stdout, "Key id:     %s (%s)\nSigns from: %s\n", k.ID, k.Algorithm, k.ActiveAt.UTC().Format(time.RFC3339))
				return nil
			})
		},
	}
	c.Flags().StringVar(&algorithm, "algorithm", tokens.Algorithms()[0], "one of "+strings.Join(tokens.Algorithms(), ", "))
	c.Flags().BoolVar(&now, "now", false, "for a leak: at once, and what was signed so far is invalid")
	c.Flags().BoolVar(&yes, "yes", false, "with --now: go ahead")
	return c
}
