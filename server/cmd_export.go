package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

func newExport(p program) *cobra.Command {
	c := &cobra.Command{
		Use:   "export",
		Short: "Write users, or groups and credits, into a file",
		Long: "Writes what one tenant has as JSON lines, for other programs. To move or keep an installation, with\n" +
			"everything in it, there is “usher backup”; what administrators did is in “usher audit export”.",
		Example: "  usher export users users.jsonl\n  usher export catalog - | ssh other usher import catalog -",
	}
	host := family(c)
	c.AddCommand(newExportUsers(p, host), newExportCatalog(p, host))
	return c
}

func newExportUsers(p program, host *string) *cobra.Command {
	return exportCommand(p, host, &cobra.Command{
		Use:   "users FILE",
		Short: "Every user with identities, groups, credits and claims, as JSON lines",
		Long: "Writes every user as of one moment into FILE, which must not be there yet; “-” is standard output.\n" +
			"Each line is a JSON object with profile, identities, groups, credits and entered claims, as in the\n" +
			"export of the admin's “Jobs”. Those who were erased or merged are left out. It is recorded in the\n" +
			"audit log: the file holds personal data.",
	}, func(ctx context.Context, t commandTenant, w io.Writer) (int64, error) {
		show, clearBar := bar(p.stderr, "export", time.Now)
		defer clearBar()
		return t.provisioning.ExportUsersTo(ctx, t.tenant, w, show, byCommand)
	})
}

func newExportCatalog(p program, host *string) *cobra.Command {
	return exportCommand(p, host, &cobra.Command{
		Use:   "catalog FILE",
		Short: "Groups and credits, as JSON lines that “usher import catalog” reads",
		Long:  "Writes groups and credits into FILE, which must not be there yet; “-” is standard output.",
	}, func(ctx context.Context, t commandTenant, w io.Writer) (int64, error) {
		return t.provisioning.ExportCatalogTo(ctx, t.tenant, w)
	})
}

// exportCommand makes c a command that writes lines into a file that is new, or to
// standard output.
func exportCommand(p program, host *string, c *cobra.Command,
	write func(ctx context.Context, t commandTenant, w io.Writer) (lines int64, err error),
) *cobra.Command {
	var asJSON bool
	c.Args = oneFile
	c.RunE = func(c *cobra.Command, args []string) error {
		return p.withTenant(c.Context(), *host, func(t commandTenant) error {
			told, lines := p.stdout, int64(0)
			fill := func(w io.Writer) (err error) {
				lines, err = write(c.Context(), t, w)
				return err
			}
			var err error
			if args[0] == "-" {
				told = p.stderr
				err = fill(p.stdout)
			} else {
				err = newFile(args[0], fill)
			}
			if err != nil {
				return err
			}
			if asJSON {
				return json.NewEncoder(told).Encode(struct {
					File  string `json:"file"`
					Lines int64  `json:"lines"`
				}{args[0], lines})
			}
			_, err = fmt.Fprintf(told, "%s: %d lines\n", args[0], lines)
			return err
		})
	}
	c.Flags().BoolVar(&asJSON, "json", false, "say what was written as one JSON object")
	return c
}
