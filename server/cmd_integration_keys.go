package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"usher/provisioning"
)

// keyFlags are the flags that choose a key.
type keyFlags struct{ secretFile, publicKeyFile, algorithm string }

func (f *keyFlags) add(c *cobra.Command) {
	c.Flags().StringVar(&f.secretFile, "secret-file", "", "file with the shared secret, “-” for standard input (default: one is made)")
	c.Flags().StringVar(&f.publicKeyFile, "public-key-file", "", "file with the partner's public key, as PEM or JWK")
	c.Flags().StringVar(&f.algorithm, "algorithm", "", "HS256, HS384 or HS512 for a secret (default HS256)")
}

// read takes the key from the files: a secret on the command line would show
// up in the list of processes.
func (f *keyFlags) read(stdin io.Reader) (provisioning.NewKey, error) {
	wish := provisioning.NewKey{Algorithm: f.algorithm}
	for _, file := range []struct {
		name string
		into *string
	}{{f.secretFile, &wish.Secret}, {f.publicKeyFile, &wish.PublicKey}} {
		if file.name == "" {
			continue
		}
		var text []byte
		var err error
		if file.name == "-" {
			text, err = io.ReadAll(io.LimitReader(stdin, 64<<10))
		} else {
			text, err = readFile(file.name)
		}
		if err != nil {
			return wish, err
		}
		*file.into = strings.TrimRight(string(text), "\r\n")
		if *file.into == "" {
			return wish, fmt.Errorf("%s is empty", file.name)
		}
	}
	return wish, nil
}

func keyState(key provisioning.Key, now time.Time) string {
	switch {
	case key.RetiresAt == nil:
		return "active"
	case key.RetiresAt.After(now):
		return "expiring " + key.RetiresAt.UTC().Format(time.RFC3339)
	default:
		return "retired " + key.RetiresAt.UTC().Format(time.RFC3339)
	}
}

func newRetire(p program, host *string) *cobra.Command {
	var after time.Duration
	var keep bool
	c := &cobra.Command{
		Use:   "retire ID KEY-ID",
		Short: "Retire a key, now or later, or keep one whose retirement is planned",
		Long: "From its retirement on every link signed with the key is refused. With --after it stays live\n" +
			"for so long, and --keep takes the plan back until then.",
		Example: "  usher integration retire 57cc264630b65c1e04acc09a key_0123 --after 168h\n  usher integration retire 57cc264630b65c1e04acc09a key_0123 --keep",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) != 2 {
				return usageError(c, fmt.Errorf("%s takes an id (or app id) and a key id, got %d arguments", c.CommandPath(), len(args)))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			if after < 0 || keep && after != 0 {
				return usageError(c, errors.New("--after is a span such as 168h, and goes without --keep"))
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				if keep {
					if _, err := t.provisioning.KeepKey(c.Context(), t.tenant, args[0], args[1], byCommand); err != nil {
						return err
					}
					_, err := fmt.Fprintf(p.stdout, "Key %s stays\n", args[1])
					return err
				}
				return retire(c.Context(), p.stdout, t, args[0], args[1], after)
			})
		},
	}
	c.Flags().DurationVar(&after, "after", 0, "how long the key stays live, such as 1h or 168h")
	c.Flags().BoolVar(&keep, "keep", false, "take a planned retirement back")
	return c
}

// retire retires a key and says from when on.
func retire(ctx context.Context, w io.Writer, t commandTenant, id, key string, after time.Duration) error {
	at := time.Now().Add(after)
	n, err := t.provisioning.RetireKey(ctx, t.tenant, id, key, at, byCommand)
	if err != nil {
		return err
	}
	for _, k := range n.Keys {
		if k.ID == key && k.RetiresAt != nil {
			at = *k.RetiresAt // it may have been planned for earlier
		}
	}
	_, err = fmt.Fprintf(w, "Key %s is retired from %s\n", key, at.UTC().Format(time.RFC3339))
	return err
}

func newRotate(p program, host *string) *cobra.Command {
	var keys keyFlags
	var old string
	var after time.Duration
	c := &cobra.Command{
		Use:   "rotate ID",
		Short: "Add a key to an integration, or retire one with --retire",
		Long: "Adds a key; the old ones stay live, so that the partner can change over without a gap.\n" +
			"With --retire KEY-ID no key is added, and that one is retired: now, or after --after.",
		Example: "  usher integration rotate 57cc264630b65c1e04acc09a\n  usher integration rotate 57cc264630b65c1e04acc09a --retire key_0123 --after 24h",
		Args:    oneArgument,
		RunE: func(c *cobra.Command, args []string) error {
			key, err := keys.read(os.Stdin)
			if err != nil {
				return usageError(c, err)
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				if old != "" {
					return retire(c.Context(), p.stdout, t, args[0], old, after)
				}
				n, added, err := t.provisioning.AddKey(c.Context(), t.tenant, args[0], key, byCommand)
				if err != nil {
					return err
				}
				printKey(p.stdout, t.origin, n, added)
				return nil
			})
		},
	}
	keys.add(c)
	c.Flags().StringVar(&old, "retire", "", "id of the key to retire instead of adding one")
	c.Flags().DurationVar(&after, "after", 0, "with --retire: how long the key stays live, such as 1h or 168h")
	return c
}
