package store

import (
	"net"
	"testing"
	"testing/synctest"
	"time"
)

// TestBoundedConn: a server that hangs is waited for no longer than waitLimit,
// and one that answers is not concerned.
func TestBoundedConn(t *testing.T) {
	t.Parallel()
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		conn := boundedConn{Conn: near}
		go func() { _, _ = far.Write([]byte("x")) }()
		if n, err := conn.Read(make([]byte, 1)); n != 1 || err != nil {
			t.Errorf("got %d bytes, %v, want 1", n, err)
		}
		began := time.Now()
		if _, err := conn.Read(make([]byte, 1)); err == nil || time.Since(began) != waitLimit {
			t.Errorf("read: got %v after %v, want an error after %v", err, time.Since(began), waitLimit)
		}
	})
	synctest.Test(t, func(t *testing.T) {
		near, far := net.Pipe()
		defer far.Close()
		began := time.Now()
		if _, err := (boundedConn{Conn: near}).Write([]byte("x")); err == nil || time.Since(began) != waitLimit {
			t.Errorf("write: got %v after %v, want an error after %v", err, time.Since(began), waitLimit)
		}
	})
}
