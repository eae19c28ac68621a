package handlers

import (
	"slices"
	"strings"
	"testing"
)

func TestPrefersJSON(t *testing.T) {
	t.Parallel()
	const chromium = "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,image/webp,image/apng,*/*;q=0.8,application/signed-exchange;v=b3;q=0.7"
	tests := []struct {
		name  string
		lines []string
		want  bool
	}{
		{"absent", nil, false},
		{"empty", []string{""}, false},
		{"Chromium", []string{chromium}, false},
		{"curl", []string{"*/*"}, false},
		{"JSON", []string{"application/json"}, true},
		{"problem", []string{"application/problem+json"}, true},
		{"other case", []string{"Application/JSON"}, true},
		{"charset", []string{"application/json; charset=utf-8"}, true},
		{"axios", []string{"application/json, text/plain, */*"}, true},
		{"equal by name", []string{"application/json, text/html"}, false},
		{"HTML less", []string{"text/html;q=0.9, application/json"}, true},
		{"JSON less", []string{"text/html, application/json;q=0.9"}, false},
		{"spaces and upper case Q", []string{"text/html ; Q=0.5 ,\tapplication/json ; Q=0.501"}, true},
		{"HTML refused", []string{"text/html;q=0, */*"}, true},
		{"JSON refused", []string{"application/json;q=0, */*;q=0.1"}, false},
		{"all refused", []string{"*/*;q=0"}, false},
		{"problem refused, JSON wanted", []string{"application/problem+json;q=0, application/json, text/html;q=0.2"}, true},
		{"subtype wildcard", []string{"application/*"}, true},
		{"name beats wildcard", []string{"application/*;q=1, application/json;q=0.1, application/problem+json;q=0.1, text/html;q=0.5"}, false},
		{"two lines", []string{"text/html;q=0.1", "application/json;q=0.2"}, true},
		{"unknown parameter before q", []string{"application/json;v=2;q=0.1, text/html;q=0.2"}, false},

		{"no slash", []string{"json"}, false},
		{"only slash", []string{"/"}, false},
		{"wildcard type", []string{"*/json"}, false},
		{"two slashes", []string{"application/json/x"}, false},
		{"space inside", []string{"application /json"}, false},
		{"q above one", []string{"application/json;q=1.001"}, false},
		{"q with four decimals", []string{"application/json;q=0.1234"}, false},
		{"q negative", []string{"application/json;q=-1"}, false},
		{"q exponent", []string{"application/json;q=1e9"}, false},
		{"q NaN", []string{"application/json;q=NaN"}, false},
		{"q empty", []string{"application/json;q="}, false},
		{"q without value", []string{"application/json;q"}, false},
		{"controls", []string{"\x00application/json\x7f"}, false},
		{"only separators", []string{strings.Repeat(",;", 4000)}, false},
		{"JSON beyond what is looked at", []string{strings.Repeat("a/b,", 1000) + "application/json"}, false},
		{"long type", []string{strings.Repeat("a", 30000) + "/json"}, false},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			t.Parallel()
			if got := prefersJSON(tt.lines); got != tt.want {
				t.Errorf("got %v, want %v for %.200q", got, tt.want, tt.lines)
			}
		})
	}
}

// FuzzPrefersJSON holds that the order of ranges means nothing, and that HTML
// is never overruled by a header which does not speak of JSON at all.
func FuzzPrefersJSON(f *testing.F) {
	for _, seed := range []string{
		"", "*/*", "application/json", "text/html, application/json;q=0.5", "application/*;q=0.2, text/*;q=0.1",
		"application/json;q=1.000, application/json;q=0", ";;;,,,//", "application/problem+json;q=0.001",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, accept string) {
		items := strings.Split(accept, ",")
		got := prefersJSON([]string{accept})
		if len(items) <= maxRanges {
			slices.Reverse(items)
			if reversed := prefersJSON([]string{strings.Join(items, ",")}); reversed != got {
				t.Errorf("got %v for %q, but %v with its ranges reversed", got, accept, reversed)
			}
		}
		lower := strings.ToLower(accept)
		if got && !strings.Contains(lower, "json") && !strings.Contains(lower, "application/*") && !strings.Contains(lower, "*/*") {
			t.Errorf("got JSON for %q", accept)
		}
	})
}

func TestAsksForPage(t *testing.T) {
	t.Parallel()
	for accept, want := range map[string]bool{
		"":    false,
		"*/*": false,
		"text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8": true,
		"text/html":                           true,
		"text/*":                              false,
		"text/html;q=0":                       false,
		"application/json":                    false,
		"application/json, text/html;q=0.5":   false,
		"text/html, application/json;q=0.5":   true,
		"image/avif,image/webp,*/*;q=0.8":     false,
		"text/html;q=0.5, application/json":   false,
		"application/problem+json, text/html": true,
	} {
		if got := asksForPage([]string{accept}); got != want {
			t.Errorf("asksForPage(%q): got %v, want %v", accept, got, want)
		}
	}
}
