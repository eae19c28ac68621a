package provisioning

import (
	"strings"
	"testing"
)

// FuzzEmailPrefix: whatever somebody types, what is searched for can be stored
// and is a beginning; a whole address finds itself, and so does each of its
// beginnings in plain letters.
func FuzzEmailPrefix(f *testing.F) {
	for _, seed := range []string{"", "a", "Anna@", "anna@lumen.example", "ANNA@Bücher.example", "a@b@c", " zo\u0308", "\x00", "\xff", "a b", "İ@x.example"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		prefix, ok := emailPrefix(text)
		if ok && (prefix == "" || !isStorable(prefix)) {
			t.Errorf("emailPrefix(%q): got %q, want what can be searched for", text, prefix)
		}
		key, err := EmailKey(text)
		if err != nil {
			return
		}
		if !ok || prefix != key {
			t.Errorf("emailPrefix(%q): got %q, %v, want the key %q", text, prefix, ok, key)
		}
		local, _, _ := strings.Cut(key, "@")
		if !isLowerASCII(local) {
			return
		}
		for end := 1; end <= len(local); end++ {
			if got, ok := emailPrefix(key[:end]); !ok || !strings.HasPrefix(key, got) {
				t.Errorf("emailPrefix(%q): got %q, %v, want a beginning of %q", key[:end], got, ok, key)
			}
		}
	})
}
