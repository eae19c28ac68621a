package main

import (
	"bufio"
	"crypto/sha1"
	"encoding/base64"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"
)

// A WebSocket (RFC 6455, which asks for SHA-1) as far as the tests go: messages of text in one frame
// of at most 125 bytes.

const (
	websocketKey   = "dGhlIHNhbXBsZSBub25jZQ=="
	websocketLimit = 2 * time.Minute
)

func websocketAccept(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// websocket is the browser's end.
type websocket struct {
	connection net.Conn
	reader     *bufio.Reader
}

// dialWebsocket asks for a WebSocket with further header lines. When it is
// refused, the websocket is nil.
func dialWebsocket(t *testing.T, i *instance, target string, header ...string) (*websocket, answer) {
	t.Helper()
	connection, err := new(net.Dialer).DialContext(t.Context(), "tcp", i.address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { connection.Close() })
	if err := connection.SetDeadline(time.Now().Add(websocketLimit)); err != nil {
		t.Fatal(err)
	}
	lines := append([]string{
		"GET " + target + " HTTP/1.1", "Host: localhost:" + i.port, "Connection: Upgrade", "Upgrade: websocket",
		"Sec-WebSocket-Version: 13", "Sec-WebSocket-Key: " + websocketKey,
	}, header...)
	if _, err := io.WriteString(connection, strings.Join(lines, "\r\n")+"\r\n\r\n"); err != nil {
		t.Fatal(err)
	}
	reader := bufio.NewReader(connection)
	response, err := http.ReadResponse(reader, nil)
	if err != nil {
		t.Fatal(err)
	}
	if response.StatusCode != http.StatusSwitchingProtocols {
		defer response.Body.Close()
		body, err := io.ReadAll(response.Body)
		if err != nil {
			t.Fatal(err)
		}
		return nil, answer{response.StatusCode, response.Header, string(body)}
	}
	if got := response.Header.Get("Sec-WebSocket-Accept"); got != websocketAccept(websocketKey) {
		t.Errorf("got Sec-WebSocket-Accept %q, want that of the key", got)
	}
	return &websocket{connection, reader}, answer{response.StatusCode, response.Header, ""}
}

// say sends a message, which a browser masks (RFC 6455 §5.3).
func (w *websocket) say(text string) error {
	frame := []byte{0x81, 0x80 | byte(len(text)), 1, 2, 3, 4}
	for at := range len(text) {
		frame = append(frame, text[at]^frame[2+at%4])
	}
	_, err := w.connection.Write(frame)
	return err
}

func (w *websocket) hear() (string, error) { return readFrame(w.reader) }

// readFrame reads a message; a closed connection is io.EOF.
func readFrame(r *bufio.Reader) (string, error) {
	var head [2]byte
	if _, err := io.ReadFull(r, head[:]); err != nil {
		return "", err
	}
	if head[0] != 0x81 || head[1]&0x7F > 125 {
		return "", fmt.Errorf("got frame % x, want a short message of text", head)
	}
	var mask [4]byte
	if head[1]&0x80 != 0 {
		if _, err := io.ReadFull(r, mask[:]); err != nil {
			return "", err
		}
	}
	text := make([]byte, head[1]&0x7F)
	if _, err := io.ReadFull(r, text); err != nil {
		return "", err
	}
	for at := range text {
		text[at] ^= mask[at%4]
	}
	return string(text), nil
}

// echoWebsocket is the application's end: it greets with what it was told of
// the caller, and then says back what it hears.
func echoWebsocket(w http.ResponseWriter, r *http.Request) error {
	if !strings.EqualFold(r.Header.Get("Upgrade"), "websocket") {
		return errors.New("not a WebSocket")
	}
	connection, stream, err := http.NewResponseController(w).Hijack()
	if err != nil {
		return err
	}
	defer connection.Close()
	if err := connection.SetDeadline(time.Now().Add(websocketLimit)); err != nil {
		return err
	}
	fmt.Fprintf(stream, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: %s\r\n\r\n",
		websocketAccept(r.Header.Get("Sec-WebSocket-Key")))
	text := "hello " + r.Header.Get("X-Usher-User")
	for err == nil {
		if _, err = stream.Write(append([]byte{0x81, byte(len(text))}, text...)); err == nil {
			err = stream.Flush()
		}
		if err == nil {
			text, err = readFrame(stream.Reader)
		}
	}
	return err
}
