package main

import (
	"io"
	"os"
	"sync"
	"time"
)

// lineWriter writes lines in the order in which they come. With a pause it gathers
// them, so that many share a system call, and a line is written within the pause,
// or at once when there are enough.
type lineWriter struct {
	w     io.Writer
	pause time.Duration // 0 = every line is written at once
	spare sync.Pool     // of *[]byte, for lines that are being put together

	out  sync.Mutex // held while w is written to, and taken before mu
	away []byte     // room that gathered had before; guarded by out

	mu       sync.Mutex
	gathered []byte
	alarm    *time.Timer // that will call flush; nil = there was none yet
	set      bool        // it will
}

const (
	// logPause is how late a line may be written.
	logPause = 100 * time.Millisecond
	// enoughLines is how much is gathered at most, in bytes.
	enoughLines = 32 << 10
)

// logPauseOf is the pause for a log that goes to w: lines are gathered for files
// and pipes, and where nobody looks on.
func logPauseOf(w io.Writer) time.Duration {
	if _, ok := w.(*os.File); ok && !isTerminal(w) {
		return logPause
	}
	return 0
}

// Write takes one line, or several.
func (l *lineWriter) Write(lines []byte) (int, error) {
	if l.pause == 0 {
		l.out.Lock()
		defer l.out.Unlock()
		return l.w.Write(lines)
	}
	if l.gather(lines) {
		l.writeAll()
	}
	return len(lines), nil
}

// gather adds lines and reports whether there are enough.
func (l *lineWriter) gather(lines []byte) bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.gathered = append(l.gathered, lines...)
	switch {
	case len(l.gathered) >= enoughLines:
		return true
	case l.alarm == nil:
		l.set, l.alarm = true, time.AfterFunc(l.pause, l.flush)
	case !l.set:
		l.set = true
		l.alarm.Reset(l.pause)
	}
	return false
}

// flush writes what was gathered.
func (l *lineWriter) flush() {
	l.mu.Lock()
	l.set = false
	l.mu.Unlock()
	l.writeAll()
}

// writeAll writes what was gathered, and returns when everything before it is
// written too. Meanwhile others go on gathering: they wait for the system only
// when it is so slow that there are enough lines again.
func (l *lineWriter) writeAll() {
	l.out.Lock()
	defer l.out.Unlock()
	l.mu.Lock()
	lines := l.gathered
	l.gathered = l.away[:0]
	l.mu.Unlock()
	if len(lines) > 0 {
		_, _ = l.w.Write(lines) // there is nowhere to tell that a log cannot be written
	}
	l.away = lines
}
