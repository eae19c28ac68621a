package testenv

import (
	"io"
	"net"
	"net/url"
	"sync"
	"testing"
)

// CountTurns starts a loopback proxy to a server and returns the proxy's
// address and a count of the turns that all connections through it took so
// far. A turn is a send by the client that follows an answer of the server,
// or is the first on its connection: one network round trip, however many
// packets it has. Opening a connection takes turns too, so compare the count
// before and after. A client that goes on sending while answers come in, which
// none of our drivers does, would count too many.
//
// A turn is counted before the server sees it. So once a client has its
// answer, the count is complete.
func CountTurns(t testing.TB, network, address string) (addr string, turns func() int) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatalf("proxy: %v", err)
	}
	p := &proxy{network: network, address: address, open: make(map[net.Conn]bool)}
	p.running.Go(func() { p.accept(listener) })
	t.Cleanup(func() {
		if err := listener.Close(); err != nil {
			t.Errorf("proxy: %v", err)
		}
		p.close()
	})
	return listener.Addr().String(), p.turns
}

// CountURLTurns is [CountTurns] for the server of a postgres:// or redis://
// URL; it returns the same URL by way of the proxy.
func CountURLTurns(t testing.TB, serverURL string) (proxied string, turns func() int) {
	t.Helper()
	address, err := url.Parse(serverURL)
	if err != nil || address.Port() == "" {
		t.Fatal("want a URL with a host and a port")
	}
	address.Host, turns = CountTurns(t, "tcp", address.Host)
	return address.String(), turns
}

type proxy struct {
	network, address string
	running          sync.WaitGroup

	mu     sync.Mutex
	count  int
	open   map[net.Conn]bool // both sides of every connection
	closed bool
}

func (p *proxy) turns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

func (p *proxy) accept(listener net.Listener) {
	for {
		client, err := listener.Accept()
		if err != nil {
			return
		}
		p.running.Go(func() { p.serve(client) })
	}
}

// serve carries bytes both ways until one side ends.
func (p *proxy) serve(client net.Conn) {
	if !p.keep(client) {
		return
	}
	defer p.drop(client)
	server, err := net.Dial(p.network, p.address)
	if err != nil || !p.keep(server) {
		return
	}
	defer p.drop(server)

	answered := true // the server spoke last, or nobody has spoken yet; guarded by p.mu
	var both sync.WaitGroup
	both.Go(func() {
		defer server.Close()
		carry(server, client, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			if answered {
				p.count++
			}
			answered = false
		})
	})
	both.Go(func() {
		defer client.Close()
		carry(client, server, func() {
			p.mu.Lock()
			defer p.mu.Unlock()
			answered = true
		})
	})
	both.Wait()
}

// carry copies and calls note after each read, before what was read goes on.
func carry(to io.Writer, from io.Reader, note func()) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			note()
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// keep remembers a connection for close; after close it refuses.
func (p *proxy) keep(conn net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.closed {
		conn.Close()
		return false
	}
	p.open[conn] = true
	return true
}

func (p *proxy) drop(conn net.Conn) {
	p.mu.Lock()
	defer p.mu.Unlock()
	conn.Close()
	delete(p.open, conn)
}

func (p *proxy) close() {
	p.mu.Lock()
	p.closed = true
	for conn := range p.open {
		conn.Close()
	}
	p.mu.Unlock()
	p.running.Wait()
}
