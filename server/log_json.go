package main

import (
	"context"
	"io"
	"log/slog"
	"strconv"
	"time"
	"unicode/utf8"
)

// jsonLog writes records as slog's JSONHandler would, byte for byte, and does
// those with plain values itself: a server writes a line for every request, and
// most of what that costs is in looking for what such a line never holds.
type jsonLog struct {
	lines *lineWriter
	slow  slog.Handler // writes to lines, too
	given bool         // slow has attributes or a group of its own: it does them all
}

func newJSONLog(w io.Writer) *jsonLog {
	lines := &lineWriter{w: w}
	return &jsonLog{lines: lines, slow: slog.NewJSONHandler(lines, &slog.HandlerOptions{ReplaceAttr: cleanAttr})}
}

// Enabled implements [slog.Handler].
func (h *jsonLog) Enabled(ctx context.Context, level slog.Level) bool {
	return h.slow.Enabled(ctx, level)
}

// WithAttrs implements [slog.Handler].
func (h *jsonLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &jsonLog{lines: h.lines, slow: h.slow.WithAttrs(attrs), given: true}
}

// WithGroup implements [slog.Handler].
func (h *jsonLog) WithGroup(name string) slog.Handler {
	return &jsonLog{lines: h.lines, slow: h.slow.WithGroup(name), given: true}
}

// Handle implements [slog.Handler].
func (h *jsonLog) Handle(ctx context.Context, record slog.Record) error {
	var room [16]slog.Attr
	attrs := room[:0]
	record.Attrs(func(a slog.Attr) bool {
		attrs = append(attrs, a)
		return true
	})
	return h.HandleLine(ctx, record.Time, record.Level, record.Message, attrs)
}

// HandleLine is Handle for a record of these parts. What is worse than Info is
// written at once.
func (h *jsonLog) HandleLine(ctx context.Context, at time.Time, level slog.Level, message string, attrs []slog.Attr) error {
	err := h.write(ctx, at, level, message, attrs)
	if level > slog.LevelInfo {
		h.lines.flush()
	}
	return err
}

func (h *jsonLog) write(ctx context.Context, at time.Time, level slog.Level, message string, attrs []slog.Attr) error {
	if h.given {
		return h.writeSlowly(ctx, at, level, message, attrs)
	}
	buffer, ok := h.lines.spare.Get().(*[]byte)
	if !ok {
		buffer = new([]byte)
	}
	line, plain := appendLine((*buffer)[:0], at, level, message, attrs)
	defer func() {
		*buffer = line
		h.lines.spare.Put(buffer)
	}()
	if !plain {
		return h.writeSlowly(ctx, at, level, message, attrs)
	}
	_, err := h.lines.Write(line)
	return err
}

func (h *jsonLog) writeSlowly(ctx context.Context, at time.Time, level slog.Level, message string, attrs []slog.Attr) error {
	record := slog.NewRecord(at, level, message, 0)
	record.AddAttrs(attrs...)
	return h.slow.Handle(ctx, record)
}

// appendLine appends a record as a line of JSON, or reports that it holds
// something that is not plain.
func appendLine(line []byte, at time.Time, level slog.Level, message string, attrs []slog.Attr) ([]byte, bool) {
	if at.IsZero() || at.Year() < 0 || at.Year() > 9999 {
		return line, false
	}
	line = at.AppendFormat(append(line, `{"time":"`...), time.RFC3339Nano)
	line = append(append(line, `","level":"`...), level.String()...)
	line = appendText(append(line, `","msg":`...), message)
	plain := true
	for _, a := range attrs {
		if !isName(a.Key) {
			return line, false
		}
		line = append(append(append(line, `,"`...), a.Key...), `":`...)
		if line, plain = appendValue(line, a.Value); !plain {
			return line, false
		}
	}
	return append(line, "}\n"...), true
}

// appendValue appends a value, or reports that it is not plain.
func appendValue(line []byte, value slog.Value) ([]byte, bool) {
	switch value.Kind() {
	case slog.KindString:
		return appendText(line, value.String()), true
	case slog.KindInt64:
		return strconv.AppendInt(line, value.Int64(), 10), true
	case slog.KindUint64:
		return strconv.AppendUint(line, value.Uint64(), 10), true
	case slog.KindBool:
		return strconv.AppendBool(line, value.Bool()), true
	case slog.KindFloat64:
		// Others have an exponent, or are no numbers to JSON.
		if f := value.Float64(); f == 0 || f >= 1e-6 && f < 1e21 {
			return strconv.AppendFloat(line, f, 'f', -1, 64), true
		}
	case slog.KindAny:
		switch all := value.Any().(type) {
		case error:
			return appendText(line, all.Error()), true
		case []string:
			line = append(line, '[')
			for i, one := range all {
				if i > 0 {
					line = append(line, ',')
				}
				line = appendText(line, one)
			}
			return append(line, ']'), true
		}
	case slog.KindDuration, slog.KindTime, slog.KindGroup, slog.KindLogValuer:
	}
	return line, false
}

// appendText appends a text in quotes, as cleanAttr leaves it.
func appendText(line []byte, text string) []byte {
	line = append(line, '"')
	if isName(text) || text == "" {
		return append(append(line, text...), '"')
	}
	// What is left of a clean text has neither control characters nor bytes that
	// are no UTF-8.
	for _, r := range cleanText(text) {
		if r == '"' || r == '\\' {
			line = append(line, '\\')
		}
		line = utf8.AppendRune(line, r)
	}
	return append(line, '"')
}

// isName reports visible ASCII that stands for itself in JSON.
func isName(s string) bool {
	for i := range len(s) {
		if c := s[i]; c < ' ' || c > '~' || c == '"' || c == '\\' {
			return false
		}
	}
	return s != ""
}
