package main

import (
	"io"
	"log/slog"
	"os"
	"strings"
	"unicode"
	"unicode/utf8"
)

// newLogger writes JSON lines to w, or plain text when a developer looks at
// them on a terminal.
func newLogger(w io.Writer, env Env) *slog.Logger {
	if env == Development && isTerminal(w) {
		return slog.New(slog.NewTextHandler(w, &slog.HandlerOptions{ReplaceAttr: cleanAttr}))
	}
	return slog.New(newJSONLog(w))
}

// newServerLogger is newLogger for a program that writes very many lines: those
// that go to a file or a pipe are gathered for a moment. flush writes the last.
func newServerLogger(w io.Writer, env Env) (log *slog.Logger, flush func()) {
	log = newLogger(w, env)
	handler, ok := log.Handler().(*jsonLog)
	if !ok {
		return log, func() {}
	}
	handler.lines.pause = logPauseOf(w)
	return log, handler.lines.flush
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	if !ok {
		return false
	}
	info, err := file.Stat()
	return err == nil && info.Mode()&os.ModeCharDevice != 0
}

// cleanAttr takes what could start a new log line, drive a terminal or turn
// text round out of every value, whatever the handler's own escaping does:
// lines are unescaped again by the programs that show them.
func cleanAttr(_ []string, a slog.Attr) slog.Attr {
	switch a.Value.Kind() {
	case slog.KindString:
		a.Value = slog.StringValue(cleanText(a.Value.String()))
	case slog.KindAny:
		switch value := a.Value.Any().(type) {
		case error:
			a.Value = slog.StringValue(cleanText(value.Error()))
		case []string:
			clean := make([]string, len(value))
			for i, s := range value {
				clean[i] = cleanText(s)
			}
			a.Value = slog.AnyValue(clean)
		}
	default: // numbers, times and truth values have nothing to hide
	}
	return a
}

// cleanText puts U+FFFD in the place of every character that is not plainly
// visible, so that an attempt stays recognisable.
func cleanText(s string) string {
	if isPlain(s) {
		return s
	}
	return strings.Map(func(r rune) rune {
		if hidden(r) {
			return utf8.RuneError
		}
		return r
	}, s)
}

// isPlain reports visible ASCII, which nearly every value is.
func isPlain(s string) bool {
	for i := range len(s) {
		if s[i] < ' ' || s[i] > '~' {
			return false
		}
	}
	return true
}

// hidden reports control characters (C0, C1, DEL), format characters, which
// include the bidirectional overrides, and the line and paragraph separators.
func hidden(r rune) bool {
	return unicode.In(r, unicode.Cc, unicode.Cf, unicode.Zl, unicode.Zp)
}
