package main

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/spf13/cobra"
)

func newDoctor(p program) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "doctor",
		Short: "Look over this installation: what fails, what will, and how to mend it",
		Long: "Looks at the configuration, the stores, clocks, keys and what waits, and prints one line for each\n" +
			"thing: ok, warn, fail, or skip where something else has to be mended first. It changes nothing,\n" +
			"and can run beside a server and while a store is down.\n\n" +
			"Exit codes:\n  0  all is well, or there are warnings alone\n  1  something fails\n  2  it could not be run",
		Example: "  usher doctor\n  usher doctor --json",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.checkup(c.Context(), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

// checkup looks the installation over, and is an error when something fails.
func (p program) checkup(ctx context.Context, asJSON bool) error {
	failures, err := p.report(asJSON, "the rest", func(cfg Config, tell func(finding)) error {
		patient, err := newPatient(cfg, time.Now)
		if err != nil {
			return err
		}
		patient.look(ctx, tell)
		return patient.close()
	})
	if err == nil && failures > 0 {
		return fmt.Errorf("the doctor found %s", counted(failures, "failure", "failures"))
	}
	return err
}

// report prints the findings about the configuration, and when that is good those
// of look, which goes by the name rest. It counts those that fail.
func (p program) report(asJSON bool, rest string, look func(cfg Config, tell func(finding)) error) (failures int, err error) {
	counts := map[verdict]int{}
	findings := []finding{}
	var written error
	tell := func(f finding) {
		counts[f.Verdict]++
		findings = append(findings, f)
		if !asJSON {
			written = errors.Join(written, printFinding(p.stdout, f))
		}
	}
	cfg, err := loadConfig(p.environ)
	if faults, ok := errors.AsType[configError](err); ok {
		for _, f := range faults {
			tell(finding{"configuration", failing, f.shown() + ": " + oneLine(f.problem) + ".", f.fix})
		}
		tell(finding{rest, unseen, "not looked at: the configuration has to be mended first", ""})
	} else if err != nil {
		return 0, &exitError{exitUsage, err}
	} else {
		tell(finding{"configuration", sound, "every setting is good, for " + string(cfg.Env), ""})
		if err := look(cfg, tell); err != nil {
			return 0, &exitError{exitUsage, err}
		}
	}
	if asJSON {
		written = printFindings(p.stdout, findings, counts)
	} else {
		_, last := fmt.Fprintf(p.stdout, "\n%d ok, %s, %s\n", counts[sound],
			counted(counts[doubtful], "warning", "warnings"), counted(counts[failing], "failure", "failures"))
		written = errors.Join(written, last)
	}
	if written != nil {
		return 0, &exitError{exitUsage, written}
	}
	return counts[failing], nil
}

func printFinding(w io.Writer, f finding) error {
	_, err := fmt.Fprintf(w, "%-4s  %-13s  %s\n", f.Verdict, f.Check, f.Found)
	if f.Fix != "" {
		_, more := fmt.Fprintf(w, "%21s→ %s\n", "", f.Fix)
		err = errors.Join(err, more)
	}
	return err
}

func printFindings(w io.Writer, findings []finding, counts map[verdict]int) error {
	worst := sound
	for _, v := range []verdict{doubtful, failing} {
		if counts[v] > 0 {
			worst = v
		}
	}
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(struct {
		Verdict  verdict   `json:"verdict"`
		Findings []finding `json:"findings"`
	}{worst, findings})
}
