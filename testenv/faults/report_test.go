//go:build linux

package faults

import (
	"fmt"
	"os"
	"sync"
	"text/tabwriter"
	"time"
)

// line is what one row of the report says.
type line struct {
	fault      string
	runs       int    // requests, or kills
	seen       string // by door
	slowest    time.Duration
	recovered  time.Duration
	violations int
}

var reports struct {
	mu    sync.Mutex
	lines []line
}

func reported(l line) {
	reports.mu.Lock()
	defer reports.mu.Unlock()
	reports.lines = append(reports.lines, l)
}

// report prints the table of the long form.
func report() {
	if !*long {
		return
	}
	out := tabwriter.NewWriter(os.Stdout, 0, 0, 1, ' ', 0)
	fmt.Fprintln(out, "| fault\t| runs\t| seen\t| slowest\t| works again after\t| violations |")
	fmt.Fprintln(out, "|---\t|---\t|---\t|---\t|---\t|--- |")
	for _, l := range reports.lines {
		fmt.Fprintf(out, "| %s\t| %d\t| %s\t| %d ms\t| %d ms\t| %d |\n",
			l.fault, l.runs, l.seen, l.slowest.Milliseconds(), l.recovered.Milliseconds(), l.violations)
	}
	_ = out.Flush()
}
