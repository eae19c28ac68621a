package main

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/spf13/cobra"

	"usher/handlers/admin"
	"usher/provisioning"
)

// logFlags are what “usher log” may be asked for.
type logFlags struct {
	host, reference, email, reason, outcome, integration string
	limit                                                int
	follow, json                                         bool
}

func newLog(p program) *cobra.Command {
	var f logFlags
	c := &cobra.Command{
		Use:   "log",
		Short: "Show the sign-in log",
		Long: "Shows who came by a link, newest last, and why somebody was turned away. With --reference, the\n" +
			"reference of a page that somebody was shown, it tells everything that is known about the attempt.",
		Example: "  usher log --reason token_expired\n  usher log --email anna@example.com --json\n  usher log --follow",
		Args:    noArguments,
		RunE: func(c *cobra.Command, _ []string) error {
			if f.limit < 1 {
				return usageError(c, fmt.Errorf("--limit %d: a number from 1 is expected", f.limit))
			}
			return p.withTenant(c.Context(), f.host, func(t commandTenant) error {
				return f.show(c.Context(), t, p.stdout)
			})
		},
	}
	c.Flags().StringVar(&f.host, "host", "", hostUsage)
	c.Flags().StringVar(&f.reference, "reference", "", "the attempt with this reference")
	c.Flags().StringVar(&f.email, "email", "", "attempts for this address, in any spelling")
	c.Flags().StringVar(&f.reason, "reason", "", "refusals with this reason")
	c.Flags().StringVar(&f.outcome, "outcome", "", "signed_in, refused, reopened or suppressed")
	c.Flags().StringVar(&f.integration, "integration", "", "attempts of the integration with this id or app id")
	c.Flags().IntVar(&f.limit, "limit", 50, "at most so many")
	c.Flags().BoolVar(&f.follow, "follow", false, "go on with what comes in, until Ctrl-C")
	c.Flags().BoolVar(&f.json, "json", false, "one JSON object on each line, as the API has them")
	return c
}

func (f *logFlags) show(ctx context.Context, t commandTenant, out io.Writer) error {
	if f.reference != "" {
		r, err := t.provisioning.SignInByReference(ctx, t.tenant, f.reference)
		if err != nil {
			return err
		}
		return f.print(out, []provisioning.SignInRecord{r}, true)
	}
	filter := provisioning.SignInFilter{Email: f.email, Reason: f.reason, Outcome: f.outcome}
	if f.integration != "" {
		n, err := t.provisioning.IntegrationOnceInstalled(ctx, t.tenant, f.integration)
		if err != nil {
			return err
		}
		filter.IntegrationID = n.ID
	}
	limit := f.limit
	if f.follow {
		limit = max(limit, followMost) // what is not shown now is not news later
	}
	records, err := newest(ctx, t, filter, limit)
	if err != nil {
		return err
	}
	if err := f.print(out, records[max(0, len(records)-f.limit):], false); err != nil || !f.follow {
		return err
	}
	return f.goOn(ctx, t, filter, out, records)
}

// newest returns the newest entries, at most limit, the oldest of them first.
func newest(ctx context.Context, t commandTenant, filter provisioning.SignInFilter, limit int) ([]provisioning.SignInRecord, error) {
	var records []provisioning.SignInRecord
	before := ""
	for len(records) < limit {
		page, next, err := t.provisioning.SignIns(ctx, t.tenant, filter, before)
		if err != nil {
			return nil, err
		}
		records = append(records, page...)
		if next == "" {
			break
		}
		before = next
	}
	records = records[:min(len(records), limit)]
	slices.Reverse(records)
	return records, nil
}

const (
	// followPause is between two looks for what has come in.
	followPause = time.Second
	// followOverlap is how far each look goes back: instances write what they
	// have in batches, so entries do not appear in the order of their times.
	followOverlap = 10 * time.Second
	// followMost bounds one look.
	followMost = 2000
)

// goOn prints entries as they come in, until ctx ends.
func (f *logFlags) goOn(ctx context.Context, t commandTenant, filter provisioning.SignInFilter, out io.Writer,
	shown []provisioning.SignInRecord,
) error {
	printed := map[string]time.Time{} // by id
	filter.From = time.Now().Add(-followOverlap)
	for _, r := range shown {
		printed[r.ID] = r.At
	}
	tick := time.NewTicker(followPause)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		records, err := newest(ctx, t, filter, followMost)
		switch {
		case ctx.Err() != nil:
			return nil
		case provisioning.Unavailable(err):
			continue // the next look tells what was missed
		case err != nil:
			return err
		}
		var fresh []provisioning.SignInRecord
		for _, r := range records {
			if _, known := printed[r.ID]; !known {
				fresh = append(fresh, r)
				printed[r.ID] = r.At
			}
		}
		if err := f.print(out, fresh, false); err != nil {
			return err
		}
		filter.From = time.Now().Add(-followOverlap)
		for id, at := range printed {
			if at.Before(filter.From) {
				delete(printed, id)
			}
		}
	}
}

// print writes entries as a table, or as JSON. whole adds what is known about a
// single one.
func (f *logFlags) print(out io.Writer, records []provisioning.SignInRecord, whole bool) error {
	if f.json {
		encoder := json.NewEncoder(out)
		for _, r := range records {
			if err := encoder.Encode(admin.AnswerSignIn(r)); err != nil {
				return err
			}
		}
		return nil
	}
	table := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	for _, r := range records {
		what := r.Outcome
		if r.Reason != "" {
			what += " " + r.Reason
		}
		if r.Count > 1 {
			what += fmt.Sprintf(" ×%d", r.Count)
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\n", r.At.UTC().Format("2006-01-02 15:04:05.000"), r.Reference, what, printable(r.Email), printable(r.Detail))
	}
	if err := table.Flush(); err != nil || !whole {
		return err
	}
	for _, r := range records {
		for _, part := range []struct{ name, text string }{
			{"Integration", r.IntegrationID},
			{"Key", r.KeyID},
			{"User", r.UserID},
			{"Subject", r.Subject},
			{"Target", r.Target},
			{"Network", r.Network},
			{"Browser", r.UserAgent},
			{"Rung", r.Rung},
			{"Header", r.Header},
			{"Claims", r.Payload},
		} {
			if part.text != "" {
				fmt.Fprintf(out, "%-12s %s\n", part.name+":", printable(part.text))
			}
		}
	}
	return nil
}

// printable keeps what a partner has sent from steering the terminal.
func printable(text string) string {
	return strings.Map(func(r rune) rune {
		if r < ' ' || r >= 0x7f && r < 0xa0 || r >= 0x200b && r <= 0x200f || r >= 0x202a && r <= 0x202e || r >= 0x2066 && r <= 0x2069 {
			return '\ufffd'
		}
		return r
	}, text)
}
