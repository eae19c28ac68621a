package main

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func message(kind string, body []byte) []byte {
	m := append([]byte(kind), binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))...)
	return append(m, body...)
}

// conversation is a start, a Parse and a Bind with three values.
func conversation() []byte {
	bind := []byte("\x00st\x00")
	bind = append(bind, 0, 1, 0, 0) // one format: text
	bind = append(bind, 0, 3)
	bind = append(bind, 0, 0, 0, 3, 'o', 'n', 'e')
	bind = append(bind, 0xff, 0xff, 0xff, 0xff)
	bind = append(bind, 0, 0, 0, 0)
	var all []byte
	all = append(all, message("", []byte("\x00\x03\x00\x00user\x00me\x00\x00"))...)
	all = append(all, message("P", []byte("st\x00SELECT $1, $2, $3\x00\x00\x00"))...)
	all = append(all, message("S", nil)...)
	return append(all, message("B", bind)...)
}

func TestFrontendInPieces(t *testing.T) {
	t.Parallel()
	one, empty := "one", ""
	want := []call{{"SELECT $1, $2, $3", []*string{&one, nil, &empty}}}
	data := conversation()
	for cut := range data {
		record := &recorder{}
		w := record.connection()
		for _, piece := range [][]byte{data[:cut], data[cut:]} {
			if _, err := w.Write(piece); err != nil {
				t.Fatal(err)
			}
		}
		if diff := cmp.Diff(want, record.take()); diff != "" {
			t.Fatalf("cut at %d (-want +got):\n%s", cut, diff)
		}
	}
}

func FuzzFrontend(f *testing.F) {
	f.Add(conversation())
	f.Add(conversation()[:30])
	f.Add([]byte{0, 0, 0, 4, 'B', 0, 0, 0, 8, 0, 0, 0, 1})
	f.Fuzz(func(t *testing.T, data []byte) {
		record := &recorder{}
		if n, err := record.connection().Write(data); n != len(data) || err != nil {
			t.Errorf("got %d, %v, want all %d bytes taken", n, err, len(data))
		}
	})
}

func TestProxyCountsTurns(t *testing.T) {
	t.Parallel()
	server, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = server.Close() })
	go func() {
		conn, err := server.Accept()
		if err != nil {
			return
		}
		defer conn.Close()
		_, _ = io.Copy(conn, conn)
	}()
	p, err := newProxy(server.Addr().String(), nil)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = p.close() })
	conn, err := net.Dial("tcp", p.address())
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	answers := bufio.NewReader(conn)
	for n := 1; n <= 5; n++ {
		fmt.Fprintf(conn, "%d\n", n)
		if _, err := answers.ReadString('\n'); err != nil {
			t.Fatal(err)
		}
		if got := p.turns(); got != n {
			t.Errorf("got %d turns, want %d", got, n)
		}
	}
}
