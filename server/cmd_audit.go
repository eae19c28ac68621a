package main

import (
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/spf13/cobra"

	"usher/provisioning"
)

func newAudit(p program) *cobra.Command {
	c := &cobra.Command{
		Use:   "audit",
		Short: "Verify and export what administrators did",
		Long: "Every act of an administrator is a row of the audit log, and each row's hash covers the one\n" +
			"before it: a changed, missing or moved row is found by recomputing the hashes.",
		Example: "  usher audit verify\n  usher audit export >audit.jsonl\n  usher audit verify --file audit.jsonl",
	}
	host := family(c)
	c.AddCommand(newAuditVerify(p, host), newAuditExport(p, host))
	return c
}

func newAuditVerify(p program, host *string) *cobra.Command {
	var file, head string
	c := &cobra.Command{
		Use:   "verify",
		Short: "Recompute the hashes, in the database or in an export",
		Long: "Says how many rows were checked, both ends, and the first bad row; then the exit code is 4.\n\n" +
			"Whoever may write to the database can rewrite the whole log, or cut its end. Against that, note\n" +
			"the head that this command prints outside of the machine, and give it back with --head later.",
		Example: "  usher audit verify --head 1042:5f0c…\n  usher audit verify --file audit.jsonl",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			var noted *provisioning.AuditMark
			if head != "" {
				mark, err := provisioning.ParseAuditMark(head)
				if err != nil {
					return usageError(c, err)
				}
				noted = &mark
			}
			if file != "" {
				return p.verifyAuditFile(file, noted)
			}
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				report, err := t.provisioning.VerifyAudit(c.Context(), t.tenant, noted)
				return p.reportAudit(report, err)
			})
		},
	}
	c.Flags().StringVar(&file, "file", "", "an export to verify, “-” for standard input (default: the database)")
	c.Flags().StringVar(&head, "head", "", "NUMBER:HASH that an earlier run has printed")
	return c
}

func (p program) verifyAuditFile(path string, noted *provisioning.AuditMark) (err error) {
	var r io.Reader = os.Stdin
	if path != "-" {
		f, err := os.Open(path) //nolint:gosec // the operator's own argument
		if err != nil {
			return &exitError{exitNotFound, err}
		}
		defer func() { err = errors.Join(err, f.Close()) }()
		r = f
	}
	report, err := provisioning.VerifyAuditFile(r, noted)
	return p.reportAudit(report, err)
}

// reportAudit prints what was found. A broken chain is a failed check.
func (p program) reportAudit(report provisioning.AuditReport, err error) error {
	broken, isFault := errors.AsType[*provisioning.AuditFault](err)
	if err != nil && !isFault {
		return err
	}
	fmt.Fprintf(p.stdout, "Tenant:       %s\nRows checked: %d\n", report.TenantID, report.Rows)
	if report.Base.Seq > 0 {
		fmt.Fprintf(p.stdout, "Begins after: %s (older rows were dropped by retention)\n", report.Base)
	}
	if report.Head.Seq > 0 {
		fmt.Fprintf(p.stdout, "Head:         %s\n", report.Head)
	}
	if isFault {
		return &exitError{exitCheckFailed, fmt.Errorf("the audit log is broken at %w", broken)}
	}
	fmt.Fprintln(p.stdout, "The chain is whole.")
	return nil
}

func newAuditExport(p program, host *string) *cobra.Command {
	return &cobra.Command{
		Use:   "export",
		Short: "Write the audit log to standard output, as JSON lines",
		Args:  noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.withTenant(c.Context(), *host, func(t commandTenant) error {
				return t.provisioning.ExportAudit(c.Context(), t.tenant, p.stdout)
			})
		},
	}
}
