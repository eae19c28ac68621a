package main

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
)

// proxy is a loopback proxy that counts turns: sends of the client that follow
// an answer of the server. One turn is one round trip on the network, however
// many packets it has.
type proxy struct {
	listener net.Listener
	server   string // host:port
	watch    func() io.Writer

	mu    sync.Mutex
	count int
}

// newProxy starts a proxy to server. watch, when there is one, makes for each
// connection a writer that is given what the client sends.
func newProxy(server string, watch func() io.Writer) (*proxy, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, err
	}
	p := &proxy{listener: listener, server: server, watch: watch}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			go p.serve(client)
		}
	}()
	return p, nil
}

func (p *proxy) address() string { return p.listener.Addr().String() }
func (p *proxy) close() error    { return p.listener.Close() }

// turns is the count so far. Once a client has its answer, the count is
// complete.
func (p *proxy) turns() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.count
}

// serve carries bytes both ways until one side ends.
func (p *proxy) serve(client net.Conn) {
	defer client.Close()
	server, err := net.Dial("tcp", p.server)
	if err != nil {
		return
	}
	defer server.Close()
	seen := io.Discard
	if p.watch != nil {
		seen = p.watch()
	}
	answered := true // guarded by mu
	go func() {
		defer client.Close()
		carry(client, server, func([]byte) {
			p.mu.Lock()
			defer p.mu.Unlock()
			answered = true
		})
	}()
	carry(server, client, func(data []byte) {
		p.mu.Lock()
		defer p.mu.Unlock()
		if answered {
			p.count++
		}
		answered = false
		_, _ = seen.Write(data) // never fails
	})
}

// carry copies and calls note with what was read before it goes on.
func carry(to io.Writer, from io.Reader, note func([]byte)) {
	buffer := make([]byte, 32<<10)
	for {
		n, err := from.Read(buffer)
		if n > 0 {
			note(buffer[:n])
			if _, err := to.Write(buffer[:n]); err != nil {
				return
			}
		}
		if err != nil {
			return
		}
	}
}

// call is one statement as it was sent with its values.
type call struct {
	Statement string
	Values    []*string // nil = NULL
}

// recorder keeps the calls that clients of Postgres make. Its methods are safe
// for concurrent use.
type recorder struct {
	mu    sync.Mutex
	calls []call
}

// take returns the calls since the last take.
func (r *recorder) take() []call {
	r.mu.Lock()
	defer r.mu.Unlock()
	calls := r.calls
	r.calls = nil
	return calls
}

// connection returns a writer that reads one connection's messages.
func (r *recorder) connection() io.Writer {
	return &frontend{recorder: r, prepared: make(map[string]string)}
}

// frontend reads what a client sends to Postgres (PostgreSQL documentation,
// "Message Formats"): of interest are Parse and Bind, of which it keeps the
// text form. A connection that does not follow the protocol, or is encrypted,
// is not read further.
type frontend struct {
	recorder *recorder
	prepared map[string]string // statements by name
	pending  []byte
	started  bool
	broken   bool
}

// messageLimit bounds a message, so that a stray length cannot fill memory.
const messageLimit = 1 << 20

func (f *frontend) Write(data []byte) (int, error) {
	if !f.broken {
		f.pending = append(f.pending, data...)
		f.read()
	}
	if f.broken {
		f.pending = nil
	}
	return len(data), nil
}

func (f *frontend) read() {
	for {
		head := 5 // type and length
		if !f.started {
			head = 4 // the first message has no type
		}
		if len(f.pending) < head {
			return
		}
		length := int64(binary.BigEndian.Uint32(f.pending[head-4:]))
		if length < 4 || length > messageLimit {
			f.broken = true
			return
		}
		size := head - 4 + int(length)
		if len(f.pending) < size {
			return
		}
		kind, body := f.pending[0], f.pending[head:size]
		if f.started {
			if err := f.message(kind, body); err != nil {
				f.broken = true
				return
			}
		}
		f.started = true
		f.pending = slices.Clone(f.pending[size:])
	}
}

var errMessage = errors.New("a message of Postgres is malformed")

func (f *frontend) message(kind byte, body []byte) error {
	switch kind {
	case 'P':
		name, rest, ok := strings.Cut(string(body), "\x00")
		statement, _, also := strings.Cut(rest, "\x00")
		if !ok || !also {
			return errMessage
		}
		f.prepared[name] = statement
	case 'B':
		_, rest, _ := strings.Cut(string(body), "\x00") // the portal
		name, rest, ok := strings.Cut(rest, "\x00")
		if !ok {
			return errMessage
		}
		values, err := bound([]byte(rest))
		if err != nil {
			return err
		}
		f.recorder.mu.Lock()
		defer f.recorder.mu.Unlock()
		f.recorder.calls = append(f.recorder.calls, call{f.prepared[name], values})
	}
	return nil
}

// bound reads the values of a Bind message after its two names.
func bound(body []byte) ([]*string, error) {
	number := func(size int) (int64, error) {
		if len(body) < size {
			return 0, errMessage
		}
		head := body[:size]
		body = body[size:]
		if size == 2 {
			return int64(binary.BigEndian.Uint16(head)), nil
		}
		return int64(int32(binary.BigEndian.Uint32(head))), nil //nolint:gosec // −1 stands for NULL
	}
	formats, err := number(2)
	if err != nil || int64(len(body)) < 2*formats {
		return nil, errMessage
	}
	body = body[2*formats:]
	count, err := number(2)
	if err != nil {
		return nil, errMessage
	}
	var values []*string
	for range count {
		length, err := number(4)
		switch {
		case err != nil || length > int64(len(body)) || length < -1:
			return nil, errMessage
		case length == -1:
			values = append(values, nil)
			continue
		}
		value := string(body[:length])
		body = body[length:]
		values = append(values, &value)
	}
	return values, nil
}
