//go:build linux

package faults

import (
	"io"
	"math/rand/v2"
	"net"
	"slices"
	"sync"
	"testing"
	"time"
)

// wire is what a proxy does to the traffic. The zero value passes everything.
type wire struct {
	refuse  bool          // connections end at once, those that are open as well
	silence bool          // connections are accepted, and nothing passes
	delay   time.Duration // before every piece of an answer
	half    int           // of every n-th piece of an answer half passes; then the connection ends
	garble  int           // in every n-th piece of an answer a byte is changed
	twice   int           // every n-th piece of an answer comes twice
	lose    int           // the request passes, but instead of every n-th piece of an answer the connection ends
}

// proxy stands between Usher and a server. It passes bytes and knows no
// protocol: a piece is what one read gives.
type proxy struct {
	address string // where Usher connects
	target  string
	accept  net.Listener

	mu      sync.Mutex
	wire    wire
	changed chan struct{} // closed when wire changes
	open    map[net.Conn]bool
	pieces  int // of answers since wire changed
	done    sync.WaitGroup
}

func newProxy(t *testing.T, target string) *proxy {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{
		address: listener.Addr().String(), target: target, accept: listener,
		changed: make(chan struct{}), open: map[net.Conn]bool{},
	}
	p.done.Go(p.serve)
	t.Cleanup(func() {
		_ = listener.Close()
		p.set(wire{refuse: true})
		p.done.Wait()
	})
	return p
}

// set changes what happens from now on, on open connections too.
func (p *proxy) set(w wire) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.wire, p.pieces = w, 0
	close(p.changed)
	p.changed = make(chan struct{})
	if w.refuse {
		for conn := range p.open {
			reset(conn)
		}
	}
}

// now is the present wire, and what is closed when it changes.
func (p *proxy) now() (wire, chan struct{}) {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.wire, p.changed
}

// reset closes a connection as a machine does that knows nothing of it.
func reset(conn net.Conn) {
	_ = conn.(*net.TCPConn).SetLinger(0)
	_ = conn.Close()
}

func (p *proxy) serve() {
	for {
		near, err := p.accept.Accept()
		if err != nil {
			return
		}
		if w, _ := p.now(); w.refuse {
			reset(near)
			continue
		}
		p.done.Go(func() { p.join(near) })
	}
}

func (p *proxy) join(near net.Conn) {
	defer p.forget(near)
	far, err := net.DialTimeout("tcp", p.target, 5*time.Second)
	if err != nil {
		return
	}
	defer p.forget(far)
	if !p.keep(near, far) {
		return
	}
	var both sync.WaitGroup
	for _, way := range []struct {
		to, from net.Conn
		answers  bool
	}{{far, near, false}, {near, far, true}} {
		both.Go(func() {
			// An end on one side is an end on both: neither protocol half-closes.
			defer func() { _, _ = near.Close(), far.Close() }()
			p.pass(way.to, way.from, way.answers)
		})
	}
	both.Wait()
}

func (p *proxy) keep(conns ...net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	for _, conn := range conns {
		p.open[conn] = true
	}
	return !p.wire.refuse
}

func (p *proxy) forget(conn net.Conn) {
	_ = conn.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.open, conn)
}

// pass carries pieces until either side ends.
func (p *proxy) pass(to io.Writer, from io.Reader, answers bool) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 && !p.piece(to, buffer[:n], answers) {
			return
		}
		if err != nil {
			return
		}
	}
}

// piece carries one piece and reports whether the connection goes on.
func (p *proxy) piece(to io.Writer, piece []byte, answer bool) bool {
	w, changed := p.now()
	for w.silence {
		<-changed
		w, changed = p.now()
	}
	if w.refuse {
		return false
	}
	if !answer {
		_, err := to.Write(piece)
		return err == nil
	}
	if w.delay > 0 {
		select {
		case <-time.After(w.delay):
		case <-changed:
		}
	}
	p.mu.Lock()
	p.pieces++
	number := p.pieces
	p.mu.Unlock()
	hit := func(every int) bool { return every > 0 && number%every == 0 }
	switch {
	case hit(w.lose):
		return false
	case hit(w.half):
		_, _ = to.Write(piece[:len(piece)/2])
		return false
	case hit(w.garble):
		piece[rand.IntN(len(piece))] ^= byte(1 + rand.IntN(255))
	case hit(w.twice):
		piece = slices.Concat(piece, piece)
	}
	_, err := to.Write(piece)
	return err == nil
}
