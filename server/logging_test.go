package main

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLogValuesAreCleaned(t *testing.T) {
	t.Parallel()
	hostile := map[string]string{
		"line feed":       "a\nlevel=ERROR msg=forged",
		"carriage return": "a\rforged",
		"escape":          "\x1b]0;title\x07\x1b[31mred",
		"C1":              "a\u009b31mred",
		"DEL":             "a\x7fb",
		"NUL":             "a\x00b",
		"line separator":  "a\u2028b",
		"right to left":   "a\u202egnp.exe",
		"zero width":      "ad\u200bmin",
		"bad UTF-8":       "a\xffb",
	}
	for name, text := range hostile {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var b bytes.Buffer
			log := newLogger(&b, Production)
			log.Info(text, "text", text, "error", errors.New(text), "wrapped", fmt.Errorf("x: %w", errors.New(text)),
				"list", []string{text}, slog.Group("group", "text", text))
			if got := strings.Count(b.String(), "\n"); got != 1 {
				t.Errorf("got %d lines, want 1: %q", got, b.String())
			}
			var record map[string]any
			if err := json.Unmarshal(b.Bytes(), &record); err != nil {
				t.Fatal(err)
			}
			group, _ := record["group"].(map[string]any)
			list, _ := record["list"].([]any)
			for where, value := range map[string]any{
				"msg": record["msg"], "text": record["text"], "error": record["error"], "wrapped": record["wrapped"],
				"list": list[0], "group": group["text"],
			} {
				got, _ := value.(string)
				if strings.ContainsFunc(got, hidden) || !strings.ContainsRune(got, utf8.RuneError) {
					t.Errorf("got %s %q, want U+FFFD for what is hidden", where, got)
				}
			}
		})
	}
}

func TestLogLeavesPlainTextAlone(t *testing.T) {
	t.Parallel()
	for _, text := range []string{"", "plain", "Zoë Müller – “quoted” 日本語 🎟", "a b\u00a0c"} {
		if got := cleanText(text); got != text {
			t.Errorf("got %q, want %q", got, text)
		}
	}
}

func TestLogIsTextOnATerminalOnly(t *testing.T) {
	t.Parallel()
	device, err := os.OpenFile(os.DevNull, os.O_WRONLY, 0) // a character device, as terminals are
	if err != nil {
		t.Fatal(err)
	}
	defer device.Close()
	for _, tt := range []struct {
		name string
		log  *slog.Logger
		text bool
	}{
		{"development, terminal", newLogger(device, Development), true},
		{"production, terminal", newLogger(device, Production), false},
		{"development, pipe", newLogger(new(bytes.Buffer), Development), false},
	} {
		if _, text := tt.log.Handler().(*slog.TextHandler); text != tt.text {
			t.Errorf("%s: got text %v, want %v", tt.name, text, tt.text)
		}
	}
}
