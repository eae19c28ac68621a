//go:build linux

package faults

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"
)

// TestSlowClients holds connections open that send next to nothing. Others are
// answered as ever meanwhile, the slow ones are cut in time, and nothing of
// them stays.
func TestSlowClients(t *testing.T) {
	t.Parallel()
	u := newUsher("USHER_DATA_DIR=" + t.TempDir())
	u.start(t)
	l := open(t, u, 8)
	for _, p := range l.people {
		l.present(p, p.next())
	}
	small := u.counters(t)
	each := map[bool]int{false: 100, true: 400}[*long]
	kinds := []struct{ name, begin string }{
		{"header", "GET /auth/session HTTP/1.1\r\nHost: localhost\r\nX-Slow: "},
		{"body", "POST /auth/callback/jwt-auth HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 1000\r\n\r\ntoken="},
	}
	var conns []net.Conn
	for _, kind := range kinds {
		for range each {
			conn, err := net.DialTimeout("tcp", u.address, 30*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			if _, err := io.WriteString(conn, kind.begin); err != nil {
				t.Fatal(err)
			}
			conns = append(conns, conn)
		}
	}
	if *long {
		for range 10_000 - len(conns) { // idle ones, which may stay for a minute
			conn, err := net.DialTimeout("tcp", u.address, 30*time.Second)
			if err != nil {
				t.Fatal(err)
			}
			defer conn.Close()
			conns = append(conns, conn)
		}
	}
	stop := make(chan struct{})
	time.AfterFunc(lasts, func() { close(stop) })
	s := l.rush(l.people, 4, stop)
	if all := s.total(); s.total(200, 204, 303) != all || s.slowest > 3*time.Second+slack {
		t.Errorf("got %v, the slowest after %s, beside slow clients; want every request answered well within 3 s", s, s.slowest)
	}
	// A byte a second keeps nobody alive: the limits are on the whole.
	begun := time.Now()
	var group sync.WaitGroup
	for _, conn := range conns[:2*each] {
		group.Go(func() {
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			for range 30 {
				if _, err := io.WriteString(conn, "x"); err != nil {
					return
				}
				<-tick.C
			}
			t.Error("got a slow client still connected after 30 s, want it cut")
		})
	}
	group.Wait()
	took := time.Since(begun)
	for _, conn := range conns {
		_ = conn.Close()
	}
	back(t, u, small)
	for _, v := range l.violations {
		t.Error(v)
	}
	u.stop(t)
	reported(line{fault: fmt.Sprintf("%d slow and idle clients", len(conns)), runs: s.total(), seen: s.String(), slowest: s.slowest, recovered: took, violations: len(l.violations)})
}

// TestHugeRequests: what is too large is refused, and nothing stays of it.
func TestHugeRequests(t *testing.T) {
	t.Parallel()
	u := newUsher("USHER_DATA_DIR=" + t.TempDir())
	u.start(t)
	l := open(t, u, 2)
	for _, size := range []int{40 << 10, 1 << 20} {
		a := u.send(http.MethodGet, "localhost", "/auth/session", "", "X-Huge: "+strings.Repeat("x", size))
		if a.status != http.StatusRequestHeaderFieldsTooLarge && a.status != 0 { // cut before it was all sent
			t.Errorf("header of %d bytes: got %v, want 431", size, a)
		}
		form := "token=" + strings.Repeat("x", size*8)
		a = u.send(http.MethodPost, "localhost", "/auth/callback/jwt-auth", form, "Content-Type: application/x-www-form-urlencoded")
		if (a.status < 400 || a.status >= 500) && a.status != 0 {
			t.Errorf("body of %d bytes: got %v, want it refused", len(form), a)
		}
	}
	if a := l.present(l.people[0], l.people[0].next()); a.status != http.StatusSeeOther {
		t.Errorf("got %v afterwards, want 303", a)
	}
	u.stop(t)
}
