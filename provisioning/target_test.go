package provisioning

import (
	"slices"
	"strings"
	"testing"

	whatwg "github.com/nlnwa/whatwg-url/url"
)

// testPlaces are two own origins, three foreign ones, and a landing page that
// no case of the tables below names itself.
func testPlaces(tb testing.TB) Places {
	tb.Helper()
	return Places{
		Own:     []Origin{mustOrigin(tb, "https://own.test"), mustOrigin(tb, "http://localhost:8080")},
		Return:  []Origin{mustOrigin(tb, "https://listed.test"), mustOrigin(tb, "https://listed.test:8443"), mustOrigin(tb, "https://xn--bcher-kva.example")},
		Landing: "/home",
	}
}

func TestPlacesResolveKeeps(t *testing.T) {
	t.Parallel()
	cases := []struct{ raw, want string }{
		// Paths.
		{"/", "/"},
		{"/path?x=1#f", "/path?x=1#f"},
		{"/courses/7", "/courses/7"},
		{"/courses/7/", "/courses/7/"},
		{"/a;v=1,2/b:c@d", "/a;v=1,2/b:c@d"},
		{"/a!$&'()*+,;=-._~", "/a!$&'()*+,;=-._~"},
		{"/a%20b%2Fc%2f", "/a%20b%2Fc%2f"},
		{"/100%", "/100%"},
		{"/%zz", "/%zz"},
		{"/%", "/%"},
		{"/%0d%0aSet-Cookie:x", "/%0d%0aSet-Cookie:x"},
		{"/%00", "/%00"},
		{"/a//b", "/a//b"},
		{"/a/../b", "/a/../b"},
		{"/a/./b", "/a/./b"},
		{"/..", "/.."},
		{"/.", "/."},
		{"/a/..", "/a/.."},
		{"/%2e%2e/b", "/%2e%2e/b"},
		{"/%5cevil.test", "/%5cevil.test"},
		{"/%2fevil.test", "/%2fevil.test"},
		{"/https://evil.test", "/https://evil.test"},
		{"/javascript:alert(1)", "/javascript:alert(1)"},
		{"/@evil.test", "/@evil.test"},
		{"/:80", "/:80"},
		{"/[a]|b", "/[a]|b"},
		{"/a?b?c", "/a?b?c"},
		{"/a#b#c?d", "/a#b#c?d"},
		{"/a?//evil.test", "/a?//evil.test"},
		{"/a?next=//evil.test&x=%2F", "/a?next=//evil.test&x=%2F"},
		{"/a?next=https://evil.test/", "/a?next=https://evil.test/"},
		{"/a?b='c'&d={}", "/a?b='c'&d={}"},
		{"/a#//evil.test", "/a#//evil.test"},
		{"/a#{b}^", "/a#{b}^"},
		{"/?", "/?"},
		{"/#", "/#"},
		// Query or fragment only: of the front page.
		{"?x=1", "/?x=1"},
		{"#f", "/#f"},
		{"?", "/?"},
		{"?//evil.test", "/?//evil.test"},
		{"#/auth/logout", "/#/auth/logout"},
		// What may not stand in a URL is encoded.
		{"/bücher", "/b%C3%BCcher"},
		{"/a?ü#ü", "/a?%C3%BC#%C3%BC"},
		{"/／evil.test", "/%EF%BC%8Fevil.test"},
		{"/\u2028\ufeff\u00a0", "/%E2%80%A8%EF%BB%BF%C2%A0"},
		{"/\xff", "/%FF"},
		{"/😀", "/%F0%9F%98%80"},
		{"/\"<>^`{}", "/%22%3C%3E%5E%60%7B%7D"},
		{"/?\"<>^`{}", "/?%22%3C%3E^`{}"},
		{"/#\"<>^`{}", "/#%22%3C%3E^%60{}"},
		// Our own origins in full.
		{"https://own.test", "/"},
		{"https://own.test/", "/"},
		{"https://own.test/a?b#c", "/a?b#c"},
		{"https://own.test?b", "/?b"},
		{"https://own.test#c", "/#c"},
		{"https://own.test:443/a", "/a"},
		{"HTTPS://OWN.TEST/A", "/A"},
		{"https://ｏｗｎ.test/a", "/a"},
		{"https://own.test/https://evil.test", "/https://evil.test"},
		{"https://own.test?@evil.test", "/?@evil.test"},
		{"https://own.test#@evil.test", "/#@evil.test"},
		{"http://localhost:8080/a", "/a"},
		// Listed origins.
		{"https://listed.test", "https://listed.test/"},
		{"https://listed.test?x", "https://listed.test/?x"},
		{"https://listed.test/a/../b?c=d#e", "https://listed.test/a/../b?c=d#e"},
		{"https://listed.test:8443/a", "https://listed.test:8443/a"},
		{"https://LISTED.test:443/a", "https://listed.test/a"},
		{"https://listed.test//a", "https://listed.test//a"},
		{"https://listed.test/auth/logout", "https://listed.test/auth/logout"},
		{"https://listed.test/ü", "https://listed.test/%C3%BC"},
		{"https://Bücher.example/", "https://xn--bcher-kva.example/"},
		// Near the guarded paths, but not one of them.
		{"/auth", "/auth"},
		{"/auth/session", "/auth/session"},
		{"/auth/callbacks", "/auth/callbacks"},
		{"/auth/logout-done", "/auth/logout-done"},
		{"/x/auth/logout", "/x/auth/logout"},
		{"/?/auth/logout", "/?/auth/logout"},
		{"/%2561uth/logout", "/%2561uth/logout"},
		// As long as it may be.
		{"/" + strings.Repeat("a", 2047), "/" + strings.Repeat("a", 2047)},
	}
	places := testPlaces(t)
	for _, c := range cases {
		got, warning := places.Resolve(c.raw)
		if got.Location() != c.want || warning != nil {
			t.Errorf("Resolve(%.80q): got %.80q, warning %v, want %.80q and no warning", c.raw, got.Location(), warning, c.want)
		}
		checkLands(t, places, c.raw, got)
	}
}

func TestPlacesResolveRejects(t *testing.T) {
	t.Parallel()
	raws := []string{
		// Other hosts, and what browsers read as such.
		"//evil.test", "//evil.test/a", "///evil.test", "////evil.test", "//", "//..", "//../a", "//evil.test/..", "//.", "//own.test/a", "//listed.test/a",
		`/\evil.test`, `\\evil.test`, `\/evil.test`, `/\/evil.test`, `\evil.test`, `//\evil.test`, `/a\b`, `/a?b\c`,
		"/\tevil.test", "/\t/evil.test", "\t//evil.test", "/\n/evil.test", "/\r/evil.test", "/\r\nSet-Cookie:x=y",
		"/\x00/evil.test", "/\x0b/evil.test", "/\x1f", "/\x7f", " /a", "/a ", "/a b", " //evil.test", "\x00", "\x01//evil.test",
		"https://evil.test", "https://evil.test/a", "http://evil.test", "HTTPS://EVIL.TEST",
		"https:evil.test", "https:/evil.test", "https:///evil.test", "https:////evil.test", "http:evil.test", "https:", "http://", "https://",
		"https:own.test", "https:/own.test", "https:/a", "http:a", "https:///own.test/a", "https:listed.test", "ht\ttps://own.test",
		"https://own.test@evil.test", "https://own.test:x@evil.test", "https://user@own.test/a", "https://:@own.test/a", "https://@own.test",
		"https://user:pw@listed.test/", "https://listed.test@evil.test/", `https://evil.test\@own.test/`, `https://own.test\.evil.test`,
		"https://own.test.evil.test", "https://evilown.test", "https://own.testevil", "https://sub.listed.test", "https://own.test..", "https://own.test./a", "https://own.test.:443/", "https://listed.test./", "https://own.test\u3002/",
		"https://own.test:444/a", "https://own.test:80/a", "http://own.test/a", "http://own.test:443/a", "https://own.test:/a",
		"https://own.test:443:443/", "https://own.test:4 43/", "https://own.test:+443/", "https://own.test:99999/", "https://own.test:0/",
		"https://localhost:8080/", "http://localhost/", "http://localhost:80800/", "http://127.0.0.1:8080/",
		"http://listed.test/", "https://listed.test:8444/", "https://listed.test:80/", "https://listed.tést/",
		"https://%6fwn.test/", "https://own%2etest/", "https://own.test%2f@evil.test", "https://own.test%00.evil.test",
		"https://own.test／@evil.test", "https://own.test\u2025evil.test", "https://own\u3002evil.test",
		"https://[::1]/", "https://[own.test]/", "https://2130706433/", "https://0x7f.1/", "https://own.test,evil.test/", "https://*.test/",
		"httpſ://own.test/", "ｈttps://own.test/",
		// Other schemes.
		"javascript:alert(1)", "JavaScript:alert(1)", "java\tscript:alert(1)", "javascript://own.test/%0aalert(1)", "javascript:/a",
		"data:text/html,x", "data:text/html;base64,eA==", "vbscript:x", "file:///etc/passwd", "blob:https://own.test/x",
		"ftp://own.test/", "ws://own.test/", "wss://own.test/", "about:blank", "view-source:https://own.test/", "mailto:a@b.test",
		"intent://own.test/#Intent;end", "x:y", "filesystem:https://own.test/a", "chrome://settings",
		// Relative references that would depend on the page they stand in.
		"a", "x/y", ".", "..", "./a", "../a", "..//evil.test", ":x", ":", "://own.test", ";x", "@evil.test", "own.test", "evil.test/a",
		"x/y://own.test", "%2F%2Fevil.test", "%2Fa", "%68ttps://own.test", "&x", "*", "~", "\u00a0/a", "\ufeff/a", "\u2028//evil.test", "／／evil.test",
		// Paths that turn into hosts once somebody cleans them.
		"/.//evil.test", "/./../evil.test/..//evil.test", "/..//evil.test", "/a/..//evil.test", "/%2e//evil.test", "/%2E%2e//evil.test", "/.%2e//evil.test",
		"https://own.test//evil.test", "https://own.test///", "https://own.test/.//evil.test", "https://own.test/..//",
		// The loop guard.
		"/auth/callback/jwt-auth", "/auth/callback/jwt-auth?token=x", "/auth/callback/", "/auth/callback", "/auth/callback?x", "/auth/callback#x",
		"/auth/callback/x/y", "/auth/logout", "/auth/logout/", "/auth/logout?x", "/auth/logout#x",
		"/./auth/logout", "/x/../auth/logout", "/x/%2e%2e/auth/logout", "/x/.%2E/auth/logout", "/auth/./logout", "/auth/x/../logout", "/../../auth/logout",
		"/auth//logout", "/auth///callback/jwt-auth", "/%61uth/logout", "/auth/%6cog%6Fut", "/auth%2Flogout", "/auth%2fcallback%2fjwt-auth", "/%2Fauth/logout",
		"/auth/callback/../callback/jwt-auth", "/x%2f..%2fauth%2flogout", "/auth/callback/x%2f..%2f..%2f..", "/x/../%61uth/%63allback/jwt-auth",
		"https://own.test/auth/logout", "https://own.test/auth/callback/jwt-auth?token=x", "http://localhost:8080/x/../auth/logout",
		// Too long.
		"/" + strings.Repeat("a", 2048), "https://own.test/" + strings.Repeat("a", 2048), strings.Repeat("/", 1<<20),
	}
	places := testPlaces(t)
	for _, raw := range raws {
		got, warning := places.Resolve(raw)
		if got.Location() != "/home" {
			t.Errorf("Resolve(%.80q): got %.80q, want the landing page", raw, got.Location())
		}
		if warning == nil || warning.Code != "go_rejected" || warning.Path != "go" {
			t.Errorf("Resolve(%.80q): got warning %+v, want go_rejected at go", raw, warning)
		} else if strings.Contains(warning.Text, "evil") {
			t.Errorf("Resolve(%.80q): got warning text %q, want one that does not quote", raw, warning.Text)
		}
	}
}

func TestPlacesResolveWithoutPlaces(t *testing.T) {
	t.Parallel()
	var none Places
	for _, raw := range []string{"https://own.test/", "//own.test", "http://localhost/", "https:///", "://"} {
		if got, warning := none.Resolve(raw); got.Location() != "/" || warning == nil {
			t.Errorf("Resolve(%q): got %q, warning %v, want / and a warning", raw, got.Location(), warning)
		}
	}
	if got, warning := none.Resolve("/a"); got.Location() != "/a" || warning != nil {
		t.Errorf("Resolve(/a): got %q, warning %v, want /a", got.Location(), warning)
	}
	if got := (Target{}).Location(); got != "/" {
		t.Errorf("zero Target: got %q, want /", got)
	}
}

// A landing page that is not acceptable is refused at installation, and where
// one is stored all the same it is not used.
func TestLandingPage(t *testing.T) {
	t.Parallel()
	cases := []struct{ page, want string }{ // want "" = refused
		{"", "/"},
		{"/", "/"},
		{"/home", "/home"},
		{"/home?x=1#f", "/home?x=1#f"},
		{"/bücher", "/b%C3%BCcher"},
		{"home", ""},
		{"?x", ""},
		{"#x", ""},
		{"//evil.test", ""},
		{"/.//evil.test", ""},
		{`/\evil.test`, ""},
		{"/\t/evil.test", ""},
		{"/a b", ""},
		{"https://own.test/home", ""},
		{"https://listed.test/home", ""},
		{"https://evil.test/", ""},
		{"javascript:alert(1)", ""},
		{"/auth/logout", ""},
		{"/auth/callback/jwt-auth", ""},
		{"/x/../%61uth/logout", ""},
		{"/" + strings.Repeat("a", 2048), ""},
	}
	for _, c := range cases {
		err := CheckLanding(c.page)
		if (err == nil) != (c.want != "") {
			t.Errorf("CheckLanding(%.80q): got error %v, want refused %v", c.page, err, c.want == "")
		}
		if err != nil && strings.Contains(err.Error(), "evil") {
			t.Errorf("CheckLanding(%q): got error %q, want one that does not quote", c.page, err)
		}
		places := testPlaces(t)
		places.Landing = c.page
		want := c.want
		if want == "" {
			want = "/"
		}
		if got, warning := places.Resolve(""); got.Location() != want || warning != nil {
			t.Errorf("no go, landing page %.80q: got %q, warning %v, want %q and no warning", c.page, got.Location(), warning, want)
		}
		if got, warning := places.Resolve("//evil.test"); got.Location() != want || warning == nil {
			t.Errorf("bad go, landing page %.80q: got %q, warning %v, want %q and a warning", c.page, got.Location(), warning, want)
		}
	}
}

// FuzzPlacesResolve holds R01 and R03: whatever go and landing page say, a
// WHATWG parser that follows the Location, from our front page or from the
// callback, ends on the origin it asked or on a listed one.
func FuzzPlacesResolve(f *testing.F) {
	for _, seed := range []struct{ raw, landing string }{
		{"", ""},
		{"/path?x=1#f", "/home"},
		{"//evil.test", "//evil.test"},
		{"//..", "//evil.test/.."},
		{`/\evil.test`, `/\evil.test`},
		{"/\t/evil.test", "/\t/evil.test"},
		{"/.//evil.test", "/%2e//evil.test"},
		{"/%61uth/x/../logout", "/auth/callback"},
		{"https://own.test//evil.test", "https://evil.test"},
		{"https://listed.test:443/a?b", "javascript:alert(1)"},
		{"https://listed.test@evil.test/", "?x"},
		{"https://Bücher.example/ü", "#x"},
		{"http:evil.test", "http:evil.test"},
		{"https:///evil.test", "/\xff"},
		{"HTTP://localhost:8080?x", "/\"<>^`{}"},
		{"javascript:alert(1)", "/x/y/../../.."},
		{"?\\", "#\x7f"},
	} {
		f.Add(seed.raw, seed.landing)
	}
	places := testPlaces(f)
	f.Fuzz(func(t *testing.T, raw, landing string) {
		places := places
		places.Landing = landing
		target, warning := places.Resolve(raw)
		checkLands(t, places, raw, target)

		fallback, _ := places.Resolve("")
		checkLands(t, places, landing, fallback)
		if warning != nil && target != fallback {
			t.Errorf("Resolve(%q): got %q with a warning, want the landing page %q", raw, target.Location(), fallback.Location())
		}
		if CheckLanding(landing) != nil {
			if fallback.Location() != "/" {
				t.Errorf("refused landing page %q: got %q, want /", landing, fallback.Location())
			}
		} else if named, warning := places.Resolve(landing); named != fallback || warning != nil {
			t.Errorf("landing page %q: got %q, as a go value %q, warning %v", landing, fallback.Location(), named.Location(), warning)
		}

		// Sent round again, a result stays what it is.
		again, warning := places.Resolve(target.Location())
		if len(target.Location()) <= maxGoBytes && (again != target || warning != nil) {
			t.Errorf("Resolve(%q): got %q, which resolves to %q, warning %v", raw, target.Location(), again.Location(), warning)
		}
	})
}

// checkLands follows a Target with a WHATWG parser from several pages of each
// of our origins.
func checkLands(t *testing.T, places Places, raw string, target Target) {
	t.Helper()
	location := target.Location()
	for _, c := range []byte(location) {
		if c < 0x21 || c > 0x7E {
			t.Fatalf("Resolve(%.80q): got byte %#x in %q, want 0x21 to 0x7e", raw, c, location)
		}
	}
	for _, own := range places.Own {
		for _, page := range []string{"", "/", "/auth/callback/jwt-auth?x", "/a/b/c#d"} {
			landed, err := whatwg.ParseRef(own.String()+page, location)
			if err != nil {
				t.Fatalf("Resolve(%.80q): got %q, which no browser follows from %s%s: %v", raw, location, own, page, err)
			}
			if landed.Username() != "" || landed.Password() != "" {
				t.Fatalf("Resolve(%.80q): got %q with userinfo", raw, location)
			}
			origin := landed.Protocol() + "//" + landed.Host()
			isReturn := slices.ContainsFunc(places.Return, func(o Origin) bool { return o.String() == origin })
			if origin != own.String() && !isReturn {
				t.Fatalf("Resolve(%.80q): got %q, from %s%s a browser lands on %s", raw, location, own, page, origin)
			}
			if !isReturn && isLoop(landed.Pathname()) {
				t.Fatalf("Resolve(%.80q): got %q, which leads to %s", raw, location, landed.Pathname())
			}
		}
	}
}

func BenchmarkPlacesResolve(b *testing.B) {
	places := testPlaces(b)
	b.ReportAllocs()
	for b.Loop() {
		if _, warning := places.Resolve("/courses/7?unit=3#top"); warning != nil {
			b.Fatal(warning)
		}
	}
}
