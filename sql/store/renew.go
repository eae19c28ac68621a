package store

import (
	"net/url"
	"slices"
	"sync"
	"time"
)

// A server that was the primary can go on answering when another one has taken
// over: fenced by default_transaction_read_only, or behind an address that leads
// to a standby for a moment. What is read on such a connection is of the past, and
// what is written is refused, as long as the connection lasts. So when one refuses
// all are given up, and new ones go where the address or the list of hosts leads
// then.

// links are the connections of a store to its servers, whichever pool they are in.
type links struct {
	mu   sync.Mutex
	open map[boundedConn]struct{}
}

func (l *links) add(c boundedConn) boundedConn {
	c.links = l
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.open == nil {
		l.open = map[boundedConn]struct{}{}
	}
	l.open[c] = struct{}{}
	return c
}

func (l *links) remove(c boundedConn) {
	if l == nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	delete(l.open, c)
}

// cut closes every connection there is. Whoever waits for an answer on one is told
// that it is gone.
func (l *links) cut() {
	l.mu.Lock()
	open := l.open
	l.open = nil
	l.mu.Unlock()
	for c := range open {
		_ = c.Conn.Close()
	}
}

// renewals is when connections were last given up.
type renewals struct {
	mu   sync.Mutex
	last time.Time
}

// renewPause is between one time that connections are given up and the next: a
// server that takes no writes and has no other beside it is not stormed.
const renewPause = time.Second

// renew gives up the connections of every pool.
func (s *Store) renew() {
	if !s.renewals.mu.TryLock() {
		return // somebody does
	}
	defer s.renewals.mu.Unlock()
	if since := s.now().Sub(s.renewals.last); since >= 0 && since < renewPause {
		return
	}
	s.renewals.last = s.now()
	// Those at rest first, and politely; the driver would only find out by trying
	// each of them.
	for _, p := range []*pool{s.write, s.fast} {
		p.SetMaxIdleConns(-1)
		p.SetMaxIdleConns(p.Stats().MaxOpenConnections)
	}
	s.links.cut()
}

// wantsWritable reports whether a PostgreSQL URL asks for a server that takes
// writes, and for no other.
func wantsWritable(dsn string) bool {
	u, err := url.Parse(dsn)
	return err == nil && slices.Contains([]string{"read-write", "primary"}, u.Query().Get("target_session_attrs"))
}
