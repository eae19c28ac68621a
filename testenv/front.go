package testenv

import (
	"fmt"
	"net"
	"sync"
	"testing"
)

// Front is an address that leads to one server now and to another later, as a
// load balancer's or a floating one does.
type Front struct {
	address string

	mu     sync.Mutex
	target string
	open   map[net.Conn]bool
}

// NewFront starts one that leads to target, host:port.
func NewFront(t testing.TB, target string) *Front {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	f := &Front{address: listener.Addr().String(), target: target, open: map[net.Conn]bool{}}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			near, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() { f.join(near) })
		}
	})
	t.Cleanup(func() {
		_ = listener.Close()
		f.Aim("")
		running.Wait()
	})
	return f
}

// URL is the address of a Redis behind it.
func (f *Front) URL(password string) string {
	return fmt.Sprintf("redis://default:%s@%s/0", password, f.address)
}

// Aim leads to another server from now on, and ends every connection.
func (f *Front) Aim(target string) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.target = target
	for conn := range f.open {
		_ = conn.Close()
	}
	clear(f.open)
}

func (f *Front) join(near net.Conn) {
	defer near.Close()
	f.mu.Lock()
	target := f.target
	f.mu.Unlock()
	far, err := net.Dial("tcp", target)
	if err != nil {
		return
	}
	defer far.Close()
	f.mu.Lock()
	if f.target != target {
		f.mu.Unlock()
		return
	}
	f.open[near], f.open[far] = true, true
	f.mu.Unlock()
	var both sync.WaitGroup
	both.Go(func() {
		defer far.Close()
		carry(far, near, func() {})
	})
	both.Go(func() {
		defer near.Close()
		carry(near, far, func() {})
	})
	both.Wait()
}
