package handlers

import (
	"net/url"
	"path"
	"strings"
	"testing"
)

func TestPathPrefixes(t *testing.T) {
	t.Parallel()
	prefixes, err := ParsePathPrefixes("/assets/, /health,/a b/ü")
	if err != nil {
		t.Fatal(err)
	}
	for escaped, want := range map[string]bool{
		"/assets": true, "/assets/": true, "/assets/a.css": true, "/assets/a/b": true, "/health": true, "/%61ssets/x": true,
		"/a%20b/%C3%BC": true, "/a%20b/%C3%BC/x": true, "/assets/a%20b": true, "/assets/..a": true, "/assets/.hidden": true,
		"/": false, "/asset": false, "/assets2": false, "/assets.css": false, "/Assets/x": false, "/healthz": false, "/x/assets": false,
		"/assets/../private": false, "/assets/%2e%2e/private": false, "/assets/.%2E/private": false, "/assets/./x": false,
		"/assets/..%2fprivate": false, "/assets%2f..%2fprivate": false, "/assets/..%5cprivate": false, "/assets/x%5c..%5c..%5cprivate": false,
		"/assets//x": false, "//assets/x": false, "/assets/%2fx": false, "/assets%5cx": false,
		"/assets/..;/private": false, "/assets/..;a=b/private": false, "/assets/x;/../private": false, "/assets;x=1": false, "/assets/;/x": false,
		"/assets/%252e%252e/private": false, "/assets/%252fx": false, "/assets/100%25": false,
		"/assets/x%00": false, "/assets/x%0a": false, "/assets/x%7f": false, "/assets/x%3f": false, "/assets/x%23": false,
		"/private/../assets/x": false, "": false, "assets": false, "*": false,
	} {
		decoded, err := url.PathUnescape(escaped)
		if err != nil {
			t.Fatal(err)
		}
		if got := prefixes.Match(decoded); got != want {
			t.Errorf("%q: got %v, want %v", escaped, got, want)
		}
	}
	if PathPrefixes(nil).Match("/assets/x") {
		t.Error("got a match without prefixes, want none")
	}
	all, err := ParsePathPrefixes("/")
	if err != nil || !all.Match("/a/../b") {
		t.Errorf("got no match below /, error %v, want one for every path", err)
	}
	for _, list := range []string{"", "assets", "/a,,/b", "/a/../b", "/a//b", "//", "/a?b", "/a#b", "/a%20b", `/a\b`, "/a;b", "/.", "/a\x00"} {
		if got, err := ParsePathPrefixes(list); err == nil {
			t.Errorf("%q: got %q, want an error", list, got)
		}
	}
}

// FuzzPathPrefixes: whatever a path is called, one that the matcher opens is
// below the prefix in the eyes of servers that clean, decode once more, cut
// parameters off or take backslashes for slashes.
func FuzzPathPrefixes(f *testing.F) {
	for _, seed := range []string{
		"/assets/a.css", "/assets/../x", "/assets/%2e%2e/x", "/assets/..;/x", `/assets\..\x`, "/assets//x", "/assets/%252e%252e/x", "/assets\x00/x",
	} {
		f.Add(seed)
	}
	prefixes := PathPrefixes{"/assets"}
	f.Fuzz(func(t *testing.T, decoded string) {
		if !prefixes.Match(decoded) {
			return
		}
		readings := []string{decoded, strings.ReplaceAll(decoded, `\`, "/")}
		for range 2 {
			for _, reading := range readings {
				if again, err := url.PathUnescape(reading); err == nil {
					readings = append(readings, again)
				}
			}
		}
		for _, reading := range readings {
			var segments []string
			for segment := range strings.SplitSeq(reading, "/") {
				segment, _, _ = strings.Cut(segment, ";")
				segments = append(segments, segment)
			}
			for _, seen := range []string{reading, strings.Join(segments, "/")} {
				if clean := path.Clean(seen); clean != "/assets" && !strings.HasPrefix(clean, "/assets/") {
					t.Errorf("%q is open, and a server may read it as %q", decoded, clean)
				}
			}
		}
	})
}

func TestOurPaths(t *testing.T) {
	t.Parallel()
	for path, want := range map[string]bool{
		"/auth": true, "/auth/": true, "/auth/x": true, "/admin": true, "/api/resources/x": true, "/api/oauth": true, "/api": false, "/api/x": false, "/embed/a/b": true, "/openapi": true, "/openapi.json": true,
		"/healthz": true, "/readyz": true, "//auth/session": true, "/auth//x": true, `/\auth/x`: true,
		"/": false, "/author": false, "/admins": false, "/health": false, "/x/auth": false, "/openapi.yaml": false, "/Auth/x": false, "": false,
	} {
		if got := isOurPath(path); got != want {
			t.Errorf("%q: got %v, want %v", path, got, want)
		}
	}
}
