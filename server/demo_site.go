package main

import (
	"bytes"
	"net/http"
	"strings"

	"usher/web"
)

// demoPolicy is what a demo site's pages may do beyond showing themselves.
type demoPolicy struct {
	forms []string // foreign origins that forms may reach, redirects on the way included
	usher string   // Usher's origin, whose script to run, to frame and to call; "" = no script at all
}

func (p demoPolicy) String() string {
	own := func(more ...string) string { return strings.Join(append([]string{"'self'"}, more...), " ") }
	policy := "default-src 'none'; style-src 'self'; img-src 'self' data:; form-action " + own(p.forms...)
	if p.usher != "" {
		policy += "; script-src " + own(p.usher) + "; connect-src " + own(p.usher) + "; frame-src " + p.usher
	}
	return policy + "; base-uri 'none'; frame-ancestors 'none'"
}

// demoSite wraps a demo site's pages: the assets beside them, and headers as
// strict as Usher's own.
func demoSite(pages http.Handler, p demoPolicy) http.Handler {
	policy := p.String()
	mux := http.NewServeMux()
	mux.Handle("GET "+web.AssetPrefix, web.Assets())
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h.Set("Content-Security-Policy", policy)
		h.Set("X-Content-Type-Options", "nosniff")
		// A stricter policy would send "Origin: null" with the forms that
		// post to Usher, which tells origins apart by that header.
		h.Set("Referrer-Policy", "strict-origin")
		// The pages hold a signed link, or who is signed in.
		h.Set("Cache-Control", "no-store")
		pages.ServeHTTP(w, r)
	})
	return mux
}

// sendPage answers with the page, or with the fallback when it cannot be
// rendered.
func sendPage(w http.ResponseWriter, pages *web.Pages, status int, page web.Page) {
	var body bytes.Buffer
	if err := pages.Render(&body, page); err != nil {
		status = http.StatusInternalServerError
		body.Reset()
		body.Write(pages.Fallback())
	}
	w.Header().Set("Content-Type", "text/html; charset=utf-8")
	w.WriteHeader(status)
	// A write fails only when the browser has gone.
	_, _ = w.Write(body.Bytes())
}
