package main

import (
	"strings"
	"testing"
	"time"
)

func TestBarText(t *testing.T) {
	t.Parallel()
	for _, tt := range []struct {
		done, total int64
		want        string
	}{
		{0, 10, "backup [" + strings.Repeat(" ", 30) + "] 0 %"},
		{5, 10, "backup [" + strings.Repeat("=", 15) + strings.Repeat(" ", 15) + "] 50 %, 4 s left"},
		{10, 10, "backup [" + strings.Repeat("=", 30) + "] 100 %, 0 s left"},
		{11, 10, "backup [" + strings.Repeat("=", 30) + "] 100 %, 0 s left"},
	} {
		if got := barText("backup", tt.done, tt.total, 4*time.Second); got != tt.want {
			t.Errorf("%d of %d: got %q, want %q", tt.done, tt.total, got, tt.want)
		}
	}
}

// TestBarOnATerminalAlone: what goes to a file or a pipe stays clean.
func TestBarOnATerminalAlone(t *testing.T) {
	t.Parallel()
	log := newOutput()
	show, clearBar := bar(log, "backup", time.Now)
	show(5, 10)
	clearBar()
	if log.String() != "" {
		t.Errorf("got %q, want nothing", log)
	}
}
