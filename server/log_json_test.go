package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"math"
	"os"
	"strings"
	"testing"
	"time"
)

// bothLogs writes a record by our handler and by slog's.
func bothLogs(t testing.TB, record slog.Record) (ours, slogs string) {
	t.Helper()
	var a, b bytes.Buffer
	if err := newJSONLog(&a).Handle(t.Context(), record.Clone()); err != nil {
		t.Fatal(err)
	}
	usual := slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: cleanAttr})
	if err := usual.Handle(t.Context(), record); err != nil {
		t.Fatal(err)
	}
	return a.String(), b.String()
}

// TestJSONLogIsSlogs: whatever a line holds, it is the one that slog writes.
func TestJSONLogIsSlogs(t *testing.T) {
	t.Parallel()
	at := time.Date(2026, 11, 22, 13, 14, 15, 123456000, time.UTC)
	texts := []string{
		"", "plain", `quotes " and \ and /`, "<script>&</script>", "line\nfeed", "\x00\x1b[31m\x7f\u009b", "\u2028\u2029\u202e\u200b",
		"Zoë – 日本語 🎟", "bad \xff\xc3 bytes", "\ufffd", strings.Repeat("long ", 500),
	}
	for name, attrs := range map[string][]slog.Attr{
		"nothing": nil,
		"numbers": {
			slog.Int("int", -7), slog.Int64("most", math.MaxInt64), slog.Uint64("uint", math.MaxUint64), slog.Bool("yes", true), slog.Bool("no", false),
		},
		"fractions": {
			slog.Float64("zero", 0), slog.Float64("milliseconds", 0.001), slog.Float64("third", 1.0/3), slog.Float64("whole", 12),
			slog.Float64("least", 1e-6), slog.Float64("tiny", 1e-7), slog.Float64("huge", 1e20), slog.Float64("more", 1e21),
			slog.Float64("negative", -1.5), slog.Float64("minus zero", math.Copysign(0, -1)),
		},
		"no numbers": {slog.Float64("nan", math.NaN())},
		"infinite":   {slog.Float64("infinite", math.Inf(-1))},
		"errors":     {slog.Any("error", errors.New("it \"broke\"\n")), slog.Any("wrapped", fmt.Errorf("a: %w", os.ErrNotExist))},
		"no error":   {slog.Any("error", nil)},
		"lists":      {slog.Any("list", texts), slog.Any("empty", []string{}), slog.Any("none", []string(nil))},
		"others":     {slog.Duration("for", time.Second), slog.Time("at", at), slog.Any("map", map[string]int{"a": 1})},
		"group":      {slog.Group("group", slog.String("text", "a\nb"))},
		"no name":    {slog.String("", "a"), {}},
		"odd names":  {slog.String("a\nb", "a"), slog.String(`"`, "a"), slog.String("ü", "a")},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			for _, text := range texts {
				for _, when := range []time.Time{at, at.Local(), at.Truncate(time.Second), at.In(time.FixedZone("", 3600)), {}, at.AddDate(9000, 0, 0)} {
					record := slog.NewRecord(when, slog.LevelInfo+1, text, 0)
					record.AddAttrs(slog.String("text", text))
					record.AddAttrs(attrs...)
					if got, want := bothLogs(t, record); got != want {
						t.Fatalf("got  %swant %s", got, want)
					}
				}
			}
		})
	}
}

// TestJSONLogWithMore: loggers with attributes or groups of their own.
func TestJSONLogWithMore(t *testing.T) {
	t.Parallel()
	var a, b bytes.Buffer
	write := func(h slog.Handler) {
		for _, h := range []slog.Handler{h.WithAttrs([]slog.Attr{slog.String("of", "all\n")}), h.WithGroup("group"), h} {
			record := slog.NewRecord(time.Unix(1_800_000_000, 0), slog.LevelWarn, "text", 0)
			record.AddAttrs(slog.Int("n", 1))
			if err := h.Handle(context.WithoutCancel(t.Context()), record); err != nil {
				t.Error(err)
			}
		}
	}
	write(newJSONLog(&a))
	write(slog.NewJSONHandler(&b, &slog.HandlerOptions{ReplaceAttr: cleanAttr}))
	if a.String() != b.String() {
		t.Errorf("got  %s\nwant %s", &a, &b)
	}
	if newJSONLog(&a).Enabled(t.Context(), slog.LevelDebug) {
		t.Error("got lines for debugging, want none")
	}
}

func FuzzJSONLog(f *testing.F) {
	f.Add("request", "path", "/auth/verify", int64(204), 0.251)
	f.Add("a\nb", "a\"b", "\u202e\xff\\", int64(-1), 1e300)
	f.Fuzz(func(t *testing.T, message, name, text string, n int64, fraction float64) {
		record := slog.NewRecord(time.Unix(1_800_000_000, n%1e9), slog.LevelInfo, message, 0)
		record.AddAttrs(slog.String("text", text), slog.Int64("n", n), slog.Float64("fraction", fraction),
			slog.Any("list", []string{text, message}), slog.Any("error", errors.New(text)), slog.Bool(name, n > 0))
		if got, want := bothLogs(t, record); got != want {
			t.Errorf("got  %swant %s", got, want)
		}
	})
}

// BenchmarkLogLine is the line of one request.
func BenchmarkLogLine(b *testing.B) {
	var room [16]slog.Attr
	attrs := append(room[:0],
		slog.String("reference", "6NV2Q3W8ZK5T0J4M"), slog.String("method", "GET"), slog.String("route", "/auth/verify"),
		slog.String("path", "/auth/verify"), slog.Int("status", 204), slog.Int("bytes", 0), slog.Float64("milliseconds", 0.251),
		slog.String("client", "127.0.0.1"), slog.String("tenant", "0199a3de-0000-7000-8000-000000000001"),
		slog.String("user", "0199a3de-0000-7000-8000-000000000002"), slog.String("integration", "0199a3de-0000-7000-8000-000000000003"))
	for name, h := range map[string]slog.Handler{
		"ours":  newJSONLog(io.Discard),
		"slogs": slog.NewJSONHandler(io.Discard, &slog.HandlerOptions{ReplaceAttr: cleanAttr}),
	} {
		b.Run(name, func(b *testing.B) {
			b.ReportAllocs()
			at := time.Now()
			for b.Loop() {
				record := slog.NewRecord(at, slog.LevelInfo, "request", 0)
				record.AddAttrs(attrs...)
				_ = h.Handle(b.Context(), record)
			}
		})
	}
}
