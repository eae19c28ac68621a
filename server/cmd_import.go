package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"usher/provisioning"
	"usher/sql/store"
)

func newImport(p program) *cobra.Command {
	c := &cobra.Command{
		Use:     "import",
		Short:   "Read groups and credits from a file",
		Example: "  usher import catalog --check catalog.csv\n  usher import catalog catalog.csv",
	}
	host := family(c)
	c.AddCommand(newImportCatalog(p, host))
	return c
}

func newImportCatalog(p program, host *string) *cobra.Command {
	var check, asJSON bool
	c := &cobra.Command{
		Use:   "catalog FILE",
		Short: "Add groups and credits, and rename those that are there",
		Long: "Reads FILE, “-” for standard input: CSV (RFC 4180) whose first line names the columns kind, id, name\n" +
			"and, if wanted, description, or JSON lines with these members, as “usher export catalog” writes them;\n" +
			"16 MiB at most. All of it is checked before anything is written, and every fault is named with its\n" +
			"line. What the file does not name stays as it is; a group with an empty name is called by its id.\n\n" +
			"The rows are written 200 at a time. When that is interrupted, those before stay: run it again.\n\n" +
			"Exit codes: 4 when FILE has a fault; then nothing is written.",
		Example: "  usher import catalog --check catalog.csv\n  usher import catalog catalog.csv",
		Args:    oneFile,
		RunE: func(c *cobra.Command, args []string) error {
			rows, err := readCatalogFile(args[0])
			if err != nil {
				return err
			}
			if check {
				_, err := fmt.Fprintf(p.stdout, "%s is good: %d rows\n", args[0], len(rows))
				return err
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				j, err := t.provisioning.ImportRows(c.Context(), t.tenant, rows, byCommand)
				if err != nil {
					return err
				}
				done, err := p.finishImport(c.Context(), t, j.ID)
				if err != nil {
					return err
				}
				if asJSON {
					return json.NewEncoder(p.stdout).Encode(done)
				}
				_, err = fmt.Fprintf(p.stdout, "%s: %d added, %d changed, %d the same\n", args[0], done.Added, done.Changed, done.Same)
				return err
			})
		},
	}
	c.Flags().BoolVar(&check, "check", false, "read the file and say whether it is good; no database is asked")
	c.Flags().BoolVar(&asJSON, "json", false, "say what was done as one JSON object")
	return c
}

// readCatalogFile reads the rows of a file, or of standard input.
func readCatalogFile(path string) (_ []provisioning.CatalogRow, err error) {
	file := os.Stdin
	if path != "-" {
		if file, err = os.Open(path); err != nil { //nolint:gosec // the operator's own argument
			return nil, &exitError{exitNotFound, err}
		}
		defer func() { err = errors.Join(err, file.Close()) }()
	}
	text, err := io.ReadAll(io.LimitReader(file, provisioning.MaxImportFile+1))
	if err != nil {
		return nil, err
	}
	rows, err := provisioning.ReadCatalogFile(text)
	if err != nil {
		return nil, &exitError{exitCheckFailed, fmt.Errorf("%s: nothing was imported:\n%w", path, err)}
	}
	return rows, nil
}

// importDone is what an import has done.
type importDone struct {
	Job     string `json:"job"`
	Added   int64  `json:"added"`
	Changed int64  `json:"changed"`
	Same    int64  `json:"same"`
}

// finishImport does the job that an import is, unless a server is quicker. One that
// is interrupted is called off, so that no server goes on with what nobody waits
// for.
func (p program) finishImport(ctx context.Context, t commandTenant, job string) (done importDone, err error) {
	show, clearBar := bar(p.stderr, "import", time.Now)
	defer clearBar()
	j, err := t.provisioning.WorkJob(ctx, t.tenant, job, show)
	if err != nil {
		if ctx.Err() != nil {
			err = errors.Join(errors.New("interrupted; what was written stays, run it again for the rest"),
				t.provisioning.CancelJob(context.WithoutCancel(ctx), t.tenant, job, byCommand))
		}
		return done, err
	}
	if j.State != store.JobDone {
		return done, fmt.Errorf("the import is %s after %d rows; run it again for the rest. %s", j.State, j.Done, j.Error)
	}
	done.Job = job
	return done, json.Unmarshal([]byte(j.Result), &done)
}
