//go:build linux

package faults

import (
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"time"
)

// door is where requests are answered: an Usher's own address, or that of a
// balancer before several.
type door struct {
	address string // 127.0.0.1:port
	client  *http.Client
}

func newDoor(address string) door {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return new(net.Dialer).DialContext(ctx, "tcp", address)
		},
		MaxIdleConnsPerHost: 256,
	}
	return door{address, &http.Client{
		Transport: transport, Timeout: 30 * time.Second,
		CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
	}}
}

// answer is what came back; a status of 0 means that nothing whole did.
type answer struct {
	status int
	header http.Header
	body   string
	took   time.Duration
	err    error
}

func (a answer) String() string {
	if a.err != nil {
		return fmt.Sprintf("no answer (%v) after %s", a.err, a.took.Round(time.Millisecond))
	}
	return fmt.Sprintf("%d after %s: %.200s", a.status, a.took.Round(time.Millisecond), a.body)
}

// cookie is the session that the answer sets, as a request sends it, or "".
func (a answer) cookie() string {
	for _, line := range a.header["Set-Cookie"] {
		if strings.HasPrefix(line, "__Host-usher=") {
			pair, _, _ := strings.Cut(line, ";")
			return pair
		}
	}
	return ""
}

// send makes one request. Header lines are "Name: value".
func (d *door) send(method, host, target, body string, header ...string) answer {
	begun := time.Now()
	request, err := http.NewRequest(method, "http://localhost"+target, strings.NewReader(body))
	if err != nil {
		return answer{err: err}
	}
	request.Host = host
	for _, line := range append(header, "Accept: application/json") {
		name, value, _ := strings.Cut(line, ": ")
		request.Header.Set(name, value)
	}
	response, err := d.client.Do(request)
	if err != nil {
		return answer{err: err, took: time.Since(begun)}
	}
	defer response.Body.Close()
	text, err := io.ReadAll(response.Body)
	if err != nil {
		return answer{err: err, took: time.Since(begun)}
	}
	return answer{status: response.StatusCode, header: response.Header, body: string(text), took: time.Since(begun)}
}
