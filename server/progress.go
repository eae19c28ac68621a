package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"usher/sql/store"
)

const (
	barWidth = 30
	barPause = 100 * time.Millisecond // between two pictures of a bar
)

// bar shows on a terminal how far something has come, and nothing elsewhere.
// clear takes it away again.
func bar(w io.Writer, label string, now func() time.Time) (show store.Progress, clearBar func()) {
	if !isTerminal(w) {
		return func(int64, int64) {}, func() {}
	}
	begun, last := now(), time.Time{}
	show = func(done, total int64) {
		at := now()
		if at.Sub(last) < barPause || total == 0 {
			return
		}
		last = at
		fmt.Fprintf(w, "\r%s\x1b[K", barText(label, done, total, at.Sub(begun)))
	}
	return show, func() { fmt.Fprint(w, "\r\x1b[K") }
}

// barText is one line such as “backup [=====     ] 50 %, 12 s left”.
func barText(label string, done, total int64, taken time.Duration) string {
	done = min(done, total)
	filled := int(barWidth * done / total)
	line := fmt.Sprintf("%s [%s%s] %d %%", label, strings.Repeat("=", filled), strings.Repeat(" ", barWidth-filled), 100*done/total)
	if done > 0 {
		left := time.Duration(float64(taken) * float64(total-done) / float64(done))
		line += fmt.Sprintf(", %d s left", int(left.Round(time.Second).Seconds()))
	}
	return line
}
