package tokens_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"usher/sessions/tokens"
)

func TestReadScopeList(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                                 nil,
		" , ":                              nil,
		"a":                                {"a"},
		"a,b":                              {"a", "b"},
		"b a":                              {"b", "a"},
		"a, b,,a":                          {"a", "b"},
		"user:memberof:Acme.dev,openid":    {"user:memberof:Acme.dev", "openid"},
		strings.Repeat("a", 256):           {strings.Repeat("a", 256)},
		"a" + strings.Repeat(" ", 8<<10):   nil,
		strings.Repeat("a", 257):           nil,
		"a\tb":                             nil,
		"a\"b":                             nil,
		`a\b`:                              nil,
		"ä":                                nil,
		numbered(101):                      nil,
		strings.TrimRight(numbered(3), ""): {"s1", "s2", "s3"},
	} {
		got, err := tokens.ReadScopeList(text)
		refused := want == nil && strings.Trim(text, " ,") != ""
		if diff := cmp.Diff(want, got); diff != "" || (err != nil) != refused {
			t.Errorf("%.40q: got %v, error %v, want %v", text, got, err, want)
		}
	}
}

// numbered is s1,s2,… with so many names.
func numbered(n int) string {
	var b strings.Builder
	for i := range n {
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString("s" + string(rune('0'+(i+1)%10)))
		b.WriteString(strings.Repeat("x", (i+1)/10))
	}
	return b.String()
}

func TestReadAudience(t *testing.T) {
	t.Parallel()
	for text, want := range map[string][]string{
		"":                         nil,
		",, ,":                     nil,
		"portal":                   {"portal"},
		"portal, backup,portal":    {"portal", "backup"},
		"https://a.example/x y":    {"https://a.example/x y"},
		strings.Repeat("a", 257):   nil,
		"a\x00b":                   nil,
		"a\nb":                     nil,
		"\xff":                     nil,
		strings.Repeat("a,", 5000): nil,
	} {
		got, err := tokens.ReadAudience(text)
		refused := want == nil && strings.Trim(text, " ,") != ""
		if diff := cmp.Diff(want, got); diff != "" || (err != nil) != refused {
			t.Errorf("%.40q: got %v, error %v, want %v", text, got, err, want)
		}
	}
	if got, err := tokens.ReadAudience(numbered(21)); err == nil {
		t.Errorf("21 names: got %v, want an error", got)
	}
}

func TestReadValidity(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]time.Duration{
		"": 0, "0": 0, "1": time.Second, "3600": time.Hour, "604800": 24 * time.Hour, "9223372036854775807": 24 * time.Hour,
		"-1": -1, "1.5": -1, "1h": -1, " 1": -1, "x": -1, "9223372036854775808": -1,
	} {
		got, err := tokens.ReadValidity(text)
		if want == -1 && err == nil || want != -1 && (err != nil || got != want) {
			t.Errorf("%q: got %v, error %v, want %v", text, got, err, want)
		}
	}
}
