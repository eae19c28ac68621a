package main

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"syscall"
	"time"
)

// startPostgres starts the cluster at place, under folder everything else, with
// the programs in bin. The URL is that of its superuser, over TCP with a password
// of its own: every user of the machine can reach a loopback port.
func startPostgres(ctx context.Context, bin, folder string, place cluster, o owner, durable bool, say speaker) (*server, string, error) {
	begun := time.Now()
	var (
		data    = place.data
		sockets = filepath.Join(folder, "s")
	)
	if err := makeFolder(o, sockets); err != nil {
		return nil, "", fmt.Errorf("postgres: %w", err)
	}
	secret, err := place.prepare(ctx, bin, filepath.Join(sockets, "password"), o)
	if err != nil {
		return nil, "", err
	}
	build := func(port int) *exec.Cmd {
		arguments := []string{
			"-D", data, "-k", sockets, "-p", strconv.Itoa(port),
			"-c", "listen_addresses=127.0.0.1", "-c", "max_connections=200", "-c", "jit=off",
		}
		if durable {
			// What PostgreSQL's manual begins with for a machine of its own (20.4.1).
			if quarter := memory() / 4; quarter > 128<<20 {
				arguments = append(arguments, "-c", fmt.Sprintf("shared_buffers=%dMB", quarter>>20))
			}
		} else {
			arguments = append(arguments, "-c", "fsync=off", "-c", "synchronous_commit=off", "-c", "full_page_writes=off")
		}
		cmd := exec.Command(filepath.Join(bin, "postgres"), arguments...)
		cmd.Dir = data
		return cmd
	}
	// The private socket can only be this server's; a port that is taken
	// ends the server.
	ask := func(ctx context.Context, port int) error {
		socket := filepath.Join(sockets, fmt.Sprintf(".s.PGSQL.%d", port))
		if err := askPostgres(ctx, "unix", socket); err != nil {
			return err
		}
		return askPostgres(ctx, "tcp", fmt.Sprintf("127.0.0.1:%d", port))
	}
	// SIGINT: end the sessions and shut down; SIGQUIT: at once.
	end := []syscall.Signal{syscall.SIGINT, syscall.SIGQUIT}
	s, port, err := startOnFreePort(ctx, o, "postgres", filepath.Join(folder, "postgres.log"), end, build, ask)
	if err != nil {
		return nil, "", err
	}
	say("postgres answers on 127.0.0.1:%d, ready in %s", port, time.Since(begun).Round(time.Millisecond))
	return s, fmt.Sprintf("postgres://postgres:%s@127.0.0.1:%d/postgres?sslmode=disable", secret, port), nil
}

// initCluster makes the data folder. The password is asked for over TCP and
// not on the private socket.
func initCluster(ctx context.Context, bin, data, passwordFile, secret string, o owner) error {
	if err := os.WriteFile(passwordFile, []byte(secret+"\n"), 0o600); err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	if err := giveTo(o, passwordFile); err != nil {
		return fmt.Errorf("initdb: %w", err)
	}
	cmd := exec.CommandContext(ctx, filepath.Join(bin, "initdb"),
		"-D", data, "-U", "postgres", "--pwfile", passwordFile,
		"--auth-local=trust", "--auth-host=password",
		"--encoding=UTF8", "--locale=C", "--no-sync", "--no-instructions")
	cmd.Dir = data
	detach(cmd, o, syscall.SIGTERM)
	if output, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("initdb: %w\n%s", err, tail(output))
	}
	return os.Remove(passwordFile)
}

// askPostgres opens a connection as far as the server's first answer
// (PostgreSQL documentation, "Message Formats", StartupMessage). A server that
// is still starting answers with an error.
func askPostgres(ctx context.Context, network, address string) error {
	conn, err := (&net.Dialer{Timeout: time.Second}).DialContext(ctx, network, address)
	if err != nil {
		return err
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(time.Second)); err != nil {
		return err
	}
	const protocol3 = 3 << 16
	body := binary.BigEndian.AppendUint32(nil, protocol3)
	body = append(body, "user\x00postgres\x00database\x00postgres\x00\x00"...)
	message := binary.BigEndian.AppendUint32(nil, uint32(4+len(body)))
	if _, err := conn.Write(append(message, body...)); err != nil {
		return err
	}
	kind := make([]byte, 1)
	if _, err := io.ReadFull(conn, kind); err != nil {
		return err
	}
	if !bytes.Equal(kind, []byte("R")) { // Authentication…
		return errors.New("not ready for connections")
	}
	return nil
}
