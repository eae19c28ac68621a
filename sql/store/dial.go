package store

import (
	"context"
	"net"
	"time"

	"github.com/lib/pq"
)

// waitLimit is the longest wait for a byte from PostgreSQL, or for it to take
// one. The server ends a statement before that (statementTimeout); a server that
// hangs ends nothing, and the driver waits for it even after its context has
// ended.
const waitLimit = statementTimeout + time.Second

// boundedDialer makes connections that cannot hang, and can cut them all.
type boundedDialer struct {
	net.Dialer
	links *links
}

var _ pq.DialerContext = boundedDialer{}

// Dial implements pq.Dialer.
func (d boundedDialer) Dial(network, address string) (net.Conn, error) {
	return d.DialTimeout(network, address, dialTimeout)
}

// DialTimeout implements pq.Dialer.
func (d boundedDialer) DialTimeout(network, address string, timeout time.Duration) (net.Conn, error) {
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	return d.DialContext(ctx, network, address)
}

// DialContext implements pq.DialerContext.
func (d boundedDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	conn, err := d.Dialer.DialContext(ctx, network, address)
	if err != nil {
		return nil, err
	}
	return d.links.add(boundedConn{Conn: conn}), nil
}

// boundedConn is closed when a read or write waits for too long. The driver
// reads only while it waits for an answer, so a connection at rest is not
// concerned.
type boundedConn struct {
	net.Conn
	links *links // nil = in none
}

// Close implements net.Conn.
func (c boundedConn) Close() error {
	c.links.remove(c)
	return c.Conn.Close()
}

func (c boundedConn) Read(p []byte) (int, error) {
	defer c.bound().Stop()
	return c.Conn.Read(p)
}

func (c boundedConn) Write(p []byte) (int, error) {
	defer c.bound().Stop()
	return c.Conn.Write(p)
}

func (c boundedConn) bound() *time.Timer {
	return time.AfterFunc(waitLimit, func() { _ = c.Close() })
}
