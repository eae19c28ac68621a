package provisioning

import (
	"errors"
	"strings"
	"testing"
	"unicode/utf8"

	"golang.org/x/text/unicode/norm"
)

func TestEmailKey(t *testing.T) {
	t.Parallel()
	tests := []struct {
		name, email, want string // want "" = refused
	}{
		{"plain", "anna@example.com", "anna@example.com"},
		{"shortest", "a@b", "a@b"},
		{"case", "Anna.Lindqvist@Example.COM", "anna.lindqvist@example.com"},
		{"spaces around", " \t\nanna@example.com\u00a0 ", "anna@example.com"},
		{"dots and plus stay", "a.n.n.a+news@example.com", "a.n.n.a+news@example.com"},
		{"composed and decomposed are one", "Jose\u0301@example.com", "josé@example.com"},
		{"composed", "JOSÉ@example.com", "josé@example.com"},
		{"domain to ASCII", "anna@Bücher.example", "anna@xn--bcher-kva.example"},
		{"domain decomposed", "anna@bu\u0308cher.example", "anna@xn--bcher-kva.example"},
		{"domain already ASCII", "anna@XN--BCHER-KVA.example", "anna@xn--bcher-kva.example"},
		{"sharp s is kept", "anna@straße.example", "anna@xn--strae-oqa.example"},
		{"dotted capital I is not i", "anna@gİthub.example", "anna@xn--github-qyd.example"},
		{"dotted capital I in the local part is not i", "\u0130van@x.example", "i\u0307van@x.example"},
		{"ideographic full stop", "anna@example。com", "anna@example.com"},
		{"full-width domain", "anna@ｅｘａｍｐｌｅ.com", "anna@example.com"},
		{"quotes and slashes stay", `a"b/c@example.com`, `a"b/c@example.com`},
		{"longest", strings.Repeat("a", 242) + "@example.com", strings.Repeat("a", 242) + "@example.com"},

		{"empty", "", ""},
		{"spaces only", "   ", ""},
		{"too short", "a@", ""},
		{"too long", strings.Repeat("a", 243) + "@example.com", ""},
		{"no @", "anna.example.com", ""},
		{"two @", "anna@home@example.com", ""},
		{"full-width @ only", "anna＠example.com", ""},
		{"full-width @ in the domain", "anna@example＠evil.com", ""},
		{"no local part", "@example.com", ""},
		{"no domain", "anna@", ""},
		{"space inside", "an na@example.com", ""},
		{"space before the @", "anna @example.com", ""},
		{"no-break space inside", "an\u00a0na@example.com", ""},
		{"tab inside", "an\tna@example.com", ""},
		{"line break inside", "anna@example.com\r\nBcc:x", ""},
		{"NUL", "an\x00na@example.com", ""},
		{"escape", "an\x1bna@example.com", ""},
		{"zero-width space", "an\u200bna@example.com", ""},
		{"bidi override", "an\u202ena@example.com", ""},
		{"invalid UTF-8", "an\xffna@example.com", ""},
		{"trailing dot", "anna@example.com.", ""},
		{"leading dot in the domain", "anna@.example.com", ""},
		{"double dot in the domain", "anna@example..com", ""},
		{"underscore in the domain", "anna@ex_ample.com", ""},
		{"address literal", "anna@[127.0.0.1]", ""},
		{"slash in the domain", "anna@example.com/x", ""},
		{"leading hyphen", "anna@-example.com", ""},
		{"bad punycode", "anna@xn--\u00e9.com", ""},
		{"punycode of ASCII", "anna@xn--example-.com", ""},
		{"too long in ASCII", strings.Repeat("a", 200) + "@" + strings.Repeat("é.", 12) + "example", ""},
		{"label too long", "anna@" + strings.Repeat("a", 64) + ".com", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			got, err := EmailKey(test.email)
			if got != test.want || (err == nil) != (test.want != "") {
				t.Errorf("got %q, %v, want %q", got, err, test.want)
			}
			if err != nil && !errors.Is(err, errEmail) {
				t.Errorf("got error %v, want one that quotes nothing", err)
			}
		})
	}
}

func FuzzEmailKey(f *testing.F) {
	for _, seed := range []string{
		"anna@example.com", " Jose\u0301@B\u00fccher.example ", "a@b", "İ@İ.example", "ς@Σ.example",
		"a@xn--bcher-kva.example", "x\u0345@a", "\u1e9e@\u1e9e", "a@b..c", "a@\u0661.example", "Ǆ@ǆ",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, email string) {
		key, err := EmailKey(email)
		if err != nil {
			return
		}
		again, err := EmailKey(key)
		if err != nil || again != key {
			t.Fatalf("the key of %q is %q, its own key is %q, %v", email, key, again, err)
		}
		local, domain, _ := strings.Cut(key, "@")
		if local == "" || domain == "" || strings.Contains(domain, "@") || !utf8.ValidString(key) || !norm.NFC.IsNormalString(key) {
			t.Errorf("the key of %q is %q, want local@domain in NFC", email, key)
		}
		if strings.ContainsFunc(key, unfitForEmail) || strings.ToLower(key) != key {
			t.Errorf("the key of %q is %q, want it lower-cased and without spaces or controls", email, key)
		}
		for i := range len(domain) {
			if domain[i] >= utf8.RuneSelf {
				t.Errorf("the key of %q is %q, want a domain in ASCII", email, key)
			}
		}
	})
}
