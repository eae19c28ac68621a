package provisioning

import (
	"strings"
	"testing"
)

func TestCanonicalHost(t *testing.T) {
	t.Parallel()
	longest := strings.Repeat("a.", 126) + "a" // 253 bytes
	label63 := strings.Repeat("b", 63)
	cases := []struct{ name, raw, want string }{ // want "" = refused
		{"plain", "acme.example.com", "acme.example.com"},
		{"one label", "localhost", "localhost"},
		{"H12 upper case and port", "A.TEST:80", "a.test"},
		{"H12 trailing dot", "a.test.", "a.test"},
		{"trailing dot and port", "a.test.:8080", "a.test"},
		{"empty port", "a.test:", "a.test"},
		{"port with zeros", "a.test:00080", "a.test"},
		{"highest port", "a.test:65535", "a.test"},
		{"underscore", "my_app.internal", "my_app.internal"},
		{"hyphens three and four", "r3---sn.example.com", "r3---sn.example.com"},
		{"punycode", "XN--BCHER-KVA.example", "xn--bcher-kva.example"},
		{"unicode", "Bücher.example", "xn--bcher-kva.example"},
		{"unicode decomposed", "Bu\u0308cher.example", "xn--bcher-kva.example"},
		{"sharp s stays itself", "straße.example", "xn--strae-oqa.example"},
		{"full-width letters", "ａｃｍｅ.test", "acme.test"},
		{"ideographic dot", "a。test", "a.test"},
		{"soft hyphen vanishes", "ac\u00adme.test", "acme.test"},
		{"IPv4", "127.0.0.1:8080", "127.0.0.1"},
		{"IPv4 with trailing dot", "127.0.0.1.", "127.0.0.1"},
		{"IPv6", "[::1]:8080", "[::1]"},
		{"IPv6 long form", "[2001:DB8:0:0:0:0:0:1]", "[2001:db8::1]"},
		{"IPv6 with IPv4 inside", "[::ffff:127.0.0.1]", "[::ffff:7f00:1]"},
		{"longest name", longest, longest},
		{"longest name with dot and port", longest + ".:443", longest},
		{"longest label", label63 + ".test", label63 + ".test"},

		{"empty", "", ""},
		{"dot", ".", ""},
		{"port alone", ":80", ""},
		{"two trailing dots", "a.test..", ""},
		{"ideographic dot at the end", "a.test。", ""},
		{"leading dot", ".a.test", ""},
		{"empty label", "a..test", ""},
		{"too long", longest + "a", ""},
		{"far too long", strings.Repeat("a", 100_000), ""},
		{"label too long", label63 + "b.test", ""},
		{"leading hyphen", "-a.test", ""},
		{"trailing hyphen", "a-.test", ""},
		{"userinfo", "user@a.test", ""},
		{"userinfo with password", "user:secret@a.test", ""},
		{"path", "a.test/x", ""},
		{"query", "a.test?x", ""},
		{"fragment", "a.test#x", ""},
		{"scheme", "https://a.test", ""},
		{"backslash", `a.test\x`, ""},
		{"space inside", "a .test", ""},
		{"space before", " a.test", ""},
		{"space after", "a.test ", ""},
		{"tab", "a\t.test", ""},
		{"line break", "a.test\r\nX: y", ""},
		{"NUL", "a\x00.test", ""},
		{"DEL", "a\x7f.test", ""},
		{"percent", "%61.test", ""},
		{"full-width percent", "％61.test", ""},
		{"full-width slash", "a.test／x", ""},
		{"full-width colon", "a.test：80", ""},
		{"full-width at", "user＠a.test", ""},
		{"invalid UTF-8", "a\xff.test", ""},
		{"list", "a.test,b.test", ""},
		{"wildcard", "*.a.test", ""},
		{"angle bracket", "<a>.test", ""},
		{"only a soft hyphen", "\u00ad", ""},
		{"broken punycode", "xn--a.test", ""},
		{"punycode for ASCII", "xn--acme-.test", ""},
		{"port is a word", "a.test:http", ""},
		{"port too high", "a.test:65536", ""},
		{"port negative", "a.test:-1", ""},
		{"port twice", "a.test:80:80", ""},
		{"number", "2130706433", ""},
		{"hexadecimal number", "0x7f000001", ""},
		{"short IPv4", "127.1", ""},
		{"octal IPv4", "0177.0.0.1", ""},
		{"hexadecimal IPv4 part", "127.0.0.0x1", ""},
		{"bare 0x", "a.0x", ""},
		{"IPv4 out of range", "127.0.0.256", ""},
		{"IPv4 of five parts", "1.2.3.4.5", ""},
		{"name that ends in a number", "a.test.1", ""},
		{"full-width IPv4 short", "１２７.１", ""},
		{"IPv6 without brackets", "::1", ""},
		{"IPv6 unclosed", "[::1", ""},
		{"IPv6 zone", "[fe80::1%eth0]", ""},
		{"IPv6 and a tail", "[::1]x", ""},
		{"IPv4 in brackets", "[127.0.0.1]", ""},
		{"name in brackets", "[a.test]", ""},
		{"empty brackets", "[]", ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			got, err := CanonicalHost(c.raw)
			if got != c.want || (err == nil) != (c.want != "") {
				t.Errorf("CanonicalHost(%.80q): got %q, error %v, want %q", c.raw, got, err, c.want)
			}
		})
	}
}

func TestCanonicalHostErrorsDoNotQuote(t *testing.T) {
	t.Parallel()
	for _, raw := range []string{
		"hunter2@a.test", "hunter2 .test", "hunter2:hunter2", "[hunter2]", "[hunter2", "a.test]hunter2",
		"xn--hunter2-.test", "hunter2é\u200d.test", strings.Repeat("hunter2", 200), "hunter2.1", "-hunter2",
	} {
		_, err := CanonicalHost(raw)
		if err == nil {
			t.Errorf("CanonicalHost(%.40q): got no error, want one", raw)
		} else if strings.Contains(err.Error(), "hunter2") {
			t.Errorf("CanonicalHost(%.40q): got error %q, want one that does not quote", raw, err)
		}
	}
}

func FuzzCanonicalHost(f *testing.F) {
	for _, seed := range []string{
		"", "a.test", "A.TEST:80", "a.test.", "[::1]:1", "[::ffff:1.2.3.4]", "127.0.0.1", "0x7f.1", "bücher.example",
		"xn--bcher-kva.example", "a。test", "％61", "user@a.test", "a\x00", "\u05d0.test", "a\u200d.test", "xn--", "ß.ß",
	} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		host, err := CanonicalHost(raw)
		if err != nil {
			if host != "" {
				t.Fatalf("CanonicalHost(%q): got %q beside error %v, want nothing", raw, host, err)
			}
			return
		}
		if host == "" || len(host) > maxHostBytes {
			t.Errorf("CanonicalHost(%q): got %d bytes, want 1 to %d", raw, len(host), maxHostBytes)
		}
		for _, c := range []byte(host) {
			if !isHostByte(c) && strings.IndexByte(".:[]", c) < 0 {
				t.Errorf("CanonicalHost(%q): got byte %#x in %q", raw, c, host)
			}
		}
		for _, again := range []string{host, host + ":8443", strings.ToUpper(host)} {
			if got, err := CanonicalHost(again); got != host || err != nil {
				t.Errorf("CanonicalHost(%q): got %q, error %v, want %q", again, got, err, host)
			}
		}
	})
}

func BenchmarkCanonicalHost(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if _, err := CanonicalHost("acme.example.com:8080"); err != nil {
			b.Fatal(err)
		}
	}
}
