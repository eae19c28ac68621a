package main

import (
	"bufio"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"
)

// report is what the doctor has found.
type report struct {
	Verdict  verdict
	Findings []finding
}

// checkup runs the doctor in w with further settings, and wants its exit code.
func checkup(t *testing.T, w world, code int, more ...string) report {
	t.Helper()
	w.environ = slices.Concat(w.environ, more)
	stdout, _ := command(t, w, code, "doctor", "--json")
	var r report
	if err := json.Unmarshal([]byte(stdout), &r); err != nil {
		t.Fatalf("got %q, want JSON: %v", stdout, err)
	}
	return r
}

func (r report) String() string {
	var b strings.Builder
	for _, f := range r.Findings {
		_ = printFinding(&b, f)
	}
	return b.String()
}

// wants checks that a check has a finding of a verdict that says all the parts.
func (r report) wants(t *testing.T, name string, v verdict, parts ...string) {
	t.Helper()
	if !slices.ContainsFunc(r.Findings, func(f finding) bool {
		return f.Check == name && f.Verdict == v && !slices.ContainsFunc(parts, func(part string) bool {
			return !strings.Contains(f.Found+" → "+f.Fix, part)
		})
	}) {
		t.Errorf("got no %s of %s with %q in:\n%s", v, name, parts, r)
	}
}

// closedPort is a loopback address where nobody listens.
func closedPort(t *testing.T) string {
	t.Helper()
	return freeAddress(t)
}

// silentPort is a loopback address that takes connections and says nothing.
func silentPort(t *testing.T) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String() // the system itself takes what comes
}

// fakeRedis is the address of a server that takes every log-in and answers the
// questions of a check-up, with the given INFO and a clock ahead of ours.
func fakeRedis(t *testing.T, info string, ahead time.Duration) string {
	t.Helper()
	bulk := func(text string) string { return fmt.Sprintf("$%d\r\n%s\r\n", len(text), text) }
	return fakeServer(t, func(words []string) string {
		switch strings.ToLower(words[0]) {
		case "auth", "select":
			return "+OK\r\n"
		case "ping":
			return "+PONG\r\n"
		case "info":
			return bulk(info)
		case "time":
			return "*2\r\n" + bulk(fmt.Sprint(time.Now().Add(ahead).Unix())) + bulk("0")
		case "config":
			return "*0\r\n"
		}
		return "-ERR unknown command\r\n"
	})
}

// fakeServer answers each command that arrives, in the form of Redis.
func fakeServer(t *testing.T, answer func(words []string) string) string {
	t.Helper()
	listener, err := new(net.ListenConfig).Listen(t.Context(), "tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer connection.Close()
				for in := bufio.NewReader(connection); ; {
					words, err := readWords(in)
					if err != nil {
						return
					}
					if _, err := io.WriteString(connection, answer(words)); err != nil {
						return
					}
				}
			})
		}
	})
	t.Cleanup(func() {
		listener.Close()
		running.Wait()
	})
	return listener.Addr().String()
}

// readWords reads an array of bulk strings.
func readWords(in *bufio.Reader) ([]string, error) {
	var n int
	if _, err := fmt.Fscanf(in, "*%d\r\n", &n); err != nil || n < 1 {
		return nil, io.ErrUnexpectedEOF
	}
	words := make([]string, n)
	for i := range words {
		var length int
		if _, err := fmt.Fscanf(in, "$%d\r\n", &length); err != nil {
			return nil, err
		}
		word := make([]byte, length+2)
		if _, err := io.ReadFull(in, word); err != nil {
			return nil, err
		}
		words[i] = string(word[:length])
	}
	return words, nil
}
