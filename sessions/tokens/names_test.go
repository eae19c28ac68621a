package tokens

import (
	"regexp"
	"strings"
	"testing"
)

// FuzzNames compares the readers of names with what the documentation promises.
func FuzzNames(f *testing.F) {
	for _, seed := range []string{"", "a", "billing", "billing:write", "A~b.c_d-e", "-a", ".a", "a b", "a\n", "é", "memberof:a", strings.Repeat("a", 129)} {
		f.Add(seed)
	}
	clientID := regexp.MustCompile(`\A[A-Za-z0-9._~-]{1,128}\z`)
	connection := regexp.MustCompile(`\A[a-z0-9][a-z0-9._-]{0,63}\z`)
	scope := regexp.MustCompile(`\A[a-z0-9][a-z0-9._:-]{0,127}\z`)
	token := regexp.MustCompile(`\A[\x21\x23-\x5B\x5D-\x7E]+\z`) // RFC 6749 §3.3
	f.Fuzz(func(t *testing.T, text string) {
		if got, want := isClientID(text), clientID.MatchString(text); got != want {
			t.Errorf("isClientID(%q): got %t, want %t", text, got, want)
		}
		if got, want := isConnectionName(text), connection.MatchString(text); got != want {
			t.Errorf("isConnectionName(%q): got %t, want %t", text, got, want)
		}
		if got, want := isScopeName(text), scope.MatchString(text); got != want {
			t.Errorf("isScopeName(%q): got %t, want %t", text, got, want)
		}
		if isConnectionName(text) && !isScopeName(text) || isScopeName(text) && !token.MatchString(text) {
			t.Errorf("%q: a connection's name is that of a scope, and a scope's a scope-token", text)
		}
	})
}
