package main

import (
	"context"
	"database/sql"
	"io"
	"net"
	"net/url"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"
)

// gate is a way to a server that can be cut and mended.
type gate struct {
	url, address string // the server by way of the gate: a port that nobody takes while it is shut
	server       string

	mu       sync.Mutex
	listener net.Listener // nil = shut
	ways     map[net.Conn]bool
}

// newGate opens a way to the server of a URL.
func newGate(t *testing.T, server string) *gate {
	t.Helper()
	u, err := url.Parse(server)
	if err != nil {
		t.Fatal("the server's address is not a URL")
	}
	g := &gate{server: u.Host, address: freeAddress(t), ways: map[net.Conn]bool{}}
	g.open(t)
	u.Host = g.address
	g.url = u.String()
	t.Cleanup(g.shut)
	return g
}

// open lets connections through, at the address that it had before.
func (g *gate) open(t *testing.T) {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", g.address)
	if err != nil {
		t.Fatal(err)
	}
	g.mu.Lock()
	g.listener = listener
	g.mu.Unlock()
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go g.carry(listener, client)
		}
	}()
}

// shut cuts every connection and takes no new one.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.listener != nil {
		g.listener.Close()
		g.listener = nil
	}
	for connection := range g.ways {
		connection.Close()
	}
	clear(g.ways)
}

// carry connects who has come by a listener with the server.
func (g *gate) carry(by net.Listener, client net.Conn) {
	defer client.Close()
	server, err := new(net.Dialer).DialContext(context.Background(), "tcp", g.server)
	if err != nil {
		return
	}
	defer server.Close()
	g.mu.Lock()
	shut := g.listener != by // since the client came
	if !shut {
		g.ways[client], g.ways[server] = true, true
	}
	g.mu.Unlock()
	if shut {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { _, _ = io.Copy(server, client); server.Close() })
	both.Go(func() { _, _ = io.Copy(client, server); client.Close() })
	both.Wait()
	g.mu.Lock()
	defer g.mu.Unlock()
	delete(g.ways, client)
	delete(g.ways, server)
}

// TestStoreBusy holds the embedded file's one write lock: what has to be
// written is refused, in bounded time, and not spent.
func TestStoreBusy(t *testing.T) {
	t.Parallel()
	w := embeddedWorld(t)
	i := launch(t, w)
	lumen := i.install(t, nil)
	folder := strings.TrimPrefix(w.environ[0], "USHER_DATA_DIR=")
	db, err := sql.Open("sqlite", filepath.Join(folder, "usher.db"))
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	connection, err := db.Conn(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	defer connection.Close()
	if _, err := connection.ExecContext(t.Context(), "BEGIN IMMEDIATE"); err != nil {
		t.Fatal(err)
	}
	target := link(lumen.token(person("anna").with(fields{"jti": "one"})))
	began := time.Now()
	i.wantReason(t, i.get(t, target, wantsJSON), 503, "store_unavailable")
	if took := time.Since(began); took > 8*time.Second {
		t.Errorf("got the refusal after %v, want it soon", took)
	}
	if _, err := connection.ExecContext(t.Context(), "ROLLBACK"); err != nil {
		t.Fatal(err)
	}
	i.signIn(t, target)
}

// TestRemovedWithoutSessionStore: an integration can be removed while the
// session store is away, and its sessions are dead when it is back and told.
func TestRemovedWithoutSessionStore(t *testing.T) {
	t.Parallel()
	if !haveServers() {
		return // the embedded one is never away
	}
	base := serversWorld(t)
	g := newGate(t, base.redis)
	i := launch(t, worldAt(base.database, g.url), "USHER_DRAIN_TIMEOUT=5s")
	lumen := i.install(t, nil)
	anna := i.signIn(t, link(lumen.token(person("anna"))))
	home, owner := "/admin/integrations/"+lumen.ID, i.owner(t)
	g.shut()
	for _, path := range []string{"/remove", "/sign-out"} {
		if page := i.get(t, home+path, owner); page.status != 200 || !strings.Contains(page.body, "session store does not answer") {
			t.Errorf("%s: got %v, want the preview without the sessions", path, page)
		}
	}
	remove := func() answer { return i.post(t, home+"/remove", "confirm=Lumen+Learning", owner) }
	if a := remove(); a.status != 503 || !strings.Contains(a.body, "load this page again") {
		t.Errorf("got %v, want 503 and what to do", a)
	}
	if page := i.get(t, home+"/removed", owner); page.status != 200 || !strings.Contains(page.body, "Not every session of it is known to have ended") {
		t.Errorf("got %v, want to be told that sessions may live on", page)
	}
	g.open(t)
	if a := remove(); a.status != 303 {
		t.Errorf("got %v from sending it again, want 303", a)
	}
	if i.alive(t, anna) {
		t.Error("got a session of a removed integration alive")
	}
	if page := i.get(t, home+"/removed", owner); page.status != 200 || !strings.Contains(page.body, "its sessions have ended") {
		t.Errorf("got %v, want to be told that the sessions have ended", page)
	}
}
