package main

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

// client is an HTTP/1.1 client that does as little as it can (RFC 9112): the
// machine's cores are shared by the load and by what it measures. It keeps one
// connection, sends requests that are ready as bytes, and does not allocate.
type client struct {
	conn   net.Conn
	buffer []byte
}

// answerLimit bounds an answer; no measured one is nearly as large.
const answerLimit = 64 << 10

// exchangeLimit bounds one request with its answer.
const exchangeLimit = 10 * time.Second

func dial(address string) (*client, error) {
	conn, err := net.DialTimeout("tcp", address, exchangeLimit)
	if err != nil {
		return nil, err
	}
	return &client{conn: conn, buffer: make([]byte, answerLimit)}, nil
}

func (c *client) close() error { return c.conn.Close() }

// do sends a request and reads the whole answer.
func (c *client) do(request []byte) (status int, err error) {
	if _, err := c.conn.Write(request); err != nil {
		return 0, err
	}
	for n := 0; ; {
		read, err := c.conn.Read(c.buffer[n:])
		if err != nil {
			return 0, err
		}
		n += read
		status, size, err := readAnswer(c.buffer[:n])
		switch {
		case err != nil:
			return 0, err
		case size > 0 && size < n:
			return 0, errors.New("more than one answer came")
		case size > 0:
			return status, nil
		case n == len(c.buffer):
			return 0, errors.New("the answer is too large")
		}
	}
}

var (
	headerEnd   = []byte("\r\n\r\n")
	statusStart = []byte("HTTP/1.1 ")
	lengthName  = []byte("\r\nContent-Length: ")
	chunkedLine = []byte("\r\nTransfer-Encoding: chunked\r\n")
	lastChunk   = []byte("\r\n0\r\n\r\n")
)

// readAnswer finds the end of an answer as net/http writes it. size is 0 while
// it is not complete.
func readAnswer(data []byte) (status, size int, err error) {
	end := bytes.Index(data, headerEnd)
	if end < 0 {
		return 0, 0, nil
	}
	header := data[:end+2]
	end += len(headerEnd)
	if len(header) < len(statusStart)+4 || !bytes.HasPrefix(header, statusStart) {
		return 0, 0, errors.New("the answer is not HTTP/1.1")
	}
	if status, err = strconv.Atoi(string(header[len(statusStart) : len(statusStart)+3])); err != nil || status < 200 {
		return 0, 0, errors.New("the answer has no final status")
	}
	if bytes.Contains(header, chunkedLine) {
		body := data[end-2:] // the first chunk may be the last one
		if last := bytes.Index(body, lastChunk); last >= 0 {
			return status, end - 2 + last + len(lastChunk), nil
		}
		return 0, 0, nil
	}
	at := bytes.Index(header, lengthName)
	if at < 0 {
		if status == 204 || status == 304 {
			return status, end, nil
		}
		return 0, 0, fmt.Errorf("the answer (%d) has no length", status)
	}
	digits := header[at+len(lengthName):]
	digits = digits[:bytes.IndexByte(digits, '\r')]
	length, err := strconv.Atoi(string(digits))
	if err != nil || length < 0 || length > answerLimit {
		return 0, 0, errors.New("the answer's length is not a number, or too large")
	}
	if end+length > len(data) {
		return 0, 0, nil
	}
	return status, end + length, nil
}

// get writes out a GET request. Accept is what browsers send, in short.
func get(host, target, cookie, authorization string) []byte {
	request := "GET " + target + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: usher-bench\r\nAccept: text/html\r\n"
	if cookie != "" {
		request += "Cookie: " + cookie + "\r\n"
	}
	if authorization != "" {
		request += "Authorization: " + authorization + "\r\n"
	}
	return []byte(request + "\r\n")
}

const formType = "application/x-www-form-urlencoded"

// post writes out a POST request with a form.
func post(host, target, authorization, form string) []byte {
	return []byte("POST " + target + " HTTP/1.1\r\nHost: " + host + "\r\nUser-Agent: usher-bench\r\nAuthorization: " + authorization +
		"\r\nContent-Type: " + formType + "\r\nContent-Length: " + strconv.Itoa(len(form)) + "\r\n\r\n" + form)
}
