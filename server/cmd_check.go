package main

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"
)

func newCheck(p program) *cobra.Command {
	var asJSON bool
	c := &cobra.Command{
		Use:   "check",
		Short: "Look over the settings, without asking a store",
		Long: "Looks at the environment's settings and the data folder, and prints every fault at once, each with\n" +
			"what mends it. It connects to nothing and changes nothing. “usher doctor” looks at the stores as well.\n\n" +
			"Exit codes:\n  0  all is well, or there are warnings alone\n  2  it could not be run\n  4  something fails",
		Example: "  usher check\n  usher check --json",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			return p.checkSettings(c.Context(), asJSON)
		},
	}
	c.Flags().BoolVar(&asJSON, "json", false, "one JSON object")
	return c
}

// checkSettings is an error when a setting, or how it fits this machine, fails.
func (p program) checkSettings(ctx context.Context, asJSON bool) error {
	failures, err := p.report(asJSON, "this machine", func(cfg Config, tell func(finding)) error {
		origin, err := cfg.configuredOrigin()
		if err != nil {
			return err
		}
		patient := &patient{cfg: cfg, origin: origin, now: time.Now}
		patient.make(ctx, settingsChecks(), tell)
		return nil
	})
	if err == nil && failures > 0 {
		return &exitError{exitCheckFailed, fmt.Errorf("the settings have %s", counted(failures, "fault", "faults"))}
	}
	return err
}
