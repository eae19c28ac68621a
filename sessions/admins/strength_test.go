package admins

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestWeakness(t *testing.T) {
	t.Parallel()
	about := []string{"anna.lindqvist@lumen.example", "Anna Lindqvist", "Lumen Learning", "sso.lumen.example"}
	for _, tt := range []struct{ password, want string }{
		{"gravel-otter-plinth-2", ""},
		{"correct horse battery staple", ""},
		{"Vq7#tRm2!kZpx", ""},
		{"snö faller över åkern", ""},
		{"ヘリコプターの羽根は四枚ある", ""},
		{"abcdefghijk", "at least 12"},
		{strings.Repeat("Vq7#tRm2!k", 21), "at most 200"},
		{"Vq7#tRm2!k\x00pxw", "control"},
		{"Vq7#tRm2!k\xffpxw", "control"},
		{"password12345", "easy to guess"},
		{"P4ssw0rd!2026", "easy to guess"},
		{"qwertyuiopasdf", "neighbouring"},
		{"abcdefghijklmnop", "neighbouring"},
		{"9876543210987", "neighbouring"},
		{"aaaaaaaaaaaaaaaa", "repetition"},
		{"xkqxkqxkqxkqxkq", "repetition"},
		{"annalindqvist1987", "your name"},
		{"LumenLearning2026!", "this place’s name"},
		{"Summer2026Summer", "common password"},
		{"welcomeadmin1", "common password"},
		{"31121999welcome", "easy to guess"},
		{"xyxyyxxxyyxyyyxx", "easy to guess"},
	} {
		got := Weakness(tt.password, about...)
		if (tt.want == "") != (got == "") || !strings.Contains(got, tt.want) {
			t.Errorf("%q: got %q, want %q", tt.password, got, tt.want)
		}
	}
}

// FuzzWeakness: whatever is typed, the sentence is one for people, and adding a
// long unpredictable text to what is good stays good.
func FuzzWeakness(f *testing.F) {
	for _, seed := range []string{"", "password", "gravel-otter-plinth-2", "aaa", "\xff", "ÀÉ", "1qaz2wsx", "İİİİİİİİİİİİ", "ﬀ"} {
		f.Add(seed, seed)
	}
	f.Fuzz(func(t *testing.T, password, about string) {
		got := Weakness(password, about)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\n\x00") {
			t.Errorf("%q: got %q, want a sentence", password, got)
		}
		length := utf8.RuneCountInString(password)
		if got == "" && (length < minPassword/3 || !utf8.ValidString(password)) {
			t.Errorf("%q: got it accepted", password)
		}
		if repeated := Weakness(strings.Repeat("a", min(length, 100)+1)); repeated == "" {
			t.Error("got a repetition accepted")
		}
	})
}
