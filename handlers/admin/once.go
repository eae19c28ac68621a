package admin

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"usher/handlers"
	"usher/provisioning"
)

const idempotencyKey = "Idempotency-Key"

// Once makes a creating request safe to repeat: with an Idempotency-Key it is
// carried out once, and each repetition within a day gets the same answer,
// byte for byte. Only answers of success are kept; a refused request leaves
// its key free. Without the header nothing is different. What is made has had
// no state before: it is Unconditional as well.
func (a *Admin) Once(handle handlers.Handler) handlers.Handler {
	return a.Unconditional(func(c *gin.Context) error {
		keys := c.Request.Header.Values(idempotencyKey)
		if len(keys) == 0 {
			return handle(c)
		}
		if len(keys) > 1 {
			return badRequest("%s: send one.", idempotencyKey)
		}
		body, err := io.ReadAll(io.LimitReader(c.Request.Body, handlers.MaxJSON+1))
		if err != nil || len(body) > handlers.MaxJSON {
			return badRequest("The body is longer than %d bytes, or it broke off.", handlers.MaxJSON)
		}
		c.Request.Body = io.NopCloser(bytes.NewReader(body))
		attempt, kept, err := a.Provisioning.BeginRequest(c.Request.Context(), handlers.TenantOf(c), provisioning.Repeatable{
			Key: keys[0], Actor: actorOf(c).String(), Route: c.Request.Method + " " + c.FullPath(),
			Request: append([]byte(c.Request.Method+" "+c.Request.URL.RequestURI()+"\n"), body...),
		})
		if err != nil {
			return explain(err)
		}
		if attempt == nil {
			return repeat(c, kept)
		}
		return a.carryOut(c, *attempt, handle)
	})
}

// keptAnswer is an answer as it is kept.
type keptAnswer struct {
	Status int               `json:"status"`
	Header map[string]string `json:"header"`
	Body   []byte            `json:"body"`
}

// keptHeaders are the headers that belong to an answer and not to a request.
var keptHeaders = []string{"Content-Type", "ETag", "Location"}

// repeat gives a kept answer again.
func repeat(c *gin.Context, text []byte) error {
	var kept keptAnswer
	if err := json.Unmarshal(text, &kept); err != nil {
		return err
	}
	for name, value := range kept.Header {
		c.Header(name, value)
	}
	c.Header("Idempotency-Replayed", "true")
	handlers.Note(c, slog.Bool("replayed", true))
	send(c, kept)
	return nil
}

func send(c *gin.Context, answer keptAnswer) {
	c.Status(answer.Status)
	c.Writer.WriteHeaderNow()
	_, _ = c.Writer.Write(answer.Body) // a client that is gone asks again
}

// keepTimeout is for what is written about a request after it: the client may
// have hung up, and its time may be over.
const keepTimeout = 2 * time.Second

// carryOut runs handle with its answer held back until that is kept.
func (a *Admin) carryOut(c *gin.Context, attempt provisioning.Attempt, handle handlers.Handler) error {
	c.Set(attemptKey{}, &attempt)
	held := &heldWriter{ResponseWriter: c.Writer, status: http.StatusOK}
	c.Writer = held
	done := false
	defer func() {
		c.Writer = held.ResponseWriter
		if !done {
			ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), keepTimeout)
			defer cancel()
			// After a fault the key is free again when its run has timed out.
			_ = a.Provisioning.ReleaseRequest(ctx, attempt)
		}
	}()
	if err := handle(c); err != nil {
		return err
	}
	done = true
	c.Writer = held.ResponseWriter
	answer := keptAnswer{Status: held.status, Header: map[string]string{}, Body: held.body.Bytes()}
	for _, name := range keptHeaders {
		if value := c.Writer.Header().Get(name); value != "" {
			answer.Header[name] = value
		}
	}
	text, err := json.Marshal(answer)
	if err == nil {
		ctx, cancel := context.WithTimeout(context.WithoutCancel(c.Request.Context()), keepTimeout)
		defer cancel()
		err = a.Provisioning.KeepAnswer(ctx, attempt, text)
	}
	if err != nil {
		// It is done, and this client learns so; a repetition would be told
		// that the answer is lost.
		a.Log.LogAttrs(c.Request.Context(), slog.LevelWarn, "keeping an answer failed",
			slog.String("reference", handlers.RequestID(c.Request.Context())), slog.Any("error", err))
	}
	send(c, answer)
	return nil
}

type attemptKey struct{}

// attemptOf is the run that by names; nil without an Idempotency-Key.
func attemptOf(c *gin.Context) *provisioning.Attempt {
	value, _ := c.Get(attemptKey{})
	attempt, _ := value.(*provisioning.Attempt)
	return attempt
}

// heldWriter holds an answer back. Headers go where they always go.
type heldWriter struct {
	gin.ResponseWriter
	status int
	body   bytes.Buffer
}

func (w *heldWriter) WriteHeader(status int)               { w.status = status }
func (w *heldWriter) WriteHeaderNow()                      {}
func (w *heldWriter) Write(p []byte) (int, error)          { return w.body.Write(p) }
func (w *heldWriter) WriteString(text string) (int, error) { return w.body.WriteString(text) }
func (w *heldWriter) Status() int                          { return w.status }
func (w *heldWriter) Size() int                            { return w.body.Len() }
func (w *heldWriter) Written() bool                        { return false }
