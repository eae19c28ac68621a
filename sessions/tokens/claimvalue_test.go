package tokens

import (
	"encoding/json"
	"strings"
	"testing"
)

func TestClaimValues(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		kind, raw string
		want      any // nil = not accepted
	}{
		{ClaimText, `"a"`, "a"},
		{ClaimText, `""`, nil},
		{ClaimText, `"  "`, nil},
		{ClaimText, `"\u200b\u2800 \u3164"`, nil},
		{ClaimText, `"ok 👍"`, "ok 👍"},
		{ClaimText, `1`, nil},
		{ClaimText, `null`, nil},
		{ClaimText, `["a"]`, nil},
		{ClaimText, `"a" "b"`, nil},
		{ClaimText, `"` + strings.Repeat("ä", 1000) + `"`, strings.Repeat("ä", 1000)},
		{ClaimText, `"` + strings.Repeat("ä", 1001) + `"`, nil},
		{ClaimNumber, `1.50`, json.Number("1.50")},
		{ClaimNumber, `-12345678901234567890`, json.Number("-12345678901234567890")},
		{ClaimNumber, `1e400`, nil},
		{ClaimNumber, `"1"`, nil},
		{ClaimNumber, strings.Repeat("1", 41), nil},
		{ClaimBoolean, `false`, false},
		{ClaimBoolean, `0`, nil},
		{ClaimDate, `"2024-02-29"`, "2024-02-29"},
		{ClaimDate, `"2023-02-29"`, nil},
		{ClaimDate, `"0000-01-01"`, nil},
		{ClaimDate, `"24-02-29"`, nil},
		{ClaimDate, `"2024-02-29T00:00:00Z"`, nil},
		{ClaimURL, `"https://example.org/a?b#c"`, "https://example.org/a?b#c"},
		{ClaimURL, `"http://localhost:8080"`, "http://localhost:8080"},
		{ClaimURL, `"javascript:alert(1)"`, nil},
		{ClaimURL, `"https://"`, nil},
		{ClaimURL, `"//example.org"`, nil},
		{ClaimURL, `"https://ada:secret@example.org/"`, nil},
		{ClaimURL, `"https://example.org/a b"`, nil},
		{ClaimURL, `"https://example.org/` + strings.Repeat("a", 2000) + `"`, nil},
		{"colour", `"red"`, nil},
	} {
		got, ok := claimValue(test.kind, []byte(test.raw))
		if ok != (test.want != nil) || ok && got != test.want {
			t.Errorf("%s %.40s: got %v, %v, want %v", test.kind, test.raw, got, ok, test.want)
		}
	}
}

func TestEnteredText(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ kind, text, want string }{ // "" = not accepted
		{ClaimText, " a & b ", `"a \u0026 b"`},
		{ClaimText, "a\nb", ""},
		{ClaimText, "", ""},
		{ClaimNumber, " 1.50 ", "1.50"},
		{ClaimNumber, ".5", "0.5"},
		{ClaimNumber, "-.5", "-0.5"},
		{ClaimNumber, "+7", "7"},
		{ClaimNumber, "007", "7"},
		{ClaimNumber, "0", "0"},
		{ClaimNumber, "-0", "-0"},
		{ClaimNumber, "1e3", "1e3"},
		{ClaimNumber, "1,5", ""},
		{ClaimNumber, "1 000", ""},
		{ClaimNumber, "0x10", ""},
		{ClaimNumber, "NaN", ""},
		{ClaimNumber, "--1", ""},
		{ClaimNumber, "1.", ""},
		{ClaimNumber, "", ""},
		{ClaimText, "a\u200db", "\"a\u200db\""},
		{ClaimText, "invoice\u202efdp.exe", ""},
		{ClaimText, "a\u200bb", ""},
		{ClaimText, "\u2800", ""},
		{ClaimBoolean, "true", "true"},
		{ClaimBoolean, "false", "false"},
		{ClaimBoolean, "on", ""},
		{ClaimBoolean, "", ""},
		{ClaimDate, "2024-02-29", `"2024-02-29"`},
		{ClaimDate, "29.2.2024", ""},
		{ClaimURL, "https://example.org", `"https://example.org"`},
		{ClaimURL, "example.org", ""},
	} {
		got, ok := enteredClaim(test.kind, test.text)
		if got != test.want || ok != (test.want != "") {
			t.Errorf("%s %q: got %s, %v, want %s", test.kind, test.text, got, ok, test.want)
		}
	}
}

// FuzzClaimValue: what is accepted of a form or of an API's JSON reads back as
// what it was, under the type that it was accepted for.
func FuzzClaimValue(f *testing.F) {
	for _, kind := range ClaimTypes() {
		for _, seed := range []string{`1.5`, `"a"`, `true`, `2024-02-29`, `"https://example.org"`, `.5`, `{"a":[]}`, "\xff"} {
			f.Add(kind, seed)
		}
	}
	f.Fuzz(func(t *testing.T, kind, text string) {
		if raw, ok := enteredClaim(kind, text); ok {
			value, again := claimValue(kind, []byte(raw))
			if !again || value == nil {
				t.Errorf("%s %q: entered as %s, which is no value of the type", kind, text, raw)
			}
		}
		if value, ok := claimValue(kind, []byte(text)); ok {
			raw, err := json.Marshal(value)
			second, again := claimValue(kind, raw)
			if err != nil || !again || second != value {
				t.Errorf("%s %q: got %v and again %v (%s), error %v", kind, text, value, second, raw, err)
			}
		}
	})
}
