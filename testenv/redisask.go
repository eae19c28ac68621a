package testenv

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"time"
)

// Ask gives the server a command on a connection of its own. The answer is text,
// a line for each part of it. Errors are those of the network and of the server.
func (n *RedisNode) Ask(words ...string) (string, error) {
	conn, err := net.DialTimeout("tcp", n.Address(), 10*time.Second)
	if err != nil {
		return "", err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(30 * time.Second)); err != nil {
		return "", err
	}
	in := bufio.NewReader(conn)
	if !n.sentinel {
		if _, err := tellRedis(conn, in, "AUTH", n.Password); err != nil {
			return "", err
		}
	}
	return tellRedis(conn, in, words...)
}

func tellRedis(out io.Writer, in *bufio.Reader, words ...string) (string, error) {
	var b strings.Builder
	fmt.Fprintf(&b, "*%d\r\n", len(words))
	for _, word := range words {
		fmt.Fprintf(&b, "$%d\r\n%s\r\n", len(word), word)
	}
	if _, err := io.WriteString(out, b.String()); err != nil {
		return "", err
	}
	return readRedis(in)
}

// readRedis reads one answer of the protocol RESP2.
func readRedis(in *bufio.Reader) (string, error) {
	line, err := in.ReadString('\n')
	if err != nil {
		return "", err
	}
	line = strings.TrimRight(line, "\r\n")
	if line == "" {
		return "", errors.New("an empty line")
	}
	kind, rest := line[0], line[1:]
	if kind == '-' {
		return "", errors.New(rest)
	}
	if kind != '$' && kind != '*' {
		return rest, nil
	}
	length, err := strconv.Atoi(rest)
	if err != nil || length < 0 {
		return "", err
	}
	if kind == '$' {
		text := make([]byte, length+2)
		_, err := io.ReadFull(in, text)
		return string(text[:length]), err
	}
	parts := make([]string, length)
	for i := range parts {
		if parts[i], err = readRedis(in); err != nil {
			return "", err
		}
	}
	return strings.Join(parts, "\n"), nil
}
