package testenv

import (
	"crypto/rand"
	"encoding/binary"
	"net"
	"strconv"
	"sync"
	"testing"
)

// Ports of a test's own lie below those that the system gives away by itself to
// listeners and to clients (32768 and up on Linux): a port of those that is free
// now may be the local end of somebody's connection before a server has taken it,
// or while a server that was killed is started again.
const (
	firstPort = 12_000
	portCount = 10_000
	busOffset = portCount // from the port of a Cluster's node to that of its bus
)

// given are the ports that this process has given away, each of them once.
var given = struct {
	mu    sync.Mutex
	ports map[int]bool
}{ports: map[int]bool{}}

// FreePort returns a loopback port that was free a moment ago, and that nobody
// else of this process gets.
func FreePort(t testing.TB) int {
	t.Helper()
	return freePorts(t, 1, false)[0]
}

// freePorts are several of [FreePort]. With bus, the port that is 10000 higher is
// free too: there the nodes of a Cluster talk.
func freePorts(t testing.TB, count int, bus bool) []int {
	t.Helper()
	given.mu.Lock()
	defer given.mu.Unlock()
	free := func(port int) bool {
		listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port)))
		if err != nil {
			return false
		}
		_ = listener.Close()
		return true
	}
	var ports []int
	for range 1000 {
		if len(ports) == count {
			return ports
		}
		var random [4]byte
		_, _ = rand.Read(random[:])
		port := firstPort + int(binary.BigEndian.Uint32(random[:])%portCount)
		if given.ports[port] || !free(port) || bus && !free(port+busOffset) {
			continue
		}
		given.ports[port] = true
		ports = append(ports, port)
	}
	t.Fatalf("got %d free ports, want %d", len(ports), count)
	return nil
}
