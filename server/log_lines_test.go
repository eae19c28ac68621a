package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// writes counts how often it was written to.
type writes struct {
	*output
	times int
}

func (w *writes) Write(p []byte) (int, error) {
	w.times++
	return w.output.Write(p)
}

func newGathering(pause time.Duration) (*jsonLog, *writes) {
	w := &writes{output: newOutput()}
	h := newJSONLog(w)
	h.lines.pause = pause
	return h, w
}

// TestLinesAreGathered: they wait for the pause, for enough of them, for something
// that is worse than usual, or for the end.
func TestLinesAreGathered(t *testing.T) {
	t.Parallel()
	const never = time.Hour
	for _, test := range []struct {
		name  string
		pause time.Duration
		act   func(log *slog.Logger, h *jsonLog)
		want  int // times that something was written
		lines int // that were written
	}{
		{"one", never, func(log *slog.Logger, _ *jsonLog) { log.Info("a") }, 0, 0},
		{"without a pause", 0, func(log *slog.Logger, _ *jsonLog) { log.Info("a"); log.Info("b") }, 2, 2},
		{"a warning", never, func(log *slog.Logger, _ *jsonLog) { log.Info("a"); log.Warn("b"); log.Info("c") }, 1, 2},
		{"an error", never, func(log *slog.Logger, _ *jsonLog) { log.Info("a"); log.Error("b", "error", errors.New("c")) }, 1, 2},
		{"of another logger", never, func(log *slog.Logger, _ *jsonLog) { log.Info("a"); log.With("b", 1).Error("c") }, 1, 2},
		{"not plain", never, func(log *slog.Logger, _ *jsonLog) { log.Info("a", "b", time.Second) }, 0, 0},
		{"enough", never, func(log *slog.Logger, _ *jsonLog) {
			for range 33 {
				log.Info(strings.Repeat("a", 1000))
			}
		}, 1, 31},
		{"the end", never, func(log *slog.Logger, h *jsonLog) { log.Info("a"); log.Info("b"); h.lines.flush(); h.lines.flush() }, 1, 2},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			h, w := newGathering(test.pause)
			test.act(slog.New(h), h)
			if lines := strings.Count(w.String(), "\n"); w.times != test.want || lines != test.lines {
				t.Errorf("got %d lines in %d pieces, want %d in %d:\n%.500s", lines, w.times, test.lines, test.want, w)
			}
		})
	}
}

// TestLinesComeWithoutBeingAsked: after the pause, again and again.
func TestLinesComeWithoutBeingAsked(t *testing.T) {
	t.Parallel()
	h, w := newGathering(time.Millisecond)
	log := slog.New(h)
	for n := range 5 {
		log.Info("line", "n", n)
		<-w.wrote
		if want := fmt.Sprintf(`"n":%d}`, n); !strings.Contains(w.String(), want) {
			t.Errorf("got %q, want %s in it", w, want)
		}
	}
}

// TestLinesStayWholeAndInOrder: of many goroutines at once.
func TestLinesStayWholeAndInOrder(t *testing.T) {
	t.Parallel()
	h, w := newGathering(time.Microsecond)
	log := slog.New(h)
	const writers, each = 8, 200
	var all sync.WaitGroup
	for writer := range writers {
		all.Go(func() {
			for n := range each {
				log.LogAttrs(context.WithoutCancel(t.Context()), slog.LevelInfo, "line", slog.Int("of", writer), slog.Int("n", n))
			}
		})
	}
	all.Wait()
	h.lines.flush()
	next := [writers]int{}
	for line := range strings.Lines(w.String()) {
		var of, n int
		_, said, _ := strings.Cut(line, `"msg":"line",`)
		if _, err := fmt.Sscanf(said, `"of":%d,"n":%d}`, &of, &n); err != nil || n != next[of] {
			t.Fatalf("got %q, want line %d of that writer", line, next[of])
		}
		next[of]++
	}
	for writer, n := range next {
		if n != each {
			t.Errorf("got %d lines of writer %d, want %d", n, writer, each)
		}
	}
}

// stuck is a writer whose first piece takes until it is let go.
type stuck struct {
	*output
	writing, letGo chan struct{}
	once           sync.Once
}

func (w *stuck) Write(p []byte) (int, error) {
	w.once.Do(func() {
		close(w.writing)
		<-w.letGo
	})
	return w.output.Write(p)
}

// TestLinesAreGatheredWhileOthersAreWritten: a slow system keeps nobody waiting
// who has a line to write, until there are enough of them again; a flush waits
// for what was written before it.
func TestLinesAreGatheredWhileOthersAreWritten(t *testing.T) {
	t.Parallel()
	w := &stuck{output: newOutput(), writing: make(chan struct{}), letGo: make(chan struct{})}
	h := newJSONLog(w)
	h.lines.pause = time.Hour
	log := slog.New(h)
	log.Info("first")
	var all sync.WaitGroup
	all.Go(h.lines.flush)
	<-w.writing
	log.Info("second") // returns, though nothing can be written
	all.Go(h.lines.flush)
	if got := w.String(); got != "" {
		t.Errorf("got %q, want nothing before the writer is let go", got)
	}
	close(w.letGo)
	h.lines.flush()
	if first, second, found := strings.Cut(w.String(), "\n"); !found || !strings.Contains(first, `"first"`) || !strings.Contains(second, `"second"`) {
		t.Errorf("got %q, want the first line and then the second", w)
	}
	all.Wait()
}

// TestLogPause: lines are gathered where nobody waits for them.
func TestLogPause(t *testing.T) {
	t.Parallel()
	file, err := os.Create(filepath.Join(t.TempDir(), "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0)
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	if got := logPauseOf(file); got != logPause {
		t.Errorf("file: got a pause of %v, want %v", got, logPause)
	}
	if got := logPauseOf(device); got != 0 {
		t.Errorf("terminal: got a pause of %v, want none", got)
	}
	if got := logPauseOf(new(bytes.Buffer)); got != 0 {
		t.Errorf("another writer: got a pause of %v, want none", got)
	}
	log, flush := newServerLogger(file, Production)
	log.Info("a")
	flush()
	if text, err := os.ReadFile(file.Name()); err != nil || !strings.Contains(string(text), `"msg":"a"`) {
		t.Errorf("got %q, error %v after a flush, want the line", text, err)
	}
}
