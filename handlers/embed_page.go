package handlers

import (
	"bytes"
	"log/slog"
	"net/http"
	"strings"

	"github.com/gin-gonic/gin"

	"usher/provisioning"
	"usher/web"
)

// view is what is known about a framed page while it is being made. An error
// page needs it as well: it is framed by the same sites.
type view struct {
	kind, id string // of the resource, as the address has them
	appID    string // of the integration; "" = not said
	origins  []string
	known    bool // origins are those of the integration that the view belongs to
	anyone   bool // may frame it: there was no way to know the origins
	content  bool // it stands in the place of a partner's content, without our script
}

type viewKey struct{}

// viewOf returns the request's view, which it begins.
func viewOf(c *gin.Context) *view {
	value, _ := c.Get(viewKey{})
	v, ok := value.(*view)
	if !ok {
		v = &view{kind: c.Param("kind"), id: c.Param("id"), content: c.Param("ticket") != ""}
		c.Set(viewKey{}, v)
	}
	return v
}

// belongsTo notes whose origins may frame the view.
func (v *view) belongsTo(n provisioning.Integration) {
	v.appID, v.origins, v.known = n.AppID, n.EmbedOrigins, true
}

// path is the view's own address, without its query.
func (v *view) path() string { return EmbedPath + "/" + v.kind + "/" + v.id }

// sound reports whether kind and id are made of unreserved characters
// (RFC 3986 §2.3), so that an address can be put together from them.
func (v *view) sound() bool {
	const unreserved = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~"
	return v.kind != "" && v.id != "" && strings.Trim(v.kind+v.id, unreserved) == ""
}

// WrapFrame is Wrap for pages in a frame: an error is a small page, whatever
// the Accept header says, and the sites that may frame the view may frame it.
func (a *App) WrapFrame(handle Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		v := viewOf(c)
		err := handle(c)
		if err == nil {
			return
		}
		if !v.known {
			a.guessOrigins(c, v, err)
		}
		c.Header("Content-Security-Policy", v.policy())
		a.answer(c, err, asFrame)
	}
}

// guessOrigins lets every embed origin of the tenant frame an error page of
// nobody knows which integration. While they cannot be read anybody may: the
// page says that we cannot be reached, and nothing about anyone.
func (a *App) guessOrigins(c *gin.Context, v *view, cause error) {
	if tenant := siteOf(c).tenant; tenant.ID != "" {
		origins, err := a.Provisioning.EmbedOrigins(c.Request.Context(), tenant, "")
		if err == nil {
			v.origins = origins
			return
		}
	}
	v.anyone = a.rule(cause).status >= http.StatusInternalServerError
}

// framePolicy is the policy of our own pages in a frame, but for who may frame
// them.
const framePolicy = "default-src 'none'; style-src 'self'; img-src 'self' data:; script-src 'self'; " +
	"connect-src 'self'; frame-src 'self'; form-action 'none'; base-uri 'none'"

// policy is the Content-Security-Policy of our own page in the frame.
func (v *view) policy() string {
	switch {
	case v.anyone:
		return framePolicy
	case v.content && len(v.origins) > 0: // our own page stands between
		return framePolicy + "; frame-ancestors " + ancestors(append([]string{"'self'"}, v.origins...))
	}
	return framePolicy + "; frame-ancestors " + ancestors(v.origins)
}

// ancestors is the list of frame-ancestors (CSP Level 3, §6.4.2.1) for origins,
// "'none'" for no origin. Origins are checked when they are stored; what is no
// origin by the present rules is left out.
func ancestors(origins []string) string {
	var list []string
	for _, origin := range origins {
		if parsed, err := provisioning.ParseOrigin(origin); err == nil {
			list = append(list, parsed.String())
		} else if origin == "'self'" {
			list = append(list, origin)
		}
	}
	if len(list) == 0 {
		return "'none'"
	}
	return strings.Join(list, " ")
}

// script is what the page tells its script; nothing for a page without one.
func (v *view) script(reference string) web.EmbedScript {
	if v.content || !v.sound() {
		return web.EmbedScript{}
	}
	return web.EmbedScript{Kind: v.kind, ID: v.id, AppID: v.appID, Origins: v.origins, Reference: reference}
}

// renewable are the refusals that a fresh token can turn into a view.
var renewable = map[string]bool{
	string(NoSession): true, string(provisioning.TokenExpired): true, string(provisioning.TokenTooOld): true,
	string(provisioning.KeyRetired): true,
}

// framePage renders a ruling for a person who sees it in a frame.
func (h *HTTP) framePage(c *gin.Context, r ruling, reference string) []byte {
	r = r.inFrame()
	advice := r.advice() + r.claimNote()
	script := viewOf(c).script(reference)
	script.Reason, script.Message = r.code, r.title+". "+advice
	script.Renewable = renewable[r.code]
	script.Passing = r.retryAfter > 0
	var html bytes.Buffer
	err := h.Pages.Render(&html, web.EmbedRefused{Script: script, Refused: web.Refused{
		Title: r.title, WhatToDo: advice, Reason: r.code, Reference: reference, Status: r.status,
	}})
	if err != nil {
		h.Log.LogAttrs(c.Request.Context(), slog.LevelError, "rendering a page failed",
			slog.String("reference", reference), slog.Any("error", err))
		return h.Pages.Fallback()
	}
	return html.Bytes()
}

// inFrame is the ruling in words for somebody who has opened no link but looks
// at a page of a site.
func (r ruling) inFrame() ruling {
	r.title = strings.NewReplacer("This link", "This page's sign-in", "this link", "this page's sign-in").Replace(r.title)
	switch r.whatToDo {
	case openAgain:
		r.whatToDo = "Load the page again, or go back to the site you came from."
	case tryAgain:
		r.whatToDo = "Wait a moment, then try again."
	}
	return r
}
