package main

import (
	"fmt"
	"os"
	"strings"
	"time"
)

// bar shows progress on standard error: a bar on a terminal, else a line every
// few seconds.
type bar struct {
	label    string
	total    int
	begun    time.Time
	last     time.Time
	terminal bool
}

func newBar(label string, total int) *bar {
	info, err := os.Stderr.Stat()
	return &bar{
		label: label, total: total, begun: time.Now(), last: time.Now(),
		terminal: err == nil && info.Mode()&os.ModeCharDevice != 0,
	}
}

const (
	barWidth   = 30
	plainEvery = 5 * time.Second
)

func (b *bar) show(done int) {
	rate := float64(done) / time.Since(b.begun).Seconds()
	switch {
	case done == 0:
	case b.terminal:
		filled := barWidth * done / b.total
		fmt.Fprintf(os.Stderr, "\rbench: %s [%s%s] %d of %d, %.0f/s, %.0f s left ", b.label,
			strings.Repeat("=", filled), strings.Repeat(" ", barWidth-filled), done, b.total, rate,
			float64(b.total-done)/rate)
	case time.Since(b.last) >= plainEvery:
		b.last = time.Now()
		say("%s %d of %d, %.0f/s", b.label, done, b.total, rate)
	}
}

func (b *bar) finish(done int) {
	if b.terminal {
		fmt.Fprint(os.Stderr, "\r\x1b[K")
	}
	taken := time.Since(b.begun)
	say("%s: %d in %.1f s", b.label, done, taken.Seconds())
}
