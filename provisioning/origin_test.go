package provisioning

import (
	"strings"
	"testing"
)

func TestParseOrigin(t *testing.T) {
	t.Parallel()
	cases := []struct{ name, text, want string }{ // want "" = refused
		{"https", "https://app.example.com", "https://app.example.com"},
		{"one slash at the end", "https://app.example.com/", "https://app.example.com"},
		{"port", "https://app.example.com:8443", "https://app.example.com:8443"},
		{"default port", "https://app.example.com:443", "https://app.example.com"},
		{"default port with zeros", "https://app.example.com:0443", "https://app.example.com"},
		{"the other scheme's default port", "https://app.example.com:80", "https://app.example.com:80"},
		{"upper case", "HTTPS://App.Example.COM", "https://app.example.com"},
		{"unicode", "https://bücher.example", "https://xn--bcher-kva.example"},
		{"https IPv4", "https://192.0.2.1", "https://192.0.2.1"},
		{"https IPv6", "https://[2001:db8::1]:444", "https://[2001:db8::1]:444"},
		{"http localhost", "http://localhost:8080", "http://localhost:8080"},
		{"http default port", "http://localhost:80", "http://localhost"},
		{"http below localhost", "http://acme.localhost:1", "http://acme.localhost:1"},
		{"http 127/8", "http://127.8.9.10:1", "http://127.8.9.10:1"},
		{"http IPv6 loopback", "http://[0:0:0:0:0:0:0:1]:1", "http://[::1]:1"},

		{"trailing dot", "https://app.example.com.", ""},
		{"trailing dot and port", "https://app.example.com.:443", ""},
		{"ideographic dot at the end", "https://app.example.com。", ""},
		{"http elsewhere", "http://app.example.com", ""},
		{"http all addresses", "http://0.0.0.0", ""},
		{"http private address", "http://10.0.0.1", ""},
		{"http mapped loopback", "http://[::ffff:127.0.0.1]", ""},
		{"http name that begins like loopback", "http://127.0.0.1.example.com", ""},
		{"http name that ends like localhost", "http://evillocalhost", ""},
		{"empty", "", ""},
		{"null", "null", ""},
		{"wildcard", "*", ""},
		{"wildcard label", "https://*.example.com", ""},
		{"no scheme", "app.example.com", ""},
		{"no host", "https://", ""},
		{"no host but a port", "https://:443", ""},
		{"one slash", "https:/app.example.com", ""},
		{"no slashes", "https:app.example.com", ""},
		{"three slashes", "https:///app.example.com", ""},
		{"two slashes at the end", "https://app.example.com//", ""},
		{"path", "https://app.example.com/x", ""},
		{"query", "https://app.example.com?x", ""},
		{"fragment", "https://app.example.com#x", ""},
		{"userinfo", "https://user:pw@app.example.com", ""},
		{"empty userinfo", "https://@app.example.com", ""},
		{"backslash", `https://app.example.com\`, ""},
		{"space", "https://app.example.com ", ""},
		{"leading space", " https://app.example.com", ""},
		{"percent", "https://app%2eexample.com", ""},
		{"port zero", "https://app.example.com:0", ""},
		{"port missing", "https://app.example.com:", ""},
		{"port missing before a slash", "https://app.example.com:/", ""},
		{"port too high", "https://app.example.com:65536", ""},
		{"short IPv4", "http://127.1", ""},
		{"another scheme", "ftp://app.example.com", ""},
		{"scheme with a long s", "httpſ://app.example.com", ""},
		{"javascript", "javascript://app.example.com", ""},
		{"two origins", "https://a.test https://b.test", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			origin, err := ParseOrigin(c.text)
			if got := origin.String(); got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("ParseOrigin(%q): got %q, error %v, want %q", c.text, got, err, c.want)
			}
			if err != nil && origin != (Origin{}) {
				t.Errorf("ParseOrigin(%q): got %+v beside error %v, want the zero Origin", c.text, origin, err)
			}
		})
	}
}

func TestOriginsCompare(t *testing.T) {
	t.Parallel()
	base := mustOrigin(t, "https://app.example.com")
	if same := mustOrigin(t, "HTTPS://APP.example.com:443/"); same != base {
		t.Errorf("got %v different from %v, want them equal", same, base)
	}
	for _, text := range []string{"https://app.example.com:80", "https://example.com", "https://app.example.comm"} {
		if other := mustOrigin(t, text); other == base {
			t.Errorf("got %v equal to %v, want them different", other, base)
		}
	}
}

func TestOriginParts(t *testing.T) {
	t.Parallel()
	cases := []struct {
		text, scheme, host string
		loopback           bool
	}{
		{"https://app.example.com:8443", "https", "app.example.com", false},
		{"http://localhost:1", "http", "localhost", true},
		{"https://acme.localhost", "https", "acme.localhost", true},
		{"http://127.0.0.1:1", "http", "127.0.0.1", true},
		{"http://[::1]:1", "http", "[::1]", true},
		{"https://128.0.0.1", "https", "128.0.0.1", false},
		{"https://[::2]", "https", "[::2]", false},
	}
	for _, c := range cases {
		o := mustOrigin(t, c.text)
		if o.Scheme() != c.scheme || o.Host() != c.host || o.Loopback() != c.loopback {
			t.Errorf("%s: got scheme %q, host %q, loopback %v, want %q, %q, %v",
				c.text, o.Scheme(), o.Host(), o.Loopback(), c.scheme, c.host, c.loopback)
		}
	}
}

func TestParseOriginErrorsDoNotQuote(t *testing.T) {
	t.Parallel()
	for _, text := range []string{
		"hunter2", "hunter2://a.test", "https://user:hunter2@a.test", "https://a.test/hunter2",
		"https://a.test:hunter2", "https://hunter2.1", "https://*.hunter2", "http://hunter2",
	} {
		_, err := ParseOrigin(text)
		if err == nil {
			t.Errorf("ParseOrigin(%q): got no error, want one", text)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("ParseOrigin(%q): got error %q, want one that does not quote", text, err)
		}
	}
}

func FuzzParseOrigin(f *testing.F) {
	for _, seed := range []string{
		"https://a.test", "https://a.test:443/", "http://localhost:1", "http://[::1]", "https://bücher.example",
		"https://user@a.test", "https://a.test//", "https:///a.test", "HTTPS://A", "https://127.1", "http://a.test",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		origin, err := ParseOrigin(text)
		if err != nil {
			return
		}
		if again, err := ParseOrigin(origin.String()); again != origin || err != nil {
			t.Errorf("ParseOrigin(%q): got %v, whose own text parses to %v, error %v", text, origin, again, err)
		}
		if origin.Scheme() != "https" && !origin.Loopback() {
			t.Errorf("ParseOrigin(%q): got %v, want https or loopback", text, origin)
		}
	})
}

func mustOrigin(tb testing.TB, text string) Origin {
	tb.Helper()
	origin, err := ParseOrigin(text)
	if err != nil {
		tb.Fatalf("ParseOrigin(%q): got error %v, want none", text, err)
	}
	return origin
}
