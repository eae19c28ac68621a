//go:build linux

package faults

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"time"
)

// exchange is one connection that is kept, without a client that retries.
type exchange struct {
	conn net.Conn
	in   *bufio.Reader
}

func dial(address string) (*exchange, error) {
	conn, err := net.DialTimeout("tcp", address, 30*time.Second)
	if err != nil {
		return nil, err
	}
	return &exchange{conn, bufio.NewReader(conn)}, nil
}

func (x *exchange) close() { _ = x.conn.Close() }

// get sends a request and reads its answer. begun says that at least a byte of
// one came, whether it was whole or not.
func (x *exchange) get(host, target string) (a answer, begun bool) {
	if err := x.conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return answer{err: err}, false
	}
	if _, err := fmt.Fprintf(x.conn, "GET %s HTTP/1.1\r\nHost: %s\r\nAccept: application/json\r\n\r\n", target, host); err != nil {
		return answer{err: err}, false
	}
	if _, err := x.in.Peek(1); err != nil {
		return answer{err: err}, false
	}
	response, err := http.ReadResponse(x.in, nil)
	if err != nil {
		return answer{err: err}, true
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{err: err}, true
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(text)}, true
}
