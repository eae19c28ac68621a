package handlers

import (
	"net/http"
	"net/url"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHeaderValue(t *testing.T) {
	t.Parallel()
	for text, want := range map[string]string{
		"":                          "",
		"ann@a.test":                "ann@a.test",
		"~!\"#$&'()*+-./:;<=>?@[]^": "~!\"#$&'()*+-./:;<=>?@[]^",
		"50%":                       "50%25",
		"a,b":                       "a%2Cb",
		"Jörg Ω":                    "J%C3%B6rg%20%CE%A9",
		"a\r\nX-Usher-User: b":      "a%0D%0AX-Usher-User:%20b",
		"\x00\t\x7f\xff":            "%00%09%7F%FF",
	} {
		got := headerValue(text)
		if got != want {
			t.Errorf("headerValue(%q): got %q, want %q", text, got, want)
		}
		if back, err := url.PathUnescape(got); err != nil || back != text {
			t.Errorf("%q unescaped: got %q, error %v, want %q", got, back, err, text)
		}
	}
}

func TestStripIdentity(t *testing.T) {
	t.Parallel()
	got := http.Header{
		"X-Usher-User": {"a"}, "X-Usher-Anything": {"a"}, "X_Usher_User": {"a"}, "x-usher_user": {"a"},
		"X-USHER-GROUPS": {"a", "b"}, "x_UsHeR-eMaIl": {"a"},
		"X.Usher.User": {"a"}, "x.usher_user": {"a"}, "X~Usher!User": {"a"}, "X-Usher.Groups": {"a"},
		"X-User": {"kept"}, "X-Ushers": {"kept"}, "Usher-User": {"kept"}, "Cookie": {"kept"},
	}
	stripIdentity(got)
	want := http.Header{"X-User": {"kept"}, "X-Ushers": {"kept"}, "Usher-User": {"kept"}, "Cookie": {"kept"}}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("left over (-want +got):\n%s", diff)
	}
}
