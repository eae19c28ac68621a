package main

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

func TestReadAnswer(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name, data string
		status     int
		size       int // −1 = all
		fails      bool
	}{
		{"with a length", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", 200, -1, false},
		{"empty", "HTTP/1.1 303 See Other\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 303, -1, false},
		{"without a body", "HTTP/1.1 204 No Content\r\nA: b\r\n\r\n", 204, -1, false},
		{"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", 200, -1, false},
		{"chunked and empty", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 200, -1, false},
		{"two answers", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP", 200, 39, false},
		{"header incomplete", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n", 0, 0, false},
		{"body incomplete", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhell", 0, 0, false},
		{"chunk incomplete", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n", 0, 0, false},
		{"no length", "HTTP/1.1 200 OK\r\nA: b\r\n\r\n", 0, 0, true},
		{"negative length", "HTTP/1.1 200 OK\r\nContent-Length: -5\r\n\r\n", 0, 0, true},
		{"huge length", "HTTP/1.1 200 OK\r\nContent-Length: 99999999999999999999\r\n\r\n", 0, 0, true},
		{"other protocol", "HTTP/1.0 200 OK\r\nContent-Length: 0\r\n\r\n", 0, 0, true},
		{"not final", "HTTP/1.1 100 Continue\r\n\r\n", 0, 0, true},
		{"no status", "HTTP/1.1 abc\r\n\r\n", 0, 0, true},
	} {
		status, size, err := readAnswer([]byte(test.data))
		if test.size == -1 {
			test.size = len(test.data)
		}
		if (err != nil) != test.fails || err == nil && size != test.size || size > 0 && status != test.status {
			t.Errorf("%s: got %d, %d, %v; want %d, %d, error %v", test.name, status, size, err, test.status, test.size, test.fails)
		}
	}
}

func FuzzReadAnswer(f *testing.F) {
	f.Add([]byte("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello"))
	f.Add([]byte("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"))
	f.Add([]byte("HTTP/1.1 \r\n\r\n"))
	f.Fuzz(func(t *testing.T, data []byte) {
		status, size, err := readAnswer(data)
		if size < 0 || size > len(data) || err != nil && size != 0 || size > 0 && (status < 200 || status > 999) {
			t.Errorf("got %d, %d, %v of %d bytes", status, size, err, len(data))
		}
	})
}

func TestSend(t *testing.T) {
	t.Parallel()
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Host != "h.example" || r.Header.Get("Cookie") != "a=b" {
			http.Error(w, "wrong request", http.StatusBadRequest)
			return
		}
		if r.URL.Path == "/long" {
			_, _ = io.WriteString(w, strings.Repeat("long ", 4000)) // chunked
			return
		}
		_, _ = io.WriteString(w, "short")
	}))
	t.Cleanup(server.Close)
	l := load{
		Address: server.Listener.Addr().String(), Host: "h.example", Connections: 3, Most: 100, Want: http.StatusOK,
		Targets: []string{"/short", "/long"}, Cookies: []string{"a=b"},
	}
	var told []any
	got, err := l.send(func(e any) error { told = append(told, e); return nil }, func() error { return nil })
	if err != nil {
		t.Fatal(err)
	}
	if got.All != 100 || got.Counted != 100 || got.Seconds <= 0 {
		t.Errorf("got %+v, want 100 answers", got)
	}
	if len(told) == 0 || told[0] != (event{Ready: true}) {
		t.Errorf("got events %v, want ready first", told)
	}

	l.Want = http.StatusSeeOther
	if _, err := l.send(func(any) error { return nil }, func() error { return nil }); err == nil || !strings.Contains(err.Error(), "got 200") {
		t.Errorf("got error %v for another status, want one", err)
	}
}

func TestCount(t *testing.T) {
	t.Parallel()
	a := &connection{taken: []uint32{1000, 2000, 4000}, finished: []int64{1e8, 1e9, 2e9}}
	b := &connection{taken: []uint32{3000}, finished: []int64{15e8}}
	got := count([]*connection{a, b}, 0.5)
	if want := (tally{All: 4, Counted: 3, Seconds: 1.5, P50: 3, P99: 4}); got != want {
		t.Errorf("got %+v, want %+v", got, want)
	}
}

func TestPercentile(t *testing.T) {
	t.Parallel()
	hundred := make([]uint32, 100)
	for i := range hundred {
		hundred[i] = uint32(i) + 1
	}
	for _, test := range []struct {
		sorted []uint32
		p      float64
		want   float64
	}{{hundred, 0.5, 50}, {hundred, 0.99, 99}, {hundred, 1, 100}, {hundred, 0, 1}, {[]uint32{7}, 0.99, 7}, {nil, 0.5, 0}} {
		if got := percentile(test.sorted, test.p); got != test.want {
			t.Errorf("percentile %v of %d: got %v, want %v", test.p, len(test.sorted), got, test.want)
		}
	}
}
