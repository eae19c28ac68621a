package handlers

import (
	"context"
	"io"
	"log/slog"
	"net/netip"
	"sync"
	"sync/atomic"
	"time"

	"github.com/gin-gonic/gin"
)

// request is what is known of a request while it is answered. It is also the
// request's context, which ends after requestDeadline or when the client hangs up:
// one value, where a context of its own for each thing would be several, and a
// copy of the request for each.
//
// All of it belongs to the goroutine that answers; only the context may be shared.
type request struct {
	outside context.Context // the connection's; it ends when the client hangs up
	now     func() time.Time
	begun   time.Time // zero = there is no deadline

	id     string
	idLine [1]string  // the value of its header
	peer   netip.Addr // of the connection; zero = not known
	client string     // the address that is logged, see clientIP; "" = not asked for yet

	site       site // see Tenant
	forScripts bool // see Scripts
	grant      string
	notes      []slog.Attr
	room       [6]slog.Attr // that notes begin in

	body  io.ReadCloser // without our limit; nil = it has none
	place *atomic.Int64 // where this request is counted as under way; nil = nowhere

	mu     sync.Mutex
	inside context.Context // with the deadline; nil = nobody has asked for it yet
	cancel context.CancelFunc
}

type requestKey struct{}

// requestOf is what is known of c's request.
func requestOf(c *gin.Context) *request {
	if r := requestIn(c.Request.Context()); r != nil {
		return r
	}
	// It did not come through the middleware of NewEngine.
	r := &request{outside: c.Request.Context()}
	c.Request = c.Request.WithContext(r)
	return r
}

// requestIn is the request that ctx belongs to, or nil.
func requestIn(ctx context.Context) *request {
	if r, ok := ctx.(*request); ok {
		return r
	}
	r, _ := ctx.Value(requestKey{}).(*request)
	return r
}

// apart is the same request for a goroutine beside the one that answers, in the
// context ctx, with room for notes of its own.
func (r *request) apart(ctx context.Context) *request {
	return &request{outside: ctx, id: r.id, peer: r.peer, client: r.client, site: r.site}
}

// leave gives back the request's place among those under way.
func (r *request) leave() {
	if r.place != nil {
		r.place.Add(-1)
		r.place = nil
	}
}

// lift frees the request from what bounds our own: the deadline, the limit of
// the body and the place among the requests under way.
func lift(c *gin.Context) {
	r := requestOf(c)
	c.Request = c.Request.WithContext(context.WithValue(r.outside, requestKey{}, r))
	if r.body != nil {
		c.Request.Body = r.body
	}
	r.leave()
}

// Deadline implements [context.Context].
func (r *request) Deadline() (time.Time, bool) { return r.bounded().Deadline() }

// Done implements [context.Context].
func (r *request) Done() <-chan struct{} { return r.bounded().Done() }

// Err implements [context.Context].
func (r *request) Err() error { return r.soFar().Err() }

// Value implements [context.Context].
func (r *request) Value(key any) any {
	if key == (requestKey{}) {
		return r
	}
	return r.soFar().Value(key)
}

// bounded is the context with the deadline. It is made when somebody first wants to
// wait for the end: most requests are over before, and a timer has its cost.
func (r *request) bounded() context.Context {
	if r.begun.IsZero() {
		return r.outside
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inside == nil {
		left := requestDeadline - r.now().Sub(r.begun)
		r.inside, r.cancel = context.WithTimeout(r.outside, left)
	}
	return r.inside
}

// soFar is bounded for those who do not wait.
func (r *request) soFar() context.Context {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.inside != nil {
		return r.inside
	}
	return r.outside
}

// begunOr is when the request began.
func (r *request) begunOr(now func() time.Time) time.Time {
	if r.begun.IsZero() {
		return now()
	}
	return r.begun
}

// end ends the context.
func (r *request) end() {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.cancel != nil {
		r.cancel()
	}
}
