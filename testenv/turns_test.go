package testenv

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/url"
	"strings"
	"sync"
	"testing"
)

// echoServer answers every line with the same line.
func echoServer(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				for lines := bufio.NewScanner(conn); lines.Scan(); {
					if _, err := fmt.Fprintln(conn, lines.Text()); err != nil {
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

// talker is a client that sends text and reads a number of lines back.
type talker struct {
	t       *testing.T
	conn    net.Conn
	answers *bufio.Reader
}

func dial(t *testing.T, address string) *talker {
	t.Helper()
	conn, err := net.Dial("tcp", address)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	return &talker{t: t, conn: conn, answers: bufio.NewReader(conn)}
}

func (c *talker) send(text string) {
	c.t.Helper()
	if _, err := io.WriteString(c.conn, text); err != nil {
		c.t.Errorf("sending: %v", err)
	}
}

func (c *talker) receive(lines int) {
	c.t.Helper()
	for range lines {
		if _, err := c.answers.ReadString('\n'); err != nil {
			c.t.Errorf("receiving: %v", err)
			return
		}
	}
}

func TestCountTurns(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		name string
		talk func(c *talker)
		want int
	}{
		{"nothing sent", func(*talker) {}, 0},
		{"one question", func(c *talker) { c.send("a\n"); c.receive(1) }, 1},
		{"several lines in one send", func(c *talker) { c.send("a\nb\nc\n"); c.receive(3) }, 1},
		{"one question in two sends", func(c *talker) { c.send("a"); c.send("b\n"); c.receive(1) }, 1},
		{"a question of many packets", func(c *talker) { c.send(strings.Repeat("a", 60_000) + "\n"); c.receive(1) }, 1},
		{"ten questions in turn", func(c *talker) {
			for range 10 {
				c.send("a\n")
				c.receive(1)
			}
		}, 10},
	} {
		t.Run(test.name, func(t *testing.T) {
			t.Parallel()
			address, turns := CountTurns(t, "tcp", echoServer(t))
			test.talk(dial(t, address))
			if got := turns(); got != test.want {
				t.Errorf("got %d turns, want %d", got, test.want)
			}
		})
	}
}

func TestCountTurnsOfParallelConnections(t *testing.T) {
	t.Parallel()
	address, turns := CountTurns(t, "tcp", echoServer(t))
	var all sync.WaitGroup
	for range 8 {
		c := dial(t, address)
		all.Go(func() {
			for range 25 {
				c.send("a\n")
				c.receive(1)
			}
		})
	}
	all.Wait()
	if got := turns(); got != 200 {
		t.Errorf("got %d turns, want 200", got)
	}
}

func TestCountTurnsWithoutAServerEndsTheConnection(t *testing.T) {
	t.Parallel()
	gone, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone.Close()
	address, _ := CountTurns(t, "tcp", gone.Addr().String())
	if _, err := dial(t, address).answers.ReadByte(); err == nil {
		t.Error("got an answer, want the connection ended")
	}
}

func TestCountURLTurnsKeepsTheRestOfTheURL(t *testing.T) {
	t.Parallel()
	server := echoServer(t)
	got, turns := CountURLTurns(t, "redis://user:word@"+server+"/3?x=1")
	address, err := url.Parse(got)
	if err != nil {
		t.Fatal(err)
	}
	if want := "redis://user:word@" + address.Host + "/3?x=1"; got != want || address.Host == server {
		t.Errorf("got %q, want %q by way of a proxy", got, want)
	}
	c := dial(t, address.Host)
	c.send("a\n")
	c.receive(1)
	if turns() != 1 {
		t.Errorf("got %d turns, want 1", turns())
	}
}
