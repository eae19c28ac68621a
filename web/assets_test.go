package web

import (
	"net/http"
	"net/http/httptest"
	"regexp"
	"testing"
)

func serveAsset(t *testing.T, method, path string) *http.Response {
	t.Helper()
	w := httptest.NewRecorder()
	Assets().ServeHTTP(w, httptest.NewRequestWithContext(t.Context(), method, path, nil))
	return w.Result()
}

func TestAssets(t *testing.T) {
	t.Parallel()
	types := map[string]string{
		"usher.css":   "text/css; charset=utf-8",
		"admin.css":   "text/css; charset=utf-8",
		"passkeys.js": "text/javascript; charset=utf-8",
		"admin.js":    "text/javascript; charset=utf-8",
		"demo.css":    "text/css; charset=utf-8",
		"embed.css":   "text/css; charset=utf-8",
		"embed.js":    "text/javascript; charset=utf-8",
		"embedded.js": "text/javascript; charset=utf-8",
		"calls.js":    "text/javascript; charset=utf-8",
		"formpost.js": "text/javascript; charset=utf-8",
		"widget.js":   "text/javascript; charset=utf-8",
		"usher.svg":   "image/svg+xml",
		"lumen.svg":   "image/svg+xml",
		"atrium.svg":  "image/svg+xml",
	}
	if got, want := len(assetIndex().paths), len(types); got != want {
		t.Errorf("got %d assets, want %d", got, want)
	}
	hashed := regexp.MustCompile(`^/auth/assets/[a-z]+-[0-9a-f]{12}\.(css|js|svg)$`)
	for name, contentType := range types {
		path := AssetPath(name)
		if !hashed.MatchString(path) {
			t.Errorf("AssetPath(%q): got %q, want a hashed address", name, path)
		}
		res := serveAsset(t, http.MethodGet, path)
		if res.StatusCode != http.StatusOK {
			t.Errorf("GET %s: got %d, want 200", path, res.StatusCode)
		}
		for header, want := range map[string]string{
			"Content-Type":            contentType,
			"X-Content-Type-Options":  "nosniff",
			"Cache-Control":           "public, max-age=31536000, immutable",
			"Content-Security-Policy": "default-src 'none'; sandbox",
		} {
			if got := res.Header.Get(header); got != want {
				t.Errorf("GET %s: got %s %q, want %q", path, header, got, want)
			}
		}
	}
}

func TestAssetsElsewhere(t *testing.T) {
	t.Parallel()
	tests := []struct {
		method, path string
		want         int
	}{
		{http.MethodGet, "/auth/assets/", http.StatusNotFound},
		{http.MethodGet, "/auth/assets/usher.css", http.StatusNotFound},
		{http.MethodGet, "/auth/assets/usher-000000000000.css", http.StatusNotFound},
		{http.MethodGet, "/auth/assets/../templates/layout.html", http.StatusNotFound},
		{http.MethodHead, AssetPath("usher.css"), http.StatusOK},
		{http.MethodPost, AssetPath("usher.css"), http.StatusMethodNotAllowed},
	}
	for _, tt := range tests {
		if got := serveAsset(t, tt.method, tt.path).StatusCode; got != tt.want {
			t.Errorf("%s %s: got %d, want %d", tt.method, tt.path, got, tt.want)
		}
	}
	if got := AssetPath("../pages.go"); got != "" {
		t.Errorf("AssetPath of an unknown name: got %q, want none", got)
	}
}
