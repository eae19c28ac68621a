package web

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func servePartnerFile(t *testing.T, name, method string, header ...string) *http.Response {
	t.Helper()
	r := httptest.NewRequestWithContext(t.Context(), method, "/embed/"+name, nil)
	for _, line := range header {
		key, value, _ := strings.Cut(line, ": ")
		r.Header.Set(key, value)
	}
	w := httptest.NewRecorder()
	PartnerFile(name).ServeHTTP(w, r)
	return w.Result()
}

func TestPartnerFiles(t *testing.T) {
	t.Parallel()
	for name, contentType := range map[string]string{
		PartnerScript: "text/javascript; charset=utf-8",
		PartnerTypes:  "text/plain; charset=utf-8",
	} {
		res := servePartnerFile(t, name, http.MethodGet)
		for header, want := range map[string]string{
			"Content-Type":                 contentType,
			"Cache-Control":                "public, max-age=600",
			"Cross-Origin-Resource-Policy": "cross-origin",
			"X-Content-Type-Options":       "nosniff",
			"Access-Control-Allow-Origin":  "",
		} {
			if got := res.Header.Get(header); got != want {
				t.Errorf("%s: got %s %q, want %q", name, header, got, want)
			}
		}
		etag := res.Header.Get("ETag")
		if got := servePartnerFile(t, name, http.MethodGet, "If-None-Match: "+etag).StatusCode; etag == "" || got != http.StatusNotModified {
			t.Errorf("%s: got %d for the ETag %q again, want 304", name, got, etag)
		}
		if got := servePartnerFile(t, name, http.MethodHead); got.StatusCode != http.StatusOK || got.ContentLength < 1000 {
			t.Errorf("%s: HEAD: got %d and %d bytes, want 200 and the length", name, got.StatusCode, got.ContentLength)
		}
	}
}

// The script goes into other people's pages: it is small, in one piece, and
// reads no markup.
func TestEmbedScriptStaysSmall(t *testing.T) {
	t.Parallel()
	script, err := io.ReadAll(servePartnerFile(t, PartnerScript, http.MethodGet).Body)
	if err != nil {
		t.Fatal(err)
	}
	var small bytes.Buffer
	zip, err := gzip.NewWriterLevel(&small, gzip.BestCompression)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := zip.Write(script); err != nil {
		t.Fatal(err)
	}
	if err := zip.Close(); err != nil {
		t.Fatal(err)
	}
	if got := small.Len(); got < 500 || got > 4<<10 {
		t.Errorf("got %d bytes gzipped, want at most %d", got, 4<<10)
	}
	for _, forbidden := range []string{"innerHTML", "insertAdjacent", "document.write", "eval(", "new Function", `"*"`, "import ", "localStorage", "document.cookie"} {
		if bytes.Contains(script, []byte(forbidden)) {
			t.Errorf("got %s in the script, want it without", forbidden)
		}
	}
}
