package handlers

import (
	"context"
	"log/slog"
	"net/http"
	"strings"
	"time"

	"github.com/gin-gonic/gin"
)

// accessLog writes one line for each request. The query string, headers and
// body are never part of it: they hold tokens and cookies. It is written for
// connections that are cut as well.
func (h *HTTP) accessLog(c *gin.Context) {
	start := requestOf(c).begunOr(h.Now)
	defer func() { h.logAccess(c, start) }()
	c.Next()
}

func (h *HTTP) logAccess(c *gin.Context, start time.Time) {
	level := slog.LevelInfo
	route := c.FullPath()
	if route == HealthPath || route == ReadyPath {
		level = slog.LevelDebug
	}
	now, r := h.Now(), requestOf(c)
	room := h.lineRoom()
	defer h.leaveRoom(room)
	h.write(r, now, level, "request", append(append(room[:0],
		slog.String("reference", r.id),
		slog.String("method", shorten(c.Request.Method)),
		slog.String("route", route),
		slog.String("path", loggedPath(c.Request.URL.Path)),
		slog.Int("status", c.Writer.Status()),
		slog.Int("bytes", max(c.Writer.Size(), 0)),
		slog.Float64("milliseconds", float64(now.Sub(start).Microseconds())/1000),
		slog.String("client", clientIP(c)),
	), r.notes...))
}

// lineHandler is a handler that takes a line without a slog.Record, which holds five
// attributes and allocates room for more.
type lineHandler interface {
	HandleLine(ctx context.Context, at time.Time, level slog.Level, message string, attrs []slog.Attr) error
}

// lineRoom is room for the attributes of a line, until leaveRoom.
func (h *HTTP) lineRoom() *[16]slog.Attr {
	if room, ok := h.lineRooms.Get().(*[16]slog.Attr); ok {
		return room
	}
	return new([16]slog.Attr)
}

func (h *HTTP) leaveRoom(room *[16]slog.Attr) {
	clear(room[:])
	h.lineRooms.Put(room)
}

// write hands a line to the log's handler. Logger's own methods look up their
// caller's address, which no line of ours tells.
func (h *HTTP) write(r *request, now time.Time, level slog.Level, message string, attrs []slog.Attr) {
	handler := h.Log.Handler()
	if !handler.Enabled(r, level) {
		return
	}
	if lines, ok := handler.(lineHandler); ok {
		_ = lines.HandleLine(r, now, level, message, attrs)
		return
	}
	record := slog.NewRecord(now, level, message, 0)
	record.AddAttrs(attrs...)
	_ = handler.Handle(r, record) // there is nowhere to tell that a log cannot be written
}

// loggedPath shortens a path's segments: a link put together in a wrong way
// ("…/jwt-auth&token=…") carries its token in the path. The ticket of framed
// content is left out.
func loggedPath(path string) string {
	if len(path) <= longestWord && !strings.HasPrefix(path, EmbedPath) {
		return path
	}
	segments := strings.SplitN(path, "/", 10)
	for i, s := range segments {
		segments[i] = shorten(s)
		if i == 5 && "/"+segments[1] == EmbedPath && segments[4] == "content" {
			segments[i] = "…"
		}
	}
	return strings.Join(segments, "/")
}

// longestWord is longer than any word of ours, a UUID included, in bytes.
const longestWord = 40

// shorten cuts what is longer than any word of ours.
func shorten(s string) string {
	if len(s) <= longestWord {
		return s
	}
	return strings.ToValidUTF8(s[:24], "") + "…"
}

// logRefusal writes the one line that an admin finds by the reference on the
// page. It says more than the answer does.
func (h *HTTP) logRefusal(c *gin.Context, ruling ruling, err error) {
	level := slog.LevelInfo
	if ruling.status >= http.StatusInternalServerError {
		level = slog.LevelError
	}
	r := requestOf(c)
	room := h.lineRoom()
	defer h.leaveRoom(room)
	attrs := append(append(room[:0],
		slog.String("reference", r.id),
		slog.String("reason", ruling.code),
		slog.Int("status", ruling.status),
		slog.String("route", c.FullPath()),
	), r.notes...)
	if refusal := ruling.refusal; refusal != nil {
		for _, said := range [...]struct{ name, text string }{
			{"path", refusal.Path}, {"expected", refusal.Expected}, {"detail", refusal.Detail},
		} {
			if said.text != "" {
				attrs = append(attrs, slog.String(said.name, said.text))
			}
		}
	} else {
		attrs = append(attrs, slog.Any("error", err))
	}
	h.write(r, h.Now(), level, "refused", attrs)
}
