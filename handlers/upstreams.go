package handlers

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync"
	"time"

	"github.com/gin-gonic/gin"
)

// Upstreams is the way to the servers that requests are forwarded to, and what
// is under way there.
type Upstreams struct {
	transport *http.Transport
	places    chan struct{}
	recheck   time.Duration
	pieces    pieces
	open      context.Context // ends when what is under way has to end
	cut       context.CancelFunc
}

// Bounds of the connections to upstreams.
const (
	dialTimeout      = 5 * time.Second
	answerTimeout    = 60 * time.Second // until the header of the answer is there
	maxAnswerHeader  = 256 << 10
	idlePerUpstream  = 64
	idleAltogether   = 256
	cutTimeout       = time.Second      // for what was cut to leave
	stallTimeout     = 60 * time.Second // for the client to take or send a piece
	defaultRecheck   = 30 * time.Second
	idleUpstreamTime = 4 * time.Second // Node closes after 5: a request must not meet the close
)

// UpstreamOptions differ between installations and tests. The zero value is
// good.
type UpstreamOptions struct {
	// AtOnce is how many forwarded requests may be under way; 0 = 2048. Each
	// open WebSocket is one.
	AtOnce int
	// Recheck is the pause after which the caller of an open WebSocket or
	// stream is looked at again; 0 = 30 s.
	Recheck time.Duration
}

// NewUpstreams makes connections when they are needed. No proxy is taken from
// the environment and no redirect is followed: nothing but the addresses that
// are asked for is called.
func NewUpstreams(options UpstreamOptions) *Upstreams {
	if options.AtOnce == 0 {
		options.AtOnce = 2048
	}
	if options.Recheck == 0 {
		options.Recheck = defaultRecheck
	}
	u := &Upstreams{
		transport: &http.Transport{
			DialContext:            (&net.Dialer{Timeout: dialTimeout, KeepAlive: 30 * time.Second}).DialContext,
			ForceAttemptHTTP2:      true,
			TLSHandshakeTimeout:    dialTimeout,
			ResponseHeaderTimeout:  answerTimeout,
			ExpectContinueTimeout:  time.Second,
			MaxResponseHeaderBytes: maxAnswerHeader,
			MaxIdleConns:           idleAltogether,
			MaxIdleConnsPerHost:    idlePerUpstream,
			IdleConnTimeout:        idleUpstreamTime,
			DisableCompression:     true, // what the client can read is between it and the upstream
		},
		places:  make(chan struct{}, options.AtOnce),
		recheck: options.Recheck,
	}
	u.open, u.cut = context.WithCancel(context.Background())
	return u
}

// pieces are the buffers through which answers go, used again and again.
type pieces struct{ pool sync.Pool }

const pieceSize = 32 << 10

func (p *pieces) Get() []byte {
	if piece, ok := p.pool.Get().(*[pieceSize]byte); ok {
		return piece[:]
	}
	return make([]byte, pieceSize)
}

func (p *pieces) Put(piece []byte) { p.pool.Put((*[pieceSize]byte)(piece)) }

// enter takes a place among the forwarded requests, or reports false.
func (u *Upstreams) enter() (leave func(), ok bool) {
	select {
	case u.places <- struct{}{}:
		return func() { <-u.places }, true
	default:
		return nil, false
	}
}

// Close lets nothing in any more and waits until nothing is under way. What
// still is when ctx ends is cut: WebSockets and streams know no end of their
// own. It returns how many those were.
func (u *Upstreams) Close(ctx context.Context) (cut int) {
	defer u.transport.CloseIdleConnections()
	free := u.occupy(ctx, 0)
	cut = cap(u.places) - free
	u.cut()
	short, cancel := context.WithTimeout(context.WithoutCancel(ctx), cutTimeout)
	defer cancel()
	u.occupy(short, free)
	return cut
}

// occupy takes places until all are taken or ctx ends, and returns how many it
// has. taken is what it has already.
func (u *Upstreams) occupy(ctx context.Context, taken int) int {
	for ; taken < cap(u.places); taken++ {
		select {
		case u.places <- struct{}{}:
		default:
			select {
			case u.places <- struct{}{}:
			case <-ctx.Done():
				return taken
			}
		}
	}
	return taken
}

// patientWriter replaces the server's time-outs, which are for whole requests,
// by one for each piece: a client that takes nothing for stallTimeout is cut.
type patientWriter struct {
	gin.ResponseWriter
	control *http.ResponseController
	now     func() time.Time
}

func newPatientWriter(w gin.ResponseWriter, now func() time.Time) *patientWriter {
	p := &patientWriter{w, http.NewResponseController(w), now}
	// Writers of tests have no deadlines, and no server's time-outs either.
	_ = p.control.SetReadDeadline(time.Time{})
	_ = p.control.SetWriteDeadline(time.Time{})
	return p
}

// awaitClient gives the client time to take the next piece.
func (p *patientWriter) awaitClient() {
	_ = p.control.SetWriteDeadline(p.now().Add(stallTimeout))
}

func (p *patientWriter) Write(piece []byte) (int, error) {
	p.awaitClient()
	return p.ResponseWriter.Write(piece)
}

// patientBody does the same for a request's body. Once that has ended, the
// client may be silent for as long as the answer takes.
func (p *patientWriter) patientBody(body io.ReadCloser) io.ReadCloser {
	if body == nil || body == http.NoBody {
		return body
	}
	return &patientBody{body, p}
}

type patientBody struct {
	io.ReadCloser
	from *patientWriter
}

func (b *patientBody) Read(piece []byte) (int, error) {
	_ = b.from.control.SetReadDeadline(b.from.now().Add(stallTimeout))
	n, err := b.ReadCloser.Read(piece)
	if err != nil {
		_ = b.from.control.SetReadDeadline(time.Time{})
	}
	return n, err
}
