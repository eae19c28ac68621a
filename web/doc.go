// Package web holds every page that a person may see: one struct per page, its
// template and the assets they share.
//
//	handler → web.Home{…} → Pages.Render → buffer → the connection
//
// A page struct carries text as it came; escaping is the templates' work
// (html/template, by context). The package knows no status codes, no requests
// and no rules: it shows what it is given.
//
// Every page works without script, those in a partner's frame until the session
// ends, and under
//
//	Content-Security-Policy: default-src 'none'; style-src 'self'; img-src 'self' data:; form-action 'self'
package web
