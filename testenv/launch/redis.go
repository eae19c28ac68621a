package main

import (
	"bufio"
	"context"
	"fmt"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"time"
)

// startRedis starts a Redis that writes nothing to disk. Its settings go in
// by standard input, because the password would be seen among the arguments.
func startRedis(ctx context.Context, path, folder string, o owner, say speaker) (*server, string, error) {
	begun := time.Now()
	secret := password()
	home := filepath.Join(folder, "redis")
	if err := makeFolder(o, home); err != nil {
		return nil, "", fmt.Errorf("redis: %w", err)
	}
	build := func(port int) *exec.Cmd {
		cmd := exec.Command(path, "-")
		cmd.Dir = home
		cmd.Stdin = strings.NewReader(fmt.Sprintf(
			"bind 127.0.0.1\nport %d\nrequirepass %s\nsave \"\"\nappendonly no\ndir .\n", port, secret))
		return cmd
	}
	ask := func(ctx context.Context, port int) error { return askRedis(ctx, port, secret) }
	end := []syscall.Signal{syscall.SIGTERM}
	s, port, err := startOnFreePort(ctx, o, "redis", filepath.Join(folder, "redis.log"), end, build, ask)
	if err != nil {
		return nil, "", err
	}
	say("redis answers on 127.0.0.1:%d, ready in %s", port, time.Since(begun).Round(time.Millisecond))
	return s, fmt.Sprintf("redis://default:%s@127.0.0.1:%d/0", secret, port), nil
}

// askRedis signs in and pings. Only our own server knows the password.
func askRedis(ctx context.Context, port int, secret string) error {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	if _, err := fmt.Fprintf(conn, "AUTH %s\r\nPING\r\n", secret); err != nil {
		return err
	}
	answers := bufio.NewReader(conn)
	for _, want := range []string{"+OK", "+PONG"} {
		got, err := answers.ReadString('\n')
		if err != nil {
			return err
		}
		if got = strings.TrimSpace(got); got != want {
			return fmt.Errorf("redis answered %q, not %q", got, want)
		}
	}
	return nil
}
