package main

import (
	"fmt"
	"log/slog"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/google/go-cmp/cmp"

	"usher/web"
)

// everyRoute is what the program answers to, as "METHOD path".
func everyRoute(t *testing.T) []string {
	t.Helper()
	cfg, err := loadConfig([]string{"USHER_DATA_DIR=" + t.TempDir()})
	if err != nil {
		t.Fatal(err)
	}
	app, err := wire(t.Context(), cfg, origin(t, "http://localhost:1"), slog.New(slog.DiscardHandler))
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := app.close(); err != nil {
			t.Error(err)
		}
	}()
	var all []string
	for _, r := range app.handler.(*gin.Engine).Routes() {
		all = append(all, r.Method+" "+r.Path)
	}
	slices.Sort(all)
	return all
}

func TestRoutesAreDocumented(t *testing.T) {
	t.Parallel()
	row := regexp.MustCompile("(?m)^\\| ([A-Z]+) \\| `(/[^`]*)` \\| ([^|]+) \\| [^|]+ \\|$")
	var documented []string
	for _, match := range row.FindAllStringSubmatch(projectFile(t, "../docs/http-api.md"), -1) {
		methods := []string{match[1]}
		if match[1] == "ANY" {
			methods = verifyMethods
		}
		for _, method := range methods {
			documented = append(documented, method+" "+match[2])
		}
		api := strings.HasPrefix(match[2], "/admin/api/")
		page := !api && (match[2] == "/admin" || strings.HasPrefix(match[2], "/admin/")) && match[3] != "everyone"
		if (match[3] == "an API key") != api || (match[3] == "an administrator") != page {
			t.Errorf("%s %s: got %q as who may call", match[1], match[2], match[3])
		}
	}
	slices.Sort(documented)
	if diff := cmp.Diff(everyRoute(t), documented); diff != "" {
		t.Errorf("got a table in docs/http-api.md that differs from the routes (-program +table):\n%s", diff)
	}
}

// TestSecurityHeaders on every route's answer, whatever that is.
func TestSecurityHeaders(t *testing.T) {
	eachWorld(t, func(t *testing.T, w world) {
		i := launch(t, w, "USHER_PUBLIC_URL=https://sso.example.com")
		lumen := i.install(t, nil)
		cookie := i.signIn(t, link(lumen.token(person("anna"))))
		targets := append(everyRoute(t), "GET /nowhere", "PUT /auth/session", "TRACE /", "GET "+web.AssetPath("usher.css"),
			"GET "+link(lumen.token(person("anna"))), "GET "+link("abc"), "GET /auth/onboarding?next=/x")
		for _, target := range targets {
			method, path, _ := strings.Cut(target, " ")
			for _, header := range []string{"X-Nothing: 1", holding(cookie)} {
				a := i.send(t, method, path, "", header)
				asset := strings.HasPrefix(path, web.AssetPrefix) || strings.HasPrefix(path, "/embed/usher-embed.")
				want := map[string]string{
					"X-Content-Type-Options":     "nosniff",
					"Referrer-Policy":            "no-referrer",
					"Cross-Origin-Opener-Policy": "same-origin",
					"Strict-Transport-Security":  "max-age=31536000",
				}
				public := strings.HasPrefix(path, "/.well-known/") || path == "/api/v0/token/jwks"
				if !asset && !public {
					want["Cache-Control"] = "no-store"
				}
				for name, value := range want {
					if got := a.header[name]; len(got) != 1 || got[0] != value {
						t.Errorf("%s: got %s %q, want %q", target, name, got, value)
					}
				}
				policy := a.header.Get("Content-Security-Policy")
				if !strings.HasPrefix(policy, "default-src 'none'") || strings.Contains(policy, "unsafe") {
					t.Errorf("%s: got policy %q", target, policy)
				}
				if !asset && !strings.Contains(policy, "frame-ancestors 'none'") {
					t.Errorf("%s: got policy %q, want framing refused", target, policy)
				}
				if a.status >= 500 {
					t.Errorf("%s: got %v", target, a)
				}
				if got := a.header.Get("Server") + a.header.Get("X-Powered-By"); got != "" {
					t.Errorf("%s: got the software named: %q", target, got)
				}
				if kind := a.header.Get("Content-Type"); a.body != "" && kind == "" {
					t.Errorf("%s: got a body without a type", target)
				}
			}
		}
	})
}

// TestMethods: an address that exists answers other methods with 405 and
// Allow, and nothing is listed or debugged at well-known places.
func TestMethods(t *testing.T) {
	t.Parallel()
	i := launch(t, embeddedWorld(t))
	for path, allowed := range map[string]string{
		"/auth/session": "GET, OPTIONS", "/auth/logout": "GET, POST", "/auth/callback/jwt-auth": "GET, POST",
	} {
		for _, method := range []string{"PUT", "PATCH", "TRACE", "PROPFIND", "BREW"} {
			a := i.send(t, method, path, "", wantsJSON)
			i.wantReason(t, a, http.StatusMethodNotAllowed, "method_not_allowed")
			got := strings.Split(a.header.Get("Allow"), ", ")
			slices.Sort(got)
			if fmt.Sprint(got) != fmt.Sprint(strings.Split(allowed, ", ")) {
				t.Errorf("%s %s: got Allow %q, want %q", method, path, a.header.Get("Allow"), allowed)
			}
		}
	}
	for _, path := range []string{
		"/debug/pprof/", "/debug/vars", "/metrics", "/auth/assets/", "/auth/assets/../server/main.go", "/assets/", "/.env", "/auth/session/", "//auth/session",
		"/AUTH/SESSION", "/auth/callback/jwt-auth/", "/auth/assets/%2e%2e/%2e%2e/etc/passwd",
	} {
		a, _ := i.raw(t, "GET "+path+" HTTP/1.1")
		if a.status != http.StatusNotFound || a.header.Get("Location") != "" {
			t.Errorf("%s: got %v to %q, want 404", path, a, a.header.Get("Location"))
		}
	}
}
