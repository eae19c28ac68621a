package web

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"net/http"
	"path"
	"time"
)

//go:embed partner
var partnerFiles embed.FS

// What partners load into pages of their own. The addresses stand in those
// pages, so they stay as they are for good.
const (
	PartnerScript = "usher-embed.js"
	PartnerTypes  = "usher-embed.d.ts"
)

// PartnerFile serves one of the two at whatever address it is mounted at.
// Browsers may keep it for ten minutes and then ask whether it has changed.
// Pages of any origin may load it, but not read it. It panics for another name.
func PartnerFile(name string) http.Handler {
	content, err := partnerFiles.ReadFile("partner/" + name)
	if err != nil {
		panic(err) // the names are constants, the folder is part of the binary
	}
	sum := sha256.Sum256(content)
	etag := `"` + hex.EncodeToString(sum[:8]) + `"`
	contentType := assetTypes[path.Ext(name)]
	if name == PartnerTypes {
		contentType = "text/plain; charset=utf-8"
	}
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Type", contentType)
		h.Set("X-Content-Type-Options", "nosniff")
		h.Set("Cache-Control", "public, max-age=600")
		h.Set("ETag", etag)
		h.Set("Cross-Origin-Resource-Policy", "cross-origin")
		h.Set("Content-Security-Policy", "default-src 'none'; sandbox")
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(content))
	})
}
