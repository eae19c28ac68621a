package admin

import (
	"net/url"
	"strings"
	"testing"
)

func TestNextPath(t *testing.T) {
	t.Parallel()
	for _, good := range []string{"/admin", "/admin?done=saved", "/admin/users?q=a%20b&after=x", "/admin/users/0190#meta"} {
		if got := nextPath(good); got != good {
			t.Errorf("%q: got %q, want it kept", good, got)
		}
	}
	for _, bad := range []string{
		"", "/", "admin", "/administrator", "//admin/x", "/admin//evil.example", "/admin/../x", "/admin/%2e%2e/x", "https://evil.example/admin",
		"/admin\\x", "/admin/\tx", "/admin/\nx", "/admin/ x", "/admin/ä", "/admin/api/v1/users", "/admin/sign-in", "/admin/sign-in/oidc", "/admin/%zz",
		"javascript:/admin/", "/admin/" + strings.Repeat("x", 2048),
	} {
		if got := nextPath(bad); got != "/admin" {
			t.Errorf("%q: got %q, want /admin", bad, got)
		}
	}
}

// FuzzNextPath: a browser that is at our origin stays there, under /admin.
func FuzzNextPath(f *testing.F) {
	for _, seed := range []string{"/admin/x", "//evil.example", "/admin/..//evil.example", "/admin?x=//y", "/admin/%2e%2e%2f"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		base := &url.URL{Scheme: "https", Host: "usher.example", Path: "/admin/sign-in"}
		to, err := base.Parse(nextPath(text))
		if err != nil || to.Host != base.Host || to.Scheme != base.Scheme || to.Path != "/admin" && !strings.HasPrefix(to.Path, "/admin/") {
			t.Errorf("%q: got to %v (%v)", text, to, err)
		}
	})
}
