package handlers

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"

	"usher/web"
)

// Handler answers a request, or returns why it did not. A handler that returns
// an error has written nothing: the answer is made in one place, by HTTP.
type Handler func(c *gin.Context) error

// Pages turns a page into HTML. Nothing is written when an error is returned.
type Pages interface {
	Render(w io.Writer, page web.Page) error
	// Fallback is a whole page without data, for when Render fails.
	Fallback() []byte
}

// HTTP is what every handler shares: it turns errors into answers and holds
// the middleware. All fields are required and read-only after the first
// request; Requests may be nil.
type HTTP struct {
	Pages Pages
	Log   *slog.Logger
	Now   func() time.Time
	// Unavailable says whether an error means that a store cannot be reached
	// or does not answer: a fault that passes, answered with 503.
	Unavailable func(error) bool
	// HTTPS says that browsers reach us over https only.
	HTTPS bool

	// Requests is told of every request; nil = nobody is.
	Requests RequestMeter

	inFlight, shed atomic.Int64 // see Load

	ids idSource

	usualPages sync.Map  // by code, see page
	pageRooms  sync.Pool // of *[]byte
	lineRooms  sync.Pool // of *[16]slog.Attr
}

// Wrap makes a handler for gin. An error is answered as an HTML page, or as an
// RFC 9457 problem when the request's Accept header prefers JSON.
func (h *HTTP) Wrap(handle Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := handle(c); err != nil {
			h.answer(c, err, wantedForm(c.Request))
		}
	}
}

// WrapJSON is Wrap for routes that speak JSON whatever the Accept header says.
func (h *HTTP) WrapJSON(handle Handler) gin.HandlerFunc {
	return func(c *gin.Context) {
		if err := handle(c); err != nil {
			h.answer(c, err, asProblem)
		}
	}
}

// errorForm is the form in which an error is told.
type errorForm int

const (
	asPage    errorForm = iota // HTML
	asProblem                  // RFC 9457
	asOAuth                    // RFC 6749 §5.2
	asFrame                    // HTML for a frame, see WrapFrame
	asMessage                  // JSON with "msg", see WrapV0
	asSCIM                     // RFC 7644 §3.12
)

// wantedForm is the form for a route that speaks both HTML and JSON, or for an
// address that is none.
func wantedForm(r *http.Request) errorForm {
	if r.URL.Path == SCIMPath || strings.HasPrefix(r.URL.Path, SCIMPath+"/") {
		return asSCIM
	}
	// The APIs speak JSON even about addresses that they do not have.
	if strings.HasPrefix(r.URL.Path, "/admin/api/") || strings.HasPrefix(r.URL.Path, "/api/") ||
		prefersJSON(r.Header.Values("Accept")) {
		return asProblem
	}
	return asPage
}

// statusClientGone stands in the log for a request whose client has hung up
// before there was an answer.
const statusClientGone = 499

// answer ends the request with what the table says about err, and logs it.
func (h *HTTP) answer(c *gin.Context, err error, form errorForm) {
	c.Abort()
	if errors.Is(c.Request.Context().Err(), context.Canceled) {
		c.Status(statusClientGone)
		return
	}
	ruling := h.rule(err)
	if ruling.code == string(Overloaded) && !errors.Is(err, errStopping) {
		h.shed.Add(1)
	}
	h.logRefusal(c, ruling, err)
	if c.Writer.Written() {
		// Half an answer is out. Cutting the connection is the only way left
		// to tell the client that it is not a whole one.
		panic(http.ErrAbortHandler)
	}

	ruling.setHeader(c.Writer.Header())
	reference := RequestID(c.Request.Context())
	switch form {
	case asProblem:
		send(c, ruling.status, problemType, ruling.problem(reference))
	case asOAuth:
		send(c, ruling.status, jsonType, ruling.oauthError(reference))
	case asSCIM:
		send(c, ruling.status, scimMediaType, ruling.scimError(err, reference))
	case asMessage:
		send(c, ruling.status, jsonType, ruling.message(reference))
	case asFrame:
		send(c, ruling.status, htmlType, h.framePage(c, ruling, reference))
	case asPage:
		h.answerPage(c, ruling, reference)
	}
}

// answerPage answers with the page of a ruling, in room that is used again.
func (h *HTTP) answerPage(c *gin.Context, ruling ruling, reference string) {
	room, ok := h.pageRooms.Get().(*[]byte)
	if !ok {
		room = new([]byte)
	}
	*room = h.page((*room)[:0], c, ruling, reference)
	send(c, ruling.status, htmlType, *room)
	h.pageRooms.Put(room)
}

// page appends the ruling, rendered for a person, to room.
func (h *HTTP) page(room []byte, c *gin.Context, ruling ruling, reference string) []byte {
	// Without a sentence of its own a page differs by its reference alone, which
	// is letters and digits: a flood of refusals need not render each anew.
	usual := ruling.public == "" && ruling.claimNote() == ""
	if usual {
		if kept, ok := h.usualPages.Load(ruling.code); ok {
			return kept.(usualPage).with(room, reference)
		}
		html, err := h.render(ruling, anyReference)
		if err == nil {
			h.usualPages.Store(ruling.code, usualPage(bytes.Split(html, []byte(anyReference))))
		}
	}
	html, err := h.render(ruling, reference)
	if err != nil {
		h.Log.LogAttrs(c.Request.Context(), slog.LevelError, "rendering a page failed",
			slog.String("reference", reference), slog.Any("error", err))
		return append(room, h.Pages.Fallback()...)
	}
	return append(room, html...)
}

// anyReference stands for the reference in pages that are to be kept.
const anyReference = "REFERENCE-OF-A-PAGE-THAT-IS-KEPT"

// usualPage is a page as it is kept: what stands between its references.
type usualPage [][]byte

func (p usualPage) with(room []byte, reference string) []byte {
	html := append(room, p[0]...)
	for _, part := range p[1:] {
		html = append(append(html, reference...), part...)
	}
	return html
}

func (h *HTTP) render(ruling ruling, reference string) ([]byte, error) {
	var page web.Page
	switch Code(ruling.code) {
	case NotFound:
		page = web.NotFound{}
	case Internal:
		page = web.Fault{Reference: reference}
	default:
		page = web.Refused{
			Title:     ruling.title,
			WhatToDo:  ruling.advice() + ruling.claimNote(),
			Reason:    ruling.code,
			Reference: reference,
			Status:    ruling.status,
		}
	}
	var html bytes.Buffer
	err := h.Pages.Render(&html, page)
	return html.Bytes(), err
}

// Note adds attributes (the tenant, the integration) to the log lines of this
// request. Whatever is noted is logged: never note a token or a secret.
func Note(c *gin.Context, attrs ...slog.Attr) {
	r := requestOf(c)
	if r.notes == nil {
		r.notes = r.room[:0]
	}
	for _, a := range attrs {
		// A line says each thing once, or readers of it take the one or the other.
		if i := slices.IndexFunc(r.notes, func(b slog.Attr) bool { return b.Key == a.Key }); i >= 0 {
			r.notes[i] = a
		} else {
			r.notes = append(r.notes, a)
		}
	}
}
