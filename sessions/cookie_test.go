package sessions

import (
	"net/http"
	"strings"
	"testing"
)

const (
	goodCookie  = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
	otherCookie = "_-8CAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8"
)

func TestSetCookie(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		cookie *http.Cookie
		want   string
	}{
		{NewCookie(goodCookie), "__Host-usher=" + goodCookie + "; Path=/; HttpOnly; Secure; SameSite=Lax"},
		{ClearCookie(), "__Host-usher=; Path=/; Max-Age=0; HttpOnly; Secure; SameSite=Lax"},
	} {
		if got := test.cookie.String(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

var cookieHeaders = []struct {
	headers []string
	want    string
}{
	{nil, ""},
	{[]string{""}, ""},
	{[]string{"__Host-usher=" + goodCookie}, goodCookie},
	{[]string{"__Host-usher=" + otherCookie}, otherCookie},
	{[]string{"a=b; __Host-usher=" + goodCookie + "; c=d"}, goodCookie},
	{[]string{"a=b", "__Host-usher=" + goodCookie}, goodCookie},
	{[]string{" \t__Host-usher=" + goodCookie + " \t"}, goodCookie},
	{[]string{"__Host-usher-embed=" + otherCookie + "; __Host-usher=" + goodCookie}, goodCookie},

	// Two of the name, in whichever form, are none.
	{[]string{"__Host-usher=" + goodCookie + "; __Host-usher=" + goodCookie}, ""},
	{[]string{"__Host-usher=" + goodCookie + "; __Host-usher=" + otherCookie}, ""},
	{[]string{"__Host-usher=" + goodCookie, "__Host-usher=" + otherCookie}, ""},
	{[]string{"__Host-usher=" + goodCookie + "; __Host-usher="}, ""},
	{[]string{"__Host-usher=" + goodCookie + "; __Host-usher"}, ""},
	{[]string{"__Host-usher=" + goodCookie + "; __Host-usher=\x00"}, ""},
	{[]string{"__Host-usher=" + goodCookie + ";\n__Host-usher"}, ""},

	{[]string{"__host-usher=" + goodCookie}, ""},
	{[]string{"__Host-usher-embed=" + goodCookie}, ""},
	{[]string{"=__Host-usher=" + goodCookie}, ""},
	{[]string{"__Host-usher= " + goodCookie}, ""},
	{[]string{"__Host-usher=" + goodCookie + "; __Host-usher =" + otherCookie}, ""},
	{[]string{"__Host-usher"}, ""},
	{[]string{"__Host-usher="}, ""},
	{[]string{`__Host-usher="` + goodCookie + `"`}, ""},
	{[]string{"__Host-usher=" + goodCookie[1:]}, ""},
	{[]string{"__Host-usher=" + goodCookie + "A"}, ""},
	{[]string{"__Host-usher=" + goodCookie + "="}, ""},
	{[]string{"__Host-usher=" + goodCookie[:42] + "9"}, ""}, // unused bits set
	{[]string{"__Host-usher=" + goodCookie[:42] + "+"}, ""},
	{[]string{"__Host-usher=" + goodCookie[:42] + "\n"}, ""},
	{[]string{"__Host-usher=" + goodCookie[:40] + "\r\n8"}, ""},
	{[]string{"__Host-usher=" + strings.Repeat("A", 1<<16)}, ""},
}

func TestReadCookie(t *testing.T) {
	t.Parallel()
	for _, test := range cookieHeaders {
		if got := ReadCookie(&http.Request{Header: http.Header{"Cookie": test.headers}}); got != test.want {
			t.Errorf("ReadCookie of %.200q: got %q, want %q", test.headers, got, test.want)
		}
	}
}

// FuzzReadCookie: what is read is well-formed, is the only one of its name,
// and stands in the header; and net/http agrees that it is there.
func FuzzReadCookie(f *testing.F) {
	for _, test := range cookieHeaders {
		f.Add(strings.Join(test.headers, "; "), "")
		if len(test.headers) > 1 {
			f.Add(test.headers[0], test.headers[1])
		}
	}
	f.Fuzz(func(t *testing.T, first, second string) {
		r := &http.Request{Header: http.Header{"Cookie": {first, second}}}
		got := ReadCookie(r)
		if got == "" {
			return
		}
		if _, ok := keyOfCookie(got); !ok {
			t.Errorf("got the malformed cookie %q, want none", got)
		}
		if n := strings.Count(first+";"+second, got); n < 1 {
			t.Errorf("got %q, which the header does not hold", got)
		}
		for _, cookie := range r.CookiesNamed(CookieName) {
			if cookie.Value != got {
				t.Errorf("got %q beside another cookie %q of the name, want none", got, cookie.Value)
			}
		}
	})
}
