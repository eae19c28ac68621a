package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"strings"
	"sync"
	"time"
)

//go:embed assets
var assetFiles embed.FS

// AssetPrefix is where Assets is to be mounted. It is below a path that is ours
// anyway: the application that we stand in front of may have /assets/ itself.
const AssetPrefix = "/auth/assets/"

// assetTypes are the only kinds of file that are served.
var assetTypes = map[string]string{
	".css": "text/css; charset=utf-8",
	".js":  "text/javascript; charset=utf-8",
	".svg": "image/svg+xml",
}

// assetTable is the embedded files, looked up both ways.
type assetTable struct {
	paths map[string]string // file name → path with the content's hash
	files map[string][]byte // path with the content's hash → content
}

var assetIndex = sync.OnceValue(func() assetTable {
	table := assetTable{paths: make(map[string]string), files: make(map[string][]byte)}
	entries, err := assetFiles.ReadDir("assets")
	if err != nil {
		panic(err) // the folder is part of the binary
	}
	for _, entry := range entries {
		content, err := assetFiles.ReadFile("assets/" + entry.Name())
		if err != nil {
			panic(err)
		}
		sum := sha256.Sum256(content)
		ext := path.Ext(entry.Name())
		hashed := AssetPrefix + strings.TrimSuffix(entry.Name(), ext) + "-" + hex.EncodeToString(sum[:6]) + ext
		table.paths[entry.Name()] = hashed
		table.files[hashed] = content
	}
	return table
})

// AssetPath is the address of an asset by its file name:
// "usher.css" → "/auth/assets/usher-0123456789ab.css". The address changes with the
// content. It is empty for a name that does not exist.
func AssetPath(name string) string {
	return assetIndex().paths[name]
}

// Assets serves the addresses that AssetPath gives, to be mounted at AssetPrefix.
// An answer may be kept for a year, for its address changes with its content;
// anything else is 404.
func Assets() http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		content, ok := assetIndex().files[r.URL.Path]
		if !ok {
			http.NotFound(w, r)
			return
		}
		if r.Method != http.MethodGet && r.Method != http.MethodHead {
			w.Header().Set("Allow", "GET, HEAD")
			http.Error(w, "method not allowed", http.StatusMethodNotAllowed)
			return
		}
		h := w.Header()
		h.Set("Content-Type", assetTypes[path.Ext(r.URL.Path)])
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
		// An SVG opened by itself is a document: it gets no rights.
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}
