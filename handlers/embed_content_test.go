package handlers

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestAncestors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		origins []string
		want    string
	}{
		{nil, "'none'"},
		{[]string{}, "'none'"},
		{[]string{"https://a.example"}, "https://a.example"},
		{[]string{"https://a.example:8443", "http://127.0.0.1:8081"}, "https://a.example:8443 http://127.0.0.1:8081"},
		{[]string{"https://a.example; script-src *", "*", "https://*.example", "null", "'unsafe-inline'"}, "'none'"},
		{[]string{"'self'", "https://a.example"}, "'self' https://a.example"},
	} {
		if got := ancestors(test.origins); got != test.want {
			t.Errorf("%q: got %q, want %q", test.origins, got, test.want)
		}
	}
}

// TestViewPolicy: who may frame our own page, in its three cases.
func TestViewPolicy(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		view view
		want string
	}{
		"a view":              {view{origins: []string{"https://a.example"}}, "; frame-ancestors https://a.example"},
		"no origins":          {view{known: true}, "; frame-ancestors 'none'"},
		"in content's place":  {view{origins: []string{"https://a.example"}, content: true}, "; frame-ancestors 'self' https://a.example"},
		"we do not know them": {view{anyone: true}, ""},
	} {
		if got := test.view.policy(); got != framePolicy+test.want {
			t.Errorf("%s: got %q, want %q at the end", name, got, test.want)
		}
	}
}

func TestContentPath(t *testing.T) {
	t.Parallel()
	const before = "/embed/vote-widget/57cc26/content/T"
	for _, test := range []struct{ path, want string }{ // "" = refused
		{before + "/", "/"},
		{before + "/a/b.js", "/a/b.js"},
		{before + "/a%20b/%C3%A9", "/a%20b/%C3%A9"},
		{before + "/a%2Fb", "/a%2Fb"},
		{before + "//a", "//a"},
		{before + "/...", "/..."},
		{before + "/a..b/.hidden", "/a..b/.hidden"},
		{before, ""},
		{before + "/../x", ""},
		{before + "/a/..", ""},
		{before + "/.", ""},
		{before + "/%2e%2E/x", ""},
		{before + "/a%2f..%2fx", ""},
		{before + "/..;a=b/x", ""},
		{before + "/a\\..\\x", ""},
		{before + "/a%5C..", ""},
		{before + "/a%00", ""},
		{"/embed/vote-widget/57cc26/content/%54/x", ""},
		{"/embed/vote-widget/57cc26/content/T%2Fx/y", ""},
		{"/embed/vote-widget/57cc26/c%6Fntent/T/x", ""},
		{"/embed/vote%2Dwidget%2F1/content/T/x", ""},
	} {
		u, err := url.Parse(test.path)
		if err != nil {
			t.Fatal(err)
		}
		got, ok := contentPath(u, "T")
		if ok != (test.want != "") || got != test.want {
			t.Errorf("%s: got %q, %t; want %q", test.path, got, ok, test.want)
		}
	}
}

// FuzzContentPath: what is passed on has nothing that a server could read as a
// step up, and is a path.
func FuzzContentPath(f *testing.F) {
	for _, seed := range []string{"/a/b", "/..", "/%2e%2e/", "/%252e%252e/", "/..%2f", "/a;/..;x/", "\\..\\", "//", "/%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		u, err := url.ParseRequestURI("/embed/k/i/content/T" + text)
		if err != nil {
			return
		}
		rest, ok := contentPath(u, "T")
		if !ok {
			return
		}
		plain, err := url.PathUnescape(rest)
		if err != nil || !strings.HasPrefix(rest, "/") {
			t.Fatalf("%q: got %q, error %v; want an escaped path", text, rest, err)
		}
		for _, segment := range strings.FieldsFunc(plain, func(r rune) bool { return r == '/' || r == '\\' }) {
			if segment == "." || segment == ".." {
				t.Errorf("%q: got %q, which has a dot segment", text, rest)
			}
		}
	})
}

func TestAddressOf(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ content, rest, query, wantPath, wantQuery string }{
		{"https://up.example/votes/57", "/", "", "", ""},
		{"https://up.example/votes/57", "/", "a=b", "", "a=b"},
		{"https://up.example/votes/57?v=1", "/", "a=b", "", "v=1&a=b"},
		{"https://up.example/votes/57?v=1", "/", "", "", "v=1"},
		{"https://up.example/votes/57?v=1", "/app.js", "x", "/app.js", "x"},
		{"https://up.example/votes/57/", "/", "", "/", ""},
		{"https://up.example/", "/", "", "/", ""},
		{"https://up.example", "/", "", "/", ""},
	} {
		content, err := url.Parse(test.content)
		if err != nil {
			t.Fatal(err)
		}
		if path, query := addressOf(content, test.rest, test.query); path != test.wantPath || query != test.wantQuery {
			t.Errorf("%s and %s?%s: got %q, %q; want %q, %q", test.content, test.rest, test.query, path, query, test.wantPath, test.wantQuery)
		}
	}
}

func TestWithoutAncestors(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ lines, want []string }{
		{nil, nil},
		{[]string{"frame-ancestors 'none'"}, nil},
		{[]string{"default-src 'self'; Frame-Ancestors https://a.example; img-src *"}, []string{"default-src 'self'; img-src *"}},
		{[]string{"default-src 'self', frame-ancestors 'none'"}, []string{"default-src 'self'"}},
		{[]string{";;frame-ancestors;", "sandbox"}, []string{"sandbox"}},
		{[]string{"frame-ancestors\t*;script-src 'self' 'unsafe-inline'"}, []string{"script-src 'self' 'unsafe-inline'"}},
		{[]string{"frame-ancestors-x a"}, []string{"frame-ancestors-x a"}},
	} {
		if diff := cmp.Diff(test.want, withoutAncestors(test.lines)); diff != "" {
			t.Errorf("%q (-want +got):\n%s", test.lines, diff)
		}
	}
}

// FuzzWithoutAncestors: of a policy nothing is left that says who may frame the
// content, and a second pass changes nothing.
func FuzzWithoutAncestors(f *testing.F) {
	f.Add("default-src 'self'; frame-ancestors 'none'")
	f.Add("FRAME-ancestors *,,; ;sandbox")
	f.Add("\x0cframe-ancestors\x0c*")
	f.Fuzz(func(t *testing.T, policy string) {
		once := withoutAncestors([]string{policy})
		for _, line := range once {
			for directive := range strings.FieldsFuncSeq(line, func(r rune) bool { return r == ';' || r == ',' }) {
				if name := strings.Fields(directive); len(name) > 0 && strings.EqualFold(name[0], "frame-ancestors") {
					t.Errorf("%q: got %q", policy, line)
				}
			}
		}
		if diff := cmp.Diff(once, withoutAncestors(once)); diff != "" {
			t.Errorf("%q: a second pass (-first +second):\n%s", policy, diff)
		}
	})
}

func TestPrivately(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ said, want string }{
		{"", "private, no-cache"},
		{"public, max-age=3600, immutable", "private, max-age=3600, immutable"},
		{"max-age=60, s-maxage=600", "private, max-age=60"},
		{"private", "private, no-cache"},
		{"no-cache", "private, no-cache"},
		{"max-age=5, No-Store", "no-store"},
		{" , PUBLIC,", "private, no-cache"},
	} {
		if got := privately([]string{test.said}); got != test.want {
			t.Errorf("%q: got %q, want %q", test.said, got, test.want)
		}
	}
	if got := privately(nil); got != "private, no-cache" {
		t.Errorf("nothing: got %q", got)
	}
}

func TestRedirectBelow(t *testing.T) {
	t.Parallel()
	const mount = "/embed/k/i/content/T"
	for _, test := range []struct{ location, want string }{ // "" = refused
		{mount, mount + "/"},
		{mount + "?a", mount + "/?a"},
		{mount + "/x?y#z", mount + "/x?y#z"},
		{"next", "next"},
		{"?page=2", "?page=2"},
		{mount + "x", ""},
		{"/", ""},
		{"//evil.example/", ""},
		{"/\\evil.example", ""},
		{"\\\\evil.example", ""},
		{"https://evil.example/", ""},
		{"javascript:alert(1)", ""},
	} {
		got, ok := redirectBelow(test.location, mount)
		if ok != (test.want != "") || ok && got != test.want {
			t.Errorf("%q: got %q, %t; want %q", test.location, got, ok, test.want)
		}
	}
}

// TestReframe: of an upstream's answer nothing reaches the browser that speaks
// for our origin.
func TestReframe(t *testing.T) {
	t.Parallel()
	answer := &http.Response{Header: http.Header{
		"Content-Type": {"text/html"}, "Content-Length": {"5"}, "Etag": {`"1"`}, "Vary": {"Accept"},
		"Content-Security-Policy": {"default-src 'self'; frame-ancestors 'none'", "img-src *"},
		"Cache-Control":           {"public, max-age=60"},
		"X-Frame-Options":         {"DENY"}, "Set-Cookie": {"a=b"}, "Clear-Site-Data": {`"*"`}, "Strict-Transport-Security": {"max-age=0"},
		"Www-Authenticate": {"Basic"}, "Access-Control-Allow-Origin": {"*"}, "Access-Control-Allow-Credentials": {"true"},
		"Nel": {"{}"}, "Report-To": {"{}"}, "Accept-Ch": {"Width"}, "Service-Worker-Allowed": {"/"}, "X-Accel-Redirect": {"/secret"},
		"X-Usher-User": {"x"}, "Cross-Origin-Opener-Policy": {"same-origin"}, "Referrer-Policy": {"unsafe-url"}, "Refresh": {"0;url=/"},
		"Set-Login": {"logged-out"}, "Origin-Agent-Cluster": {"?1"}, "Link": {"</x>; rel=preload"},
	}}
	if err := reframe(answer, contentPolicy([]string{"https://a.example"}), "/m", "null"); err != nil {
		t.Fatal(err)
	}
	want := http.Header{
		"Content-Type": {"text/html"}, "Content-Length": {"5"}, "Etag": {`"1"`}, "Vary": {"Accept", "Origin"},
		"Content-Security-Policy": {
			"default-src 'self'", "img-src *",
			"sandbox allow-scripts allow-forms allow-popups allow-downloads; frame-ancestors 'self' https://a.example",
		},
		"Cache-Control": {"private, max-age=60"}, "Referrer-Policy": {"no-referrer"}, "Cross-Origin-Resource-Policy": {"cross-origin"},
		"Access-Control-Allow-Origin": {"null"}, "Access-Control-Expose-Headers": {"*"},
	}
	if diff := cmp.Diff(want, answer.Header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}

	elsewhere := &http.Response{Header: http.Header{"Location": {"https://inner.example/login"}}}
	if err := reframe(elsewhere, "", "/m", "https://a.example"); err == nil {
		t.Error("a redirect to another place: got no error")
	}
	if got := elsewhere.Header.Get("Access-Control-Allow-Origin"); got != "" {
		t.Errorf("to an origin that is not the content's: got it shared with %q", got)
	}
}

func TestHideTicket(t *testing.T) {
	t.Parallel()
	header := http.Header{
		"Referer": {"https://sso.example/embed/k/i/content/SECRET/"}, "Origin": {"null"}, "Sec-Fetch-Site": {"cross-site"},
		"X-Forwarded-Uri": {"/embed/k/i/content/SECRET/x"}, "X-Trace": {"a", "b SECRET"}, "Accept": {"text/html"}, "Content-Type": {"text/plain"},
	}
	hideTicket(header, "SECRET")
	if diff := cmp.Diff(http.Header{"Accept": {"text/html"}, "Content-Type": {"text/plain"}}, header); diff != "" {
		t.Errorf("header (-want +got):\n%s", diff)
	}
}

// TestLoggedPathHidesTickets: the ticket opens the content, and stays out of the
// log.
func TestLoggedPathHidesTickets(t *testing.T) {
	t.Parallel()
	ticket := strings.Repeat("T", 43)
	for path, want := range map[string]string{
		"/embed/k/i/content/" + ticket + "/a/b": "/embed/k/i/content/…/a/b",
		"/embed/k/i/content/short/":             "/embed/k/i/content/…/",
		"/embed/k/i/content/" + ticket:          "/embed/k/i/content/…",
		"/embed/k/i/session":                    "/embed/k/i/session",
	} {
		if got := loggedPath(path); got != want {
			t.Errorf("%s: got %s, want %s", path, got, want)
		}
	}
}

// TestReadBearer: a credential that is meant for us decides alone.
func TestReadBearer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		lines    []string
		bearer   string
		explicit bool
	}{
		{nil, "", false},
		{[]string{"Basic abc"}, "", false},
		{[]string{"Bearer abc"}, "abc", true},
		{[]string{"bearer  abc "}, "abc", true},
		{[]string{"Bearer"}, "", true},
		{[]string{"JWT eyJ.a.b"}, "", true},
		{[]string{"Bearer a", "Bearer b"}, "", true},
	} {
		bearer, explicit := readBearer(http.Header{"Authorization": test.lines})
		if bearer != test.bearer || explicit != test.explicit {
			t.Errorf("%q: got %q, %t; want %q, %t", test.lines, bearer, explicit, test.bearer, test.explicit)
		}
	}
}
