package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"time"

	"github.com/spf13/cobra"

	"usher/handlers"
	"usher/handlers/admin"
	"usher/provisioning"
)

func newExamine(p program) *cobra.Command {
	var host, reference, at string
	var asJSON bool
	c := &cobra.Command{
		Use:   "examine [FILE]",
		Short: "Examine a link: every check of a sign-in, and what it would change",
		Long: "Reads a link or a token from a file, or from standard input, and makes every check of a sign-in.\n" +
			"Nothing is applied or used up. It ends with 4 when the link would be refused.",
		Example: "  usher sign 57cc264630b65c1e04acc09a --email anna@example.com | usher examine\n" +
			"  usher examine link.txt --at 2030-01-31T12:00:00Z\n  usher examine --reference 4bf92f3577b34da6",
		Args: func(c *cobra.Command, args []string) error {
			if len(args) > 1 {
				return usageError(c, fmt.Errorf("%s takes one file, got %d", c.CommandPath(), len(args)))
			}
			return nil
		},
		RunE: func(c *cobra.Command, args []string) error {
			specimen, err := readSpecimen(args, reference, at, os.Stdin)
			if err != nil {
				return usageError(c, err)
			}
			return p.withTenant(c.Context(), host, func(t commandTenant) error {
				examination, err := t.examine(c, specimen, reference)
				if err != nil {
					return err
				}
				if asJSON {
					encoder := json.NewEncoder(p.stdout)
					encoder.SetEscapeHTML(false)
					encoder.SetIndent("", "  ")
					err = encoder.Encode(admin.AnswerExamination(examination))
				} else {
					err = printExamination(p.stdout, examination)
				}
				if err == nil && examination.Refusal != nil {
					err = &exitError{exitCheckFailed, fmt.Errorf("it would be refused: %s", examination.Refusal.Reason)}
				}
				return err
			})
		},
	}
	c.Flags().StringVar(&host, "host", "", hostUsage)
	c.Flags().StringVar(&reference, "reference", "", "examine the entry of the sign-in log with this reference instead")
	c.Flags().StringVar(&at, "at", "", "when the link arrives, such as 2030-01-31T12:00:00Z (default: now)")
	c.Flags().BoolVar(&asJSON, "json", false, "print JSON")
	return c
}

// readSpecimen takes the link from a file or from standard input.
func readSpecimen(args []string, reference, at string, stdin io.Reader) (specimen provisioning.Specimen, err error) {
	if at != "" {
		if specimen.At, err = time.Parse(time.RFC3339, at); err != nil {
			return specimen, errors.New("--at is a time like 2030-01-31T12:00:00Z")
		}
	}
	if reference != "" {
		if len(args) > 0 {
			return specimen, errors.New("give a file or --reference, not both")
		}
		return specimen, nil
	}
	var text []byte
	if len(args) == 0 || args[0] == "-" {
		text, err = io.ReadAll(io.LimitReader(stdin, provisioning.MaxSpecimenBytes+1))
	} else {
		text, err = readFile(args[0])
	}
	specimen.Text = string(text)
	return specimen, err
}

func (t commandTenant) examine(c *cobra.Command, specimen provisioning.Specimen, reference string) (provisioning.Examination, error) {
	specimen.Tenant = t.tenant
	specimen.Own = handlers.TenantOrigins(t.origin, t.tenant)
	specimen.Audiences = handlers.Audiences(specimen.Own)
	if reference != "" {
		record, err := t.provisioning.SignInByReference(c.Context(), t.tenant, reference)
		if err != nil {
			return provisioning.Examination{}, err
		}
		specimen.Record = &record
	}
	return t.provisioning.Examine(c.Context(), specimen)
}

var verdictMarks = map[provisioning.Verdict]string{
	provisioning.Passed: "pass", provisioning.Failed: "FAIL", provisioning.Skipped: "-", provisioning.NotReached: "not reached",
	provisioning.Withheld: "withheld",
}

// printExamination prints what the page shows, for a terminal.
func printExamination(w io.Writer, e provisioning.Examination) error {
	switch {
	case e.Refusal != nil:
		fmt.Fprintf(w, "Refused: %s\n%s\n", e.Refusal.Reason, e.Fix())
	case e.Recorded != "":
		fmt.Fprintf(w, "Refused then: %s. With the settings of now, no check that can be repeated fails.\n", e.Recorded)
	default:
		fmt.Fprintln(w, map[bool]string{true: "This token is accepted.", false: "This link signs in."}[e.Presented()])
	}
	fmt.Fprintln(w, "Examined "+admin.DoorRules(e.Door)+".")
	for _, note := range e.Notes {
		fmt.Fprintln(w, "Note: "+note)
	}
	fmt.Fprintln(w)
	table := newTable(w)
	for _, check := range e.Checks {
		fmt.Fprintf(table, "%s\t%s\t%s\n", verdictMarks[check.Verdict], check.Label, check.Text)
		if check.Fix != "" && check.Fix != e.Fix() {
			fmt.Fprintf(table, "\t\t→ %s\n", check.Fix)
		}
	}
	if err := table.Flush(); err != nil {
		return err
	}
	printForecast(w, e)
	if e.Claims != "" {
		fmt.Fprintf(w, "\nHeader  %s\nClaims  %s\n", e.Header, e.Claims)
	}
	return nil
}

func printForecast(w io.Writer, e provisioning.Examination) {
	f := e.Forecast
	if f == nil {
		return
	}
	would := "would"
	if e.Refusal != nil {
		would = "would, if the failed checks passed,"
	}
	person := f.Email
	if f.UserID != "" {
		person += " (user " + f.UserID + ")"
	} else {
		person += " (a new user)"
	}
	if e.Presented() {
		fmt.Fprintf(w, "\nIt %s speak for %s\n", would, person)
	} else {
		fmt.Fprintf(w, "\nIt %s sign in %s and go to %s\n", would, person, handlers.Location(e.Target, f.Onboarding))
	}
	for _, c := range append(f.Fields, f.Meta...) {
		fmt.Fprintf(w, "  %s: %q → %q\n", c.Name, c.From, c.To)
	}
	sign := map[bool]string{true: "+", false: "-"}
	for _, g := range f.Groups {
		fmt.Fprintf(w, "  %s group %q\n", sign[g.Added], g.ID)
	}
	for _, g := range f.Credits {
		parked := ""
		if g.Parked {
			parked = " (parked)"
		}
		fmt.Fprintf(w, "  %s credit %d of order %q%s\n", sign[g.Added], g.ID, g.OrderID, parked)
	}
	for _, warning := range e.Warnings {
		fmt.Fprintln(w, "  Warning: "+warning.Text)
	}
}
