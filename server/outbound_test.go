package main

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/x509"
	"encoding/binary"
	"errors"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// hostile is a server that an administrator was talked into naming, at an
// address of this machine that the guard is told to allow.
func hostile(t *testing.T, address string, handler http.HandlerFunc) *httptest.Server {
	t.Helper()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", net.JoinHostPort(address, "0"))
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewUnstartedServer(handler)
	s.Listener = listener
	s.EnableHTTP2 = true
	s.Config.ErrorLog = log.New(io.Discard, "", 0)
	s.StartTLS()
	t.Cleanup(s.Close)
	return s
}

// allowing is a guard that lets the servers' addresses pass, and their
// certificates.
func allowing(servers ...*httptest.Server) outbound {
	o := outbound{roots: x509.NewCertPool()}
	for _, s := range servers {
		o.roots.AddCert(s.Certificate())
		address := s.Listener.Addr().(*net.TCPAddr).AddrPort().Addr()
		o.allow = append(o.allow, netip.PrefixFrom(address, address.BitLen()))
	}
	return o
}

// call is one GET; the context ends it.
func call(ctx context.Context, t *testing.T, client *http.Client, address string) (*http.Response, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, address, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := client.Do(r)
	if err == nil {
		t.Cleanup(func() { _ = answer.Body.Close() })
	}
	return answer, err
}

func TestOutboundAddresses(t *testing.T) {
	t.Parallel()
	inside := []string{
		"0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.8.8.8", "169.254.169.254",
		"172.16.0.1", "172.31.255.255", "192.0.0.8", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255",
		"198.51.100.1", "203.0.113.1", "224.0.0.1", "239.255.255.255", "240.0.0.1", "255.255.255.255",
		"::", "::1", "::127.0.0.1", "::8.8.8.8", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "::ffff:169.254.169.254",
		"64:ff9b::127.0.0.1", "64:ff9b::10.0.0.1", "64:ff9b::a9fe:a9fe", "64:ff9b:1::8.8.8.8",
		"2002:7f00:1::", "2002:808:808::", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:db8::1", "3fff::1",
		"100::1", "fc00::1", "fd00:ec2::254", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "5f00::1", "4000::1",
	}
	outside := []string{
		"1.1.1.1", "8.8.8.8", "100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "192.0.1.1", "193.0.0.1", "223.255.255.255",
		"::ffff:8.8.8.8", "64:ff9b::8.8.8.8", "2606:4700::1111", "2a00:1450:4001::1", "2001:4860:4860::8888",
	}
	for _, guard := range []outbound{{}, {loopback: true}} {
		for _, text := range inside {
			address := netip.MustParseAddr(text)
			err := guard.checkAddress(address)
			if want := !guard.loopback || !address.Unmap().IsLoopback(); (err != nil) != want {
				t.Errorf("%s, loopback allowed %t: got %v, want refused %t", text, guard.loopback, err, want)
			}
		}
		for _, text := range outside {
			if err := guard.checkAddress(netip.MustParseAddr(text)); err != nil {
				t.Errorf("%s: got %v, want it to be called", text, err)
			}
		}
	}
	guard := outbound{allow: []netip.Prefix{netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("fd00::/8")}}
	for text, want := range map[string]bool{
		"10.1.2.3": true, "::ffff:10.1.2.3": true, "fd00::7": true, "10.2.0.1": false, "fe80::7": false, "64:ff9b::10.1.2.3": false,
	} {
		if err := guard.checkAddress(netip.MustParseAddr(text)); (err == nil) != want {
			t.Errorf("%s with networks allowed: got %v, want it called %t", text, err, want)
		}
	}
}

func TestOutboundSchemes(t *testing.T) {
	t.Parallel()
	plain := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, r.UserAgent())
	}))
	t.Cleanup(plain.Close)
	development, production := Config{Env: Development}.outbound().client(), Config{Env: Production}.outbound().client()
	answer, err := call(t.Context(), t, development, plain.URL)
	if err != nil {
		t.Fatalf("this machine in development: got %v, want an answer", err)
	}
	if body, err := io.ReadAll(answer.Body); err != nil || string(body) != "Usher" {
		t.Errorf("got %q, %v, want the whole answer", body, err)
	}
	for _, test := range []struct {
		client  *http.Client
		address string
	}{
		{production, plain.URL},
		{production, strings.Replace(plain.URL, "http:", "https:", 1)},
		{development, "http://192.0.2.1/"},
		{development, "http://8.8.8.8/"},
		{development, strings.Replace(plain.URL, "http://", "http://user:password@", 1)},
		{development, "ftp://localhost/"},
		{development, "file:///etc/passwd"},
		{outbound{allow: []netip.Prefix{netip.MustParsePrefix("127.0.0.0/8")}}.client(), plain.URL},
	} {
		if answer, err := call(t.Context(), t, test.client, test.address); err == nil {
			t.Errorf("%s: got %d, want it refused", test.address, answer.StatusCode)
		} else if errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("%s: got %v, want it refused before anything is sent", test.address, err)
		}
	}
}

func TestOutboundFollowsNothing(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	inside := hostile(t, "127.0.0.1", func(http.ResponseWriter, *http.Request) { reached.Add(1) })
	for _, target := range []string{inside.URL, "http://169.254.169.254/latest/meta-data/", "file:///etc/passwd", "/again"} {
		outside := hostile(t, "127.0.0.2", func(w http.ResponseWriter, r *http.Request) {
			if r.URL.Path != "/" {
				reached.Add(1)
			}
			w.Header().Set("Location", target)
			w.WriteHeader(http.StatusTemporaryRedirect)
		})
		guard := allowing(outside)
		guard.roots.AddCert(inside.Certificate())
		guard.resolver = at("127.0.0.2").resolver()
		answer, err := call(t.Context(), t, guard.client(), byName(outside)+"/")
		if err != nil || answer.StatusCode != http.StatusTemporaryRedirect {
			t.Errorf("redirect to %s: got %v, %v, want the redirect itself", target, answer, err)
		}
	}
	if got := reached.Load(); got != 0 {
		t.Errorf("got %d calls at redirects' targets, want none", got)
	}
}

// TestOutboundRebinding has a name lead outside at first, and inside then.
func TestOutboundRebinding(t *testing.T) {
	t.Parallel()
	var reached atomic.Int64
	outside := hostile(t, "127.0.0.2", func(w http.ResponseWriter, _ *http.Request) { w.Header().Set("Connection", "close") })
	port := outside.Listener.Addr().(*net.TCPAddr).Port
	inside := &http.Server{
		Handler: http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached.Add(1) }), ReadHeaderTimeout: time.Second,
		ConnState: func(net.Conn, http.ConnState) { reached.Add(1) }, ErrorLog: log.New(io.Discard, "", 0),
	}
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", (&net.TCPAddr{IP: net.IPv4(127, 0, 0, 1), Port: port}).String())
	if err != nil {
		t.Fatal(err)
	}
	go func() { _ = inside.Serve(listener) }()
	t.Cleanup(func() { _ = inside.Close() })

	names := at("127.0.0.2")
	guard := allowing(outside)
	guard.resolver = names.resolver()
	client, address := guard.client(), byName(outside)
	if answer, err := call(t.Context(), t, client, address); err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("got %v, %v, want the answer from outside", answer, err)
	}
	for _, moved := range []string{"127.0.0.1", "10.0.0.1", "169.254.169.254"} {
		names.answer.Store(netip.MustParseAddr(moved))
		answer, err := call(t.Context(), t, client, address)
		if err == nil || !strings.Contains(err.Error(), moved+" is not an address of the public Internet") {
			t.Errorf("the name moved to %s: got %v, %v, want the address refused", moved, answer, err)
		}
	}
	if got := reached.Load(); got != 0 {
		t.Errorf("got %d connections inside, want none", got)
	}
}

// nameServer answers every question for an IPv4 address with the same one, and
// all others with nothing (RFC 1035 §4).
type nameServer struct{ answer atomic.Value }

// at answers with an address.
func at(address string) *nameServer {
	n := &nameServer{}
	n.answer.Store(netip.MustParseAddr(address))
	return n
}

func (n *nameServer) resolver() *net.Resolver { return &net.Resolver{PreferGo: true, Dial: n.dial} }

// byName is a server's address under the name that its certificate has.
func byName(s *httptest.Server) string {
	_, port, _ := strings.Cut(strings.TrimPrefix(s.URL, "https://"), ":")
	return "https://example.com:" + port
}

func (n *nameServer) dial(context.Context, string, string) (net.Conn, error) {
	ours, theirs := net.Pipe()
	go func() {
		defer func() { _ = ours.Close() }()
		for { // over a stream each message has its length before it
			var length uint16
			if binary.Read(ours, binary.BigEndian, &length) != nil {
				return
			}
			question := make([]byte, length)
			if _, err := io.ReadFull(ours, question); err != nil {
				return
			}
			reply := n.reply(question)
			if _, err := ours.Write(append(binary.BigEndian.AppendUint16(nil, uint16(len(reply))), reply...)); err != nil { //nolint:gosec // a hundred bytes
				return
			}
		}
	}()
	return theirs, nil
}

func (n *nameServer) reply(question []byte) []byte {
	const header = 12
	end := header
	for question[end] != 0 {
		end += 1 + int(question[end])
	}
	end += 5
	address := question[end-4] == 0 && question[end-3] == 1 // type A
	reply := append([]byte{question[0], question[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question[header:end]...)
	if address {
		reply[7] = 1
		ip := n.answer.Load().(netip.Addr).As4()
		reply = append(reply, 0xC0, header, 0, 1, 0, 1, 0, 0, 0, 0, 0, 4)
		reply = append(reply, ip[:]...)
	}
	return reply
}

func TestOutboundHostileServers(t *testing.T) {
	t.Parallel()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	tests := []struct {
		name    string
		handler http.HandlerFunc
		late    bool // ends with the deadline; else with another error
	}{
		{"no answer", func(_ http.ResponseWriter, r *http.Request) {
			select {
			case <-r.Context().Done():
			case <-release:
			}
		}, true},
		{"body without end", func(w http.ResponseWriter, r *http.Request) {
			for r.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 1024)); err != nil {
					return
				}
			}
		}, true},
		{"body that stops in the middle", func(w http.ResponseWriter, r *http.Request) {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			select {
			case <-r.Context().Done():
			case <-release:
			}
		}, true},
		{"huge headers", func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("X-Much", strings.Repeat("x", outboundHeaders+1024))
		}, false},
		{"no HTTP", func(w http.ResponseWriter, _ *http.Request) {
			connection, _, err := http.NewResponseController(w).Hijack()
			if err == nil {
				_, _ = io.WriteString(connection, strings.Repeat("220 mail.example.com\r\n", 10000))
				_ = connection.Close()
			}
		}, false},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			server := hostile(t, "127.0.0.1", test.handler)
			within := patience
			if test.late {
				within = 300 * time.Millisecond
			}
			ctx, cancel := context.WithTimeout(t.Context(), within)
			defer cancel()
			answer, err := call(ctx, t, allowing(server).client(), server.URL)
			if err == nil {
				_, err = io.Copy(io.Discard, answer.Body)
			}
			if err == nil || errors.Is(err, context.DeadlineExceeded) != test.late {
				t.Errorf("got %v, want an end by the deadline %t", err, test.late)
			}
		})
	}
}

// TestOutboundDeadlines looks at the deadline that a call goes out with.
func TestOutboundDeadlines(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ own, want time.Duration }{
		{0, outboundCall}, {time.Second, time.Second}, {10 * time.Second, 10 * time.Second}, {time.Minute, outboundLongest},
	} {
		var deadline, sent time.Time
		guarded := guardedTransport{secure: roundTripper(func(r *http.Request) (*http.Response, error) {
			deadline, _ = r.Context().Deadline()
			sent = time.Now()
			return nil, errors.New("not sent")
		})}
		ctx, began := t.Context(), time.Now()
		if test.own > 0 {
			var cancel context.CancelFunc
			ctx, cancel = context.WithTimeout(ctx, test.own)
			defer cancel()
		}
		_, _ = call(ctx, t, &http.Client{Transport: guarded}, "https://example.com/") //nolint:bodyclose // there is none
		if deadline.Before(began.Add(test.want)) || deadline.After(sent.Add(test.want)) {
			t.Errorf("a caller with %s: got %s to go, want %s", test.own, deadline.Sub(began), test.want)
		}
	}
}

// TestOutboundBodiesEndInTime has a body end in good order once it was hung up
// on, as the half of an answer does whose server saw that before we had closed.
func TestOutboundBodiesEndInTime(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		within time.Duration
		want   error
	}{{time.Millisecond, context.DeadlineExceeded}, {patience, nil}} {
		guarded := guardedTransport{secure: roundTripper(func(r *http.Request) (*http.Response, error) {
			end := strings.NewReader("")
			if test.want == nil {
				return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(end)}, nil
			}
			late := readerFunc(func(p []byte) (int, error) {
				<-r.Context().Done()
				return end.Read(p)
			})
			return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(io.MultiReader(strings.NewReader("half"), late))}, nil
		})}
		ctx, cancel := context.WithTimeout(t.Context(), test.within)
		defer cancel()
		answer, err := call(ctx, t, &http.Client{Transport: guarded}, "https://example.com/")
		if err == nil {
			_, err = io.ReadAll(answer.Body)
		}
		if !errors.Is(err, test.want) {
			t.Errorf("a call of %s: got %v, want %v", test.within, err, test.want)
		}
	}
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// TestOutboundTakesBodiesAsTheyCome keeps a small answer from becoming a large
// one here, and the protocol the simple one.
func TestOutboundTakesBodiesAsTheyCome(t *testing.T) {
	t.Parallel()
	var bomb bytes.Buffer
	packed := gzip.NewWriter(&bomb)
	if _, err := packed.Write(make([]byte, 10<<20)); err != nil {
		t.Fatal(err)
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	server := hostile(t, "127.0.0.1", func(w http.ResponseWriter, r *http.Request) {
		if r.ProtoMajor != 1 || r.Header.Get("Accept-Encoding") != "" {
			w.WriteHeader(http.StatusBadRequest)
		}
		w.Header().Set("Content-Encoding", "gzip")
		_, _ = w.Write(bomb.Bytes())
	})
	answer, err := call(t.Context(), t, allowing(server).client(), server.URL)
	if err != nil || answer.StatusCode != http.StatusOK {
		t.Fatalf("got %v, %v, want an answer to HTTP/1.1 without compression", answer, err)
	}
	if body, err := io.ReadAll(answer.Body); err != nil || len(body) != bomb.Len() {
		t.Errorf("got %d bytes, %v, want the %d that were sent", len(body), err, bomb.Len())
	}
}

// TestOutboundUsesNoProxy names one that would see every call.
func TestOutboundUsesNoProxy(t *testing.T) {
	t.Parallel()
	guarded, ok := Config{Env: Development}.outbound().client().Transport.(guardedTransport)
	if !ok {
		t.Fatal("got another transport, want the guarded one")
	}
	for _, by := range []http.RoundTripper{guarded.secure, guarded.plain} {
		if transport, ok := by.(*http.Transport); !ok || transport.Proxy != nil {
			t.Errorf("got %T, want a transport without a proxy", by)
		}
	}
}
